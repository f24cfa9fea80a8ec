## Functions of one instruction: the builtins, or where these are calls (PoCL from pip), the compiler's own.
<%page args="spec, inline"/>\
<%
    call = lambda name, f: f"__builtin_{name}{f}" if name in inline else name
%>\
% for T, I, f in (("float", "int", "f"), ("double", "long", "")) if spec.fp64 else (("float", "int", "f"),):
% for name in ("fabs", "floor", "ceil", "trunc", "rint", "sqrt"):
static OVERLOAD ${T} real_${name}(${T} x)
{
    return ${call(name, f)}(x);
}

% endfor
% for name in ("copysign", "fmin", "fmax"):
static OVERLOAD ${T} real_${name}(${T} x, ${T} y)
{
    return ${call(name, f)}(x, y);
}

% endfor
static OVERLOAD ${T}2 real_rint(${T}2 x)
{
    return (${T}2)(real_rint(x.x), real_rint(x.y));
}

static OVERLOAD int real_isnan(${T} x)
{
    return x != x;
}

static OVERLOAD int real_isinf(${T} x)
{
    return real_fabs(x) == INFINITY;
}

static OVERLOAD int real_isfinite(${T} x)
{
    return real_fabs(x) < INFINITY;
}

static OVERLOAD int real_signbit(${T} x)
{
    return as_${I}(x) < 0;
}

% endfor
