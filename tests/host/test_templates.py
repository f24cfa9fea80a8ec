"""Templates: what is printed, which libraries come with it, and what an error shows."""

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clarray.codegen import templates
from clarray.codegen.records import Keys
from clarray.codegen.templates import Templates, render, template_dir
from clarray.core import dtypes
from clarray.errors import RenderError

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Spec:
    fp64: bool = False
    wide: bool = False
    contract: bool = False
    names: tuple[str, ...] = ("x", "y")

    def broken(self):
        raise ValueError("no such stride")


@dataclass(frozen=True)
class Sorted(Spec):
    keys: Keys = field(default_factory=lambda: Keys(dtypes.NAMES["float32"], True, True, False))


@pytest.fixture
def folder(tmp_path):
    """A function that writes templates given as name -> text and opens the folder."""

    def write(**files):
        for name, text in {"lib__prelude": "// prelude ${spec.fp64}\n", **files}.items():
            path = tmp_path / f"{name.replace('__', '/')}.mako"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Templates(tmp_path)

    return write


def test_spec_is_printed_without_escaping(folder):
    opened = folder(k='<%page args="spec"/>\n% for x in spec.names:\nif (${x} < 1 && "${x}") {}\n% endfor\n')
    assert opened.render("k", Spec()) == '// prelude False\n\nif (x < 1 && "x") {}\nif (y < 1 && "y") {}\n'


def test_libraries_come_in_dependency_order_and_only_when_called(folder):
    opened = folder(
        k="b_f(); zeta_g(); a_h();",
        lib__a="int a_h() { return zeta_g(); }",
        lib__b="int b_f() { return a_h() + b_own(); }",
        lib__zeta="int zeta_g();  // fp64 ${spec.fp64}",
        lib__unused="int unused_f();",
    )
    lines = opened.render("k", Spec(fp64=True)).splitlines()
    assert [line for line in lines if line] == [
        "// prelude True",
        "int zeta_g();  // fp64 True",
        "int a_h() { return zeta_g(); }",
        "int b_f() { return a_h() + b_own(); }",
        "b_f(); zeta_g(); a_h();",
    ]


@pytest.mark.parametrize("text", ["xa_f();", "a();", "a__f;", "// a_f\n", "/* a_f\n a_g */", "la_f a"])
def test_only_a_whole_prefix_in_code_calls_a_library(folder, text):
    printed = folder(k=text, lib__a="LIBRARY").render("k", Spec())
    assert ("LIBRARY" in printed) == (text == "a__f;")


def test_longest_library_name_wins(folder):
    printed = folder(k="a_b_f();", lib__a="SHORT", lib__a_b="LONG").render("k", Spec())
    assert "LONG" in printed
    assert "SHORT" not in printed


def test_circle_of_libraries_is_named(folder):
    opened = folder(k="a_f();", lib__a="b_f();", lib__b="a_f();")
    with pytest.raises(RenderError, match="a -> b -> a"):
        opened.render("k", Spec())


def test_missing_template_lists_those_there_are(folder):
    with pytest.raises(RenderError, match=r"no template 'gem' in .*; it has: gemm, lib/prelude"):
        folder(gemm="").render("gem", Spec())


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("one\ntwo\n${spec.nmaes}\nfour\n", 3, "AttributeError: 'Spec' object has no attribute 'nmaes'"),
        ("one\n% for x in spec.names:\n${x}\n  ${sepc.names}\n% endfor\n", 4, "NameError: 'sepc' is not defined"),
        ("one\n${spec.broken()}\n", 2, "ValueError: no such stride"),
        ("one\n% for x in spec.names:\n${x}\n", 2, "SyntaxException"),
        ("one\n${spec.(}\n", 2, "SyntaxException"),
    ],
    ids=["attribute", "name", "spec's own", "unclosed", "syntax"],
)
def test_error_shows_template_line_exception_and_spec(folder, text, line, message):
    with pytest.raises(RenderError) as caught:
        folder(k=text).render("k", Spec(names=("q",)))
    told = str(caught.value)
    assert told.startswith(f"template 'k', line {line}: ")
    assert message in told
    assert f"\n>{line:4d}  {text.splitlines()[line - 1]}\n" in told
    assert told.endswith("spec: Spec(fp64=False, wide=False, contract=False, names=('q',))")
    assert caught.value.__cause__ is not None


def test_error_in_a_library_names_the_library(folder):
    with pytest.raises(RenderError, match=r"template 'lib/a', line 2: NameError"):
        folder(k="a_f();", lib__a="\n${oops}").render("k", Spec())


def test_long_spec_is_cut(folder):
    with pytest.raises(RenderError, match=r"\.\.\. \(\d+ characters in all\)$"):
        folder(k="${1/0}").render("k", Spec(names=("x" * 5000,)))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("fp64", [False, True])
@pytest.mark.parametrize("contract", [False, True])
def test_prelude(fp64, wide, contract):
    printed = Templates(template_dir())._print("lib/prelude", Spec(fp64, wide, contract))
    assert ("cl_khr_fp64 : enable" in printed) == fp64
    assert ("FP_CONTRACT OFF" in printed) == (not contract)
    assert f"typedef {'long' if wide else 'int'} idx;" in printed
    assert not printed.startswith("\n")


def test_contract_may_be_left_out_of_a_spec():
    class Bare:
        fp64 = wide = False

    assert "FP_CONTRACT OFF" in Templates(template_dir())._print("lib/prelude", Bare())


def test_every_shipped_library_prints_for_both_kinds_of_device():
    opened = Templates(template_dir())
    for path in sorted((template_dir() / "lib").glob("*.mako")):
        for fp64 in (False, True):
            spec = Sorted(fp64=fp64) if path.stem == "sort" else Spec(fp64=fp64)
            printed = opened._print(f"lib/{path.stem}", spec)
            assert "double" not in printed or fp64, path


def test_threads_share_one_lookup(folder):
    opened = folder(**{f"k{i}": f"{i} ${{spec.fp64}}" for i in range(8)})
    failures = []

    def work():
        for i in range(8):
            if not opened.render(f"k{i}", Spec()).endswith(f"{i} False\n"):
                failures.append(i)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert templates._shipped() is templates._shipped()


def test_render_uses_the_shipped_folder():
    with pytest.raises(RenderError, match="no template 'nonesuch'"):
        render("nonesuch", Spec())


def test_mako_is_not_imported_before_a_kernel_is_rendered():
    code = "import sys, clarray, clarray.codegen.templates; sys.exit('mako' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
