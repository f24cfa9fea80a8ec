## Logarithms. x = m 2^e with m between sqrt(1/2) and sqrt(2); f = m - 1; log(1 + f) = f - f^2/2 + f^3 P(f).
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import LN2, LOG, LOG2_E, LOG10_2, LOG10_E
%>\
// The bits of x > 0 from those of sqrt(1/2): the upper nine are e. A subnormal's are those it would have if floats went on.
static int logarithm_bits(float x)
{
    const bool subnormal = x < 0x1p-126f;
    return as_int(subnormal ? x * 0x1p23f : x) - (subnormal ? 23 << 23 : 0) - 0x3f3504f3;
}

static float logarithm_exponent(int bits)
{
    return (float)(bits >> 23);
}

static float logarithm_mantissa(int bits)
{
    return as_float((bits & 0x7fffff) + 0x3f3504f3);
}

// log(1 + f) - f
static float logarithm_bend(float f)
{
    const float square = f * f;
    return f * square * ${horner("f", LOG)} - 0.5f * square;
}

// `result`, but for the x whose logarithm is not finite
static float logarithm_special(float x, float result)
{
    const float positive = x < INFINITY ? result : x;
    return x > 0 ? positive : x == 0 ? -INFINITY : NAN;
}

static OVERLOAD float logarithm_log(float x)
{
    const int bits = logarithm_bits(x);
    const float e = logarithm_exponent(bits), f = logarithm_mantissa(bits) - 1;
    const float result = e * ${c(LN2[0])} + (f + (logarithm_bend(f) + e * ${c(LN2[1])}));
    return logarithm_special(x, result);
}

static OVERLOAD float logarithm_log2(float x)
{
    const int bits = logarithm_bits(x);
    const float e = logarithm_exponent(bits), f = logarithm_mantissa(bits) - 1;
    const float result = e + (f * ${c(LOG2_E[0])} + (f * ${c(LOG2_E[1])} + logarithm_bend(f) * ${c(LOG2_E[0])}));
    return logarithm_special(x, result);
}

static OVERLOAD float logarithm_log10(float x)
{
    const int bits = logarithm_bits(x);
    const float e = logarithm_exponent(bits), f = logarithm_mantissa(bits) - 1;
    const float small = f * ${c(LOG10_E[1])} + logarithm_bend(f) * ${c(LOG10_E[0])} + e * ${c(LOG10_2[1])};
    const float result = e * ${c(LOG10_2[0])} + (f * ${c(LOG10_E[0])} + small);
    return logarithm_special(x, result);
}

// What rounding takes from 1 + x is given back to f.
static OVERLOAD float logarithm_log1p(float x)
{
    const float u = 1 + x, lost = x > 1 ? 1 - (u - x) : x - (u - 1);
    const int bits = logarithm_bits(u), exponent = bits >> 23;
    const float e = logarithm_exponent(bits), scale = as_float((uint)(127 - (exponent > 100 ? 100 : exponent)) << 23);
    const float f = (logarithm_mantissa(bits) - 1) + lost * scale;
    const float result = e * ${c(LN2[0])} + (f + (logarithm_bend(f) + e * ${c(LN2[1])}));
    return x == 0 ? x : logarithm_special(u, result);
}

% for name in ("log", "log2", "log10", "log1p") if spec.fp64 else ():
static OVERLOAD double logarithm_${name}(double x)
{
    return ${name}(x);
}

% endfor
