<%page args="spec"/>\
## o0[k] = finish(combine over r of map(x0[k, r], x1[k, r], ...)), kept axes k and reduced axes r merged, axis 0 innermost;
## o1 and more likewise, of other rows over the same elements.
<%
    kept, reduced, lanes, streams = range(1, spec.kept_rank), range(1, spec.reduced_rank), spec.lanes, spec.streams
    fields = list(enumerate(spec.ctypes))
    acc = lambda level, lane: [f"acc{level}_{k}[{lane}]" for k, _ in fields]
    side_by_side = spec.along == "kept"
    states = lanes * streams
    count = "width" if side_by_side and lanes > 1 else states
%>\
<%def name="join(a, b)">\
% for line in spec.combine(a, b):
${line} \
% endfor
</%def>\
<%def name="step(a, b)">\
% for line in spec.step(a, b):
${line} \
% endfor
</%def>\
<%def name="clear(level, lane)">\
% for name, zero in zip(acc(level, lane), spec.identity):
${name} = ${zero}; \
% endfor
</%def>\
## One element into a state: a lane of the first level, or the fields named.
<%def name="take(index, lane, into=None)">\
<% lines, state = spec.element(index) %>\
{ \
% for line in lines:
${line} \
% endfor
% for k, (text, ctype) in enumerate(zip(state, spec.ctypes)):
const ${ctype} e${k} = ${text}; \
% endfor
${step(into or acc(0, lane), [f"e{k}" for k, _ in fields])}}
</%def>\
<%def name="prefetch(behind='')">\
% for x in spec.far:
__builtin_prefetch(${x.name} + i${behind} + ${spec.ahead(x)}); \
% endfor
</%def>\
<%def name="fold_levels()">\
for (int l = 0; l < ${count}; l++) { ${join(acc(1, "l"), acc(0, "l"))} ${clear(0, "l")} }
% for level in range(1, spec.levels - 1):
            if (++folds${level} == fold) {
                folds${level} = 0;
                for (int l = 0; l < ${count}; l++) { ${join(acc(level + 1, "l"), acc(level, "l"))} ${clear(level, "l")} }
% endfor
            ${"}" * (spec.levels - 2)}
</%def>\
kernel void kernel_main(
% for ctype, name in spec.results:
    global ${ctype} *restrict ${name}_data, const long ${name}_offset,
% endfor
% for x in spec.inputs:
    ${x.qualifier}restrict ${x.name}_data, const long ${x.name}_offset,
% endfor
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx items, const idx span, const idx blocks, const idx size, const idx per_part, const idx parts,
% if spec.cascade:
    const idx fold,
% endif
% for a in range(spec.kept_rank):
    const idx k${a},
% endfor
% for a in range(spec.reduced_rank):
    const idx r${a},
% endfor
% for a in range(spec.kept_rank):
    const idx o_kept${a},
% endfor
% for x in spec.inputs:
% for a in range(spec.kept_rank):
    const idx ${x.name}_kept${a},
% endfor
% for a in range(spec.reduced_rank):
    const idx ${x.name}_step${a},
% endfor
% endfor
    ${", ".join(f"const {ctype} {count}, const {ctype} {correction}" for ctype, count, correction in spec.counts)})
{
% if spec.walk == "chunk":
    const idx part = get_global_id(1);
    const idx stop = min(((idx)get_global_id(0) + 1) * span, items);
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
% else:
    // a group has `span` parts of a few items; groups with other parts of them come next
    const idx across = (parts + span - 1) / span, down = get_group_id(0) / across;
    const idx part = (get_group_id(0) - down * across) * span + get_local_id(0) % span;
    const idx item = down * (get_local_size(0) / span) + get_local_id(0) / span;
    if (part < parts && item < items) {
% endif
        idx outer = item / blocks;
% if side_by_side and lanes > 1:
        const idx block = (k0 + blocks - 1) / blocks, j0 = (item - outer * blocks) * block;
        const int width = (int)min(block, k0 - j0);
% else:
        const idx j0 = item - outer * blocks;
% endif
% if spec.stage == "first":
        const idx flat = outer * k0 + j0;
% endif
% for a in kept:
        const idx q${a} = outer % k${a};
        outer /= k${a};
% endfor
% for x in spec.inputs:
        ${x.qualifier}restrict ${x.name}_row = ${x.name}_data + ${x.name}_offset + j0 * ${x.name}_kept0${"".join(f" + q{a} * {x.name}_kept{a}" for a in kept)};
% if x.inner == "s":
        const idx ${x.name}_inner = ${x.name}_${"kept" if side_by_side else "step"}0;
% endif
% endfor
% for level in range(spec.levels):
% for k, ctype in fields:
        ${ctype} acc${level}_${k}[${states}];
% endfor
        for (int l = 0; l < ${count}; l++) { ${clear(level, "l")} }
% endfor
% if spec.cascade:
        int ${", ".join(f"folds{level} = 0" for level in range(1, spec.levels - 1))};
% endif
% if spec.walk == "grid":
% if spec.cascade:
        int steps = 0;
% endif
        for (idx t = part; t < size; t += parts) {
            const ${spec.index_ctype} index = t;
            idx rest = t / r0;
            const idx i = t - rest * r0;
% for a in reduced:
            const idx d${a} = rest % r${a};
            rest /= r${a};
% endfor
% for x in spec.inputs:
            ${x.qualifier}restrict ${x.name} = ${x.name}_row${"".join(f" + d{a} * {x.name}_step{a}" for a in reduced)}${f" + i * {x.name}_step0" if side_by_side else ""};
% endfor
            ${take("0" if side_by_side else "i", "0")}
% if spec.cascade:
            if (++steps == fold) {
                steps = 0;
            ${fold_levels()}
            }
% endif
        }
% else:
        idx t = part * per_part;
        const idx end = min(t + per_part, size);
        idx rest = t / r0;
        idx first = t - rest * r0;
% for a in reduced:
        idx d${a} = rest % r${a};
        rest /= r${a};
% endfor
        while (t < end) {
            const idx last = min(r0, first + (end - t));
            const long base = t - first;
% for x in spec.inputs:
            ${x.qualifier}restrict ${x.name}_run = ${x.name}_row${"".join(f" + d{a} * {x.name}_step{a}" for a in reduced)};
% endfor
            idx i = first;
% if side_by_side:
            while (i < last) {
                const idx until = ${"min(last, i + fold)" if spec.cascade else "last"};
                for (; i < until; i++) {
                    const ${spec.index_ctype} index = base + i;
% for x in spec.inputs:
                    ${x.qualifier}restrict ${x.name} = ${x.name}_run + i * ${x.name}_step0;
% endfor
                    for (int l = 0; l < width; l++) ${take("l", "l")}
                }
% if spec.cascade:
            ${fold_levels()}
% endif
            }
% else:
% for x in spec.inputs:
            ${x.qualifier}restrict ${x.name} = ${x.name}_run;
% endfor
% if streams > 1:
            // pieces of the run side by side: memory is read fastest in several places at once
            const idx piece = (last - first) / ${states} * ${lanes}, ahead = first + piece;
            while (i < ahead) {
                const idx until = ${f"min(ahead, i + {lanes} * fold)" if spec.cascade else "ahead"};
                for (; i < until; i += ${lanes}) {
% for s in range(streams):
                    ${prefetch(f" + {s} * piece" if s else "")}
                    for (int l = 0; l < ${lanes}; l++) {
                        const idx j = i + l${f" + {s} * piece" if s else ""};
                        const ${spec.index_ctype} index = base + j;
                        ${take("j", f"{s * lanes} + l" if s else "l")}
                    }
% endfor
                }
% if spec.cascade:
            ${fold_levels()}
% endif
            }
            i = first + ${streams} * piece;
% endif
            while (i + ${lanes} <= last) {
                const idx until = ${f"min(last, i + {lanes} * fold)" if spec.cascade else "last"};
                for (; i + ${lanes} <= until; i += ${lanes}) {
                    const ${spec.index_ctype} at = base + i;
                    ${prefetch()}
                    for (int l = 0; l < ${lanes}; l++) {
                        const idx j = i + l;
                        const ${spec.index_ctype} index = at + l;
                        ${take("j", "l")}
                    }
                }
% if spec.cascade:
            ${fold_levels()}
% endif
            }
            if (i < last) {
## Lanes are only ever named by constants, or they live in memory; there LLVM 15 mistook old values for current ones.
% for k, ctype in fields:
                ${ctype} rest${k} = ${spec.identity[k]};
% endfor
<% few = [f"rest{k}" for k, _ in fields] %>\
                for (; i < last; i++) {
                    const ${spec.index_ctype} index = base + i;
                    ${take("i", "0", few)}
                }
                ${join(acc(0, "0"), few)}
            }
% endif
            t += last - first;
            first = 0;
% if spec.reduced_rank > 1:
            ${" ".join(f"if (++d{a} == r{a}) {{ d{a} = 0;" for a in reduced)}${" }" * len(reduced)}
% endif
        }
% endif
% for level in range(1, spec.levels):
        for (int l = 0; l < ${count}; l++) { ${join(acc(level, "l"), acc(level - 1, "l"))} ${clear(level - 1, "l")} }
% endfor
<% top = spec.levels - 1 %>\
% if not side_by_side and states > 1:
#pragma unroll
        for (int w = ${states // 2}; w > 0; w /= 2)
            for (int l = 0; l < w; l++) { ${join(acc(top, "l"), acc(top, "l + w"))} }
% endif
% if side_by_side and lanes > 1:
        for (int l = 0; l < width; l++) {
% else:
        {
            const int l = 0;
% endif
% if spec.stage == "first":
% for k, _ in fields:
            o${k}_data[o${k}_offset + part * (items / blocks * k0) + flat + l] = acc${top}_${k}[l];
% endfor
% else:
% for k, text in enumerate(spec.finished(acc(top, "l"))):
            o${k}_data[o${k}_offset + (j0 + l) * o_kept0${"".join(f" + q{a} * o_kept{a}" for a in kept)}] = ${text};
% endfor
% endif
        }
    }
}
