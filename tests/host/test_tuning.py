"""Every Tunable keeps its contract: its rule asks for the classes that it names, and takes its own candidates."""

import json
from dataclasses import replace

import pytest

import clarray  # noqa: F401  (all rows are declared)
from clarray.codegen.inline import INLINE, inlined
from clarray.codegen.lowering import lower
from clarray.codegen.tuning import TUNABLES, Asked, accepted, text_of
from clarray.core.traits import Traits

TRAITS = {
    "cpu": Traits(compute_units=8, inline_math=frozenset(["exp", "sin"])),
    "two cores": Traits(compute_units=2),
    "gpu": Traits(kind="gpu", vendor="nvidia", unified=False, compute_units=80, max_work_group=1024, simd_width=1),
    "tensor cores": Traits(
        kind="gpu", vendor="nvidia", unified=False, compute_units=80, tensor_cores=True, simd_width=1
    ),
    "gpu without fp64": Traits(
        kind="gpu", vendor="mesa", fp64=False, compute_units=8, max_work_group=256, simd_width=1
    ),
}
CASES = [(traits, name) for traits in TRAITS for name in sorted(TUNABLES)]


def plan_of(sample, traits):
    return lower(sample.op, sample.operands, sample.params, traits), inlined(traits)


@pytest.mark.parametrize(("device", "name"), CASES)
def test_rules_take_every_candidate(device, name):
    row, traits = TUNABLES[name], TRAITS[device]
    samples = row.samples(traits)
    assert len({sample.problem for sample in samples}) == len(samples)
    for sample in samples:
        candidates = row.candidates(traits, sample.problem)
        assert 2 <= len(candidates) <= 16  # each is built, and timed in turns with all others
        first, *plans = [
            plan_of(sample, replace(traits, tuned={(name, sample.problem): c})) for c in [candidates[0], *candidates]
        ]
        assert plans[0] == first  # so that plans of one candidate are equal
        assert any(plan != plans[0] for plan in plans[1:]), f"{sample.problem}: all candidates are one kernel"


@pytest.mark.parametrize("name", sorted(TUNABLES))
def test_rules_ask_for_the_classes_of_their_samples(name):
    """On one of the devices at least: a sample may get other kernels where there are more cores."""
    sampled, asked = set(), Asked({})
    for traits in TRAITS.values():
        for sample in TUNABLES[name].samples(traits):
            sampled.add((name, sample.problem))
            plan_of(sample, replace(traits, tuned=asked))
    assert sampled
    assert sampled <= asked.keys_asked


@pytest.mark.parametrize(("device", "name"), CASES)
def test_candidates_come_back_from_a_file_as_they_were(device, name):
    row, traits = TUNABLES[name], TRAITS[device]
    for sample in row.samples(traits):
        for candidate in row.candidates(traits, sample.problem):
            assert json.loads(text_of(candidate)) is not None
            found = accepted(traits, [(name, sample.problem, text_of(candidate))])
            assert found == {(name, sample.problem): candidate}
            assert type(found[name, sample.problem]) is type(candidate)


def test_what_is_no_candidate_is_left_out():
    assert (
        accepted(Traits(), [("elementwise", "large", "-7"), ("nothing", "large", "4"), ("elementwise", "large", "{")])
        == {}
    )


def test_inline_math_is_what_the_quirks_say_until_tuning_chose_otherwise():
    traits = TRAITS["cpu"]
    assert inlined(traits) == {"exp", "sin"}
    chosen = {("inline_math", "exp"): "builtin", ("inline_math", "tan"): "inline", ("elementwise", "large"): 8}
    assert inlined(replace(traits, tuned=chosen)) == {"sin", "tan"}
    assert inlined(replace(traits, tuned={("elementwise", "large"): 8})) == {"exp", "sin"}
    assert INLINE.keys() >= inlined(replace(traits, tuned=chosen))
