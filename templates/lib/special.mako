## Real functions that OpenCL has not, or has with other special values than NumPy's.
<%page args="spec"/>\
<%!
    from clarray.codegen.inline import horner
    from clarray.codegen.math_tables import ERFINV, ERFINV_TAIL
%>\
<%
    def polynomial(variable, suffix, coefficients):
        """Horner's scheme, constant term first."""
        *rest, text = [f"{c}{suffix}" for c in coefficients]
        for c in reversed(rest):
            text = f"({text} * {variable} + {c})"
        return text

    # Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988, PPND16:
    # numerators and denominators for the middle, the tails, and the far tails.
    wichura = {
        "middle": (
            ("3.3871328727963666080", "133.14166789178437745", "1971.5909503065514427", "13731.693765509461125",
             "45921.953931549871457", "67265.770927008700853", "33430.575583588128105", "2509.0809287301226727"),
            ("1.0", "42.313330701600911252", "687.18700749205790830", "5394.1960214247511077",
             "21213.794301586595867", "39307.895800092710610", "28729.085735721942674", "5226.4952788528545610"),
        ),
        "tail": (
            ("1.42343711074968357734", "4.63033784615654529590", "5.76949722146069140550", "3.64784832476320460504",
             "1.27045825245236838258", "0.241780725177450611770", "0.0227238449892691845833", "7.74545014278341407640e-4"),
            ("1.0", "2.05319162663775882187", "1.67638483018380384940", "0.689767334985100004550",
             "0.148103976427480074590", "0.0151986665636164571966", "5.47593808499534494600e-4", "1.05075007164441684324e-9"),
        ),
        "far": (
            ("6.65790464350110377720", "5.46378491116411436990", "1.78482653991729133580", "0.296560571828504891230",
             "0.0265321895265761230930", "1.24266094738807843860e-3", "2.71155556874348757815e-5", "2.01033439929228813265e-7"),
            ("1.0", "0.599832206555887937690", "0.136929880922735805310", "0.0148753612908506148525",
             "7.86869131145613259100e-4", "1.84631831751005468180e-5", "1.42151175831644588870e-7", "2.04426310338993978564e-15"),
        ),
    }
    # digamma(x) / (x - root) on [1, 2] in powers of x - 1.5, interpolated at Chebyshev's points.
    digamma = {
        "float": (
            "0.951055896232913432", "-0.423627434739011916", "0.240538452992471921", "-0.148402237520609581",
            "0.0951162217933890197", "-0.0620070688613425835", "0.0393694193394142482", "-0.0260488822271440106",
            "0.0239090714385770433", "-0.0159063175616306501",
        ),
        "double": (
            "0.951055876031832893", "-0.423627421281460505", "0.240542484240774219", "-0.148404923053908857",
            "0.0949887244549412133", "-0.0619221332730645317", "0.040760833812420736", "-0.0269757967561382488",
            "0.0179072524394511994", "-0.0119082180015686448", "0.00792694464640379604", "-0.00527996487325740421",
            "0.00351900640150227605", "-0.00234526763254076904", "0.00155663174744868393", "-0.00103763740984186047",
            "0.000723326627928755416", "-0.000482199053056678888", "0.000227233166098737588", "-0.000151485868367733659",
            "0.000259684821264307466", "-0.000173122618027273933",
        ),
    }
    # The root, in two parts that add up to twice the precision.
    root = {"float": ("0x1.762d86p+0f", "0x1.ab5f2p-27f"), "double": ("0x1.762d86356be3fp+0", "0x1.b86a722197829p-54")}
    # Bernoulli numbers over 2n: the asymptotic series in 1/x^2, Abramowitz and Stegun 6.3.18.
    euler_maclaurin = (  # Bernoulli numbers over (2n)!
        (1, 12), (-1, 720), (1, 30240), (-1, 1209600), (1, 47900160), (-691, 1307674368000), (1, 74724249600),
        (-3617, 10670622842880000), (43867, 5109094217170944000), (-174611, 802857662698291200000),
    )
    bernoulli = ("1.0/12", "-1.0/120", "1.0/252", "-1.0/240", "1.0/132", "-691.0/32760", "1.0/12")
%>\
% for T in ("float", "double") if spec.fp64 else ("float",):
<% f = "f" if T == "float" else "" %>\
// NumPy's remainder: the sign is the divisor's, and so is a zero's.
static OVERLOAD ${T} special_remainder(${T} x, ${T} y)
{
    const ${T} r = fmod(x, y);
    return y == 0 ? r : r == 0 ? copysign((${T})0, y) : (r < 0) != (y < 0) ? r + y : r;
}

// The floor of x / y that fits this remainder: x - r is a multiple of y, so the quotient is all but an integer.
static OVERLOAD ${T} special_floor_divide(${T} x, ${T} y)
{
    const ${T} r = fmod(x, y);
    const ${T} q = (x - r) / y - (r != 0 && (r < 0) != (y < 0) ? 1 : 0);
    return y == 0 ? x / y : q == 0 ? copysign((${T})0, x / y) : rint(q);
}

static OVERLOAD ${T} special_maximum(${T} x, ${T} y)
{
    return x >= y || x != x ? x : y;
}

static OVERLOAD ${T} special_minimum(${T} x, ${T} y)
{
    return x <= y || x != x ? x : y;
}

static OVERLOAD ${T} special_logaddexp(${T} x, ${T} y)
{
    const ${T} apart = x == y ? 0 : x - y;  // infinities that are equal are no distance apart
    return special_maximum(x, y) + log1p(exp(-fabs(apart)));
}

static OVERLOAD ${T} special_expit(${T} x)
{
    const ${T} e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

// 2 artanh(2x - 1) keeps its digits about 1/2, where x / (1 - x) does not.
static OVERLOAD ${T} special_logit(${T} x)
{
    const ${T} middle = 2 * x - 1;
    return fabs(middle) < 0.5f ? 2 * atanh(middle) : log(x / (1 - x));
}

% if T == "float":
// Polynomials in w = -log(1 - x^2): Giles, "Approximating the erfinv function", 2011.
static OVERLOAD float special_erfinv(float x)
{
    const float a = fabs(x), w = -log((1 - a) * (1 + a));
    const float v = w - 2.5f, s = sqrt(w) - 3;
    const float near = ${horner("v", ERFINV)};
    const float far = ${horner("s", ERFINV_TAIL)};
    return a == 1 ? copysign(INFINITY, x) : x * (w < 5 ? near : far);
}

% else:
static OVERLOAD double special_erfinv(double x)
{
    const double q = x / 2, a = fabs(x);
    double z;
    if (a <= 0.85f) {
        const double r = 0.180625 - q * q;
        z = q * ${polynomial("r", "", wichura["middle"][0])} / ${polynomial("r", "", wichura["middle"][1])};
    } else {
        double r = sqrt(-log((1 - a) / 2));
        if (r <= 5) {
            r -= 1.6;
            z = ${polynomial("r", "", wichura["tail"][0])} / ${polynomial("r", "", wichura["tail"][1])};
        } else {
            r -= 5;
            z = ${polynomial("r", "", wichura["far"][0])} / ${polynomial("r", "", wichura["far"][1])};
        }
        z = copysign(z, x);
    }
    z *= 0.70710678118654752440;
    return a == 1 ? copysign((double)INFINITY, x) : z;
}

% endif
// erfinv(1 - x), right for small x, by Wichura's rational functions in both precisions.
static OVERLOAD ${T} special_erfcinv(${T} x)
{
    const ${T} q = (1 - x) / 2, a = fabs(1 - x);
    ${T} z;
    if (a <= 0.85f) {
        const ${T} r = 0.180625${f} - q * q;
        z = q * ${polynomial("r", f, wichura["middle"][0])} / ${polynomial("r", f, wichura["middle"][1])};
    } else {
        ${T} r = sqrt(0.69314718055994530942${f} - log(fmin(x, 2 - x)));
        if (r <= 5) {
            r -= 1.6${f};
            z = ${polynomial("r", f, wichura["tail"][0])} / ${polynomial("r", f, wichura["tail"][1])};
        } else {
            r -= 5;
            z = ${polynomial("r", f, wichura["far"][0])} / ${polynomial("r", f, wichura["far"][1])};
        }
        z = copysign(z, 1 - x);
    }
    z *= 0.70710678118654752440${f};
    return x == 0 || x == 2 ? copysign((${T})INFINITY, 1 - x) : z;
}

// Reflection for negative x, recurrence up to 10, then the asymptotic series; on [1, 2] a polynomial about the root.
static OVERLOAD ${T} special_digamma(${T} x)
{
    ${T} shift = 0;
    if (x <= 0) {
        if (x == 0)
            return copysign((${T})INFINITY, -x);
        if (x == floor(x))
            return NAN;
        shift = -3.14159265358979323846${f} / tanpi(x);
        x = 1 - x;
    }
    if (x >= 1 && x <= 2) {
        const ${T} t = x - 1.5f;
        return shift + ((x - ${root[T][0]}) - ${root[T][1]}) * ${polynomial("t", f, digamma[T])};
    }
    while (x < 10) {
        shift -= 1 / x;
        x += 1;
    }
    const ${T} w = 1 / (x * x);
    return shift + log(x) - 1 / (2 * x) - w * ${polynomial("w", "", [f"({c.replace('/', f + ' / ')})" for c in bernoulli])};
}

// Terms up to q = 20, then Euler and Maclaurin's sum, Abramowitz and Stegun 23.1.5.
static OVERLOAD ${T} special_zeta(${T} s, ${T} q)
{
    if (!(s > 1 && q > 0))
        return s == 1 && q > 0 ? INFINITY : NAN;
    if (isinf(q) || isinf(s))
        return isinf(q) || q > 1 ? 0 : q < 1 ? INFINITY : 1;
    ${T} total = 0;
    while (q < 20) {
        total += pow(q, -s);
        q += 1;
    }
    const ${T} power = pow(q, -s), w = 1 / (q * q);
    ${T} term = s * power / q;
    total += pow(q, 1 - s) / (s - 1) + power / 2;
    if (power == 0)
        return total;
% for k, (n, d) in enumerate(euler_maclaurin):
    total += term * (${n}.0${f} / ${d}.0${f});
% if k + 1 < len(euler_maclaurin):
    term *= (s + ${2 * k + 1}) * (s + ${2 * k + 2}) * w;
% endif
% endfor
    return total;
}

% endfor
