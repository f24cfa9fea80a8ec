## Arithmetic that is written alike for real and for complex numbers (float2, double2).
<%page args="spec"/>\
% for R in ("float", "double") if spec.fp64 else ("float",):
<% C = R + "2" %>\
static OVERLOAD ${R} field_mul(${R} x, ${R} y)
{
    return x * y;
}

static OVERLOAD ${C} field_mul(${C} x, ${C} y)
{
    return (${C})(x.x * y.x - x.y * y.y, x.x * y.y + x.y * y.x);
}

static OVERLOAD ${R} field_conj(${R} x)
{
    return x;
}

static OVERLOAD ${C} field_conj(${C} x)
{
    return (${C})(x.x, -x.y);
}

static OVERLOAD ${R} field_div(${R} x, ${R} y)
{
    return x / y;
}

static OVERLOAD ${C} field_div(${C} x, ${C} y)
{
    return complex_div(x, y);
}

static OVERLOAD ${R} field_real(${R} x)
{
    return x;
}

static OVERLOAD ${R} field_real(${C} x)
{
    return x.x;
}

static OVERLOAD ${R} field_imag(${R} x)
{
    return 0;
}

static OVERLOAD ${R} field_imag(${C} x)
{
    return x.y;
}

// A size that costs no root: |x|, of complex numbers the sum of that of both parts.
static OVERLOAD ${R} field_size(${R} x)
{
    return fabs(x);
}

static OVERLOAD ${R} field_size(${C} x)
{
    return fabs(x.x) + fabs(x.y);
}

// |x| squared
static OVERLOAD ${R} field_square(${R} x)
{
    return x * x;
}

static OVERLOAD ${R} field_square(${C} x)
{
    return x.x * x.x + x.y * x.y;
}

static OVERLOAD ${R} field_abs(${R} x)
{
    return fabs(x);
}

static OVERLOAD ${R} field_abs(${C} x)
{
    return hypot(x.x, x.y);
}

% endfor
