<%page args="spec"/>\
## o0 = epilogue(a @ b) on a GPU: a group makes a tile through local memory, a work-item every 16th row and column of it.
<%
    side, depth = spec.side, spec.depth
    reach = range(spec.each)
    batch = range(spec.batch_rank)
    pad = 1  # columns that keep a step along k from meeting the same bank again
%>\
<%def name="load(name, lanes_fast, step)">\
        for (int e = item; e < ${side * depth}; e += 256) {
% if lanes_fast:
            const int k = e / ${side}, l = e - k * ${side};
% else:
            const int l = e / ${depth}, k = e - l * ${depth};
% endif
            const bool inside = l < live_${step} && start_k + k < depth;
            ${name}_tile[k * ${side + pad} + l] = ${spec.zero};
            if (inside) {
                global const ${spec.row(name).storage} *x = ${name} + l * ${name}_${step} + (start_k + k) * ${name}_k;
                ${name}_tile[k * ${side + pad} + l] = ${spec.value(name, "x[0]")};
            }
        }
</%def>\
kernel __attribute__((reqd_work_group_size(256, 1, 1)))
void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
    global const ${spec.a.storage} *restrict a_data, const long a_offset,
    global const ${spec.b.storage} *restrict b_data, const long b_offset,
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx m, const idx n, const idx depth, const idx a_m, const idx a_k, const idx b_k, const idx b_n
% for x in spec.operands:
    , const idx ${x.name}_m, const idx ${x.name}_inner
% endfor
% for a in batch:
    , const idx n${a}, const idx a_batch${a}, const idx b_batch${a}
% for x in spec.operands:
    , const idx ${x.name}_batch${a}
% endfor
% endfor
)
{
    local ${spec.ctype} a_tile[${depth * (side + pad)}], b_tile[${depth * (side + pad)}];
    const int item = get_local_id(0), line = item / 16, column = item - line * 16;
    const idx tiles_n = (n + ${side - 1}) / ${side}, tiles_m = (m + ${side - 1}) / ${side};
    const idx task = get_group_id(0), strip = task / tiles_n, matrix = strip / tiles_m;
    const idx start_n = (task - strip * tiles_n) * ${side}, start_m = (strip - matrix * tiles_m) * ${side};
    const int live_m = (int)min((idx)${side}, m - start_m), live_n = (int)min((idx)${side}, n - start_n);
    global const ${spec.a.storage} *restrict a = a_data + a_offset + start_m * a_m;
    global const ${spec.b.storage} *restrict b = b_data + b_offset + start_n * b_n;
% for x in spec.operands:
    ${x.qualifier}${x.name}_block = ${x.name}_data + ${x.name}_offset + start_m * ${x.name}_m + start_n * ${x.name}_inner;
% endfor
% if spec.batch_rank:
    idx rest = matrix;
% endif
% for k in batch:
    const idx left${k} = rest / n${k}, at${k} = rest - left${k} * n${k};
    a += at${k} * a_batch${k};
    b += at${k} * b_batch${k};
% for x in spec.operands:
    ${x.name}_block += at${k} * ${x.name}_batch${k};
% endfor
    rest = left${k};
% endfor
    ${spec.ctype} ${", ".join(f"c{r}_{c} = {spec.zero}" for r in reach for c in reach)};
    for (idx start_k = 0; start_k < depth; start_k += ${depth}) {
        barrier(CLK_LOCAL_MEM_FENCE);
        ${load("a", spec.a_fast == "m", "m")}
        ${load("b", spec.b_fast == "n", "n")}
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < ${depth}; k++) {
% for r in reach:
            const ${spec.ctype} x${r} = a_tile[k * ${side + pad} + line + ${16 * r}];
            const ${spec.ctype} y${r} = b_tile[k * ${side + pad} + column + ${16 * r}];
% endfor
% for r in reach:
% for c in reach:
% if spec.planes == 1:
            c${r}_${c} += x${r} * y${c};
% else:
            c${r}_${c}.x += x${r}.x * y${c}.x;
            c${r}_${c}.x -= x${r}.y * y${c}.y;
            c${r}_${c}.y += x${r}.x * y${c}.y;
            c${r}_${c}.y += x${r}.y * y${c}.x;
% endif
% endfor
% endfor
        }
    }
% for r in reach:
    if (line + ${16 * r} < live_m) {
% for x in spec.operands:
        ${x.qualifier}${x.name} = ${x.name}_block + (line + ${16 * r}) * ${x.name}_m;
% endfor
% for c in reach:
        if (column + ${16 * c} < live_n) {
            const int l = column + ${16 * c};
            const ${spec.ctype} sum = c${r}_${c};
% for line in spec.body:
            ${line}
% endfor
        }
% endfor
    }
% endfor
}
