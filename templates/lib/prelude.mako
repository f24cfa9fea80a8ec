## What every kernel begins with: extensions, numerics, the type of an index.
<%page args="spec"/>\
% if spec.fp64:
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
% endif
% if not getattr(spec, "contract", False):
#pragma OPENCL FP_CONTRACT OFF
% endif
#define OVERLOAD __attribute__((overloadable))
typedef ${"long" if spec.wide else "int"} idx;
