"""The rows, by chapter: importing a module adds its cases."""

from . import convolution, elementwise, fft, overhead, products, programs, reductions, rows, scans, sorting  # noqa: F401
