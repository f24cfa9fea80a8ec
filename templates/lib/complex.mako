## Complex arithmetic on float2 and double2 with the special values of C99's Annex G and the Array API standard.
## Formulas: Smith 1962 (division), Kahan 1987, "Branch cuts for complex elementary functions" (inverse functions).
<%page args="spec"/>\
<%
    # Where exp(x) overflows (with a margin), where a sum of squares loses digits, where tanh is 1, ln 2.
    limits = {
        "float": {"exp": "88", "tiny": "0x1p-60f", "huge": "0x1p+60f", "tanh": "11"},
        "double": {"exp": "709", "tiny": "0x1p-500", "huge": "0x1p+500", "tanh": "22"},
    }
%>\
% for T in ("float", "double") if spec.fp64 else ("float",):
<%
    C, f, limit = T + "2", "f" if T == "float" else "", limits[T]
    ln2 = f"0.69314718055994530942{f}"
%>\
static OVERLOAD int complex_nonzero(${C} x)
{
    return any(x != 0);  // a builtin, for two comparisons joined crash Oclgrind's check of uninitialized values
}

static OVERLOAD int complex_isnan(${C} x)
{
    return isnan(x.x) || isnan(x.y);
}

static OVERLOAD int complex_isinf(${C} x)
{
    return isinf(x.x) || isinf(x.y);
}

static OVERLOAD ${C} complex_conj(${C} x)
{
    return (${C})(x.x, -x.y);
}

// i x
static OVERLOAD ${C} complex_turn(${C} x)
{
    return (${C})(-x.y, x.x);
}

// -i x
static OVERLOAD ${C} complex_turn_back(${C} x)
{
    return (${C})(x.y, -x.x);
}

static OVERLOAD ${T} complex_abs(${C} x)
{
    return isinf(x.x) || isinf(x.y) ? INFINITY : hypot(x.x, x.y);
}

static OVERLOAD ${T} complex_angle(${C} x)
{
    return atan2(x.y, x.x);
}

static OVERLOAD ${C} complex_mul(${C} x, ${C} y)
{
    return (${C})(x.x * y.x - x.y * y.y, x.x * y.y + x.y * y.x);
}

static OVERLOAD ${C} complex_div(${C} x, ${C} y)
{
    if (y.x == 0 && y.y == 0)
        return (${C})(x.x / fabs(y.x), x.y / fabs(y.x));
    if (fabs(y.x) >= fabs(y.y)) {
        const ${T} ratio = y.y / y.x, scale = 1 / (y.x + y.y * ratio);
        return (${C})((x.x + x.y * ratio) * scale, (x.y - x.x * ratio) * scale);
    }
    const ${T} ratio = y.x / y.y, scale = 1 / (y.y + y.x * ratio);
    return (${C})((x.x * ratio + x.y) * scale, (x.y * ratio - x.x) * scale);
}

static OVERLOAD ${C} complex_reciprocal(${C} x)
{
    const bool wide = fabs(x.x) >= fabs(x.y);
    const ${T} ratio = wide ? x.y / x.x : x.x / x.y;
    const ${T} scale = 1 / (wide ? x.x + x.y * ratio : x.y + x.x * ratio);
    return wide ? (${C})(scale, -ratio * scale) : (${C})(ratio * scale, -scale);
}

// x / |x|: where one part is infinite, whatever the other, the limit; where both are, none.
static OVERLOAD ${C} complex_sign(${C} x)
{
    const bool wide = isinf(x.x), high = isinf(x.y);
    if (wide && high)
        return (${C})(NAN, NAN);
    if (wide || high)
        return (${C})(wide ? copysign((${T})1, x.x) : 0, high ? copysign((${T})1, x.y) : 0);
    const ${T} size = hypot(x.x, x.y);
    return size == 0 ? (${C})(0, 0) : isinf(size) ? x / 2 / hypot(x.x / 2, x.y / 2) : x / size;
}

static OVERLOAD ${C} complex_sqrt(${C} x)
{
    if (x.x == 0 && x.y == 0)
        return (${C})(0, x.y);
    if (isinf(x.y))
        return (${C})(INFINITY, x.y);
    if (isnan(x.x))
        return (${C})(x.x, x.x);
    if (isinf(x.x)) {
        const ${T} other = x.y == x.y ? 0 : x.y;
        return x.x < 0 ? (${C})(fabs(other), copysign((${T})INFINITY, x.y)) : (${C})(x.x, copysign(other, x.y));
    }
    const ${T} largest = fmax(fabs(x.x), fabs(x.y));
    const ${T} scale = largest > ${limit["huge"]} ? 0.0625f : largest < ${limit["tiny"]} ? ${"0x1p+40f" if T == "float" else "0x1p+120"} : 1;
    const ${T} back = largest > ${limit["huge"]} ? 4 : largest < ${limit["tiny"]} ? ${"0x1p-20f" if T == "float" else "0x1p-60"} : 1;
    const ${C} z = x * scale;
    const ${T} root = sqrt((fabs(z.x) + hypot(z.x, z.y)) * 0.5f);
    const ${T} other = fabs(z.y) / (2 * root);
    return (x.x >= 0 ? (${C})(root, copysign(other, x.y)) : (${C})(other, copysign(root, x.y))) * back;
}

static OVERLOAD ${C} complex_exp(${C} x)
{
    if (x.y == 0)
        return (${C})(exp(x.x), x.y);
    if (isinf(x.x) && !isfinite(x.y))
        return x.x < 0 ? (${C})(0, 0) : (${C})(x.x, NAN);
    const ${T} cosine = cos(x.y), sine = sin(x.y);
    if (x.x > ${limit["exp"]} && isfinite(x.x)) {  // exp(x) may overflow where the product does not
        const ${T} root = exp(x.x * 0.5f);
        return (${C})(root * cosine * root, root * sine * root);
    }
    return exp(x.x) * (${C})(cosine, sine);
}

static OVERLOAD ${C} complex_exp2(${C} x)
{
    return complex_exp(x * ${ln2});
}

static OVERLOAD ${C} complex_expm1(${C} x)
{
    if (x.y == 0)
        return (${C})(expm1(x.x), x.y);
    if (!(fabs(x.x) < 1) || !isfinite(x.y))
        return complex_exp(x) - (${C})(1, 0);
    const ${T} s = sin(x.y * 0.5f);
    return (${C})(expm1(x.x) * cos(x.y) - 2 * s * s, exp(x.x) * sin(x.y));
}

// x.x^2 + x.y^2 - 1 without cancellation, for parts of about 1 or less.
static OVERLOAD ${T} complex_square_minus_1(${C} x)
{
    const ${T} a = fmax(fabs(x.x), fabs(x.y)), b = fmin(fabs(x.x), fabs(x.y));
    const ${T} aa = a * a, bb = b * b;
    const ${T} sum = aa < 0.5f ? (aa - 0.5f) + (bb - 0.5f) : aa - 1 + bb;
    return sum + (fma(a, a, -aa) + fma(b, b, -bb));
}

static OVERLOAD ${T} complex_log_abs(${C} x)
{
    const ${T} largest = fmax(fabs(x.x), fabs(x.y)), size = hypot(x.x, x.y);
    if (size > 0.5f && size < 2)
        return log1p(complex_square_minus_1(x)) * 0.5f;
    if (largest > ${limit["huge"]} && !complex_isinf(x))
        return log(hypot(x.x * 0.5f, x.y * 0.5f)) + ${ln2};
    return log(complex_isinf(x) ? INFINITY : size);
}

static OVERLOAD ${C} complex_log(${C} x)
{
    return (${C})(complex_log_abs(x), atan2(x.y, x.x));
}

static OVERLOAD ${C} complex_log2(${C} x)
{
    return complex_log(x) * 1.44269504088896340736${f};
}

static OVERLOAD ${C} complex_log10(${C} x)
{
    return complex_log(x) * 0.43429448190325182765${f};
}

static OVERLOAD ${C} complex_log1p(${C} x)
{
    const ${C} shifted = (${C})(1 + x.x, x.y);
    if (!(fabs(x.x) < 0.5f && fabs(x.y) < 0.5f))
        return complex_log(shifted);
    const ${T} xx = x.x * x.x, yy = x.y * x.y;
    const ${T} excess = (2 * x.x + yy + xx) + (fma(x.x, x.x, -xx) + fma(x.y, x.y, -yy));
    return (${C})(x.y == 0 ? log1p(x.x) : log1p(excess) * 0.5f, atan2(x.y, shifted.x));
}

static OVERLOAD ${C} complex_sinh(${C} x)
{
    if (x.y == 0)
        return (${C})(sinh(x.x), x.y);
    if (x.x == 0 && !isfinite(x.y))
        return (${C})(x.x, NAN);
    if (isinf(x.x) && !isfinite(x.y))
        return (${C})(x.x, NAN);
    const ${T} cosine = cos(x.y), sine = sin(x.y), size = fabs(x.x);
    if (size > ${limit["exp"]} && isfinite(size)) {
        const ${T} root = exp(size * 0.5f);
        return (${C})(copysign(root * 0.5f, x.x) * cosine * root, root * 0.5f * sine * root);
    }
    return (${C})(sinh(x.x) * cosine, cosh(x.x) * sine);
}

static OVERLOAD ${C} complex_cosh(${C} x)
{
    if (x.y == 0)
        return (${C})(cosh(x.x), x.x == x.x ? copysign((${T})1, x.x) * x.y : x.y);
    if (x.x == 0 && !isfinite(x.y))
        return (${C})(NAN, x.x);
    if (isinf(x.x) && !isfinite(x.y))
        return (${C})(INFINITY, NAN);
    const ${T} cosine = cos(x.y), sine = sin(x.y), size = fabs(x.x);
    if (size > ${limit["exp"]} && isfinite(size)) {
        const ${T} root = exp(size * 0.5f);
        return (${C})(root * 0.5f * cosine * root, copysign(root * 0.5f, x.x) * sine * root);
    }
    return (${C})(cosh(x.x) * cosine, sinh(x.x) * sine);
}

static OVERLOAD ${C} complex_tanh(${C} x)
{
    if (isnan(x.x))
        return (${C})(x.x, x.y == 0 ? x.y : x.x);
    if (isinf(x.x))
        return (${C})(copysign((${T})1, x.x), copysign((${T})0, isfinite(x.y) ? sin(2 * x.y) : x.y));
    if (!isfinite(x.y))
        return (${C})(x.x == 0 ? x.x : NAN, NAN);
    if (fabs(x.x) > ${limit["tanh"]}) {
        const ${T} decay = exp(-fabs(x.x));
        return (${C})(copysign((${T})1, x.x), 4 * sin(x.y) * cos(x.y) * decay * decay);
    }
    const ${T} t = tan(x.y), s = sinh(x.x), beta = 1 + t * t, rho = sqrt(1 + s * s), scale = 1 / (1 + beta * s * s);
    return (${C})(beta * rho * s * scale, t * scale);
}

static OVERLOAD ${C} complex_sin(${C} x)
{
    return complex_turn_back(complex_sinh(complex_turn(x)));
}

static OVERLOAD ${C} complex_cos(${C} x)
{
    return complex_cosh(complex_turn(x));
}

static OVERLOAD ${C} complex_tan(${C} x)
{
    return complex_turn_back(complex_tanh(complex_turn(x)));
}

static OVERLOAD ${C} complex_acos(${C} x)
{
    if (complex_isinf(x))
        return (${C})(atan2(fabs(x.y), x.x), copysign((${T})INFINITY, -x.y));
    if (isnan(x.y) && x.x == 0)
        return (${C})(1.57079632679489661923${f}, x.y);
    if (complex_isnan(x))
        return (${C})(NAN, NAN);
    const ${C} below = complex_sqrt((${C})(1 - x.x, -x.y)), above = complex_sqrt((${C})(1 + x.x, x.y));
    return (${C})(2 * atan2(below.x, above.x), asinh(above.x * below.y - above.y * below.x));
}

static OVERLOAD ${C} complex_asin(${C} x)
{
    if (complex_isinf(x))
        return (${C})(atan2(x.x, fabs(x.y)), copysign((${T})INFINITY, x.y));
    if (x.x == 0 && isnan(x.y))
        return x;
    if (complex_isnan(x))
        return (${C})(NAN, NAN);
    const ${C} below = complex_sqrt((${C})(1 - x.x, -x.y)), above = complex_sqrt((${C})(1 + x.x, x.y));
    return (${C})(atan2(x.x, below.x * above.x - below.y * above.y), asinh(below.x * above.y - below.y * above.x));
}

static OVERLOAD ${C} complex_asinh(${C} x)
{
    return complex_turn(complex_asin(complex_turn_back(x)));
}

static OVERLOAD ${C} complex_acosh(${C} x)
{
    const ${C} w = complex_acos(x);
    return (${C})(fabs(w.y), isnan(w.x) ? w.x : copysign(w.x, x.y));
}

static OVERLOAD ${C} complex_atanh(${C} x)
{
    const ${T} a = fabs(x.x), b = fabs(x.y), quarter = copysign(1.57079632679489661923${f}, x.y);
    if (complex_isinf(x))
        return (${C})(copysign((${T})0, x.x), isnan(x.y) ? x.y : quarter);
    if (complex_isnan(x))
        return (${C})(x.x == 0 ? x.x : NAN, NAN);
    if (fmax(a, b) > ${limit["huge"]}) {
        const ${T} size = hypot(a * 0.25f, b * 0.25f);
        return (${C})(x.x * 0.25f / size / size * 0.25f, quarter);
    }
    const ${T} near = a == 1 && b < ${limit["tiny"]} ? (${ln2} - log(b)) * 0.5f : log1p(4 * a / ((1 - a) * (1 - a) + b * b)) * 0.25f;
    return (${C})(copysign(near, x.x), atan2(2 * x.y, (1 - a) * (1 + a) - b * b) * 0.5f);
}

static OVERLOAD ${C} complex_atan(${C} x)
{
    return complex_turn_back(complex_atanh(complex_turn(x)));
}

// Small integer powers by squaring, others by exp(y log x), as NumPy does.
static OVERLOAD ${C} complex_pow(${C} x, ${C} y)
{
    if (!complex_nonzero(y))
        return (${C})(1, 0);
    if (!complex_nonzero(x))
        return y.x > 0 ? (${C})(0, 0) : (${C})(NAN, NAN);
    if (y.y == 0 && y.x == rint(y.x) && fabs(y.x) < 100) {
        ${C} result = (${C})(1, 0), square = x;
        for (int rest = (int)fabs(y.x);;) {
            if (rest & 1)
                result = complex_mul(result, square);
            rest >>= 1;
            if (rest == 0)
                break;
            square = complex_mul(square, square);
        }
        return y.x < 0 ? complex_reciprocal(result) : result;
    }
    return complex_exp(complex_mul(y, complex_log(x)));
}

% endfor
