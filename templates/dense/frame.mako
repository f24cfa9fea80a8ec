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
## The sum over the group of the real variable `x`, in all of its work-items.
<%def name="group_sum(spec, x)">\
% if spec.shared:
            barrier(CLK_LOCAL_MEM_FENCE);
            partial[lid] = ${x};
            for (int half_width = width / 2; half_width > 0; half_width /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (lid < half_width)
                    partial[lid] += partial[lid + half_width];
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            ${x} = partial[0];
% endif
</%def>\
