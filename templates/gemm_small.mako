<%page args="spec"/>\
## o0 = epilogue(a @ b) of small matrices on a CPU: register tiles straight from where the operands lie.
<%
    rows, lanes, columns = spec.rows, spec.width, spec.columns
    tiles = [(r, v) for r in range(rows) for v in range(spec.vectors)]
    batch = range(spec.batch_rank)
%>\
typedef ${spec.ctype}${lanes} vector __attribute__((aligned(${spec.dtype.itemsize})));

kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
    global const ${spec.a.storage} *restrict a_data, const long a_offset,
    global const ${spec.b.storage} *restrict b_data, const long b_offset,
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx tasks, const idx span, const idx m, const idx n, const idx depth, const idx block_m, const idx a_step, const idx b_k
% for x in spec.operands:
    , const idx ${x.name}_m, const idx ${x.name}_inner
% endfor
% for k in batch:
    , const idx n${k}, const idx a_batch${k}, const idx b_batch${k}
% for x in spec.operands:
    , const idx ${x.name}_batch${k}
% endfor
% endfor
)
{
    const idx blocks = (m + block_m - 1) / block_m, last_task = min(((idx)get_global_id(0) + 1) * span, tasks);
    for (idx task = (idx)get_global_id(0) * span; task < last_task; task++) {
        const idx matrix = task / blocks, start = (task - matrix * blocks) * block_m, end = min(start + block_m, m);
        global const ${spec.a.storage} *restrict a = a_data + a_offset;
        global const ${spec.b.storage} *restrict b = b_data + b_offset;
% for x in spec.operands:
        ${x.qualifier}${x.name}_block = ${x.name}_data + ${x.name}_offset;
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
        for (idx at = 0; at < n; at += ${columns}) {
            const idx j = min(at, n - ${columns}); // the last tile overlaps the one before
            for (idx i = start; i < end; i += ${rows}) {
                const int live = (int)min((idx)${rows}, end - i);
                global const ${spec.b.storage} *restrict y = b + j;
% for r in range(rows):
                const idx row${r} = i + min(${r}, live - 1);
% if spec.a_along == "k":
                global const ${spec.a.storage} *restrict x${r} = a + row${r} * a_step;
% endif
% endfor
% if spec.a_along == "m":
                global const ${spec.a.storage} *restrict x = a;
% endif
                vector ${", ".join(f"c{r}_{v} = 0" for r, v in tiles)};
                for (idx k = 0; k < depth; k++) {
% for v in range(spec.vectors):
                    const vector y${v} = *(global const vector *)(y + ${v * lanes});
% endfor
% for r, v in tiles:
                    c${r}_${v} += (${spec.ctype})${f"x{r}[k]" if spec.a_along == "k" else f"x[row{r}]"} * y${v};
% endfor
                    y += b_k;
% if spec.a_along == "m":
                    x += a_step;
% endif
                }
% for x in spec.operands:
                ${x.qualifier}${x.name}_tile = ${x.name}_block + i * ${x.name}_m + j * ${x.name}_inner;
% endfor
% if not spec.epilogue and spec.operands[0].inner == 1:
% for r in range(rows):
                if (${r} < live) {
% for v in range(spec.vectors):
                    *(global vector *)(o0_tile + ${r} * o0_m + ${v * lanes}) = c${r}_${v};
% endfor
                }
% endfor
% else:
                ${spec.ctype} tile[${rows * columns}];
% for r, v in tiles:
                *(vector *)(tile + ${r * columns + v * lanes}) = c${r}_${v};
% endfor
                for (int r = 0; r < live; r++) {
% for x in spec.operands:
                    ${x.qualifier}${x.name} = ${x.name}_tile + r * ${x.name}_m;
% endfor
                    #pragma clang loop vectorize(assume_safety)
                    for (int l = 0; l < ${columns}; l++) {
                        const ${spec.ctype} sum = tile[r * ${columns} + l];
% for line in spec.body:
                        ${line}
% endfor
                    }
                }
% endif
            }
        }
    }
}
