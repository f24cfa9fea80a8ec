## The gamma function and its logarithm: below 8 by recurrence to [1, 2] and a polynomial, above by Stirling's series,
## for negative x by reflection.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import GAMMA, HALF_PI, LGAMMA, LOG2_E, SINPI, STIRLING, STIRLING_2

    PI = 2 * HALF_PI[0]
%>\
// sin(pi a), a >= 0
static float gamma_sine(float a)
{
    const float t = a < 0x1p23f ? a : 0, shifted = t + 0x1p23f, r = t - (shifted - 0x1p23f), z = r * r;
    const float s = r * ${c(PI)} + r * (${c(2 * HALF_PI[1])} + z * ${horner("z", SINPI)});
    return (as_uint(shifted) & 1) ? -s : s;
}

// The z in [1, 2] that is whole numbers below a, 1 <= a < 8, and the product of all steps in between
static float gamma_recur(float a, float *product)
{
    float z = a, steps = 1;
% for k in range(6):
    z = z >= 2 ? z - 1 : z;
    steps = a >= ${k + 2} ? steps * z : steps;
% endfor
    *product = steps;
    return z;
}

// ln gamma(a) - ((a - 1/2) (ln a - 1) + ln sqrt(2 pi) - 1/2), a >= 8: Abramowitz and Stegun 6.1.41
static float gamma_series(float a)
{
    const float inverse = 1 / a, w = inverse * inverse;
    return inverse * ((w * (1.0f / 1260) - 1.0f / 360) * w + 1.0f / 12);
}

static OVERLOAD float gamma_tgamma(float x)
{
    const float a = real_fabs(x);
    const bool negative = as_int(x) < 0, large = a >= 8, small = a < 1;
    float product, low, rest;
    const float z = gamma_recur(a, &product), t = small ? a : z - 1, u = t - 0.5f;
    const float unit = 1 + t * (t - 1) * ${horner("u", GAMMA)};
    const float sine = gamma_sine(a), from = a > 64 ? 64 : a;
    // From 8 on: 2^((a - 1/2) (log2 a - log2 e) + ...)
    const float power_of_a = power_log2(from, &low), apart = power_of_a - ${c(LOG2_E[0])};
    const float p = power_product(from - 0.5f, apart, ((power_of_a - apart) - ${c(LOG2_E[0])}) + (low - ${c(LOG2_E[1])}), &rest);
    const float power = p + ${c(STIRLING_2)};
    const float further = ((p - power) + ${c(STIRLING_2)}) + rest + gamma_series(from) * ${c(LOG2_E[0])};
    const float reflected = ${c(-PI)} / (sine * (large ? a : small ? unit : a * product * unit));
    const float far = exponential_binary(negative ? -power : power, negative ? -further : further, negative ? reflected : 1);
    const float near = negative ? reflected : small ? unit / a : product * unit;
    const float result = large ? far : near;
    return x != x || (negative && a > 0 && sine == 0) ? NAN : a == INFINITY ? INFINITY : result;
}

static OVERLOAD float gamma_lgamma(float x)
{
    const float a = real_fabs(x);
    const bool large = a >= 8, small = a < 1;
    float product;
    const float z = gamma_recur(a, &product), t = small ? a : z - 1, u = t - 0.5f;
    const float unit = t * (t - 1) * ${horner("u", LGAMMA)};
    const float log_a = logarithm_log(large || small ? a : product);
    const float stirling = (a - 0.5f) * (log_a - 1) + (${c(STIRLING)} + gamma_series(a));
    const float positive = large ? stirling : small ? unit - log_a : unit + log_a;
    const float sine = real_fabs(gamma_sine(a));
    const float folded = logarithm_log(${c(PI)} / (small ? sine : a * sine)) - (small ? unit : positive);
    const float reflected = sine == 0 ? INFINITY : folded;  // a pole
    return x != x ? x : x < 0 && a > 0x1p-20f ? reflected : positive;
}

% for name in ("tgamma", "lgamma") if spec.fp64 else ():
static OVERLOAD double gamma_${name}(double x)
{
    return ${name}(x);
}

% endfor
