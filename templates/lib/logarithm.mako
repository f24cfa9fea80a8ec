## Logarithms. x = m 2^e with m between sqrt(1/2) and sqrt(2); f = m - 1; log(1 + f) is f and a bend.
<%page args="spec"/>\
<%! from clarray.codegen.inline import reals %>\
// A product may be rounded with the sum that takes it: no digits are lost, and a device with fma takes half the steps.
#pragma OPENCL FP_CONTRACT ON
% for t in reals(spec.fp64):
<%
    T, I, c = t.ctype, t.integer, t.number
    root = "0x3f3504f3" if T == "float" else "0x3fe6a09e667f3bcd"  # the bits of sqrt(1/2)
    smallest, up = (f"0x1p{n}" + ("f" if T == "float" else "") for n in (1 - t.most, t.fraction))
    mask = f"{(1 << t.fraction) - 1:#x}"
    ln2, log10_2, log2_e, log10_e = (t.table(name) for name in ("LN2", "LOG10_2", "LOG2_E", "LOG10_E"))
%>\
// The bits of x > 0 from those of sqrt(1/2): above the fraction is e. A subnormal's are those it would have if exponents went on.
static OVERLOAD ${I} logarithm_bits(${T} x)
{
    const bool subnormal = x < ${smallest};
    return as_${I}(subnormal ? x * ${up} : x) - (subnormal ? (${I})${t.fraction} << ${t.fraction} : 0) - ${root};
}

static OVERLOAD ${T} logarithm_exponent(${I} bits)
{
% if T == "float":
    return (float)(bits >> 23);
% else:
    return as_double((((ulong)bits + (2047ul << 52)) >> 52) | as_ulong(0x1p52)) - (0x1p52 + 2047);  // no vector converts a long
% endif
}

static OVERLOAD ${T} logarithm_mantissa(${I} bits)
{
    return as_${T}((bits & ${mask}) + ${root});
}

// log(1 + f) - f
static OVERLOAD ${T} logarithm_bend(${T} f)
{
% if T == "float":
    const float square = f * f;
    return f * square * ${t.horner("f", "LOG")} - 0.5f * square;
% else:
    // With s = f / (2 + f), log(1 + f) = 2 atanh(s) = f - s f + s^3 P(s^2); and s f = f^2/2 - s f^2/2.
    const double s = f / (2 + f), z = s * s, bend = 0.5 * f * f;
    return s * (bend + z * ${t.horner("z", "LOG")}) - bend;
% endif
}

// `result`, but for the x whose logarithm is not finite
static OVERLOAD ${T} logarithm_special(${T} x, ${T} result)
{
    const ${T} positive = x < INFINITY ? result : x;
    return x > 0 ? positive : x == 0 ? -INFINITY : NAN;
}

static OVERLOAD ${T} logarithm_log(${T} x)
{
    const ${I} bits = logarithm_bits(x);
    const ${T} e = logarithm_exponent(bits), f = logarithm_mantissa(bits) - 1;
    const ${T} result = e * ${c(ln2[0])} + (f + (logarithm_bend(f) + e * ${c(ln2[1])}));
    return logarithm_special(x, result);
}

static OVERLOAD ${T} logarithm_log2(${T} x)
{
    const ${I} bits = logarithm_bits(x);
    const ${T} e = logarithm_exponent(bits), f = logarithm_mantissa(bits) - 1;
    const ${T} result = e + (f * ${c(log2_e[0])} + (f * ${c(log2_e[1])} + logarithm_bend(f) * ${c(log2_e[0])}));
    return logarithm_special(x, result);
}

static OVERLOAD ${T} logarithm_log10(${T} x)
{
    const ${I} bits = logarithm_bits(x);
    const ${T} e = logarithm_exponent(bits), f = logarithm_mantissa(bits) - 1;
    const ${T} small = f * ${c(log10_e[1])} + logarithm_bend(f) * ${c(log10_e[0])} + e * ${c(log10_2[1])};
    const ${T} result = e * ${c(log10_2[0])} + (f * ${c(log10_e[0])} + small);
    return logarithm_special(x, result);
}

// What rounding takes from 1 + x is given back to f.
static OVERLOAD ${T} logarithm_log1p(${T} x)
{
    const ${T} u = 1 + x, lost = x > 1 ? 1 - (u - x) : x - (u - 1);
    const ${I} bits = logarithm_bits(u), exponent = bits >> ${t.fraction}, most = ${t.most - 27};
    const ${T} e = logarithm_exponent(bits);
    const ${T} scale = as_${T}((u${I})(${t.most} - (exponent > most ? most : exponent)) << ${t.fraction});
    const ${T} f = (logarithm_mantissa(bits) - 1) + lost * scale;
    const ${T} result = e * ${c(ln2[0])} + (f + (logarithm_bend(f) + e * ${c(ln2[1])}));
    return x == 0 ? x : logarithm_special(u, result);
}

% endfor
% if not getattr(spec, "contract", False):
#pragma OPENCL FP_CONTRACT OFF
% endif
