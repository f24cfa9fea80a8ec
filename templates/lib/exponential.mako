## Exponential functions. x is cut into a whole number of powers of two and a rest of at most half of one.
<%page args="spec"/>\
<%! from clarray.codegen.inline import reals %>\
// A product may be rounded with the sum that takes it: no digits are lost, and a device with fma takes half the steps.
#pragma OPENCL FP_CONTRACT ON
% for t in reals(spec.fp64):
<%
    T, I, c = t.ctype, t.integer, t.number
    suffix = "f" if T == "float" else ""
    shift = f"0x1.8p{t.fraction}" + suffix
    far = (t.most + 1) // 2
    ln2, log10_2, log2_e = (t.table(name) for name in ("LN2", "LOG10_2", "LOG2_E"))
    least, greatest = (-105, 90) if T == "float" else (-746, 712)  # exp is 0 below, half of it infinite above
    least_10, greatest_10 = (-46, 39) if T == "float" else (-325, 310)
    far_2 = 160 if T == "float" else 1100
    minus_1 = -20 if T == "float" else -40  # expm1 is -1 below
%>\
// Adding ${shift} to x, |x| < 2^${t.fraction - 1}, rounds it to an integer, held in the sum's lowest bits.
static OVERLOAD ${I} exponential_integer(${T} shifted)
{
    return as_${I}(shifted) - as_${I}(${shift});
}

// 2^n, ${1 - t.most} <= n <= ${t.most}
static OVERLOAD ${T} exponential_power(${I} n)
{
    return as_${T}((u${I})(n + ${t.most}) << ${t.fraction});
}

// x 2^n, |n| < ${2 * t.most - 1}, in two steps of which only the second rounds
static OVERLOAD ${T} exponential_scale(${T} x, ${I} n)
{
    const ${I} part = n >> 1;
    return x * exponential_power(part) * exponential_power(n - part);
}

// exp(x + low) factor 2^bias; low is small against 1. (A low of -0 and a factor of 1 cost nothing.) The power of two goes
// by way of 2^${far} or 2^-${far}, so that it is in range: its exponent is the rounded sum's lowest bits.
static OVERLOAD ${T} exponential_natural(${T} x, ${T} low, ${T} factor, ${I} bias)
{
    const ${T} least = x < ${least} ? ${least} : x, near = least > ${greatest} ? ${greatest} : least;
    const bool below = near < 0;
    const ${T} back = below ? 0x1p-${far}${suffix} : 0x1p${far}${suffix};
    const ${T} turn = below ? ${shift} + ${t.most + far} : ${shift} + ${t.most - far};
    const ${T} shifted = near * ${c(log2_e[0])} + turn, n = shifted - turn;
    const ${T} r = (near - n * ${c(ln2[0])}) - n * ${c(ln2[1])} + low;
    const ${T} p = r + r * r * ${t.horner("r", "EXP")}, power = factor * as_${T}(as_u${I}(shifted) << ${t.fraction});
    return (power + power * p) * (back * exponential_power(bias));
}

// 2^(x + low) factor
static OVERLOAD ${T} exponential_binary(${T} x, ${T} low, ${T} factor)
{
    const bool below = x < ${-far_2}, above = x > ${far_2};
    const ${T} near = below ? ${-far_2} : above ? ${far_2} : x;
    const ${T} shifted = near + ${shift}, n = shifted - ${shift};
    const ${T} r = near - n + (below || above ? 0 : low);
    const ${T} p = r * ${t.horner("r", "EXP2")};
    return exponential_scale(factor + factor * p, exponential_integer(shifted));
}

static OVERLOAD ${T} exponential_exp(${T} x)
{
    return exponential_natural(x, (${T})-0.0f, (${T})1, (${I})0);
}

static OVERLOAD ${T} exponential_exp2(${T} x)
{
    return exponential_binary(x, (${T})-0.0f, (${T})1);
}

static OVERLOAD ${T} exponential_exp10(${T} x)
{
    const ${T} least = x < ${least_10} ? ${least_10} : x, near = least > ${greatest_10} ? ${greatest_10} : least;
    const ${T} shifted = near * ${c(t.table("LOG2_10"))} + ${shift}, n = shifted - ${shift};
    const ${T} r = (near - n * ${c(log10_2[0])}) - n * ${c(log10_2[1])};
    return exponential_scale(1 + r * ${t.horner("r", "EXP10")}, exponential_integer(shifted));
}

// 2^n (exp(r) - 1) + (2^n - 1)
static OVERLOAD ${T} exponential_expm1(${T} x)
{
    const ${T} least = x < ${minus_1} ? ${minus_1} : x, near = least > ${greatest} ? ${greatest} : least;
    const ${T} shifted = near * ${c(log2_e[0])} + ${shift}, n = shifted - ${shift};
    const ${T} r = (near - n * ${c(ln2[0])}) - n * ${c(ln2[1])};
    const ${T} p = r + r * r * ${t.horner("r", "EXP")};
    const ${I} exponent = exponential_integer(shifted), most = exponent > ${t.most} ? ${t.most} : exponent;
    const ${T} power = exponential_power(most), rest = exponential_power(exponent - most);
    const ${T} result = (power * p + (power - 1)) * rest;
    return x == 0 ? x : result;
}

% endfor
% if not getattr(spec, "contract", False):
#pragma OPENCL FP_CONTRACT OFF
% endif
