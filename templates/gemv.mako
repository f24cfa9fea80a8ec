<%page args="spec"/>\
## o0 = epilogue(a @ b) for a vector b, on a CPU: lanes lie along whichever axis of a is contiguous. The steps of k may be
## cut into parts of `chunk`; the result of each lies `behind` elements after that of the one before.
<%
    lanes, rows, block = spec.width, spec.rows, spec.block
    batch = range(spec.batch_rank)
%>\
typedef ${spec.ctype}${lanes} vector __attribute__((aligned(${spec.dtype.itemsize})));

kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
    global const ${spec.ctype} *restrict a_data, const long a_offset,
    global const ${spec.ctype} *restrict b_data, const long b_offset,
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx m, const idx depth, const idx chunk, const idx behind, const idx block_m, const idx a_step, const idx b_k
% for x in spec.operands:
    , const idx ${x.name}_inner
% endfor
% for a in batch:
    , const idx n${a}, const idx a_batch${a}, const idx b_batch${a}
% for x in spec.operands:
    , const idx ${x.name}_batch${a}
% endfor
% endfor
)
{
    const idx blocks = (m + block_m - 1) / block_m, task = get_global_id(0), matrix = task / blocks;
    const idx start = (task - matrix * blocks) * block_m;
    const idx count = min(block_m, m - start);
    const idx begin = (idx)get_global_id(1) * chunk, end = min(begin + chunk, depth);
    global const ${spec.ctype} *restrict a = a_data + a_offset;
    global const ${spec.ctype} *restrict b = b_data + b_offset;
% for x in spec.operands:
    ${x.qualifier}${x.name}_block = ${x.name}_data + ${x.name}_offset + (idx)get_global_id(1) * behind + start * ${x.name}_inner;
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
% if spec.along == "k":
    // a's rows are contiguous: several of them share what is read of b
    ${spec.ctype} found[${spec.most + rows}];
    for (idx i = 0; i < count; i += ${rows}) {
        ${spec.ctype} total[${rows}];
% for r in range(rows):
        global const ${spec.ctype} *restrict a${r} = a + (start + min(i + ${r}, count - 1)) * a_step;
        total[${r}] = 0;
% endfor
        for (idx first = begin; first < end; first += ${block}) {
            const idx last = min(first + ${block}, end);
            vector ${", ".join(f"c{r}_{v} = 0" for r in range(rows) for v in range(2))};
            idx k = first;
            for (; k + ${2 * lanes} <= last; k += ${2 * lanes}) {
                const vector b0 = *(global const vector *)(b + k), b1 = *(global const vector *)(b + k + ${lanes});
% for r in range(rows):
                c${r}_0 += *(global const vector *)(a${r} + k) * b0;
                c${r}_1 += *(global const vector *)(a${r} + k + ${lanes}) * b1;
% endfor
            }
% for r in range(rows):
            {
                ${spec.ctype} part[${lanes}], sum = 0;
                *(vector *)part = c${r}_0 + c${r}_1;
                for (int l = 0; l < ${lanes}; l++)
                    sum += part[l];
                for (idx l = k; l < last; l++)
                    sum += a${r}[l] * b[l];
                total[${r}] += sum;
            }
% endfor
        }
        for (int r = 0; r < ${rows}; r++)
            found[i + r] = total[r];
    }
% for x in spec.operands:
    ${x.qualifier}${x.name} = ${x.name}_block;
% endfor
    for (idx l = 0; l < count; l++) {
        const ${spec.ctype} sum = found[l];
% for line in spec.body:
        ${line}
% endfor
    }
% else:
    // a's columns are contiguous: several of them are added to the sums in one pass
    ${spec.ctype} total[${spec.most}], part[${spec.most}];
    a += start;
    for (idx l = 0; l < count; l++)
        total[l] = 0;
    for (idx first = begin; first < end; first += ${block}) {
        const idx last = min(first + ${block}, end);
        for (idx l = 0; l < count; l++)
            part[l] = 0;
        idx k = first;
        for (; k + ${rows} <= last; k += ${rows}) {
% for r in range(rows):
            global const ${spec.ctype} *restrict a${r} = a + (k + ${r}) * a_step;
            const ${spec.ctype} b${r} = b[(k + ${r}) * b_k];
% endfor
            idx l = 0;
            for (; l + ${lanes} <= count; l += ${lanes})
                *(vector *)(part + l) += ${" + ".join(f"*(global const vector *)(a{r} + l) * b{r}" for r in range(rows))};
            for (; l < count; l++)
                part[l] += ${" + ".join(f"a{r}[l] * b{r}" for r in range(rows))};
        }
        for (; k < last; k++)
            for (idx l = 0; l < count; l++)
                part[l] += a[k * a_step + l] * b[k * b_k];
        for (idx l = 0; l < count; l++)
            total[l] += part[l];
    }
% for x in spec.operands:
    ${x.qualifier}${x.name} = ${x.name}_block;
% endfor
    for (idx l = 0; l < count; l++) {
        const ${spec.ctype} sum = total[l];
% for line in spec.body:
        ${line}
% endfor
    }
% endif
}
