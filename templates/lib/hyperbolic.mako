## Hyperbolic functions and their inverses.
<%page args="spec"/>\
<%! from clarray.codegen.inline import reals %>\
// A product may be rounded with the sum that takes it: no digits are lost, and a device with fma takes half the steps.
#pragma OPENCL FP_CONTRACT ON
% for t in reals(spec.fp64):
<%
    T, I, c = t.ctype, t.integer, t.number
    ln2_parts, log2_e = t.table("LN2"), t.table("LOG2_E")
    ln2 = c(sum(ln2_parts))
    far = "0x1p30f" if T == "float" else "0x1p60"
    shift, limit = f"0x1.8p{t.fraction}" + ("f" if T == "float" else ""), 10 if T == "float" else 20  # tanh is 1 above
%>\
// exp(a) / 2, which overflows where sinh and cosh do
static OVERLOAD ${T} hyperbolic_half(${T} a)
{
    return exponential_natural(a, (${T})-0.0f, (${T})1, (${I})-1);
}

static OVERLOAD ${T} hyperbolic_sinh(${T} x)
{
    const ${T} a = real_fabs(x), z = a * a;
    const ${T} near = a + a * z * ${t.horner("z", "SINH")};
    const ${T} h = hyperbolic_half(a);
    return real_copysign(a < 1 ? near : h - 0.25f / h, x);
}

static OVERLOAD ${T} hyperbolic_cosh(${T} x)
{
    const ${T} h = hyperbolic_half(real_fabs(x));
    return h + 0.25f / h;
}

// With e = exp(2|x|) - 1, as exponential_expm1 has it, e / (e + 2); no bound of it is near.
static OVERLOAD ${T} hyperbolic_tanh(${T} x)
{
    const ${T} a = real_fabs(x), twice = 2 * (a > ${limit} ? ${limit} : a);
    const ${T} shifted = twice * ${c(log2_e[0])} + (${shift} + ${t.most}), n = shifted - (${shift} + ${t.most});
    const ${T} r = (twice - n * ${c(ln2_parts[0])}) - n * ${c(ln2_parts[1])};
    const ${T} power = as_${T}(as_u${I}(shifted) << ${t.fraction}), p = r + r * r * ${t.horner("r", "EXP")};
    const ${T} e = power * p + (power - 1);
    return real_copysign(e / (e + 2), x);
}

// asinh and acosh of x > ${far} are log(2x).
static OVERLOAD ${T} hyperbolic_asinh(${T} x)
{
    const ${T} a = real_fabs(x), square = a * a;
    const bool far = a > ${far};
    const ${T} u = far ? a : a + square / (1 + real_sqrt(square + 1));
    return real_copysign(logarithm_log1p(u) + (far ? ${ln2} : 0), x);
}

static OVERLOAD ${T} hyperbolic_acosh(${T} x)
{
    const ${T} t = x - 1;
    const bool far = x > ${far};
    const ${T} u = far ? x : t + real_sqrt(t * (x + 1));
    const ${T} result = logarithm_log1p(u) + (far ? ${ln2} : 0);
    return x < 1 ? NAN : result;
}

static OVERLOAD ${T} hyperbolic_atanh(${T} x)
{
    const ${T} a = real_fabs(x);
    return real_copysign(0.5f * logarithm_log1p(2 * a / (1 - a)), x);
}

% endfor
% if not getattr(spec, "contract", False):
#pragma OPENCL FP_CONTRACT OFF
% endif
