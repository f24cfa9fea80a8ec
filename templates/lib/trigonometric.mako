## Sine, cosine, tangent, right for every float: the product of x and 2/pi is made of integers (Payne and Hanek, "Radian
## reduction for trigonometric functions", 1983), for all x alike, so that there is no branch.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import COS, QUARTER_TURN, SIN, TWO_OVER_PI
%>\
// 32 of the 64 bits (a, b), from bit `shift` on
static uint trigonometric_window(uint a, uint b, uint shift)
{
    return (a << shift) | ((b >> 1) >> (31 - shift));
}

// The r, |r| <= pi/4, with |x| = r + quadrant pi/2.
static float trigonometric_reduce(float x, uint *quadrant)
{
    const uint bits = as_uint(x) & 0x7fffffff, exponent = bits >> 23;
    // Those 96 bits of 2/pi whose product with m has two bits before the point, but for multiples of 4.
    const bool below_one = exponent < 127;
    const uint m = ((bits & 0x7fffff) | 0x800000) << (below_one ? 0 : 1);
    const uint first = below_one ? 0 : exponent - 127, shift = first & 31;
    const bool two = first & 64, one = first & 32;
% for k in range(5):
    const uint b${k} = two ? ${f"{TWO_OVER_PI[k + 2]:#x}"} : ${f"{TWO_OVER_PI[k]:#x}"};
% endfor
% for k in range(4):
    const uint a${k} = one ? b${k + 1} : b${k};
% endfor
    const uint w0 = trigonometric_window(a0, a1, shift);
    const uint w1 = trigonometric_window(a1, a2, shift);
    const uint w2 = trigonometric_window(a2, a3, shift);
    const ulong middle = (ulong)m * w1;
    const uint below = (uint)(((ulong)m * w2) >> 32);
    const uint low = (uint)middle + below;
    const uint high = m * w0 + (uint)(middle >> 32) + (low < below);
    const uint n = (high + 0x20000000) >> 30;
    // The fraction in 62 bits with sign; its size in parts of 12, 19 and 31 bits, of which the first times 12 bits is exact.
    const uint top = (high << 2) | (low >> 30), sign = (uint)((int)top >> 31);
    const uint f0 = top ^ sign, f1 = (low << 2) ^ sign;
    const float head = (float)(int)(f0 & 0xfff80000);
    const float tail = (float)(int)(f0 & 0x7ffff) + (float)(int)(f1 >> 1) * 0x1p-31f;
    const float r = head * ${c(QUARTER_TURN[0])} + (head * ${c(QUARTER_TURN[1])} + tail * ${c(sum(QUARTER_TURN))});
    const bool near = bits < 0x3f490fdb;
    *quadrant = near ? 0 : n;
    return near ? as_float(bits) : as_float(as_uint(r) ^ (sign & 0x80000000));
}

static float trigonometric_sine(float r)
{
    const float z = r * r;
    return r + r * z * ${horner("z", SIN)};
}

static float trigonometric_cosine(float r)
{
    const float z = r * r, bend = 0.5f * z, p = 1 - bend;
    return p + (((1 - p) - bend) + z * z * ${horner("z", COS)});
}

// The sine of r + quadrant pi/2, its sign changed where that bit of `sign` is set; NaN if x is not finite
static float trigonometric_finish(float x, float r, uint quadrant, uint sign)
{
    const float s = trigonometric_sine(r), c = trigonometric_cosine(r);
    const float size = (quadrant & 1) ? c : s;
    const float result = as_float(as_uint(size) ^ ((quadrant & 2) << 30) ^ (sign & 0x80000000));
    return (as_uint(x) & 0x7fffffff) < 0x7f800000 ? result : NAN;
}

static OVERLOAD float trigonometric_sin(float x)
{
    uint quadrant;
    const float r = trigonometric_reduce(x, &quadrant);
    return trigonometric_finish(x, r, quadrant, as_uint(x));
}

static OVERLOAD float trigonometric_cos(float x)
{
    uint quadrant;
    const float r = trigonometric_reduce(x, &quadrant);
    return trigonometric_finish(x, r, quadrant + 1, 0);
}

static OVERLOAD float trigonometric_tan(float x)
{
    uint quadrant;
    const float r = trigonometric_reduce(x, &quadrant);
    const float s = trigonometric_sine(r), c = trigonometric_cosine(r);
    const bool odd = quadrant & 1;
    const float result = (odd ? -c : s) / (odd ? s : c);
    const float signed_result = as_float(as_uint(result) ^ (as_uint(x) & 0x80000000));
    return (as_uint(x) & 0x7fffffff) < 0x7f800000 ? signed_result : NAN;
}

% for name in ("sin", "cos", "tan") if spec.fp64 else ():
static OVERLOAD double trigonometric_${name}(double x)
{
    return ${name}(x);
}

% endfor
