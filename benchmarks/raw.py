"""Kernels written by hand, as a programmer would who knows the device: what clarray's are held against.

Each is tried in several geometries, and the fastest is taken. The copy and `peak` measure the device's roofline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyopencl as cl

from clarray.device.context import Context

ELEMENTS = 1 << 24
STEPS = 4096  # of the loop in `peak`: llvmpipe leaves a loop after 65,535

SOURCE = """
kernel void add_items(
    global const float *restrict a, global const float *restrict b, global float *restrict o, const long n)
{
    for (long i = get_global_id(0); i < n; i += get_global_size(0))
        o[i] = a[i] + b[i];
}
kernel void add_chunks(
    global const float *restrict a, global const float *restrict b, global float *restrict o, const long n)
{
    const long chunk = (n + get_global_size(0) - 1) / get_global_size(0);
    const long first = get_global_id(0) * chunk, last = min(first + chunk, n);
    for (long i = first; i < last; i++)
        o[i] = a[i] + b[i];
}
kernel void add_vectors(
    global const float8 *restrict a, global const float8 *restrict b, global float8 *restrict o, const long n)
{
    const long m = n / 8, chunk = (m + get_global_size(0) - 1) / get_global_size(0);
    const long first = get_global_id(0) * chunk, last = min(first + chunk, m);
    for (long i = first; i < last; i++)
        o[i] = a[i] + b[i];
}
float fast_exp(float x)
{
    const float shifted = x * 1.44269504f + 0x1.8p23f, n = shifted - 0x1.8p23f, r = x - n * 0.693147182f;
    const float q = 0.16666667f + r * (0.04166667f + r * (0.008333333f + r * 0.0013888889f));
    const float p = 1 + r * (1 + r * (0.5f + r * q));
    return as_float(as_int(p) + (as_int(shifted) << 23));
}
float8 fast_exp8(float8 x)
{
    const float8 shifted = x * 1.44269504f + 0x1.8p23f, n = shifted - 0x1.8p23f, r = x - n * 0.693147182f;
    const float8 q = 0.16666667f + r * (0.04166667f + r * (0.008333333f + r * 0.0013888889f));
    const float8 p = 1 + r * (1 + r * (0.5f + r * q));
    return as_float8(as_int8(p) + (as_int8(shifted) << 23));
}
kernel void tanh_items(
    global const float *restrict a, global const float *restrict b, global float *restrict o, const long n)
{
    for (long i = get_global_id(0); i < n; i += get_global_size(0))
        o[i] = tanh(a[i] * b[i] + 1) * exp(-a[i]);
}
kernel void tanh_chunks(
    global const float *restrict a, global const float *restrict b, global float *restrict o, const long n)
{
    const long chunk = (n + get_global_size(0) - 1) / get_global_size(0);
    const long first = get_global_id(0) * chunk, last = min(first + chunk, n);
    for (long i = first; i < last; i++) {
        const float u = a[i] * b[i] + 1, v = u < -9 ? -9 : u > 9 ? 9 : u;
        o[i] = (1 - 2 / (fast_exp(2 * v) + 1)) * fast_exp(-a[i]);
    }
}
kernel void tanh_vectors(
    global const float8 *restrict a, global const float8 *restrict b, global float8 *restrict o, const long n)
{
    const long m = n / 8, chunk = (m + get_global_size(0) - 1) / get_global_size(0);
    const long first = get_global_id(0) * chunk, last = min(first + chunk, m);
    for (long i = first; i < last; i++) {
        const float8 u = a[i] * b[i] + 1, low = u < -9 ? (float8)-9 : u, v = low > 9 ? (float8)9 : low;
        o[i] = (1 - 2 / (fast_exp8(2 * v) + 1)) * fast_exp8(-a[i]);
    }
}
kernel void copy_items(global const float *restrict a, global float *restrict o, const long n)
{
    for (long i = get_global_id(0); i < n; i += get_global_size(0))
        o[i] = a[i];
}
kernel void copy_chunks(global const float *restrict a, global float *restrict o, const long n)
{
    const long chunk = (n + get_global_size(0) - 1) / get_global_size(0);
    const long first = get_global_id(0) * chunk, last = min(first + chunk, n);
    for (long i = first; i < last; i++)
        o[i] = a[i];
}
kernel void copy_vectors(global const float8 *restrict a, global float8 *restrict o, const long n)
{
    const long m = n / 8, chunk = (m + get_global_size(0) - 1) / get_global_size(0);
    const long first = get_global_id(0) * chunk, last = min(first + chunk, m);
    for (long i = first; i < last; i++)
        o[i] = a[i];
}
"""

PEAK = """
#define R(x) ((real)(x))
typedef {dtype}{width} real;
kernel void peak(global {dtype} *o, const {dtype} factor, const {dtype} term)
{{
    const real m = R(factor), c = R(term), begin = {begin} + R(({dtype})get_global_id(0));
    real {sums};
    for (int i = 0; i < {steps}; i++) {{
        {steps_of_sums}
    }}
    {store}
}}
"""


def sum_of(vector: str, width: int) -> str:
    """All lanes of a vector added, as C."""
    return " + ".join(f"{vector}.s{k:x}" for k in range(width)) if width > 1 else vector


def peak_source(dtype: str, width: int, sums: int) -> str:
    """Independent sums in registers, each multiplied and added to at every step; memory sees only their total."""
    names = [f"s{k}" for k in range(sums)]
    total = " + ".join(names)
    return PEAK.format(
        dtype={"float32": "float", "float64": "double"}[dtype],
        width=width if width > 1 else "",
        begin=f"(real)({', '.join(map(str, range(width)))})",  # all different, or one lane would serve for all
        steps=STEPS,
        sums=", ".join(f"{name} = begin + R({k})" for k, name in enumerate(names)),
        steps_of_sums=" ".join(f"{name} = {name} * m + c;" for name in names),
        store=f"const real total = {total}; o[get_global_id(0)] = {sum_of('total', width)};",
    )


def timed(work: Callable[[], None]) -> float:
    """Seconds of a call: the second best of five."""
    work()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return sorted(took)[1]


class Raw:
    """The kernels above on one device."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.program = cl.Program(context.cl, SOURCE).build()
        self.units = context.traits.compute_units
        self.most = context.traits.max_work_group

    def geometries(self, name: str) -> Iterator[tuple[str, tuple[int], tuple[int] | None]]:
        """(kernel, global size, local size) worth trying."""
        for local in (64, 256, 1024, 4096):
            if local <= self.most:
                yield f"{name}_items", (ELEMENTS,), (local,)
                yield f"{name}_items", (self.units * local * 16,), (local,)
        for items in (self.units, 4 * self.units, 32 * self.units):
            yield f"{name}_chunks", (items,), (1,)
            yield f"{name}_vectors", (items,), (1,)

    def best(self, name: str, *buffers: Any) -> Callable[[], None]:
        """The fastest way to run a kernel over these buffers; the function waits for it."""
        ways = []
        for kernel_name, size, group in self.geometries(name):
            work = self.runner(kernel_name, size, group, *buffers)
            ways.append((timed(work), work))
        return min(ways, key=lambda way: way[0])[1]

    def runner(self, name: str, size: tuple[int], group: tuple[int] | None, *buffers: Any) -> Callable[[], None]:
        """A launch of one of the kernels above and a wait."""
        kernel = cl.Kernel(self.program, name)
        kernel.set_args(*buffers, np.int64(ELEMENTS))
        return self.launcher(kernel, size, group, *buffers)

    def launcher(self, kernel: Any, size: tuple[int], group: tuple[int] | None, *held: Any) -> Callable[[], None]:
        """A launch and a wait."""
        queue = self.context.queue

        def work(kept: Any = held) -> None:  # a kernel does not keep its arguments alive
            cl.enqueue_nd_range_kernel(queue, kernel, size, group)
            queue.finish()

        return work

    def buffer(self, data: np.ndarray[Any, Any] | None = None) -> Any:
        """Device memory of its own with these contents, or ones."""
        data = np.ones(ELEMENTS, np.float32) if data is None else data
        return cl.Buffer(self.context.cl, cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR, hostbuf=data)

    def best_add(self) -> Callable[[], None]:
        """o = a + b of 16M floats."""
        return self.best("add", self.buffer(), self.buffer(), self.buffer())

    def best_tanh(self, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> Callable[[], None]:
        """o = tanh(a*b + 1) * exp(-a) of 16M floats, by the builtins or by short polynomials without special values."""
        return self.best("tanh", self.buffer(a), self.buffer(b), self.buffer())

    def best_peak(self, dtype: str) -> tuple[Callable[[], None], float]:
        """Multiply-adds in registers on all cores, in the best of several widths; and the operations of one call."""
        gpu, scalar = self.context.traits.kind == "gpu", np.dtype(dtype).type
        items, group = (self.units * 2048, 256) if gpu else (self.units * 512, 1)
        total = self.buffer(np.zeros(items, dtype))
        ways = []
        for width in (1, 4) if gpu else (4, 8, 16):
            for sums in (4, 8, 10, 12):
                program = cl.Program(self.context.cl, peak_source(dtype, width, sums)).build()
                kernel = cl.Kernel(program, "peak")
                kernel.set_args(total, scalar(0.999), scalar(0.001))
                work = self.launcher(kernel, (items,), (min(group, self.most),), total)
                ways.append((timed(work) / (width * sums), work, 2.0 * width * sums * STEPS * items))
        _, work, operations = min(ways, key=lambda way: way[0])
        return work, operations

    def best_copy(self) -> tuple[Callable[[], None], int]:
        """o = a of 16M floats, and the bytes it reads and writes."""
        return self.best("copy", self.buffer(), self.buffer()), 2 * 4 * ELEMENTS
