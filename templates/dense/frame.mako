## What the steps have in common: arguments, and the walk over the stack. The body sees each operand as a pointer.
<%def name="kernel(spec)">\
<% names = [s for o in spec.row.operands for s in spec.strides(o)] %>\
kernel void kernel_main(
% for o in spec.row.operands:
    global ${spec.ctype(o)} *${o.name}_data, const long ${o.name}_offset, ${", ".join(f"const idx {s}" for s in spec.strides(o))},
% endfor
    ${"".join(f"const idx {n}, " for n in spec.row.numbers)}const idx count, const idx chunks)
{
% if spec.row.by_columns:
    const idx matrix = (idx)get_global_id(0) / chunks, chunk = (idx)get_global_id(0) - matrix * chunks;
    if (matrix >= count)
        return;
    {
% else:
% if spec.shared:
    const int lid = get_local_id(0), width = ${spec.group};
    local ${spec.R} partial[${spec.group}];
    local int places[${spec.group}];
% else:
    const int lid = 0, width = 1;
% endif
    for (idx matrix = get_group_id(0); matrix < count; matrix += get_num_groups(0)) {
% endif
% for o in spec.row.operands:
        global ${spec.ctype(o)} *${o.name} = ${o.name}_data + ${o.name}_offset + matrix * ${o.name}_batch;
% endfor
${caller.body()}\
    }
}
</%def>\
## All work-items of a group wait for each other's writes.
<%def name="meet(spec)">\
% if spec.shared:
        barrier(CLK_GLOBAL_MEM_FENCE | CLK_LOCAL_MEM_FENCE);
% endif
</%def>\
## The greatest of the real variable `x` in the group, in all of its work-items.
<%def name="group_max(spec, x)">\
% if spec.shared:
            barrier(CLK_LOCAL_MEM_FENCE);
            partial[lid] = ${x};
            for (int rest = width / 2; rest > 0; rest /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (lid < rest)
                    partial[lid] = fmax(partial[lid], partial[lid + rest]);
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            ${x} = partial[0];
% endif
</%def>\
## Householder's reflection I - tau v v^H that makes of the column (alpha, x) the real (beta, 0): x is `count` elements
## `at(i)`, which become those of v after the first, 1; `alpha` is an element, `x` C text of a function of i.
<%def name="reflection(spec, alpha, x, count)">\
            ${spec.R} beta, largest = 0, squares = 0;
            ${spec.T} factor;
            {
                for (idx i = lid; i < ${count}; i += width)
                    largest = fmax(largest, field_size(${x("i")}));
${group_max(spec, "largest")}\
                largest = fmax(largest, field_size(${alpha}));
                if (!(largest > 0))  // all are zero, or some are NaN, which fmax leaves out
                    largest = 1;
                for (idx i = lid; i < ${count}; i += width)
                    squares += field_square(${x("i")} / largest);
${group_sum(spec, "squares")}\
                // all is relative to the largest, so that v and tau fit each other however small the column is
                const ${spec.T} first_one = ${alpha} / largest;
                if (squares == 0 && field_imag(first_one) == 0) {
                    beta = field_real(${alpha});
                    factor = 0;
                } else {
                    const ${spec.R} norm = sqrt(squares + field_square(first_one));
                    const ${spec.R} end = field_real(first_one) > 0 ? -norm : norm;
                    factor = (${spec.whole("end")} - first_one) / end;
                    const ${spec.T} divisor = first_one - ${spec.whole("end")};
                    for (idx i = lid; i < ${count}; i += width)
                        ${x("i")} = field_div(${x("i")} / largest, divisor);
                    beta = end * largest;
                }
            }
${meet(spec)}\
</%def>\
## The sum over the group of the real variable `x`, in all of its work-items.
<%def name="group_sum(spec, x)">\
% if spec.shared:
            barrier(CLK_LOCAL_MEM_FENCE);
            partial[lid] = ${x};
            for (int rest = width / 2; rest > 0; rest /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (lid < rest)
                    partial[lid] += partial[lid + rest];
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            ${x} = partial[0];
% endif
</%def>\
## Bands d and e before their sweeps: NaN where some are not finite, and else, where sums would overflow or digits be lost,
## times a power of two, until `bands_back`. `least` is next to nothing beside the largest of them.
<%def name="bands(spec)">\
<% low, high, by = (-700, 900, 900) if spec.fp64 else (-60, 100, 96) %>\
            ${spec.R} norm = 0, finite = 0;
            for (idx i = 0; i < n; i++) {
                norm = fmax(norm, fmax(fabs(d[i]), fabs(e[i])));
                finite += d[i] * 0 + e[i] * 0;
            }
            if (finite != 0)
                for (idx i = 0; i < n; i++) {
                    d[i] = NAN;
                    e[i] = 0;
                }
            const bool tiny = norm < ${spec.power(low)}, huge = norm > ${spec.power(high)};
            const ${spec.R} scale = tiny ? ${spec.power(by)} : huge ? ${spec.power(-by)} : 1;
            const ${spec.R} back = tiny ? ${spec.power(-by)} : huge ? ${spec.power(by)} : 1;
            if (tiny || huge)
                for (idx i = 0; i < n; i++) {
                    d[i] *= scale;
                    e[i] *= scale;
                }
            const ${spec.R} eps = ${spec.epsilon}, least = eps * eps * (norm * scale);
</%def>\
<%def name="bands_back(spec)">\
            if (tiny || huge)
                for (idx i = 0; i < n; i++) {
                    d[i] *= back;
                    e[i] *= back;
                }
</%def>\
