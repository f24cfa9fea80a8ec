<%page args="spec"/>\
## o0[i], o1[i], ... = body(x0[i], x1[i], ...) over the merged axes, axis 0 the innermost.
<% outer = range(1, spec.rank) %>\
kernel void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${spec.restrict} ${x.name}_data, const long ${x.name}_offset,
% endfor
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx size,
% if spec.walk == "chunk":
    const idx chunk,
% endif
    ${", ".join(f"const idx n{a}" for a in range(spec.rank))}
% for x in spec.operands:
% if x.inner == "s":
    , const idx ${x.name}_inner
% endif
% for a in outer:
    , const idx ${x.name}_step${a}
% endfor
% endfor
)
{
% if spec.walk != "grid":
% if spec.walk == "chunk":
    idx at = (idx)get_global_id(0) * chunk;
    const idx end = min(at + chunk, size);
% else:
    idx at = 0;
    const idx end = size;
% endif
    idx rest = at / n0;
    idx first = at - rest * n0;
% for a in outer:
    idx c${a} = rest % n${a};
    rest /= n${a};
% endfor
    while (at < end) {
        const idx last = min(n0, first + (end - at));
% for x in spec.operands:
        ${x.qualifier}${spec.restrict} ${x.name} = ${x.name}_data + ${x.name}_offset${"".join(f" + c{a} * {x.name}_step{a}" for a in outer)};
% endfor
% for a in spec.indices:
% if a != spec.rank - 1:
        const long i${a} = c${spec.rank - 1 - a};
% endif
% endfor
% if spec.aliased and spec.walk == "chunk":
        #pragma clang loop vectorize(assume_safety)
% endif
        for (idx i = first; i < last; i++) {
% if spec.rank - 1 in spec.indices:
            const long i${spec.rank - 1} = i;
% endif
% for line in spec.body:
            ${line}
% endfor
        }
        at += last - first;
        first = 0;
% if spec.rank > 1:
        ${" ".join(f"if (++c{a} == n{a}) {{ c{a} = 0;" for a in outer)}${" }" * len(outer)}
% endif
    }
% else:
    for (idx at = get_global_id(0); at < size; at += get_global_size(0)) {
% if spec.rank > 1:
        idx rest = at / n0;
        const idx i = at - rest * n0;
% for a in outer:
% if a < spec.rank - 1:
        const idx c${a} = rest % n${a};
        rest /= n${a};
% else:
        const idx c${a} = rest;
% endif
% endfor
% else:
        const idx i = at;
% endif
% for x in spec.operands:
        ${x.qualifier}${spec.restrict} ${x.name} = ${x.name}_data + ${x.name}_offset${"".join(f" + c{a} * {x.name}_step{a}" for a in outer)};
% endfor
% for a in spec.indices:
        const long i${a} = ${"i" if a == spec.rank - 1 else f"c{spec.rank - 1 - a}"};
% endfor
% for line in spec.body:
        ${line}
% endfor
    }
% endif
}
