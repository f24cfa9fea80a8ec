## Hyperbolic functions and their inverses.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import LN2, SINH
%>\
static OVERLOAD float hyperbolic_sinh(float x)
{
    const float a = real_fabs(x), z = a * a;
    const float near = a + a * z * ${horner("z", SINH)};
    const float h = exponential_natural(a, -0.0f, 1, -1);  // exp(a) / 2 overflows where sinh does
    return real_copysign(a < 1 ? near : h - 0.25f / h, x);
}

static OVERLOAD float hyperbolic_cosh(float x)
{
    const float h = exponential_natural(real_fabs(x), -0.0f, 1, -1);
    return h + 0.25f / h;
}

static OVERLOAD float hyperbolic_tanh(float x)
{
    const float a = real_fabs(x), e = exponential_expm1(2 * (a > 10 ? 10 : a));
    return real_copysign(e / (e + 2), x);
}

// asinh and acosh of x > 2^30 are log(2x).
static OVERLOAD float hyperbolic_asinh(float x)
{
    const float a = real_fabs(x), square = a * a;
    const bool far = a > 0x1p30f;
    const float u = far ? a : a + square / (1 + real_sqrt(square + 1));
    return real_copysign(logarithm_log1p(u) + (far ? ${c(sum(LN2))} : 0), x);
}

static OVERLOAD float hyperbolic_acosh(float x)
{
    const float t = x - 1;
    const bool far = x > 0x1p30f;
    const float u = far ? x : t + real_sqrt(t * (x + 1));
    const float result = logarithm_log1p(u) + (far ? ${c(sum(LN2))} : 0);
    return x < 1 ? NAN : result;
}

static OVERLOAD float hyperbolic_atanh(float x)
{
    const float a = real_fabs(x);
    return real_copysign(0.5f * logarithm_log1p(2 * a / (1 - a)), x);
}

% for name in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh") if spec.fp64 else ():
static OVERLOAD double hyperbolic_${name}(double x)
{
    return ${name}(x);
}

% endfor
