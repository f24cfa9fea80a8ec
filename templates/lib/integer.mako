## Integer arithmetic with NumPy's answers where C has none: division by zero, INT_MIN / -1, wide shifts.
<%page args="spec"/>\
<%
    signed = {"char": "uint", "short": "uint", "int": "uint", "long": "ulong"}
    unsigned = {"uchar": "uint", "ushort": "uint", "uint": "uint", "ulong": "ulong"}
    bits = {"char": 8, "short": 16, "int": 32, "long": 64, "uchar": 8, "ushort": 16, "uint": 32, "ulong": 64}
%>\
% for T, U in {**signed, **unsigned}.items():
// x to the power y, wrapping; a negative power is 0 but for the bases 1 and -1.
static OVERLOAD ${T} integer_pow(${T} x, ${T} y)
{
% if T in signed:
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? ((y & 1) ? -1 : 1) : 0;
% endif
    ${U} result = 1, square = (${U})x;
    for (${U} rest = (${U})y; rest != 0; rest >>= 1) {
        result *= (rest & 1) ? square : 1;
        square *= square;
    }
    return (${T})result;
}

static OVERLOAD bool integer_outside(${T} y) // is y negative, or no less than the width? one test: rusticl gets two wrong
{
    return ((${U})y & ~(${U})${bits[T] - 1}) != 0;
}

static OVERLOAD ${T} integer_shl(${T} x, ${T} y)
{
    return integer_outside(y) ? 0 : (${T})((${U})x << (y & ${bits[T] - 1}));
}

static OVERLOAD ${T} integer_shr(${T} x, ${T} y)
{
    const ${T} shifted = x >> (y & ${bits[T] - 1});
    return integer_outside(y) ? ${f"(x < 0 ? -1 : 0)" if T in signed else "0"} : shifted;
}

% endfor
// A divisor that no division traps on: -1 is left to negation, for the smallest integer has no
// counterpart, and 0 gives 0.
% for T, U in signed.items():
static OVERLOAD ${T} integer_divisor(${T} y)
{
    return y == 0 || y == -1 ? 1 : y;
}

static OVERLOAD ${T} integer_floor_divide(${T} x, ${T} y)
{
    const ${T} d = integer_divisor(y), q = x / d, r = x - q * d;
    const ${T} floored = q - (r != 0 && (r ^ d) < 0);
    return y == 0 ? 0 : y == -1 ? (${T})(0 - (${U})x) : floored;
}

static OVERLOAD ${T} integer_remainder(${T} x, ${T} y)
{
    const ${T} d = integer_divisor(y), r = x % d;
    return r + (r != 0 && (r ^ d) < 0 ? d : 0);
}

static OVERLOAD ${T} integer_fmod(${T} x, ${T} y)
{
    return x % integer_divisor(y);
}

% endfor
% for T in unsigned:
static OVERLOAD ${T} integer_floor_divide(${T} x, ${T} y)
{
    return y == 0 ? 0 : x / (y == 0 ? 1 : y);
}

static OVERLOAD ${T} integer_remainder(${T} x, ${T} y)
{
    return x % (y == 0 ? 1 : y);
}

static OVERLOAD ${T} integer_fmod(${T} x, ${T} y)
{
    return integer_remainder(x, y);
}

% endfor
