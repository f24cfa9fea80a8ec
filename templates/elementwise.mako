<%page args="spec"/>\
## o0[i], o1[i], ... = body(x0[i], x1[i], ...) over the merged axes, axis 0 the innermost.
kernel void kernel_main(
    ${parameters(spec)})
{
    ${walk(spec)}
}
## What is passed for one spec; `tag` tells the names of several apart.
<%def name="parameters(spec, tag='')">\
<% outer = range(1, spec.rank) %>\
% for x in spec.operands:
    ${x.qualifier}${spec.restrict} ${x.name}_data, const long ${x.name}_offset,
% endfor
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx size${tag},
% if spec.walk == "chunk":
    const idx chunk${tag},
% endif
    ${", ".join(f"const idx n{a}{tag}" for a in range(spec.rank))}
% for x in spec.operands:
% if x.inner == "s":
    , const idx ${x.name}_inner
% endif
% for a in outer:
    , const idx ${x.name}_step${a}
% endfor
% endfor
</%def>\
## The work-item's share of the elements.
<%def name="walk(spec, tag='')">\
<% outer = range(1, spec.rank) %>\
% if spec.walk != "grid":
% if spec.walk == "chunk":
    idx at = (idx)get_global_id(0) * chunk${tag};
    const idx end = min(at + chunk${tag}, size${tag});
% else:
    idx at = 0;
    const idx end = size${tag};
% endif
    idx rest = at / n0${tag};
    idx first = at - rest * n0${tag};
% for a in outer:
    idx c${a} = rest % n${a}${tag};
    rest /= n${a}${tag};
% endfor
    while (at < end) {
        const idx last = min(n0${tag}, first + (end - at));
% for x in spec.operands:
        ${x.qualifier}${spec.restrict} ${x.name} = ${x.name}_data + ${x.name}_offset${"".join(f" + c{a} * {x.name}_step{a}" for a in outer)};
% endfor
% for a in spec.indices:
% if a != spec.rank - 1:
        const long i${a} = c${spec.rank - 1 - a};
% endif
% endfor
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
        ${" ".join(f"if (++c{a} == n{a}{tag}) {{ c{a} = 0;" for a in outer)}${" }" * len(outer)}
% endif
    }
% else:
    for (idx at = get_global_id(0); at < size${tag}; at += get_global_size(0)) {
% if spec.rank > 1:
        idx rest = at / n0${tag};
        const idx i = at - rest * n0${tag};
% for a in outer:
% if a < spec.rank - 1:
        const idx c${a} = rest % n${a}${tag};
        rest /= n${a}${tag};
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
</%def>\
