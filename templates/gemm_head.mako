## What the kernels of a GPU's products share: their arguments (`chunk` steps of k make a part, whose result lies `part`
## elements after that of the part before; there are `items` work-items or tiles to each), and the place of a group's matrices in the stack.
<%def name="arguments(spec)">\
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
    global const ${spec.a.storage} *restrict a_data, const long a_offset,
    global const ${spec.b.storage} *restrict b_data, const long b_offset,
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx m, const idx n, const idx depth, const idx chunk, const idx part, const idx items,
    const idx a_m, const idx a_k, const idx b_k, const idx b_n
% for x in spec.operands:
    , const idx ${x.name}_m, const idx ${x.name}_inner
% endfor
% for k in range(spec.batch_rank):
    , const idx n${k}, const idx a_batch${k}, const idx b_batch${k}
% for x in spec.operands:
    , const idx ${x.name}_batch${k}
% endfor
% endfor
</%def>\
## Pointers to the operands' matrices of number `matrix`, rows from `start_m` and columns from `start_n` on, at the part's
## first step of k; `left` is how many steps it has.
<%def name="factors(spec)">\
    const idx first = get_group_id(1) * chunk, left = min(chunk, depth - first);
    global const ${spec.a.storage} *a = a_data + a_offset + start_m * a_m + first * a_k;
    global const ${spec.b.storage} *b = b_data + b_offset + start_n * b_n + first * b_k;
% if spec.batch_rank:
    {
        idx rest = matrix;
% for k in range(spec.batch_rank):
        const idx next${k} = rest / n${k}, at${k} = rest - next${k} * n${k};
        a += at${k} * a_batch${k};
        b += at${k} * b_batch${k};
        rest = next${k};
% endfor
    }
% endif
</%def>\
## Pointers to the same place in the result and in what the epilogue reads.
<%def name="results(spec)">\
% for x in spec.operands:
    ${x.qualifier}${x.name}_block = ${x.name}_data + ${x.name}_offset + start_m * ${x.name}_m + start_n * ${x.name}_inner;
% endfor
    o0_block += get_group_id(1) * part;
% if spec.batch_rank:
    {
        idx rest = matrix;
% for k in range(spec.batch_rank):
        const idx next${k} = rest / n${k}, at${k} = rest - next${k} * n${k};
% for x in spec.operands:
        ${x.name}_block += at${k} * ${x.name}_batch${k};
% endfor
        rest = next${k};
% endfor
    }
% endif
</%def>\
## Where in the result a group's tile lies. Tiles are walked in bands of eight rows of tiles, so that groups that
## run at once share what they read.
<%def name="place(spec)">\
    const idx tiles_n = (n + ${spec.columns - 1}) / ${spec.columns}, tiles_m = (m + ${spec.rows - 1}) / ${spec.rows};
    const idx task = get_group_id(0), matrix = task / (tiles_m * tiles_n), tile = task - matrix * tiles_m * tiles_n;
    const idx band = tile / (8 * tiles_n), within = tile - band * 8 * tiles_n, high = min((idx)8, tiles_m - band * 8);
    const idx start_m = (band * 8 + within % high) * ${spec.rows}, start_n = within / high * ${spec.columns};
    const int live_m = (int)min((idx)${spec.rows}, m - start_m), live_n = (int)min((idx)${spec.columns}, n - start_n);
</%def>\
