## float16 values: 16 bits in memory, a float in registers. Selects rather than branches, so that loops vectorize.
<%page args="spec"/>\
// The float of 16 stored bits.
static float half_load(ushort stored)
{
    const uint bits = (uint)(stored & 0x7fff) << 13;
    const uint exponent = bits & 0x0f800000;
    const uint normal = bits + 0x38000000;  // the exponent's bias is 15 in a half, 127 in a float
    const uint special = bits + 0x70000000;
    const uint subnormal = as_uint(as_float(bits + 0x38800000) - 0x1p-14f);
    const uint magnitude = exponent == 0 ? subnormal : exponent == 0x0f800000 ? special : normal;
    return as_float(((uint)(stored & 0x8000) << 16) | magnitude);
}

// The 16 bits nearest to a float, ties to even.
static ushort half_store(float x)
{
    const uint bits = as_uint(x) & 0x7fffffff;
    const uint normal = (bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13;
    const uint subnormal = as_uint(as_float(bits) + 0.5f) - 0x3f000000;  // 0.5f ends where a half does: 2^-24
    const uint finite = bits < 0x38800000 ? subnormal : normal;
    const uint magnitude = bits > 0x7f800000 ? 0x7e00 : bits >= 0x477ff000 ? 0x7c00 : finite;
    return (ushort)((as_uint(x) >> 16 & 0x8000) | magnitude);
}

// A float rounded to what a half can hold.
static float half_round(float x)
{
    return half_load(half_store(x));
}

// The half after x on the way to y.
static float half_nextafter(float x, float y)
{
    const ushort stored = half_store(x);
    const ushort step = (x < y) == (x > 0) ? stored + 1 : stored - 1;
    const ushort first = y < 0 ? 0x8001 : 0x0001;
    return x != x || y != y ? x + y : x == y ? x : half_load(x == 0 ? first : step);
}
