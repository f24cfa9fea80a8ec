<%page args="spec"/>\
## o[r, t] = x[r, 0] + ... + x[r, t] for rows r, axis 0 the innermost, and one part of t; or o[r] = the part's total.
<%
    outer, (xtype, otype), T = range(1, spec.rank), spec.storage, spec.ctype
    chains = range(spec.chains)
%>\
<%def name="take(acc, x)">\
<% lines, name = spec.loaded(x) %>\
${" ".join(lines)} ${acc} = ${spec.joined(acc, name)};\
</%def>\
<%def name="total(first, last)">\
                for (int l = 0; l < 16; l++)
                    lane[l] = ${spec.identity};
                for (; i + 16 <= ${last}; i += 16)
                    for (int l = 0; l < 16; l++) { ${take("lane[l]", spec.x_at("i + l"))} }
                for (int l = 0; i < ${last}; i++, l++) { ${take("lane[l]", spec.x_at("i"))} }
                for (int w = 8; w > 0; w /= 2)
                    for (int l = 0; l < w; l++)
                        lane[l] = ${spec.joined("lane[l]", "lane[l + w]")};
</%def>\
kernel void kernel_main(
    global ${otype} *o_data, const long o_offset,
    global const ${xtype} *x_data, const long x_offset,
% if spec.carried:
    global const ${T} *before_data, const long before_offset,
% endif
    const idx items, const idx span, const idx blocks, const idx size, const idx per_part, const idx parts, const idx rows,
    ${", ".join(f"const idx n{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx o_row{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx x_row{a}" for a in range(spec.rank))},
    const idx o_step, const idx x_step)
{
    const idx part = get_global_id(1);
    const idx stop = min(((idx)get_global_id(0) + 1) * span, items);
    if (part >= parts)
        return;
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
        idx rest = item / blocks;
        const idx j0 = (item - rest * blocks) * ${spec.lanes};
        const int width = ${f"(int)min((idx){spec.lanes}, n0 - j0)" if spec.lanes > 1 else 1};
% if spec.carried:
        const idx flat = rest * n0 + j0;
% endif
% for a in outer:
        const idx q${a} = rest % n${a};
        rest /= n${a};
% endfor
        const idx t0 = part * per_part, end = min(t0 + per_part, size);
        global const ${xtype} *row = x_data + x_offset + j0 * x_row0${"".join(f" + q{a} * x_row{a}" for a in outer)} + t0 * x_step;
        global ${otype} *o = o_data + o_offset + j0 * o_row0${"".join(f" + q{a} * o_row{a}" for a in outer)} + ${"t0" if spec.stores else "part"} * o_step;
% if spec.chains:
        ${T} carry = ${spec.identity};
% if spec.carried:
        if (part > 0)
            carry = before_data[before_offset + (part - 1) * rows + flat];
% endif
        const idx count = end - t0;
        idx t = 0;
% if spec.chains > 1 or not spec.stores:
        for (; count - t >= ${max(spec.chains, 1) if spec.stores else 1};) {
            const idx length = min((idx)${spec.stretch}, count - t)${f" / {spec.chains}" if spec.stores else ""};
            ${T} lane[16];
            idx i = t;
% if spec.stores:
% for c in chains:
            const ${T} start${c} = carry;
            {
                const idx last = t + ${c + 1} * length;
${total("i", "last")}\
                carry = ${spec.joined("carry", "lane[0]")};
            }
% endfor
            ${T} ${", ".join(f"local{c} = {spec.identity}" for c in chains)};
            for (idx k = t; k < t + length; k++) {
% for c in chains:
                { ${take(f"local{c}", spec.x_at(f"k + {c} * length"))} const ${T} all = ${spec.joined(f"start{c}", f"local{c}")}; ${spec.out_at(f"k + {c} * length")} = ${spec.stored("all")}; }
% endfor
            }
            t += length * ${spec.chains};
% else:
            {
                const idx last = t + length;
${total("i", "last")}\
                carry = ${spec.joined("carry", "lane[0]")};
            }
            t += length;
% endif
        }
% endif
% if spec.stores:
        for (; t < count; t++) { ${take("carry", spec.x_at("t"))} ${spec.out_at("t")} = ${spec.stored("carry")}; }
% else:
        o[0] = ${spec.stored("carry")};
% endif
% else:
        ${T} acc[${spec.lanes}];
        for (int l = 0; l < ${spec.lanes}; l++)
            acc[l] = ${spec.identity};
% if spec.carried:
        for (int l = 0; l < width && part > 0; l++)
            acc[l] = before_data[before_offset + (part - 1) * rows + flat + l];
% endif
        for (idx t = t0; t < end; t++) {
            for (int l = 0; l < width; l++) {
                global const ${xtype} *x = row + l * x_row0;
                ${take("acc[l]", "x[0]")}
% if spec.stores:
                o[l * o_row0] = ${spec.stored("acc[l]")};
% endif
            }
            row += x_step;
% if spec.stores:
            o += o_step;
% endif
        }
% if not spec.stores:
        for (int l = 0; l < width; l++)
            o[l * o_row0] = ${spec.stored("acc[l]")};
% endif
% endif
    }
}
