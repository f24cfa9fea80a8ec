<%page args="spec"/>\
<%namespace name="head" file="gemm_head.mako"/>\
## o0 = epilogue(a @ b) of halves on tensor cores: a group makes a tile of the result, a warp a part of it from blocks of 16
## rows by 8 columns. The next steps of k come into registers while those in local memory are multiplied.
<%
    low, (A, B) = range(8), spec.sides
    blocks_m, blocks_n, pairs = range(spec.warp_m // 16), range(spec.warp_n // 8), range(spec.warp_n // 16)
    across = spec.columns // spec.warp_n
%>\
<%def name="each(x)">\
% for j in range(x.fetches):
<% guard = f"if (item < {x.vectors - j * spec.group}) " if x.vectors < (j + 1) * spec.group else "" %>\
        ${guard}{
            const int l = ${x.place(j)[0]}, k = ${x.place(j)[1]};
${caller.body(j)}\
        }
% endfor
</%def>\
<%def name="fetch()">\
        // a multiple of the step for each element would be kept in registers, did it not seem to change
        const idx a_step = a_${A.fast} + (here >> 30), b_step = b_${B.fast} + (here >> 30);
% for x in spec.sides:
<%self:each x="${x}" args="j">\
            global const ushort *from = ${x.name} + l * ${x.name}_${x.axis} + k * ${x.name}_k;
            if (${x.name}_lines && ${x.inside})
                ${x.name}_next${j} = *(global const ${x.name}_vector *)from;
            else {
                const int there = ${x.there};
                ${x.name}_next${j} = as_uint4((ushort8)(
% for i in low:
                    ${i} < there ? from[${i} * ${x.name}_step] : (ushort)0${"));" if i == 7 else ","}
% endfor
            }
</%self:each>\
        ${x.name} += ${spec.depth} * ${x.name}_k;
% endfor
</%def>\
% for x in spec.sides:
typedef uint4 ${x.name}_vector __attribute__((aligned(16)));
% endfor
typedef ${spec.pair} o0_vector __attribute__((aligned(${2 * spec.operands[0].row.itemsize})));

kernel __attribute__((reqd_work_group_size(${spec.group}, 1, 1)))
void kernel_main(
${head.arguments(spec)})
{
% for x in spec.sides:
    local uint4 ${x.name}_tile[${2 * x.size // 8}];
% endfor
    const int item = get_local_id(0), lane = item & 31, warp = item >> 5;
    const int line = warp / ${across} * ${spec.warp_m}, column = warp % ${across} * ${spec.warp_n};
${head.place(spec)}\
${head.factors(spec)}\
% for x in spec.sides:
    const bool ${x.name}_lines = ${x.name}_${x.fast} == 1 && ${x.name}_${x.slow} % 8 == 0 && (size_t)${x.name} % 16 == 0;
% endfor
    uint4 ${", ".join(f"{x.name}_next{j} = 0" for x in spec.sides for j in range(x.fetches))};
    float4 ${", ".join(f"c{i}_{j} = 0" for i in blocks_m for j in blocks_n)};
    int current = 0, here = (int)min((idx)${spec.depth}, left);
    {
${fetch()}\
    }
    for (idx start = ${spec.depth}; start < left + ${spec.depth}; start += ${spec.depth}) {
% for x in spec.sides:
<%self:each x="${x}" args="j">\
            ${x.name}_tile[current * ${x.size // 8} + ${spec.kept(x)}] = ${x.name}_next${j};
</%self:each>\
% endfor
        barrier(CLK_LOCAL_MEM_FENCE);
        here = (int)min((idx)${spec.depth}, left - start);  // none at last: nothing is read
${fetch()}\
        local const uint4 *a_at = a_tile + current * ${A.size // 8}, *b_at = b_tile + current * ${B.size // 8};
% for k in range(0, spec.depth, 16):
        {
% for i in blocks_m:
            const uint4 x${i} = tensor_load${"" if A.turned else "_turned"}(a_at + ${spec.read(A, f"line + {16 * i}", k)});
% endfor
% for j in pairs:
            const uint4 y${j} = tensor_load${"" if B.turned else "_turned"}(b_at + ${spec.read(B, f"column + {16 * j}", k)});
% endfor
% for i in blocks_m:
% for j in blocks_n:
            c${i}_${j} = tensor_multiply(x${i}, y${j // 2}.${"zw" if j % 2 else "xy"}, c${i}_${j});
% endfor
% endfor
        }
% endfor
        current = 1 - current;
    }
${head.results(spec)}\
    const bool o0_whole = live_n == ${spec.columns} && o0_inner == 1 && o0_m % 2 == 0 && (size_t)o0_block % ${2 * spec.operands[0].row.itemsize} == 0;
<% lines, value = spec.finished %>\
% for i in blocks_m:
% for h in range(2):
    {
        const int r = line + ${16 * i + 8 * h} + (lane >> 2);
        if (r < live_m) {
% for x in spec.operands:
            ${x.qualifier}${x.name} = ${x.name}_block + r * ${x.name}_m;
% endfor
% for j in blocks_n:
            {
                const int from = column + ${8 * j} + (lane & 3) * 2;
                ${spec.operands[0].row.storage} w0 = 0, w1 = 0;
% for u in range(2):
                if (from + ${u} < live_n) {
                    const int l = from + ${u};
                    const float sum = c${i}_${j}.s${2 * h + u};
% for text in lines:
                    ${text}
% endfor
                    w${u} = ${value};
                    if (!o0_whole)
                        ${spec.operands[0].at("l")} = w${u};
                }
% endfor
                if (o0_whole)
                    *(global o0_vector *)(o0 + from) = (${spec.pair})(w0, w1);
            }
% endfor
        }
    }
% endfor
% endfor
}
