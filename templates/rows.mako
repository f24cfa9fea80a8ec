<%page args="spec"/>\
## o[row, i] = result(x0[row, i], ..., value0, ...) where valueK is what stage K found by reducing the row.
<%
    T, lanes, stages = spec.register.ctype, spec.lanes, list(enumerate(spec.program.stages))
    chunk, along, per_row = spec.walk == "chunk", spec.along, spec.program.per_row
    operands = [("o", spec.out.storage, "", spec.out_inner)] + [(x.name, x.row.storage, "const ", x.inner) for x in spec.inputs]
    outer = range(1, spec.rank)
%>\
<%def name="take(k, stage, index, place, acc)">\
<% lines, state, kept = spec.element(stage, index, place) %>\
{ ${" ".join(lines)} const ${T} e = ${state}; \
% if stage.keeps and spec.cached:
cache[${place}] = ${kept}; \
% endif
${acc} = ${spec.joined(stage, acc, "e")}; }\
</%def>\
<%def name="put(index, place)">\
<% lines, text = spec.result(index, place) %>\
{ ${" ".join(lines)} ${spec.at_out(index)} = ${text}; }\
</%def>\
kernel void kernel_main(
% for name, ctype, const, _ in operands:
    global ${const}${ctype} *restrict ${name}_data, const long ${name}_offset,
% endfor
% if spec.keeps:
    local ${T} *restrict cache_data,
% endif
% if not chunk:
    local ${T} *restrict found,
% endif
    const idx items, const idx span, const idx blocks, const idx size,
    ${", ".join(f"const idx n{a}" for a in range(spec.rank))},
% for name, _, _, _ in operands:
    ${", ".join(f"const idx {name}_row{a}" for a in range(spec.rank))}, const idx ${name}_step,
% endfor
    const ${T} count)
{
% if chunk:
    const idx stop = min(((idx)get_global_id(0) + 1) * span, items);
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
        idx rest = item / blocks;
        const idx j0 = (item - rest * blocks) * ${1 if along else lanes};
% if not along:
        const int width = (int)min((idx)${lanes}, n0 - j0);
% endif
% else:
    const int id = get_local_id(0), hands = span, neighbours = get_local_size(0) / hands;
% if along:
    const int mine = id / hands, hand = id - mine * hands;
% else:
    const int hand = id / neighbours, mine = id - hand * neighbours;
% endif
    const idx row = (idx)get_group_id(0) * neighbours + mine;
    {
        const idx item = min(row, items - 1);  // all reach the barriers; only rows that exist are written
        idx rest = item / n0;
        const idx j0 = item - rest * n0;
% endif
% for a in outer:
        const idx q${a} = rest % n${a};
        rest /= n${a};
% endfor
% for name, ctype, const, inner in operands:
        global ${const}${ctype} *restrict ${name}_line = ${name}_data + ${name}_offset + j0 * ${name}_row0${"".join(f" + q{a} * {name}_row{a}" for a in outer)};
% if inner == "s":
        const idx ${name}_inner = ${name}_${"step" if along else "row0"};
% endif
% endfor
% if chunk and along:
% if spec.keeps:
        local ${T} *restrict cache = cache_data;
% endif
% for name, ctype, const, _ in operands:
        global ${const}${ctype} *restrict ${name} = ${name}_line;
% endfor
        idx i;
% for k, stage in stages:
        ${T} value${k};
        {
            ${T} acc[${lanes}], sum[${lanes}];
            for (int l = 0; l < ${lanes}; l++)
                acc[l] = sum[l] = ${spec.identity(stage)};
            for (i = 0; i + ${lanes} <= size;) {
                const idx until = ${f"min(size, i + {lanes * 32})" if spec.cascade(stage) else "size"};
                for (; i + ${lanes} <= until; i += ${lanes})
                    for (int l = 0; l < ${lanes}; l++) {
                        const idx j = i + l;
                        ${take(k, stage, "j", "j", "acc[l]")}
                    }
% if spec.cascade(stage):
                for (int l = 0; l < ${lanes}; l++) {
                    sum[l] = ${spec.joined(stage, "sum[l]", "acc[l]")};
                    acc[l] = ${spec.identity(stage)};
                }
% endif
            }
            for (int l = 0; i < size; i++, l++)
                ${take(k, stage, "i", "i", "acc[l]")}
            for (int l = 0; l < ${lanes}; l++)
                acc[l] = ${spec.joined(stage, "sum[l]", "acc[l]") if spec.cascade(stage) else "acc[l]"};
            for (int w = ${lanes // 2}; w > 0; w /= 2)
                for (int l = 0; l < w; l++)
                    acc[l] = ${spec.joined(stage, "acc[l]", "acc[l + w]")};
            value${k} = ${spec.finished(stage, "acc[0]")};
        }
% endfor
% if per_row:
        i = 0;
        ${put("0", "0")}
% else:
        for (i = 0; i < size; i++)
            ${put("i", "i")}
% endif
% elif chunk:
% if spec.keeps:
        local ${T} *restrict cache = cache_data;
% endif
% for k, stage in stages:
        ${T} value${k}[${lanes}];
        {
% if spec.cascade(stage):
            ${T} acc[${lanes}], sum[${lanes}], total[${lanes}];
            for (int l = 0; l < ${lanes}; l++)
                acc[l] = sum[l] = total[l] = ${spec.identity(stage)};
            int folds = 0;
% else:
            ${T} acc[${lanes}];
            for (int l = 0; l < ${lanes}; l++)
                acc[l] = ${spec.identity(stage)};
% endif
            for (idx i = 0; i < size;) {
                const idx until = ${"min(size, i + 32)" if spec.cascade(stage) else "size"};
                for (; i < until; i++) {
% for name, ctype, const, _ in operands[1:]:
                    global ${const}${ctype} *restrict ${name} = ${name}_line + i * ${name}_step;
% endfor
                    const idx at = i * ${lanes};
                    if (width == ${lanes})
                        for (int l = 0; l < ${lanes}; l++)
                            ${take(k, stage, "l", "at + l", "acc[l]")}
                    else
                        for (int l = 0; l < width; l++)
                            ${take(k, stage, "l", "at + l", "acc[l]")}
                }
% if spec.cascade(stage):
                for (int l = 0; l < ${lanes}; l++) {
                    sum[l] = ${spec.joined(stage, "sum[l]", "acc[l]")};
                    acc[l] = ${spec.identity(stage)};
                }
                if (++folds == 32) {
                    folds = 0;
                    for (int l = 0; l < ${lanes}; l++) {
                        total[l] = ${spec.joined(stage, "total[l]", "sum[l]")};
                        sum[l] = ${spec.identity(stage)};
                    }
                }
% endif
            }
            for (int l = 0; l < ${lanes}; l++)
                value${k}[l] = ${spec.finished(stage, f"({spec.joined(stage, 'total[l]', 'sum[l]')})" if spec.cascade(stage) else "acc[l]")};
        }
% endfor
        for (idx i = 0; i < ${1 if per_row else "size"}; i++) {
% for name, ctype, const, _ in operands:
            global ${const}${ctype} *restrict ${name} = ${name}_line + i * ${name}_step;
% endfor
            const idx at = i * ${lanes};
            if (width == ${lanes})
                for (int l = 0; l < ${lanes}; l++)
                    ${put("l", "at + l")}
            else
                for (int l = 0; l < width; l++)
                    ${put("l", "at + l")}
        }
% else:
% for name, ctype, const, _ in operands:
        global ${const}${ctype} *restrict ${name} = ${name}_line;
% endfor
% if spec.keeps:
        local ${T} *restrict cache = cache_data + ${"mine * size" if along else "mine"};
% endif
<% place = "i" if along else "i * neighbours" %>\
        const int slot = mine * hands + hand;
% for k, stage in stages:
        ${T} value${k};
        {
            ${T} acc = ${spec.identity(stage)}, sum = acc;
            int steps = 0;
            for (idx i = hand; i < size; i += hands) {
% if not along:
% for name, ctype, const, _ in operands[1:]:
                global ${const}${ctype} *restrict ${name} = ${name}_line + i * ${name}_step;
% endfor
% endif
                ${take(k, stage, "i" if along else "0", place, "acc")}
% if spec.cascade(stage):
                if (++steps == 32) {
                    sum = ${spec.joined(stage, "sum", "acc")};
                    acc = ${spec.identity(stage)};
                    steps = 0;
                }
% endif
            }
            found[slot] = ${spec.joined(stage, "sum", "acc") if spec.cascade(stage) else "acc"};
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int w = hands / 2; w > 0; w /= 2) {
                if (hand < w)
                    found[slot] = ${spec.joined(stage, "found[slot]", "found[slot + w]")};
                barrier(CLK_LOCAL_MEM_FENCE);
            }
            const ${T} whole = found[mine * hands];
            value${k} = ${spec.finished(stage, "whole")};
            barrier(CLK_LOCAL_MEM_FENCE);  // all have read before the next stage writes
        }
% endfor
        for (idx i = hand; i < ${1 if per_row else "size"} && row < items; i += hands) {
% if not along:
% for name, ctype, const, _ in operands:
            global ${const}${ctype} *restrict ${name} = ${name}_line + i * ${name}_step;
% endfor
% endif
            ${put("i" if along else "0", place)}
        }
% endif
    }
}
