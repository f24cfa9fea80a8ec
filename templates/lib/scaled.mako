## Numbers whose exponent lies apart: (m, e) stands for m times 2 to the power e, so that products of many neither
## overflow nor underflow. 1 <= |m| < 2, or m is 0, infinite or NaN. A product is rounded as one of plain numbers is.
<%page args="spec"/>\
<%
    formats = {"float": ("int", 23, 127, "f"), "double": ("long", 52, 1023, "")}
%>\
% for T in ("float", "double") if spec.fp64 else ("float",):
<% C, (I, digits, bias, f) = T + "2", formats[T] %>\
static OVERLOAD ${C} scaled_from(${T} x)
{
    const bool small = fabs(x) < 0x1p${1 - bias}${f};  // subnormal, or 0
    const ${T} normal = small ? x * 0x1p${digits + 1}${f} : x;
    const ${I} bits = as_${I}(normal), power = (bits >> ${digits}) & ${2 * bias + 1};
    if (power == 0 || power == ${2 * bias + 1})  // 0, infinite or NaN
        return (${C})(x, 0);
    const ${I} one = (${I})${bias} << ${digits}, field = (${I})${2 * bias + 1} << ${digits};
    return (${C})(as_${T}((bits & ~field) | one), power - ${bias} - (small ? ${digits + 1} : 0));
}

static OVERLOAD ${C} scaled_product(${C} a, ${C} b)
{
    const ${T} m = a.x * b.x;
    const bool over = fabs(m) >= 2;
    return (${C})(over ? m * ${"0.5" + f} : m, a.y + b.y + (over ? 1 : 0));
}

// In two steps: no power of 2 that a subnormal result needs is itself less than the least normal number.
static OVERLOAD ${T} scaled_value(${C} x)
{
    const ${I} e = x.y > ${2 * bias} ? ${2 * bias} : x.y < ${2 * (1 - bias)} ? ${2 * (1 - bias)} : (${I})x.y;
    const ${I} half_way = e / 2;
    return x.x * as_${T}((half_way + ${bias}) << ${digits}) * as_${T}((e - half_way + ${bias}) << ${digits});
}

% endfor
