"""The dtype table: what a dtype is called in NumPy, in OpenCL C, and in the Array API standard.

Promotion follows NumPy 2 (NEP 50): Python scalars are *weak*, they take part with their kind
(bool, int, float, complex) and never with a width of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

NumpyDType = np.dtype[Any]


@dataclass(frozen=True)
class DType:
    """A row of the table.

    `ctype` is the C type of a value in registers, `storage` the one in memory: a float16 is
    stored as its 16 bits and computed as float, a bool is a uchar that holds 0 or 1.
    """

    name: str
    kind: str  # b bool, i signed, u unsigned, f real floating, c complex floating
    ctype: str
    storage: str

    @property
    def numpy(self) -> NumpyDType:
        """The NumPy dtype of this row."""
        return np.dtype(self.name)

    @property
    def itemsize(self) -> int:
        """Bytes an element takes in memory."""
        return self.numpy.itemsize

    @property
    def real_ctype(self) -> str:
        """The C type of a real part; for a real dtype the C type itself."""
        return self.ctype[:-1] if self.kind == "c" else self.ctype

    @property
    def is_double(self) -> bool:
        """Whether values of this dtype need fp64 on the device."""
        return self.ctype in ("double", "double2")


ROWS = (
    DType("bool", "b", "uchar", "uchar"),
    DType("int8", "i", "char", "char"),
    DType("int16", "i", "short", "short"),
    DType("int32", "i", "int", "int"),
    DType("int64", "i", "long", "long"),
    DType("uint8", "u", "uchar", "uchar"),
    DType("uint16", "u", "ushort", "ushort"),
    DType("uint32", "u", "uint", "uint"),
    DType("uint64", "u", "ulong", "ulong"),
    DType("float16", "f", "float", "ushort"),
    DType("float32", "f", "float", "float"),
    DType("float64", "f", "double", "double"),
    DType("complex64", "c", "float2", "float2"),
    DType("complex128", "c", "double2", "double2"),
)

DTYPES: dict[NumpyDType, DType] = {row.numpy: row for row in ROWS}
NAMES: dict[str, DType] = {row.name: row for row in ROWS}

# Categories of the Array API standard, as the kinds they hold.
BOOL = "b"
INTEGER = "iu"
INTEGER_OR_BOOL = "biu"
REAL_FLOATING = "f"
COMPLEX_FLOATING = "c"
FLOATING = "fc"
REAL = "iuf"
REAL_OR_BOOL = "biuf"
NUMERIC = "iufc"
ANY = "biufc"

CATEGORY_NAMES = {
    BOOL: "boolean",
    INTEGER: "integer",
    INTEGER_OR_BOOL: "integer or boolean",
    REAL_FLOATING: "real floating-point",
    COMPLEX_FLOATING: "complex floating-point",
    FLOATING: "floating-point",
    REAL: "real-valued",
    REAL_OR_BOOL: "real-valued or boolean",
    NUMERIC: "numeric",
    ANY: "all",
}


def row(dtype: Any) -> DType:
    """The table's row of a dtype, or TypeError that lists the dtypes there are."""
    try:
        return DTYPES[np.dtype(dtype)]
    except (KeyError, TypeError):
        names = ", ".join(NAMES)
        raise TypeError(f"clarray has no dtype {dtype!r}; it has {names}") from None


@cache
def promote(dtypes: tuple[NumpyDType | type, ...]) -> NumpyDType:
    """The dtype that NumPy 2 gives for these operands together.

    A weak operand is written as its Python type (bool, int, float or complex).
    """
    strong = [d for d in dtypes if isinstance(d, np.dtype)]
    weak = [d(0) for d in dtypes if not isinstance(d, np.dtype)]
    return np.result_type(*strong, *weak)


@cache
def is_weakly_typed(dtypes: tuple[NumpyDType | type, ...]) -> bool:
    """Whether every operand is a Python scalar, so that the result has no width of its own."""
    return not any(isinstance(d, np.dtype) for d in dtypes)


SINGLES: dict[NumpyDType, NumpyDType] = {
    np.dtype("float64"): np.dtype("float32"),
    np.dtype("complex128"): np.dtype("complex64"),
}


def without_fp64(dtype: NumpyDType) -> NumpyDType:
    """The dtype that stands for `dtype` on a device without fp64, when nobody asked for it."""
    return SINGLES.get(dtype, dtype)


@cache
def floating(dtype: NumpyDType) -> NumpyDType:
    """The floating dtype in which NumPy computes a function such as exp of this dtype."""
    if dtype.kind in "fc":
        return dtype
    return np.dtype({1: "float16", 2: "float32"}.get(dtype.itemsize, "float64"))


REAL_PARTS: dict[NumpyDType, NumpyDType] = {
    np.dtype("complex64"): np.dtype("float32"),
    np.dtype("complex128"): np.dtype("float64"),
}


def real(dtype: NumpyDType) -> NumpyDType:
    """The dtype of the real part of a complex dtype; any other dtype is its own."""
    return REAL_PARTS.get(dtype, dtype)
