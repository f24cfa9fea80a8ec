## Inverse trigonometric functions.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import ASIN, ATAN, HALF_PI
%>\
// asin(s), s^2 = z, |s| <= 1/2
static float arc_small(float s, float z)
{
    return s + s * z * ${horner("z", ASIN)};
}

// Above 1/2: asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)).
static OVERLOAD float arc_asin(float x)
{
    const float a = real_fabs(x);
    const bool above = a > 0.5f;
    const float z = above ? (1 - a) * 0.5f : a * a, s = above ? real_sqrt(z) : a;
    const float p = arc_small(s, z);
    return real_copysign(above ? ${c(HALF_PI[0])} - (2 * p - ${c(HALF_PI[1])}) : p, x);
}

static OVERLOAD float arc_acos(float x)
{
    const float a = real_fabs(x);
    const bool above = a > 0.5f;
    const float z = above ? (1 - a) * 0.5f : a * a, s = above ? real_sqrt(z) : x;
    const float p = arc_small(s, z);
    const float far = x < 0 ? ${c(2 * HALF_PI[0])} - (2 * p - ${c(2 * HALF_PI[1])}) : 2 * p;
    return above ? far : ${c(HALF_PI[0])} - (p - ${c(HALF_PI[1])});
}

// base + atan(numerator / denominator), the quotient at most tan(pi/8); base is that many eighths of pi
static float arc_quotient(float numerator, float denominator, float eighths)
{
    const float t = numerator / denominator, z = t * t;
    return eighths * ${c(HALF_PI[0] / 4)} + (t + (t * z * ${horner("z", ATAN)} + eighths * ${c(HALF_PI[1] / 4)}));
}

static OVERLOAD float arc_atan(float x)
{
    const float a = real_fabs(x);
    const bool far = a > 0x1.3504f4p+1f, middle = a > 0x1.a8279ap-2f;
    const float numerator = far ? -1 : middle ? a - 1 : a;
    const float denominator = far ? a : middle ? a + 1 : 1;
    return real_copysign(arc_quotient(numerator, denominator, far ? 4 : middle ? 2 : 0), x);
}

static OVERLOAD float arc_atan2(float y, float x)
{
    const float b = real_fabs(y), a = real_fabs(x);
    const bool steep = b > a;
    const float large = steep ? b : a, small = steep ? a : b;
    // Sums stay finite, and products of subnormals keep their digits.
    const float scale = large > 0x1p100f ? 0.25f : large < 0x1p-100f ? 0x1p64f : 1, l = large * scale, s = small * scale;
    const bool middle = s > l * 0x1.a8279ap-2f;
    // The angle of two infinities is that of two ones, that of two zeros that of 0 and 1.
    const float numerator = large == INFINITY ? 0 : middle ? s - l : small;
    const float denominator = large == INFINITY || large == 0 ? 1 : middle ? s + l : large;
    const bool diagonal = large == INFINITY ? small == INFINITY : middle;
    const float angle = arc_quotient(numerator, denominator, diagonal ? 2 : 0);
    const float upright = steep ? ${c(HALF_PI[0])} - (angle - ${c(HALF_PI[1])}) : angle;
    const float turned = as_int(x) < 0 ? ${c(2 * HALF_PI[0])} - (upright - ${c(2 * HALF_PI[1])}) : upright;
    return x != x || y != y ? NAN : real_copysign(turned, y);
}

% for name in ("asin", "acos", "atan") if spec.fp64 else ():
static OVERLOAD double arc_${name}(double x)
{
    return ${name}(x);
}

% endfor
% if spec.fp64:
static OVERLOAD double arc_atan2(double y, double x)
{
    return atan2(y, x);
}
% endif
