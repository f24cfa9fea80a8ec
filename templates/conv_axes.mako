## What the kernels of convolutions share: parameters of axes and operands, loops over the taps of a kernel.
<%def name="operands(spec)">\
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
</%def>\
<%def name="scalars(spec)">\
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
</%def>\
## The windows, and the steps of x along them.
<%def name="parameters(spec)">\
% for a in spec.axes:
    , const idx count${a}, const idx size${a}, const idx kernel${a}, const idx stride${a}, const idx before${a},
    const idx dilation${a}, const idx x_step${a}
% endfor
</%def>\
<%def name="result_strides(spec)">\
% for x in spec.operands:
    , const idx ${x.name}_channel${"".join(f", const idx {x.name}_axis{a}" for a in spec.axes[:-1])}, const idx ${x.name}_inner
% endfor
</%def>\
## Where an operand's element lies, given the channel and the position along every axis.
<%def name="result_at(spec, x, channel, at)">\
${x.name}_data + ${x.name}_offset + ${channel} * ${x.name}_channel${"".join(f" + ({at[a]}) * {x.name}_axis{a}" for a in spec.axes[:-1])} + (${at[-1]}) * ${x.name}_inner\
</%def>\
## for every tap t1, t2, ... of the kernel
<%def name="taps(spec)">\
% for a in spec.spatial:
            for (idx t${a} = 0; t${a} < kernel${a}; t${a}++)
% endfor
</%def>\
## How the patch of a block lies in local memory.
<%def name="patch_parameters(spec)">\
% for a in spec.axes:
    , const idx block${a}, const idx phases${a}, const idx extent${a}
% endfor
</%def>\
## Elements of one phase of a patch.
<%def name="volume(spec)">\
${" * ".join(f"extent{a}" for a in spec.axes)}\
</%def>\
## C text of a position in a patch or in a block's sums, given the position along every axis.
<%def name="flat(at)">\
${"(" * (len(at) - 1)}${at[0]}${"".join(f") * extent{a} + {at[a]}" for a in range(1, len(at)))}\
</%def>\
## A function that copies the patch of some channels into local memory: every phase of the strides by itself, zeros
## around x. from_a is where the patch begins, along every axis.
<%def name="patch_fill(spec)">\
<% last = spec.axes[-1] %>\
static void fill(local ${spec.real} *to, global const ${spec.b.storage} *x, const idx channels, const idx x_c,
                 const idx plane\
% for a in spec.axes:
, const idx from${a}, const idx size${a}, const idx stride${a}, const idx x_step${a}, const idx phases${a}, const idx extent${a}\
% endfor
)
{
    const idx volume = ${volume(spec)}, step = stride${last} * x_step${last};
    for (idx p${last} = 0; p${last} < phases${last}; p${last}++) {
        // the elements from low to high of a row lie inside x
        const idx first = from${last} + p${last}, left = size${last} - first;
        const idx low = first >= 0 ? 0 : min((stride${last} - 1 - first) / stride${last}, extent${last});
        const idx high = left <= 0 ? 0 : min((left + stride${last} - 1) / stride${last}, extent${last});
        for (idx c = 0; c < channels; c++)
% for a in spec.axes[:-1]:
            for (idx p${a} = 0; p${a} < phases${a}; p${a}++)
                for (idx q${a} = 0; q${a} < extent${a}; q${a}++)
% endfor
                {
% for a in spec.axes[:-1]:
                    const idx i${a} = from${a} + q${a} * stride${a} + p${a};
% endfor
                    const bool inside = ${" && ".join(f"i{a} >= 0 && i{a} < size{a}" for a in spec.axes[:-1])};
                    local ${spec.real} *restrict row = to + c * plane + (${"(" * len(spec.spatial)}p0${"".join(f") * phases{a} + p{a}" for a in spec.spatial)}) * volume + ${flat([*(f"q{a}" for a in spec.axes[:-1]), "0"])};
                    const idx begin = inside ? low : extent${last}, end = inside ? high : extent${last};
                    for (idx q = 0; q < begin; q++)
                        row[q] = 0;
                    if (begin < end) {
                        global const ${spec.b.storage} *restrict from = x + c * x_c + ${" + ".join(f"i{a} * x_step{a}" for a in spec.axes[:-1])} + first * x_step${last};
                        if (step == 1)
                            for (idx q = begin; q < end; q++)
                                row[q] = ${spec.value("b", "from[q]")};
                        else if (step == 2)
                            for (idx q = begin; q < end; q++)
                                row[q] = ${spec.value("b", "from[2 * q]")};
                        else
                            for (idx q = begin; q < end; q++)
                                row[q] = ${spec.value("b", "from[q * step]")};
                    }
                    for (idx q = begin < end ? end : begin; q < extent${last}; q++)
                        row[q] = 0;
                }
    }
}
</%def>\
