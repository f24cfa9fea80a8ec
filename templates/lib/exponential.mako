## Exponential functions. x is cut into a whole number of powers of two and a rest of at most half of one.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import EXP, EXP2, EXP10, LN2, LOG10_2, LOG2_10, LOG2_E
%>\
// A float to which adding x, |x| < 2^22, rounds x to an integer, held in its lowest bits.
#define exponential_SHIFT 0x1.8p23f

static int exponential_integer(float shifted)
{
    return as_int(shifted) - as_int(exponential_SHIFT);
}

// 2^n, -126 <= n <= 127
static float exponential_power(int n)
{
    return as_float((uint)(n + 127) << 23);
}

// x 2^n, -252 <= n <= 254, in two steps of which only the second rounds
static float exponential_scale(float x, int n)
{
    const int part = n >> 1;
    return x * exponential_power(part) * exponential_power(n - part);
}

// exp(x + low) factor 2^bias; low is small against 1. (A low of -0 and a factor of 1 cost nothing.)
static float exponential_natural(float x, float low, float factor, int bias)
{
    const float least = x < -105 ? -105 : x, near = least > 90 ? 90 : least;
    const float shifted = near * ${c(LOG2_E[0])} + exponential_SHIFT, n = shifted - exponential_SHIFT;
    const float r = (near - n * ${c(LN2[0])}) - n * ${c(LN2[1])} + low;
    const float p = r + r * r * ${horner("r", EXP)};
    return exponential_scale(factor + factor * p, exponential_integer(shifted) + bias);
}

// 2^(x + low) factor
static float exponential_binary(float x, float low, float factor)
{
    const bool below = x < -160, above = x > 160;
    const float near = below ? -160 : above ? 160 : x;
    const float shifted = near + exponential_SHIFT, n = shifted - exponential_SHIFT;
    const float r = near - n + (below || above ? 0 : low);
    const float p = r * ${horner("r", EXP2)};
    return exponential_scale(factor + factor * p, exponential_integer(shifted));
}

static OVERLOAD float exponential_exp(float x)
{
    return exponential_natural(x, -0.0f, 1, 0);
}

static OVERLOAD float exponential_exp2(float x)
{
    return exponential_binary(x, -0.0f, 1);
}

static OVERLOAD float exponential_exp10(float x)
{
    const float least = x < -46 ? -46 : x, near = least > 39 ? 39 : least;
    const float shifted = near * ${c(LOG2_10)} + exponential_SHIFT, n = shifted - exponential_SHIFT;
    const float r = (near - n * ${c(LOG10_2[0])}) - n * ${c(LOG10_2[1])};
    return exponential_scale(1 + r * ${horner("r", EXP10)}, exponential_integer(shifted));
}

// 2^n (exp(r) - 1) + (2^n - 1)
static OVERLOAD float exponential_expm1(float x)
{
    const float least = x < -20 ? -20 : x, near = least > 90 ? 90 : least;
    const float shifted = near * ${c(LOG2_E[0])} + exponential_SHIFT, n = shifted - exponential_SHIFT;
    const float r = (near - n * ${c(LN2[0])}) - n * ${c(LN2[1])};
    const float p = r + r * r * ${horner("r", EXP)};
    const int exponent = exponential_integer(shifted), most = exponent > 127 ? 127 : exponent;
    const float power = exponential_power(most), rest = exponential_power(exponent - most);
    const float result = (power * p + (power - 1)) * rest;
    return x == 0 ? x : result;
}

% for name in ("exp", "exp2", "exp10", "expm1") if spec.fp64 else ():
static OVERLOAD double exponential_${name}(double x)
{
    return ${name}(x);
}

% endfor
