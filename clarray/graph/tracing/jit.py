"""jit: a Python function of arrays, compiled for each signature that it is called with."""

from __future__ import annotations

import inspect
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial, update_wrapper
from threading import RLock
from typing import Any

import numpy as np

from clarray.array.gpuarray import GpuArray
from clarray.core import dtypes
from clarray.core.aval import Aval
from clarray.core.layout import Layout
from clarray.device.context import Context
from clarray.device.current import context_for

from ..building import as_variable
from ..function import Function, function
from ..places import is_transfer
from ..variable import Variable
from ..walk import leaves as leaves_of
from . import extents as _extents  # noqa: F401  what shapes are while tracing
from .compilation import COMPUTED, Compiled, Kind, shown
from .tracing import traced, tracing
from .trees import LEAF, Structure, flatten, paths, unflatten

COMPILATIONS = 64  # that a jitted function keeps
LAYOUTS = 1024  # combinations of layouts that it knows at once
WEAK: dict[type, tuple[str, str]] = {  # the dtype of a Python scalar: with fp64 and without
    bool: ("bool", "bool"), int: ("int64", "int64"), float: ("float64", "float32"),
    complex: ("complex128", "complex64"),
}  # fmt: skip

_kinds: dict[Layout, Kind] = {}


def jit(
    function: Callable[..., Any] | None = None, *, static_argnums: int | Iterable[int] = (),
    static_argnames: str | Iterable[str] = (), mode: Any = None, maxsize: int = COMPILATIONS,
) -> Any:  # fmt: skip
    """Compile a Python function of arrays; usable as a decorator, with arguments or without.

    The function is called once for each signature, with variables in place of arrays; what it does with them becomes
    kernels, and later calls only run these. A signature is the structure of the arguments (tuples, lists, dicts,
    namedtuples and None, nested), and of each array in them its dtype, its number of axes and which of these have one
    element or none; other extents may change from call to call. Python scalars stay weak: a float32 array * 0.5 is
    float32.

    Arguments are GpuArrays, ndarrays and scalars; results are GpuArrays in the structure that the function returns,
    still being computed. A result never shares memory with an argument. What it returns besides arrays comes back as
    it is.

    Within the function, extents (`x.shape[0]`) are variables too; they may be computed with and be given to reshape,
    zeros, arange and their kin. `if` and `while` cannot ask for values that are not computed yet: use where(), or
    a static argument. Side effects (print, appending to a list, drawing from numpy.random) happen when it is traced,
    once a signature. Arrays that it refers to without getting them as arguments are constants; shared variables are
    read in every call.

    `static_argnums` and `static_argnames` say which arguments are no arrays: these have to be hashable, and each value
    is a signature of its own. The arguments of a method count from `self`, which is static. `mode` is that of
    `function`; at most `maxsize` compilations are kept, those used last. Called on variables, or by another traced
    function, it is simply inlined.

        >>> @jit
        ... def step(params, x):
        ...     return {"w": params["w"] - 0.1 * x, "b": params["b"] * 0.9}

    TypeError: an argument that is no array, no scalar and not static; a value asked for while tracing.
    ValueError: a static argument that cannot be hashed, or that the function does not have.
    """
    options = {"static_argnums": static_argnums, "static_argnames": static_argnames, "mode": mode, "maxsize": maxsize}
    return partial(Jit, **options) if function is None else Jit(function, **options)


class Jit:
    """A function that is compiled when it is called: what `jit` makes.

    `signatures` lists what it has been compiled for, `lower(*args)` is the compiled function for such arguments.
    """

    def __init__(
        self, function: Callable[..., Any], static_argnums: int | Iterable[int] = (),
        static_argnames: str | Iterable[str] = (), mode: Any = None, maxsize: int = COMPILATIONS,
    ) -> None:  # fmt: skip
        if not callable(function):
            raise TypeError(f"jit() compiles a function, {type(function).__name__} came")
        self.__wrapped__: Callable[..., Any] = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        update_wrapper(self, function, updated=())
        self._mode, self._maxsize = mode, maxsize
        self._positional = _positional(function)
        self._static, self._static_names = self._statics(static_argnums, static_argnames)
        self._compiled: OrderedDict[Any, Compiled] = OrderedDict()
        self._quick: dict[Any, Compiled] = {}  # by the layouts of arguments that are all arrays
        self._last: Compiled | None = None
        self._lock = RLock()
        self._bound: dict[int, tuple[Any, Jit]] = {}  # by object, where it is a method

    def __call__(self, *args: Any, **named: Any) -> Any:
        if not named and traced() is None:
            key: list[Any] = []
            for x in args:
                if type(x) is GpuArray:
                    key += (x.layout, x.block.context)
                elif type(x) is float:
                    key.append(float)
                else:
                    break
            else:
                compiled = self._quick.get(tuple(key))
                if compiled is not None:
                    if compiled is not self._last:
                        self._used(compiled)
                    return compiled.run(args)
        found = self._find(args, named)
        return self.__wrapped__(*args, **named) if found is None else found[0].run(found[1])

    def lower(self, *args: Any, **named: Any) -> Function:
        """The compiled function that a call with such arguments runs, of their leaves in order."""
        found = self._find(args, named)
        if found is None or found[0].function is None:
            raise TypeError(f"{self.__name__}() compiles to nothing here: it is inlined, or returns nothing computed")
        return found[0].function

    @property
    def signatures(self) -> list[str]:
        """What it is compiled for, those used last at the end."""
        return [x.signature for x in self._compiled.values()]

    @property
    def options(self) -> tuple[list[int], list[str], Any, int]:
        """The positions and the names of the arguments that are no arrays, the mode, and `maxsize`."""
        return sorted(self._static), sorted(self._static_names), self._mode, self._maxsize

    def clear(self) -> None:
        """Forget all compilations."""
        with self._lock:
            self._compiled.clear()
            self._quick.clear()

    def __get__(self, obj: Any, owner: Any = None) -> Any:
        return self if obj is None else Method(self, obj)

    def of(self, obj: Any) -> Jit:
        """The method of an object: `self` is static, and by identity."""
        found = self._bound.get(id(obj))
        if found is None:
            try:
                reference = weakref.ref(obj, partial(_forget, self._bound, id(obj)))
            except TypeError:
                raise TypeError(
                    f"{self.__name__}() is compiled for each object of {type(obj).__name__}, which has no weak "
                    f"references: put '__weakref__' into its __slots__"
                ) from None
            wrapped = self.__wrapped__

            def method(*args: Any, **named: Any) -> Any:
                return wrapped(reference(), *args, **named)

            method.__name__ = self.__name__
            method.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
                list(inspect.signature(wrapped).parameters.values())[1:]
            )
            own = [k - 1 for k in self._static if k > 0]
            names = self._static_names - set(self._positional[0][:1])
            found = self._bound[id(obj)] = (reference, Jit(method, own, names, self._mode, self._maxsize))
        return found[1]

    def __repr__(self) -> str:
        return f"<jit {self.__name__}>"

    def __reduce__(self) -> Any:
        from ..pickling import global_name

        return global_name(self) or (Jit, (self.__wrapped__, *self.options))

    # signatures

    def _statics(self, nums: Any, names: Any) -> tuple[frozenset[int], frozenset[str]]:
        """The positions and names of static arguments; a parameter may be given either way."""
        positional, variadic, keywords = self._positional
        names = {names} if isinstance(names, str) else set(names)
        found = set()
        for k in (nums,) if isinstance(nums, int) else nums:
            place = k + len(positional) if k < 0 else k
            if place < 0 or (place >= len(positional) and not variadic):
                raise ValueError(
                    f"jit({self.__name__}): static_argnums has {k}, but there are {len(positional)} arguments"
                )
            found.add(place)
        for name in names:
            if name in positional:
                found.add(positional.index(name))
            elif name not in keywords and None not in keywords:
                raise ValueError(f"jit({self.__name__}): static_argnames has {name!r}, which is no parameter")
        return frozenset(found), frozenset(names | {positional[k] for k in found if k < len(positional)})

    def _find(self, args: Sequence[Any], named: dict[str, Any]) -> tuple[Compiled, list[Any]] | None:
        """The compilation for these arguments, and their leaves; None where the function is to be inlined."""
        values: list[Any] = []
        static: list[Any] = []
        trees: list[Structure] = []
        for k, x in enumerate(args):
            if k in self._static:
                static.append((k, type(x), x))
            else:
                trees.append(flatten(x, values))
        names = tuple(sorted(named)) if named else ()
        for name in names:
            if name in self._static_names:
                static.append((name, type(named[name]), named[name]))
            else:
                trees.append(flatten(named[name], values))
        context = None
        for x in values:
            if type(x) is GpuArray:
                context = context or x.block.context
            elif isinstance(x, Variable):
                return None
        if traced() is not None:
            return None
        context = context or context_for()
        kinds: list[Kind] = []
        for k, x in enumerate(values):
            kind = _kinds.get(x.layout) if type(x) is GpuArray else None
            if kind is None:
                kind, values[k] = self._kind(x, k, context, (args, names, trees))
            kinds.append(kind)
        key = (tuple(trees), tuple(kinds), tuple(static), len(args), names, context)
        try:
            compiled = self._compiled.get(key)
        except TypeError:
            raise self._unhashable(static) from None
        if compiled is None:
            with self._lock:
                compiled = self._compiled.get(key) or self._trace(args, named, trees, kinds, context, key)
        self._used(compiled)
        given = {type(x) for x in args}
        if not named and not static and GpuArray in given and given <= {GpuArray, float}:  # an array says which device
            if len(self._quick) >= LAYOUTS:
                self._quick.clear()
            quick = [(x.layout, x.block.context) if type(x) is GpuArray else (float,) for x in args]
            self._quick[tuple(v for x in quick for v in x)] = compiled
        return compiled, values

    def _used(self, compiled: Compiled) -> None:
        self._last = compiled
        with self._lock:
            if compiled.key in self._compiled:
                self._compiled.move_to_end(compiled.key)

    def _kind(self, x: Any, k: int, context: Context, given: Any) -> tuple[Kind, Any]:
        """What a signature says of a leaf, and the leaf as the compiled function takes it."""
        if type(x) is GpuArray:
            if len(_kinds) >= 4 * LAYOUTS:
                _kinds.clear()
            found = _kinds[x.layout] = (x.dtype, _known(x.shape), None)
            return found, x
        if isinstance(x, np.ndarray | np.generic):
            try:
                dtype = dtypes.row(x.dtype.newbyteorder("=")).numpy
            except TypeError as error:
                raise TypeError(f"{self.__name__}(): {self._path(k, given)}: {error}") from None
            return (dtype, _known(x.shape), None), np.asarray(x, dtype)
        cls: Any
        for cls, names in WEAK.items():
            if isinstance(x, cls):
                dtype = np.dtype(names[not context.traits.fp64])
                if cls is int and not -(2**63) <= x < 2**63:
                    raise OverflowError(f"{self.__name__}(): {self._path(k, given)} is {x}, which int64 does not hold")
                return (dtype, (), cls), float(x) if cls is float else np.asarray(x, dtype)
        raise TypeError(
            f"{self.__name__}(): {self._path(k, given)} is {type(x).__name__} {x!r}, no array and no number; pass it "
            f"as one of static_argnames"
        )

    def _path(self, k: int, given: Any) -> str:
        args, names, trees = given
        return self._paths(len(args), names, trees)[k]

    def _paths(self, count: int, names: Sequence[str], trees: Sequence[Structure]) -> list[str]:
        """How the leaves are reached from the parameters."""
        positional = self._positional[0]
        roots = [
            positional[k] if k < len(positional) else f"argument {k}" for k in range(count) if k not in self._static
        ]
        roots += [name for name in names if name not in self._static_names]
        return [path for root, tree in zip(roots, trees, strict=True) for path in paths(tree, root)]

    def _unhashable(self, static: Sequence[Any]) -> Exception:
        for place, cls, value in static:
            try:
                hash(value)
            except TypeError:
                positional = self._positional[0]
                name = positional[place] if isinstance(place, int) and place < len(positional) else place
                return ValueError(
                    f"{self.__name__}(): the static argument {name} has to be hashable, {cls.__name__} came; pass a "
                    f"tuple, or let it be no static argument"
                )
        return TypeError(f"{self.__name__}(): the keys of dicts among the arguments have to be hashable")

    # tracing

    def _trace(
        self, args: Sequence[Any], named: dict[str, Any], trees: Sequence[Structure], kinds: Sequence[Kind],
        context: Context, key: Any,
    ) -> Compiled:  # fmt: skip
        """Call the function on variables, and compile what it made of them."""
        names = tuple(sorted(named))
        where = self._paths(len(args), names, trees)
        variables = [
            Variable(Aval(extents, dtype, weak), name=path)
            for (dtype, extents, weak), path in zip(kinds, where, strict=True)
        ]
        supply, structures = iter(variables), iter(trees)
        given = [x if k in self._static else unflatten(next(structures), supply) for k, x in enumerate(args)]
        others = {n: named[n] if n in self._static_names else unflatten(next(structures), supply) for n in names}
        with tracing(context):
            returned: list[Any] = []
            structure = flatten(self.__wrapped__(*given, **others), returned)
            outputs = [as_variable(x) if _is_array(x) else x for x in returned]
            results = [x if is_transfer(x) else x.transfer(None) for x in outputs if isinstance(x, Variable)]
            compiled: Function | None = None
            picks: tuple[int, ...] = ()
            if results:
                found = set(leaves_of(results, variables))
                picks = tuple([k for k, x in enumerate(variables) if x in found])
                wanted: Any = results[0] if structure is LEAF else results
                compiled = function([variables[k] for k in picks], wanted, mode=self._mode, name=self.__name__)
                compiled.trust_input = True
        leaves = [COMPUTED if isinstance(x, Variable) else x for x in outputs]
        signature = f"({', '.join(f'{p}: {shown(k)}' for p, k in zip(where, kinds, strict=True))})"
        for place, _, value in key[2]:
            positional = self._positional[0]
            name = positional[place] if isinstance(place, int) and place < len(positional) else place
            signature += f" {name}={value!r}"
        entry = self._compiled[key] = Compiled(
            compiled, picks, kinds, structure, leaves, f"{signature} on {context.name}", key, context
        )
        while len(self._compiled) > self._maxsize:
            self._compiled.popitem(last=False)
            self._quick.clear()
        return entry


class Method:
    """A jitted function bound to an object."""

    def __init__(self, jitted: Jit, obj: Any) -> None:
        self.__self__ = obj
        self.__func__ = jitted

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self.__func__.of(self.__self__)(*args, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__.of(self.__self__), name)

    def __reduce__(self) -> Any:
        return Method, (self.__func__, self.__self__)


def _forget(bound: dict[int, Any], number: int, reference: Any) -> None:
    bound.pop(number, None)


def _known(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """The extents that a signature names: those of axes that broadcast, or have no element."""
    return tuple([n if n < 2 else None for n in shape])


def _is_array(x: Any) -> bool:
    return isinstance(x, Variable | GpuArray | np.ndarray)


def _positional(function: Any) -> tuple[list[str], bool, set[Any]]:
    """The names of positional parameters, whether any number may follow, and the names of others (None: any)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return [], True, {None}
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keywords = {
        None if p.kind is p.VAR_KEYWORD else p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD)
    }
    return positional, any(p.kind is p.VAR_POSITIONAL for p in parameters), keywords
