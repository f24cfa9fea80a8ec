"""Checking gradients: those of an expression against differences of its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clarray.core import ops
from clarray.device.current import context_for

from ..building import as_variable
from ..function import function
from ..variable import TensorType, Variable
from .gradient import grad

Values = Sequence[np.ndarray[Any, Any]]
STEPS = {"float16": 1e-1, "float32": 1e-2, "float64": 1e-5}  # cube roots of the precisions, more or less
TOLERANCES = {"float16": 5e-2, "float32": 1e-2, "float64": 1e-4}


class GradientError(Exception):
    """A gradient differs from what differences say: of argument `arg`, at its element `position`."""

    def __init__(
        self, arg: int, position: tuple[int, ...], got: float, numeric: float, abs_tol: float, rel_tol: float
    ) -> None:
        self.arg, self.position, self.got, self.numeric = arg, position, got, numeric
        self.abs_tol, self.rel_tol = abs_tol, rel_tol
        self.abs_err, self.rel_err = (float(e) for e in errors(np.asarray(got), np.asarray(numeric)))
        super().__init__(
            f"verify_grad(): the gradient of argument {arg} at {list(position)} is {got!r}, differences say "
            f"{numeric!r}: the absolute error is {self.abs_err:.3g} (abs_tol {abs_tol:.3g}), "
            f"the relative one {self.rel_err:.3g} (rel_tol {rel_tol:.3g})"
        )


def errors(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """How far apart two arrays are, and in relation to the sum of their absolute values."""
    distance = np.abs(np.asarray(a, np.float64) - b)
    distance = np.where(np.isnan(distance), np.inf, distance)
    return distance, distance / np.maximum(np.abs(a) + np.abs(b), 1e-8)


class numeric_grad:
    """The gradients `gf` of f, a function of ndarrays that gives a number, by central differences about `pt`.

    `pt` is an array or a list of them. `eps` is how far they go; None: as the narrowest dtype needs. f is called
    twice for each element; steps are added in float64 and rounded to the dtype of the array.
    """

    def __init__(self, f: Callable[..., Any], pt: Any, eps: float | None = None) -> None:
        many = isinstance(pt, list | tuple)
        points = [np.array(x) for x in (pt if many else [pt])]
        if eps is None:
            eps = max(STEPS[x.dtype.name] for x in points)
        found = []
        for k, x in enumerate(points):
            g = np.zeros(x.shape, np.float64)
            for at in np.ndindex(x.shape):
                moved = [p.copy() for p in points]
                ends = []
                for step in (eps, -eps):
                    moved[k][at] = x[at] + step
                    ends.append((float(moved[k][at]), float(f(*moved))))
                (high, above), (low, below) = ends
                g[at] = (above - below) / (high - low)
            found.append(g)
        self.gf: Any = found if many else found[0]

    def max_err(self, g_pt: Any, abs_tol: float, rel_tol: float) -> tuple[int, tuple[int, ...], float, float]:
        """Where `g_pt` is farthest from the tolerances: argument, position, and the two errors there.

        What is compared is the smaller of an error's share in its tolerance.
        """
        mine = self.gf if isinstance(self.gf, list) else [self.gf]
        given = list(g_pt) if isinstance(g_pt, list | tuple) else [g_pt]
        if len(given) != len(mine):
            raise ValueError(f"numeric_grad.max_err(): {len(given)} gradients came for {len(mine)} arguments")
        worst: tuple[float, int, tuple[int, ...], float, float] = (-1.0, 0, (), 0.0, 0.0)
        for k, (g, want) in enumerate(zip(given, mine, strict=True)):
            if np.shape(g) != want.shape:
                raise ValueError(f"the gradient of argument {k} has shape {np.shape(g)}, the argument {want.shape}")
            if not want.size:
                continue
            absolute, relative = errors(g, want)
            share = np.minimum(absolute / abs_tol, relative / rel_tol)
            at = np.unravel_index(int(np.argmax(share)), share.shape)
            if share[at] > worst[0]:
                place = tuple(int(i) for i in at)
                worst = (float(share[at]), k, place, float(absolute[at]), float(relative[at]))
        return worst[1:]


def verify_grad(
    fun: Callable[..., Any],
    pt: Sequence[Any],
    n_tests: int = 2,
    rng: Any = None,
    eps: float | None = None,
    out_type: Any = None,
    abs_tol: float | None = None,
    rel_tol: float | None = None,
    mode: Any = None,
    cast_to_output_type: bool = False,
    no_debug_ref: bool = True,
) -> None:
    """Check the gradient of `fun`, a function of variables that gives one, at the arrays `pt`; GradientError where it
    is wrong.

    The result is projected on `n_tests` random arrays, drawn from `rng` (a NumPy generator), and the projection's
    gradient compared with its central differences, in float64 where the device has it. An error passes
    that is within `abs_tol` or `rel_tol`. `mode` is that of the functions made, `out_type` the dtype that
    `pt` are converted to, `cast_to_output_type` whether the result is. Differences always come from the same device
    and mode: `no_debug_ref` changes nothing.
    """
    points = [np.array(x) if out_type is None else np.array(x, out_type) for x in pt]
    for k, x in enumerate(points):
        if x.dtype.name not in STEPS:
            raise TypeError(f"verify_grad(): argument {k} is {x.dtype.name}; pt is arrays of floats")
    generator = np.random.default_rng() if rng is None else rng
    narrow = max((x.dtype.name for x in points), key=STEPS.__getitem__)
    wide = "float64" if context_for().traits.fp64 else narrow
    abs_tol = TOLERANCES[narrow] if abs_tol is None else abs_tol
    rel_tol = TOLERANCES[narrow] if rel_tol is None else rel_tol
    variables = [TensorType(x.dtype.name, tuple(n == 1 for n in x.shape))(f"input {k}") for k, x in enumerate(points)]
    out = _result(fun, variables)
    shape = np.shape(function(variables, out, mode=mode, on_unused_input="ignore")(*points))
    weight = TensorType(out.dtype, out.broadcastable)("projection")
    gradients = grad(ops.sum(out * weight), variables, disconnected_inputs="ignore")
    gradient = function([weight, *variables], gradients, mode=mode, on_unused_input="ignore")
    copies = [TensorType(wide, x.broadcastable)(x.name) for x in variables]
    copied = _result(fun, copies)
    if cast_to_output_type:
        copied = copied.astype(out.dtype)
    cost = function(
        [weight, *copies], ops.sum(copied * weight.astype(copied.dtype)), mode=mode, on_unused_input="ignore"
    )
    for _ in range(n_tests):
        projection = (generator.random(shape) + 0.5).astype(out.dtype)

        def projected(*values: Any, projection: Any = projection) -> float:
            return float(cost(projection, *values))

        numeric = numeric_grad(projected, [x.astype(wide) for x in points], eps)
        found = gradient(projection, *points)
        arg, place, absolute, relative = numeric.max_err(found, abs_tol, rel_tol)
        if absolute > abs_tol and relative > rel_tol:
            raise GradientError(arg, place, float(found[arg][place]), float(numeric.gf[arg][place]), abs_tol, rel_tol)


def _result(fun: Callable[..., Any], variables: Sequence[Variable]) -> Variable:
    out = fun(*variables)
    if isinstance(out, list | tuple):
        raise TypeError(f"verify_grad(): fun gives one variable, {len(out)} came; check them one by one")
    result = as_variable(out)
    if result.aval.dtype.kind != "f":
        raise TypeError(f"verify_grad(): fun gives real floats, {result.described()} came")
    return result
