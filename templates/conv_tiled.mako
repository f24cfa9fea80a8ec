<%page args="spec"/>\
## o0 = epilogue(convolution of x and w) on a GPU: a group makes a tile of out channels and positions through local
## memory, a work-item every 16th of both.
<%namespace name="axes" file="conv_axes.mako"/>\
<%
    side, depth, pad = spec.side, spec.depth, spec.pad
    reach = range(spec.each)
    share = side * depth // 256  # elements of a tile that a work-item loads
%>\
kernel __attribute__((reqd_work_group_size(256, 1, 1)))
void kernel_main(
    ${axes.operands(spec)}
    global const ${spec.b.storage} *restrict x_data, const long x_offset,
    global const ${spec.a.storage} *restrict w_data, const long w_offset,
    ${axes.scalars(spec)}
    const idx positions, const idx groups, const idx channels, const idx outs, const idx taps, const idx x_c,
    const idx w_o, const idx w_c${"".join(f", const idx w_step{a}" for a in spec.spatial)}
    ${axes.parameters(spec)}
    ${axes.result_strides(spec)})
{
    local ${spec.ctype} w_tile[${depth * (side + pad)}], x_tile[${depth * (side + pad)}];
    const int item = get_local_id(0), line = item / 16, column = item - line * 16;
    const idx tiles_o = (outs + ${side - 1}) / ${side}, tiles_n = (positions + ${side - 1}) / ${side};
    const idx task = get_group_id(0), strip = task / tiles_n, g = strip / tiles_o, products = channels * taps;
    const idx start_n = (task - strip * tiles_n) * ${side}, start_o = (strip - g * tiles_o) * ${side};
    const idx live_o = min((idx)${side}, outs - start_o);
    // of x a work-item loads ${share} products of one position, of w one product of ${share} out channels
    const int place = item % ${side}, own_k = item / ${side} * ${share}, w_k = item % ${depth}, own_o = item / ${depth} * ${share};
    idx position = start_n + place;
    const bool there = position < positions;
% for a in reversed(spec.spatial):
    const idx from${a} = position % count${a} * stride${a} - before${a};
    position /= count${a};
% endfor
    global const ${spec.b.storage} *restrict x_image = x_data + x_offset + g * channels * x_c + (there ? position : 0) * x_step0;
    global const ${spec.a.storage} *restrict w_from = w_data + w_offset + (g * outs + start_o) * w_o;
    ${spec.ctype} ${", ".join(f"c{r}_{c} = {spec.zero}" for r in reach for c in reach)};
    for (idx start_k = 0; start_k < products; start_k += ${depth}) {
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int e = 0; e < ${share}; e++) {
            ${spec.ctype} value = ${spec.zero};
            idx rest = start_k + own_k + e;
            const bool some = there && rest < products;
% for a in reversed(spec.spatial):
            const idx i${a} = from${a} + rest % kernel${a} * dilation${a};
            rest /= kernel${a};
% endfor
            if (some && ${" && ".join(f"i{a} >= 0 && i{a} < size{a}" for a in spec.spatial)}) {
                global const ${spec.b.storage} *x = x_image + rest * x_c + ${" + ".join(f"i{a} * x_step{a}" for a in spec.spatial)};
                value = ${spec.value("b", "x[0]")};
            }
            x_tile[(own_k + e) * ${side + pad} + place] = value;
        }
        {
            idx rest = start_k + w_k;
            const bool some = rest < products;
            global const ${spec.a.storage} *w = w_from;
% for a in reversed(spec.spatial):
            w += rest % kernel${a} * w_step${a};
            rest /= kernel${a};
% endfor
            w += rest * w_c + own_o * w_o;
            for (int e = 0; e < ${share}; e++, w += w_o) {
                ${spec.ctype} value = ${spec.zero};
                if (some && own_o + e < live_o)
                    value = ${spec.value("a", "w[0]")};
                w_tile[w_k * ${side + pad} + own_o + e] = value;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < ${depth}; k++) {
% for r in reach:
            const ${spec.ctype} left${r} = w_tile[k * ${side + pad} + line + ${16 * r}];
            const ${spec.ctype} right${r} = x_tile[k * ${side + pad} + column + ${16 * r}];
% endfor
% for r in reach:
% for c in reach:
% if spec.planes == 1:
            c${r}_${c} += left${r} * right${c};
% else:
            c${r}_${c}.x += left${r}.x * right${c}.x;
            c${r}_${c}.x -= left${r}.y * right${c}.y;
            c${r}_${c}.y += left${r}.x * right${c}.y;
            c${r}_${c}.y += left${r}.y * right${c}.x;
% endif
% endfor
% endfor
        }
    }
% for c in reach:
    if (start_n + column + ${16 * c} < positions) {
        idx rest = start_n + column + ${16 * c};
% for a in reversed(spec.spatial):
        const idx at${a} = rest % count${a};
        rest /= count${a};
% endfor
% for r in reach:
        if (line + ${16 * r} < live_o) {
% for x in spec.operands:
            ${x.qualifier}${x.name} = ${axes.result_at(spec, x, f"(g * outs + start_o + line + {16 * r})", ["rest", *(f"at{a}" for a in spec.spatial)])};
% endfor
            const ${spec.ctype} sum = c${r}_${c};
            const int l = 0;
% for text in spec.body:
            ${text}
% endfor
        }
% endfor
    }
% endfor
}
