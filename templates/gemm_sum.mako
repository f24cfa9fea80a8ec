<%page args="spec"/>\
## o0 = epilogue(the sum over parts of the scratch memory's matrices): what was multiplied in parts of k, added in their order.
kernel void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
    global const ${spec.ctype} *restrict parts,
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx m, const idx n, const idx count, const idx part
% for x in spec.operands:
    , const idx ${x.name}_m, const idx ${x.name}_inner
% endfor
% for k in range(spec.batch_rank):
    , const idx n${k}
% for x in spec.operands:
    , const idx ${x.name}_batch${k}
% endfor
% endfor
)
{
    const idx element = (idx)get_global_id(0);
    if (element >= part)
        return;
    const idx row = element / n, l = element - row * n, matrix = row / m, line = row - matrix * m;
% for x in spec.operands:
    ${x.qualifier}${x.name} = ${x.name}_data + ${x.name}_offset + line * ${x.name}_m;
% endfor
% if spec.batch_rank:
    idx rest = matrix;
% endif
% for k in range(spec.batch_rank):
    const idx next${k} = rest / n${k}, at${k} = rest - next${k} * n${k};
% for x in spec.operands:
    ${x.name} += at${k} * ${x.name}_batch${k};
% endfor
    rest = next${k};
% endfor
    ${spec.ctype} sum = parts[element];
    for (idx k = 1; k < count; k++)
        sum += parts[element + k * part];
% for line in spec.body:
    ${line}
% endfor
}
