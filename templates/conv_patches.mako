<%page args="spec"/>\
## o0 = epilogue(convolution of x and w) on a CPU: a work-item makes a block of positions of some out channels, tile by
## tile, from packed panels of w and a patch of x in local memory.
<%namespace name="axes" file="conv_axes.mako"/>\
<%
    tiles = [(r, v) for r in range(spec.rows) for v in range(spec.vectors)]
    lanes = spec.width
%>\
typedef ${spec.real}${lanes} vector __attribute__((aligned(${spec.alignment})));

// Packs w as panels: so many out channels side by side, for every channel and tap; the last of a group is filled up.
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_pack(global const ${spec.a.storage} *restrict w_data, const long w_offset, global ${spec.real} *restrict panels,
                 const idx count, const idx span, const idx strips, const idx outs, const idx channels,
                 const idx w_o, const idx w_c${"".join(f", const idx w_step{a}" for a in spec.spatial)}\
${"".join(f", const idx kernel{a}" for a in spec.spatial)})
{
    const idx stop = min(((idx)get_global_id(0) + 1) * span, count);
    for (idx panel = (idx)get_global_id(0) * span; panel < stop; panel++) {
        const idx g = panel / strips, out = (panel - g * strips) * ${spec.rows};
        const int live = (int)min((idx)${spec.rows}, outs - out);
        global const ${spec.a.storage} *restrict from = w_data + w_offset + (g * outs + out) * w_o;
        global ${spec.real} *restrict to = panels + panel * channels * ${" * ".join(f"kernel{a}" for a in spec.spatial)} * ${spec.rows};
        for (idx c = 0; c < channels; c++)
            ${axes.taps(spec)} {
                global const ${spec.a.storage} *restrict w = from + c * w_c + ${" + ".join(f"t{a} * w_step{a}" for a in spec.spatial)};
                for (int l = 0; l < ${spec.rows}; l++)
                    to[l] = l < live ? ${spec.value("a", "w[min(l, live - 1) * w_o]")} : 0;
                to += ${spec.rows};
            }
    }
}

${axes.patch_fill(spec)}

kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_main(
    ${axes.operands(spec)}
    global const ${spec.b.storage} *restrict x_data, const long x_offset, global const ${spec.real} *restrict panels,
    ${axes.scalars(spec)}
    local ${spec.real} *restrict patch, local ${spec.real} *restrict sums, local int *restrict table,
    const idx tasks, const idx span, const idx groups, const idx channels, const idx outs,
    const idx block_o, const idx block_c, const idx taps, const idx plane, const idx padded, const idx x_c
    ${axes.parameters(spec)}
    ${axes.patch_parameters(spec)}
    ${axes.result_strides(spec)})
{
    const idx blocks_o = (outs + block_o - 1) / block_o, strips = (outs + ${spec.rows - 1}) / ${spec.rows};
% for a in spec.axes:
    const idx blocks${a} = (count${a} + block${a} - 1) / block${a};
% endfor
    {
        local int *entry = table;
        for (idx c = 0; c < block_c; c++)
            ${axes.taps(spec)} {
% for a in spec.spatial:
                const idx far${a} = t${a} * dilation${a}, q${a} = far${a} / stride${a};
% endfor
                const idx phase = ${"(" * (len(spec.spatial) - 1)}${"".join(f"{') * phases' + str(a) + ' + ' if a > 1 else ''}(far{a} - q{a} * stride{a})" for a in spec.spatial)};
                *entry++ = (int)(c * plane + phase * ${axes.volume(spec)} + ${axes.flat(["0", *(f"q{a}" for a in spec.spatial)])});
            }
    }
    const idx last_task = min(((idx)get_global_id(0) + 1) * span, tasks);
    for (idx task = (idx)get_global_id(0) * span; task < last_task; task++) {
        idx rest = task / blocks_o;
        const idx start_o = (task - rest * blocks_o) * block_o, count_o = min(block_o, outs - start_o);
        const idx g = rest % groups;
        rest /= groups;
% for a in reversed(spec.axes):
        const idx start${a} = rest % blocks${a} * block${a}, live${a} = min(block${a}, count${a} - start${a});
        rest /= blocks${a};
% endfor
        const idx positions = ${axes.flat([f"(live{a} - 1)" for a in spec.axes])} + 1;
        for (idx c = 0; c < channels; c += block_c) {
            const idx count_c = min(block_c, channels - c), depth = count_c * taps;
            fill(patch, x_data + x_offset + (g * channels + c) * x_c, count_c, x_c, plane
% for a in spec.axes:
                 , start${a} * stride${a} - before${a}, size${a}, stride${a}, x_step${a}, phases${a}, extent${a}
% endfor
            );
            for (idx j = 0; j < positions; j += ${spec.columns})
                for (idx i = 0; i < count_o; i += ${spec.rows}) {
                    global const ${spec.real} *restrict x = panels + (((g * strips + (start_o + i) / ${spec.rows}) * channels + c) * taps) * ${spec.rows};
                    local ${spec.real} *restrict sum = sums + i * padded + j;
                    vector ${", ".join(f"c{r}_{v} = 0" for r, v in tiles)};
                    for (idx k = 0; k < depth; k++) {
                        local const ${spec.real} *restrict y = patch + j + table[k];
% for v in range(spec.vectors):
                        const vector y${v} = *(local const vector *)(y + ${v * lanes});
% endfor
% for r, v in tiles:
                        c${r}_${v} += x[${r}] * y${v};
% endfor
                        x += ${spec.rows};
                    }
                    if (c > 0) {
% for r, v in tiles:
                        c${r}_${v} += *(local vector *)(sum + ${r} * padded + ${v * lanes});
% endfor
                    }
% for r, v in tiles:
                    *(local vector *)(sum + ${r} * padded + ${v * lanes}) = c${r}_${v};
% endfor
                }
        }
        for (idx o = 0; o < count_o; o++)
% for a in spec.axes[:-1]:
            for (idx q${a} = 0; q${a} < live${a}; q${a}++)
% endfor
            {
                local const ${spec.real} *restrict from = sums + o * padded + ${axes.flat([*(f"q{a}" for a in spec.axes[:-1]), "0"])};
% for x in spec.operands:
                ${x.qualifier}${"restrict " if x.written else ""}${x.name} = ${axes.result_at(spec, x, "(g * outs + start_o + o)", [*(f"start{a} + q{a}" for a in spec.axes[:-1]), f"start{spec.axes[-1]}"])};
% endfor
                for (idx l = 0; l < live${spec.axes[-1]}; l++) {
                    const ${spec.ctype} sum = from[l];
% for line in spec.body:
                    ${line}
% endfor
                }
            }
    }
}
