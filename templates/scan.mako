<%page args="spec"/>\
## o[r, t] = x[r, 0] + ... + x[r, t] for rows r, axis 0 the innermost, and one part of t; or o[r] = the part's total.
<% outer, (lines, _), (xtype, otype) = range(1, spec.rank), spec.loaded, spec.storage %>\
kernel void kernel_main(
    global ${otype} *o_data, const long o_offset,
    global const ${xtype} *x_data, const long x_offset,
% if spec.carried:
    global const ${spec.accumulator.ctype} *before_data, const long before_offset,
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
        ${spec.accumulator.ctype} acc[${spec.lanes}];
        for (int l = 0; l < ${spec.lanes}; l++)
            acc[l] = ${spec.identity};
% if spec.carried:
        for (int l = 0; l < width && part > 0; l++)
            acc[l] = before_data[before_offset + (part - 1) * rows + flat + l];
% endif
        for (idx t = t0; t < end; t++) {
            for (int l = 0; l < width; l++) {
                global const ${xtype} *x = row + l * x_row0;
% for line in lines:
                ${line}
% endfor
                acc[l] = ${spec.joined};
% if spec.stores:
                o[l * o_row0] = ${spec.stored};
% endif
            }
            row += x_step;
% if spec.stores:
            o += o_step;
% endif
        }
% if not spec.stores:
        for (int l = 0; l < width; l++)
            o[l * o_row0] = ${spec.stored};
% endif
    }
}
