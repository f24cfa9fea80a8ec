## The error function, and its complement.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner, number as c
    from clarray.codegen.math_tables import ERF, ERF_TAIL, ERFC
%>\
static OVERLOAD float error_erf(float x)
{
    const float a = real_fabs(x), z = a * a;
    const float near = a + a * ${horner("z", ERF)};
    const float t = a > 4 ? 4 : a;
    const float far = 1 - exponential_exp(${horner("t", ERF_TAIL)});
    return real_copysign(a < 1 ? near : far, x);
}

// exp(-a^2) in two parts, of which the first square is exact, times a polynomial: Shepherd and Laframboise,
// "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", 1981.
static OVERLOAD float error_erfc(float x)
{
    const float a = real_fabs(x), z = x * x;
    const float near = 1 - (x + x * ${horner("z", ERF)});
    const float t = a > 10.2f ? 10.2f : a, head = as_float(as_uint(t) & 0xfffff000), q = (t - 2) / (t + 2);
    const float p = ${horner("q", ERFC)} / (1 + 2 * t);
    const float far = exponential_natural(-(head * head), (head - t) * (head + t), p, 0);
    return a < 0.5f ? near : x < 0 ? 2 - far : far;
}

% for name in ("erf", "erfc") if spec.fp64 else ():
static OVERLOAD double error_${name}(double x)
{
    return ${name}(x);
}

% endfor
