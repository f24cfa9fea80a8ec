"""Programs of kernels that a test writes itself, on the libraries of `templates/lib`, with pyopencl alone."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pyopencl as cl
from mako.lookup import TemplateLookup

from clarray.codegen.templates import template_dir


def build(device, kernels):
    """A program of all libraries and these kernels."""
    lookup = TemplateLookup([str(template_dir())], strict_undefined=True)
    fp64 = bool(device.double_fp_config)
    spec = SimpleNamespace(fp64=fp64, wide=False)
    names = "prelude", "integer", "half", "special", "complex"
    libraries = [lookup.get_template(f"lib/{name}.mako").render(spec=spec) for name in names]
    context = cl.Context([device])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = cl.Program(context, "\n".join([*libraries, *kernels])).build()
    return SimpleNamespace(
        context=context,
        queue=cl.CommandQueue(context),
        program=program,
        fp64=fp64,
        denormals=bool(device.single_fp_config & cl.device_fp_config.DENORM),
        relaxed="llvmpipe" in device.name,
    )
