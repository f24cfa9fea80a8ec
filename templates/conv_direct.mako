<%page args="spec"/>\
## o0 = epilogue(convolution of x and w), every output by itself.
<%namespace name="axes" file="conv_axes.mako"/>\
kernel void kernel_main(
    ${axes.operands(spec)}
    global const ${spec.b.storage} *restrict x_data, const long x_offset,
    global const ${spec.a.storage} *restrict w_data, const long w_offset,
    ${axes.scalars(spec)}
    const idx total, const idx span, const idx groups, const idx channels, const idx outs, const idx x_c,
    const idx w_o, const idx w_c${"".join(f", const idx w_step{a}" for a in spec.spatial)}
    ${axes.parameters(spec)}
    ${axes.result_strides(spec)})
{
    const idx stop = min(((idx)get_global_id(0) + 1) * span, total);
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
        idx rest = item;
% for a in reversed(spec.spatial):
        const idx at${a} = rest % count${a};
        rest /= count${a};
% endfor
        const idx out = rest % (groups * outs), at0 = rest / (groups * outs), g = out / outs;
        global const ${spec.b.storage} *restrict x_channel = x_data + x_offset + g * channels * x_c + at0 * x_step0;
        global const ${spec.a.storage} *restrict w_channel = w_data + w_offset + out * w_o;
% for a in spec.spatial:
        const idx start${a} = at${a} * stride${a} - before${a};
% endfor
        ${spec.ctype} sum = ${spec.zero};
        for (idx c = 0; c < channels; c++) {
            ${axes.taps(spec)} {
% for a in spec.spatial:
                const idx i${a} = start${a} + t${a} * dilation${a};
% endfor
                global const ${spec.a.storage} *w = w_channel + ${" + ".join(f"t{a} * w_step{a}" for a in spec.spatial)};
                const ${spec.ctype} right = ${spec.value("a", "w[0]")};
                ${spec.ctype} left = ${spec.zero};  // an infinity or a NaN of w meets the padding's zeros too
                if (${" && ".join(f"i{a} >= 0 && i{a} < size{a}" for a in spec.spatial)}) {
                    global const ${spec.b.storage} *x = x_channel + ${" + ".join(f"i{a} * x_step{a}" for a in spec.spatial)};
                    left = ${spec.value("b", "x[0]")};
                }
% if spec.planes == 2:
                sum += (${spec.ctype})(left.x * right.x - left.y * right.y, left.x * right.y + left.y * right.x);
% else:
                sum += left * right;
% endif
            }
            x_channel += x_c;
            w_channel += w_c;
        }
% for x in spec.operands:
        ${x.qualifier}${x.name} = ${axes.result_at(spec, x, "out", [f"at{a}" for a in spec.axes])};
% endfor
        const int l = 0;
% for line in spec.body:
        ${line}
% endfor
    }
}
