## Records that sort as unsigned integers do: a key that follows the order of a dtype, and maybe an index beside it.
<%page args="spec"/>\
<%
    k = spec.keys
    flip = "~" if k.descending else ""
    complex_, pair = k.dtype.kind == "c", k.bits == 128
%>\
% if k.dtype.kind in "fc":
// A real number's bits as an unsigned integer of the same order; all NaNs are one, above infinity.
static ${k.word} sort_real(${k.word} x)
{
    const ${k.word} up = x & ${k.sign} ? ~x : x | ${k.sign};
    return (${k.word})(x & ~${k.sign}) > ${k.infinity} ? ${k.nan} : up;
}

static ${k.word} sort_unreal(${k.word} key)
{
    return key & ${k.sign} ? key ^ ${k.sign} : ~key;
}

// -0 and 0 as one.
static ${k.word} sort_same(${k.word} key)
{
    return key == (${k.word})~${k.sign} ? ${k.sign} : key;
}

% endif
static ${k.storage} sort_encode(${k.storage} x)
{
% if complex_:
    // those with NaN as imaginary part alone come after all without NaN
<% real, imaginary = ("x.x", "x.y") if pair else ("as_uint2(x).x", "as_uint2(x).y") %>\
    const ${k.word} re = sort_real(${real}), im = sort_real(${imaginary});
    const int odd = im == ${k.nan} && re != ${k.nan};
    const ${k.word} high = ${flip}(odd ? ${k.half_nan} : re), low = ${flip}(odd ? re : im);
% if k.indexed:
    return ${k.joined("sort_same(high)", "sort_same(low)")};
% else:
    return ${k.joined("high", "low")};
% endif
% elif k.dtype.kind == "f" and k.indexed:
    return sort_same((${k.word})${flip}sort_real(x));
% elif k.dtype.kind == "f":
    return ${flip}sort_real(x);
% elif k.dtype.kind == "i":
    return ${flip}(x ^ ${k.sign});
% else:
    return ${flip}x;
% endif
}

% if k.indexed:
static ${k.record} sort_record(${k.storage} key, ulong index)
{
% if k.record == "ulong":
    return (ulong)key << 32 | index;
% elif k.record == "ulong2":
    return (ulong2)(index, key);
% else:
    return (ulong4)(index, key.x, key.y, 0);
% endif
}

static ulong sort_index(${k.record} r)
{
    return ${"(uint)r" if k.record == "ulong" else "r.x"};
}

% if not pair:
static ${k.storage} sort_key(${k.record} r)
{
    return ${"r >> 32" if k.record == "ulong" else "r.y"};
}

% endif
% else:
static ${k.record} sort_record(${k.storage} key, ulong index)
{
    return key;
}

static ${k.storage} sort_decode(${k.record} r)
{
% if complex_:
    const ${k.word} high = ${flip}${"r.y" if pair else "(uint)(r >> 32)"}, low = ${flip}${"r.x" if pair else "(uint)r"};
    const int odd = high == ${k.half_nan};
    const ${k.word} re = sort_unreal(odd ? low : high), im = sort_unreal(odd ? ${k.nan} : low);
    return ${"(ulong2)(re, im)" if pair else "as_ulong((uint2)(re, im))"};
% elif k.dtype.kind == "f":
    return sort_unreal((${k.word})${flip}r);
% elif k.dtype.kind == "i":
    return ${flip}r ^ ${k.sign};
% else:
    return ${flip}r;
% endif
}

% endif
// What of a record is compared: of values alone, -0 is 0.
static ${k.record} sort_order(${k.record} r)
{
% if k.indexed or k.dtype.kind not in "fc":
    return r;
% elif not complex_:
    return sort_same(r);
% elif pair:
    return (ulong2)(sort_same(r.x), sort_same(r.y));
% else:
    return ${k.joined("sort_same((uint)(r >> 32))", "sort_same((uint)r)")};
% endif
}

static int sort_less(${k.record} a, ${k.record} b)
{
% if k.record == "ulong2":
    return a.y < b.y || (a.y == b.y && a.x < b.x);
% elif k.record == "ulong4":
    return a.z < b.z || (a.z == b.z && (a.y < b.y || (a.y == b.y && a.x < b.x)));
% else:
    return a < b;
% endif
}

static int sort_equal(${k.record} a, ${k.record} b)
{
% if k.indexed:
    return 0;
% elif pair:
    return a.x == b.x && a.y == b.y;
% else:
    return a == b;
% endif
}

% if hasattr(spec, "width"):
static int sort_digit(${k.record} r, int shift)
{
    const ${k.record} o = sort_order(r);
% if not pair:
    return (int)(${"o.y" if k.record == "ulong2" else "o"} >> shift & ${2**spec.width - 1});
% else:
<% low, high = ("o.y", "o.z") if k.indexed else ("o.x", "o.y") %>\
    return (int)((shift < 64 ? ${low} >> shift : ${high} >> (shift - 64)) & ${2**spec.width - 1});
% endif
}
% endif
