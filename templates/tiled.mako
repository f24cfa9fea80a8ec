<%page args="spec"/>\
## o0 = body(x0, x1, ...) where some operands are contiguous along rows and some along columns: those that
## are not as the result is are read into tiles along their own axis, whole cache lines at a time.
<% outer = range(2, spec.rank) %>\
kernel void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${spec.restrict} ${x.name}_data, const long ${x.name}_offset,
% endfor
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx n0, const idx n1, const idx columns, const idx rows
% for a in outer:
    , const idx n${a}
% endfor
% for x in spec.operands:
    , const idx ${x.name}_inner, const idx ${x.name}_across
% for a in outer:
    , const idx ${x.name}_step${a}
% endfor
% endfor
)
{
% if spec.block:
    idx rest = get_global_id(0);
    const idx left = rest % columns * ${spec.block[0]}, right = min(left + ${spec.block[0]}, n0);
    rest /= columns;
    const idx top = rest % rows * ${spec.block[1]}, bottom = min(top + ${spec.block[1]}, n1);
    rest /= rows;
% else:
    idx rest = get_group_id(0);
    const idx c0 = rest % columns * ${spec.tile};
    rest /= columns;
    const idx r0 = rest % rows * ${spec.tile};
    rest /= rows;
    const int height = (int)min((idx)${spec.tile}, n1 - r0), width = (int)min((idx)${spec.tile}, n0 - c0);
% endif
% for a in outer:
    const idx c${a} = rest % n${a};
    rest /= n${a};
% endfor
% for x in spec.operands:
    ${x.qualifier}${spec.restrict} ${x.name}_base = ${x.name}_data + ${x.name}_offset${"".join(f" + c{a} * {x.name}_step{a}" for a in outer)};
% endfor
% if spec.block:
    for (idx r0 = top; r0 < bottom; r0 += ${spec.tile})
    for (idx c0 = left; c0 < right; c0 += ${spec.tile}) {
        const int height = (int)min((idx)${spec.tile}, bottom - r0), width = (int)min((idx)${spec.tile}, right - c0);
% for x in spec.loads:
        ${x.row.storage} ${x.name}_tile[${spec.tile}][${spec.tile}];
        {
            global const ${x.row.storage} *corner = ${x.name}_base + r0 + c0 * ${x.name}_inner;
<% word, lines = spec.word(x) %>\
% if word:
            if (height == ${spec.tile} && width == ${spec.tile})
                for (int c = 0; c < ${spec.tile}; c += ${lines})
                    for (int r = 0; r < ${spec.tile}; r += ${lines})
                        tile_transpose((global const ${word} *)(corner + c * ${x.name}_inner + r), ${x.name}_inner, (${word} *)&${x.name}_tile[r][c]);
            else
% endif
                for (int c = 0; c < width; c++)
                    for (int r = 0; r < height; r++)
                        ${x.name}_tile[r][c] = corner[c * ${x.name}_inner + r];
        }
% endfor
        for (int r = 0; r < height; r++) {
% for x in spec.direct:
            ${x.qualifier}${spec.restrict} ${x.name} = ${x.name}_base + (r0 + r) * ${x.name}_across + c0 * ${x.name}_inner;
% endfor
            for (int c = 0; c < width; c++) {
% for line in spec.body:
                ${line}
% endfor
            }
        }
    }
% else:
    const int near = get_local_id(0), far = get_local_id(1);
% for x in spec.loads:
    local ${x.row.storage} ${x.name}_tile[${spec.tile}][${spec.tile} + 1];
    if (near < height && far < width)
        ${x.name}_tile[near][far] = ${x.name}_base[r0 + near + (c0 + far) * ${x.name}_inner];
% endfor
    barrier(CLK_LOCAL_MEM_FENCE);
    const int r = far, c = near;
    if (r < height && c < width) {
% for x in spec.direct:
        ${x.qualifier}${spec.restrict} ${x.name} = ${x.name}_base + (r0 + r) * ${x.name}_across + c0 * ${x.name}_inner;
% endfor
% for line in spec.body:
        ${line}
% endfor
    }
% endif
}
