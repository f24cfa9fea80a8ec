## Powers and roots.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import LOG2_RATIO, TWO_LOG2_E
%>\
// x to twelve bits: a product of two such is exact.
static float power_head(float x)
{
    return as_float(as_uint(x) & 0xfffff000);
}

// log2(x), x > 0, to about 2^-31 of itself: the result and *low.
// s = f / (m + 1) in two parts; log2(m) = 2/ln 2 (s + s^3/3 + ...), where only the first term needs both.
static float power_log2(float x, float *low)
{
    const int bits = logarithm_bits(x);
    const float e = logarithm_exponent(bits), m = logarithm_mantissa(bits), f = m - 1;
    const float g = m + 1, g_low = m - (g - 1), g_head = power_head(g), inverse = 1 / g;
    const float head = power_head(f * inverse);
    const float tail = (((f - head * g_head) - head * (g - g_head)) - head * g_low) * inverse;
    const float s = head + tail, z = s * s;
    const float main = head * ${c(TWO_LOG2_E[0])};
    const float rest = tail * ${c(TWO_LOG2_E[0])} + (s * ${c(TWO_LOG2_E[1])} + s * z * ${horner("z", LOG2_RATIO)});
    const float sum = e + main, small = ((e - sum) + main) + rest;
    const float result = sum + small;
    *low = small - (result - sum);
    return result;
}

// y (a + a_low): the result and *low
static float power_product(float y, float a, float a_low, float *low)
{
    const float y_head = power_head(y), y_tail = y - y_head, a_head = power_head(a), a_tail = a - a_head;
    const float p = y * a;
    *low = (((y_head * a_head - p) + y_head * a_tail + y_tail * a_head) + y_tail * a_tail) + y * a_low;
    return p;
}

static OVERLOAD float power_pow(float x, float y)
{
    const float a = real_fabs(x), b = real_fabs(y);
    // Beyond 2^40 nothing changes, and products do not overflow.
    const float exponent = b > 0x1p40f ? real_copysign(0x1p40f, y) : y;
    float low, rest;
    const float logarithm = power_log2(a, &low);
    const float p = power_product(exponent, logarithm, low, &rest);
    const float finite = exponential_binary(p, rest, 1);
    const float size = a == 0 || a == INFINITY ? ((a == 0) == (y < 0) ? INFINITY : 0) : finite;
    const int whole = (int)(b < 0x1p24f ? b : 0);  // from 2^24 on all are even
    const bool integer = b >= 0x1p24f || (float)whole == b, odd = whole & 1;
    const bool negative = as_int(x) < 0;
    const float result = negative && integer && odd ? -size : size;
    const float valid = x < 0 && !integer && a != INFINITY ? NAN : result;
    return x == 1 || y == 0 ? 1 : x != x || y != y ? NAN : valid;
}

// A third of a float's bits begin its root, for they are its logarithm, roughly; Halley's step, then Newton's with an
// exact enough cube.
static OVERLOAD float power_cbrt(float x)
{
    const float a = real_fabs(x);
    const bool large = a > 0x1p60f, small = a < 0x1p-60f;
    const float m = a * (large ? 0x1p-72f : small ? 0x1p72f : 1);
    const float guess = as_float((int)((float)as_int(m) * 0x1.555556p-2f) + 0x2a5119f2), cube = guess * guess * guess;
    const float near = guess * ((cube + 2 * m) / (2 * cube + m));
    const float head = power_head(near), tail = near - head, square = head * head;
    const float excess = (square * head - m) + (square * tail + tail * (near + head) * near);
    const float root = near - excess / (3 * near * near);
    const float result = root * (large ? 0x1p24f : small ? 0x1p-24f : 1);
    return a == 0 || !(a < INFINITY) ? x : real_copysign(result, x);
}

static OVERLOAD float power_rsqrt(float x)
{
    return 1 / real_sqrt(x);
}

static OVERLOAD float power_hypot(float x, float y)
{
    const float a = real_fabs(x), b = real_fabs(y), large = a > b ? a : b, small = a > b ? b : a;
    const bool huge = large > 0x1p60f, tiny = large < 0x1p-60f;
    const float scale = huge ? 0x1p-70f : tiny ? 0x1p90f : 1, back = huge ? 0x1p70f : tiny ? 0x1p-90f : 1;
    const float l = large * scale, s = small * scale;
    const float result = real_sqrt(l * l + s * s) * back;
    return a == INFINITY || b == INFINITY ? INFINITY : result;
}

% if spec.fp64:
% for name in ("cbrt", "rsqrt"):
static OVERLOAD double power_${name}(double x)
{
    return ${name}(x);
}

% endfor
% for name in ("pow", "hypot"):
static OVERLOAD double power_${name}(double x, double y)
{
    return ${name}(x, y);
}

% endfor
% endif
