## Additions to memory that several work-items may add to at once. A float's goes through comparison and exchange of its bits.
<%page args="spec"/>\
% if getattr(spec, "long_atomics", False):
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable
% endif
void OVERLOAD atomics_add(volatile global int *p, int x)
{
    atomic_add(p, x);
}

void OVERLOAD atomics_add(volatile global uint *p, uint x)
{
    atomic_add(p, x);
}

void OVERLOAD atomics_add(volatile global float *p, float x)
{
    uint seen = as_uint(*p), expected;
    do {
        expected = seen;
        seen = atomic_cmpxchg((volatile global uint *)p, expected, as_uint(as_float(expected) + x));
    } while (seen != expected);
}

void OVERLOAD atomics_add(volatile global float2 *p, float2 x)
{
    atomics_add((volatile global float *)p, x.x);
    atomics_add((volatile global float *)p + 1, x.y);
}

% if getattr(spec, "long_atomics", False):
void OVERLOAD atomics_add(volatile global long *p, long x)
{
    atom_add(p, x);
}

void OVERLOAD atomics_add(volatile global ulong *p, ulong x)
{
    atom_add(p, x);
}

% if spec.fp64:
void OVERLOAD atomics_add(volatile global double *p, double x)
{
    ulong seen = as_ulong(*p), expected;
    do {
        expected = seen;
        seen = atom_cmpxchg((volatile global ulong *)p, expected, as_ulong(as_double(expected) + x));
    } while (seen != expected);
}

void OVERLOAD atomics_add(volatile global double2 *p, double2 x)
{
    atomics_add((volatile global double *)p, x.x);
    atomics_add((volatile global double *)p + 1, x.y);
}
% endif
% endif
