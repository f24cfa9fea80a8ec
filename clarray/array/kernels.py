"""The user's own kernels: of each element, a reduction, or plain OpenCL C."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyopencl as cl

from clarray.codegen.custom import lower
from clarray.core import dtypes
from clarray.core.aval import broadcast_shapes
from clarray.core.custom import ElementwiseCode, ReductionCode, parse, resolve
from clarray.device.context import Context
from clarray.device.current import context_for
from clarray.device.stats import counters
from clarray.errors import DeviceError

from .convert import to_array
from .eager import WEAK, aval_of, built, check_contexts, described, may_share_memory
from .gpuarray import GpuArray
from .raw_operation import RawOperation
from .transfer import check_dtype


class ElementwiseKernel:
    """A kernel of your own for each element of broadcast operands.

    `arguments` declares them: "float32 x, T y, T *out". A star marks a result; a single letter stands for
    any one dtype, and names it in the code. `operation` is OpenCL C over the names, one or more statements.
    Operands may be arrays of any strides, or scalars; a half is a float in the code. Called with the
    operands alone the kernel makes new results and returns them (a tuple where there are several).
    Results may also be given, where they are declared or as `out=`, and are then written in place: a result's
    name holds its old value at first, that of a new one 0.

    Applied to variables of a graph it is one of its operations, which shares a kernel with what is around it;
    results are then always new. `grad` is a function (g, out, *operands) that gives, for the gradient g of the result
    `out`, that of each operand (None where there is none); of several results g and out are tuples, with None in g
    for results that do not matter.

        >>> norm = ElementwiseKernel("T x, T y, T *r", "r = sqrt(x*x + y*y)")
        >>> both = ElementwiseKernel("float32 x, float32 y, float32 *s, float32 *d", "s = x + y; d = x - y")
    """

    def __init__(
        self, arguments: str, operation: str, name: str = "elementwise_kernel", preamble: str = "",
        grad: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        self.parameters = parse(arguments, name)
        self.op = ElementwiseCode(self.parameters, operation, name, preamble, grad)
        if not self.op.outputs:
            raise ValueError(f"{name}: {arguments!r} declares no result; mark one with a star: 'float32 *out'")
        self.name = name

    def __call__(self, *args: Any, out: Any = None) -> Any:
        """The results, while they are still being computed."""
        inputs, outs = self._sorted(args, out)
        if outs is None:
            return self.op(*inputs)
        return self._into(inputs, outs)

    def _sorted(self, args: Sequence[Any], out: Any) -> tuple[list[Any], list[Any] | None]:
        """Operands and given results, each in the order of declaration."""
        if out is not None:
            args, given = list(args), list(out) if isinstance(out, tuple | list) else [out]
        elif len(args) == len(self.parameters):
            given = [x for x, p in zip(args, self.parameters, strict=True) if p.out]
            args = [x for x, p in zip(args, self.parameters, strict=True) if not p.out]
        else:
            args, given = list(args), None
        inputs, outputs = self.op.inputs, self.op.outputs
        if len(args) != len(inputs) or (given is not None and len(given) != len(outputs)):
            names = ", ".join(f"*{p.name}" if p.out else p.name for p in self.parameters)
            raise TypeError(
                f"{self.name}({names}) takes {len(inputs)} operands, and {len(outputs)} results or none; "
                f"{len(args)} operands and {len(given or ())} results came"
            )
        if given is None and not inputs:
            raise TypeError(f"{self.name}(): without operands, results have to be given: they tell shape and device")
        return list(args), given

    def _into(self, inputs: list[Any], outs: list[Any]) -> Any:
        """Write into the results given."""
        op = self.op
        if any(getattr(x, "_bind_rank", 0) > 1 for x in (*inputs, *outs)):
            raise TypeError(
                f"{self.name}(): out= and results given have no meaning for variables; call it with the operands alone"
            )
        for p, x in zip(op.outputs, outs, strict=True):
            if not isinstance(x, GpuArray):
                raise TypeError(f"{self.name}(): the result {p.name!r} has to be a GpuArray, {type(x).__name__} came")
            if not x.layout.writable:
                raise ValueError(f"{self.name}(): the result {p.name!r} of shape {x.shape} is a broadcast view")
        first, context = outs[0], outs[0].context
        inputs = [x if isinstance(x, GpuArray | np.generic) or type(x) in WEAK else to_array(x, None, context)
                  for x in inputs]  # fmt: skip
        arrays = [x for x in inputs if isinstance(x, GpuArray)]
        check_contexts(self.name, [*outs, *arrays])
        self._check(inputs, outs)
        for k, x in enumerate(inputs):  # an operand that lies otherwise than the result over it is read from a copy
            if isinstance(x, GpuArray) and any(may_share_memory(x, y) and not _same(x, y) for y in outs):
                inputs[k] = x.copy()
        read = tuple(p for p in op.outputs if op.reads(p))
        arrays = [x for x in inputs if isinstance(x, GpuArray)] + [
            y for p, y in zip(op.outputs, outs, strict=True) if p in read
        ]
        aliased = any(_same(x, y) for x in arrays for y in outs)
        operands = [described(x) for x in inputs]
        key = (op, "into", *operands, *(y.layout for y in outs), aliased)
        bound = context.plans.get(key)
        if bound is None:
            plan = lower(op, operands, read, [y.layout for y in outs], context.traits, aliased)
            bound = built(context, plan, self.name, operands)
            context.remember(key, bound)
        if bound.launchers:
            everything = [*outs, *arrays]
            scalars = [x for x in inputs if not isinstance(x, GpuArray)]
            bound.run([x.block for x in everything], [x.start for x in everything], scalars)
        return first if len(outs) == 1 else tuple(outs)

    def _check(self, inputs: Sequence[Any], outs: Sequence[GpuArray]) -> None:
        """TypeError or ValueError that names the argument that does not fit."""
        op = self.op
        avals = [aval_of(described(x)) for x in (*inputs, *outs)]
        resolve(self.name, [*op.inputs, *op.outputs], avals)
        for p, x in zip(op.outputs, outs, strict=True):
            if x.shape != outs[0].shape:
                raise ValueError(
                    f"{self.name}(): results have one shape; {p.name!r} has {x.shape}, not {outs[0].shape}"
                )
        for p, aval in zip(op.inputs, avals, strict=False):
            if broadcast_shapes([aval.shape, outs[0].shape], self.name) != outs[0].shape:
                raise ValueError(
                    f"{self.name}(): argument {p.name!r} of shape {aval.shape} does not broadcast to {outs[0].shape}"
                )
        for k, x in enumerate(outs):
            if any(may_share_memory(x, y) for y in outs[:k]):
                raise ValueError(f"{self.name}(): the result {op.outputs[k].name!r} overlaps another one")

    def __repr__(self) -> str:
        return f"<ElementwiseKernel {self.name}>"


class ReductionKernel:
    """A reduction of your own: `reduce_expr` joins two values a and b, which `map_expr` makes of the operands.

    `neutral` is the value of no elements. Values are of `dtype`, as is the result; a half is a float in
    the code. `axis` is the default of the call's: one axis, several, or all.

    Applied to variables it is an operation of their graph, and takes elementwise ones before it into its kernel; `grad`
    is a function (g, out, *operands) that gives the gradient of each operand, where g and out keep the reduced axes.

        >>> dot = ReductionKernel("float32", "0", "a + b", "x * y", "float32 x, float32 y")
    """

    def __init__(
        self, dtype: Any, neutral: Any, reduce_expr: str, map_expr: str | None = None, arguments: str = "T x",
        axis: Any = None, name: str = "reduction_kernel", preamble: str = "", grad: Callable[..., Any] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.axis = axis
        parameters = parse(arguments, name)
        for p in parameters:
            if p.out:
                raise ValueError(f"{name}: {p.name!r} is declared as a result; a reduction returns its own")
        if not parameters:
            raise ValueError(f"{name}: {arguments!r} declares no operand")
        if map_expr is None:
            if len(parameters) != 1:
                raise ValueError(f"{name}: with several operands map_expr has to say what is reduced")
            map_expr = parameters[0].name
        row = dtypes.row(dtype)
        self.op = ReductionCode(row.numpy, str(neutral), reduce_expr, map_expr, parameters, name, preamble, grad)

    def __call__(self, *args: Any, axis: Any = ..., keepdims: bool = False, out: Any = None) -> Any:
        """The reduction along `axis` (None: all axes)."""
        axis = self.axis if axis is ... else axis
        params: dict[str, Any] = {"axis": tuple(axis) if isinstance(axis, Sequence) else axis, "keepdims": keepdims}
        if out is not None:
            params["out"] = out
        for x in args:
            if isinstance(x, GpuArray):
                check_dtype(x.context, self.op.dtype)
        return self.op(*args, **params)

    def __repr__(self) -> str:
        return f"<ReductionKernel {self.name}>"


@dataclass(frozen=True)
class LocalMemory:
    """An argument of a RawKernel: so many bytes of memory that a work-group shares."""

    nbytes: int

    def __post_init__(self) -> None:
        if self.nbytes <= 0:
            raise ValueError(f"LocalMemory takes a positive number of bytes, {self.nbytes} came")


class RawKernel:
    """A kernel in OpenCL C, called as kernel(global_size, local_size, *args); local_size None leaves it to the driver.

    An array is passed as its buffer, which begins with the array: of a view that begins elsewhere give
    `x.base_data` and, as a number, `x.offset`, or a copy. Strides are the kernel's own business. A scalar is
    passed as what `types` says at its place (a dtype; None for what is no scalar); without `types` scalars
    are NumPy's. A `LocalMemory` is an argument too. Any array given may be written to. `op` makes an operation of it
    that applies to variables.
    """

    def __init__(self, source: str, name: str, types: Sequence[Any] | None = None, options: Sequence[str] = ()) -> None:
        self.source = source
        self.name = name
        self.types = None if types is None else [None if t is None else dtypes.row(t).numpy for t in types]
        self.options = tuple(options)
        self._kernels: WeakKeyDictionary[Context, Any] = WeakKeyDictionary()

    def __call__(self, global_size: Any, local_size: Any, *args: Any) -> None:
        """Enqueue; returns at once."""
        arrays = [x for x in args if isinstance(x, GpuArray)]
        context = arrays[0].context if arrays else context_for()
        if arrays:
            check_contexts(self.name, arrays)
        total, group = self._range(global_size, local_size)
        if self.types is not None and len(self.types) != len(args):
            raise TypeError(f"{self.name}() is declared with {len(self.types)} arguments, {len(args)} came")
        values = [self._argument(k, x) for k, x in enumerate(args)]
        with context.lock:
            kernel = self.kernel(context)
            if kernel.num_args != len(values):
                raise TypeError(f"{self.name}() takes {kernel.num_args} arguments, {len(values)} came")
            try:
                for k, value in enumerate(values):
                    kernel.set_arg(k, value)
                for x in arrays:
                    if context.maps and x.block.shared:
                        x.block.release()
                event = cl.enqueue_nd_range_kernel(context.queue, kernel, total, group)
            except cl.Error as error:
                raise DeviceError(
                    f"{self.name}{tuple(map(_kind, args))} on {context.device!r} failed: {error}"
                ) from error
            if context.recorder is not None:
                context.recorder.note(self.name, event)
            context.last_event = event
            for x in arrays:
                x.block.event = event
        counters.launches += 1

    def op(
        self, outputs: Callable[..., Any] | None, global_size: Any, local_size: Any = None,
        arguments: Callable[..., Sequence[Any]] | None = None, overwrites: Sequence[int] = (), initial: Any = None,
        grad: Callable[..., Any] | None = None,
    ) -> RawOperation:  # fmt: skip
        """The kernel as an operation on arrays and on variables, which returns new results.

        `outputs` gets the operands' types (shape, dtype, ndim, size) and says those of the results: an operand's own,
        `x.like(shape=..., dtype=...)`, a pair (shape, dtype), or a list of these. Where a function is compiled extents
        may not be known yet: they may be computed with (+ - * // %), but not be asked for.

        The kernel is called with the operands, then the results, or with what `arguments` makes of these: numbers for
        extents, LocalMemory, another order. `global_size` and `local_size` are extents, or functions of the operands
        and the results. Every array begins at the start of its buffer and lies in C order; operands that do not are
        copied. Results hold whatever lay in memory, or `initial` everywhere. Operands that the kernel writes to are
        named in `overwrites` by their positions: it gets copies of them, which are the first results.
        `grad` is a function (g, out, *operands) that gives the gradient of each operand.

            >>> op = scale.op(outputs=lambda x: x, global_size=lambda x, out: x.size, grad=lambda g, out, x: op(g))
            >>> y = op(x)
        """
        return RawOperation(self, outputs, global_size, local_size, arguments, overwrites, initial, grad)

    def kernel(self, context: Context) -> Any:
        """The kernel object of a context, built at the first call; CompileError with the numbered source."""
        found = self._kernels.get(context)
        if found is None:
            program = context.programs.build(self.source, self.options)
            names = [x.strip() for x in program.kernel_names.split(";")]
            if self.name not in names:
                raise ValueError(
                    f"there is no kernel {self.name!r} in the source; it has: {', '.join(names) or 'none'}"
                )
            found = self._kernels[context] = cl.Kernel(program, self.name)
        return found

    def _argument(self, k: int, x: Any) -> Any:
        """What the driver gets for argument k."""
        declared = None if self.types is None else self.types[k]
        if isinstance(x, GpuArray):
            if declared is not None:
                raise TypeError(
                    f"{self.name}(): argument {k} is declared {declared.name}, an array came; its type is None"
                )
            if x.offset:
                raise ValueError(
                    f"{self.name}(): argument {k} begins {x.offset} bytes into its buffer; "
                    f"pass x.base_data and x.offset, or a copy()"
                )
            return x.block.buffer
        if isinstance(x, LocalMemory):
            return cl.LocalMemory(x.nbytes)
        if isinstance(x, cl.MemoryObjectHolder):
            return x
        if not isinstance(x, np.generic) and type(x) not in WEAK:
            raise TypeError(f"{self.name}(): argument {k} is a {type(x).__name__}; give arrays, scalars or LocalMemory")
        if declared is not None:
            return declared.type(x)
        if not isinstance(x, np.generic):
            raise TypeError(
                f"{self.name}(): argument {k} is a Python {type(x).__name__}, which has no width; "
                f"declare types=, or pass a NumPy scalar such as numpy.float32({x})"
            )
        return x

    def _range(self, global_size: Any, local_size: Any) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        """Both as tuples; ValueError where they do not fit one another."""
        total = tuple(int(n) for n in global_size) if isinstance(global_size, Sequence) else (int(global_size),)
        group = None
        if local_size is not None:
            group = tuple(int(n) for n in local_size) if isinstance(local_size, Sequence) else (int(local_size),)
        fits = group is None or (len(group) == len(total) and all(g > 0 and n % g == 0 for n, g in zip(total, group)))
        if not 1 <= len(total) <= 3 or min(total) <= 0 or not fits:
            raise ValueError(
                f"{self.name}(): global size {total} and local size {group} do not fit: one to three positive extents, "
                f"each a multiple of the group's"
            )
        return total, group

    def __reduce__(self) -> Any:
        return RawKernel, (self.source, self.name, self.types, self.options)

    def __repr__(self) -> str:
        return f"<RawKernel {self.name}>"


def _same(x: GpuArray, y: GpuArray) -> bool:
    """Whether both are the same elements in the same order."""
    return x.block is y.block and x.offset == y.offset and x.layout is y.layout


def _kind(x: Any) -> str:
    return f"{x.dtype.name}{list(x.shape)}" if isinstance(x, GpuArray) else type(x).__name__
