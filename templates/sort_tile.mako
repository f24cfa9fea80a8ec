## One pass of a radix sort on a GPU: tiles are counted, the counts scanned, each tile sorted in local memory and moved.
<%page args="spec"/>\
<% k, radix, local, each, tile = spec.keys, 2**spec.width, spec.group, spec.each, spec.group * spec.each %>\
<%def name="read(place)">first ? sort_record(sort_encode(x[${place}]), ${place}) : from[${place}]</%def>\
<%def name="scan(sums)">\
    for (int step = 1; step < ${local}; step *= 2) {
        const ${k.count} below = lid >= step ? ${sums}[lid - step] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        ${sums}[lid] += below;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
</%def>\
kernel __attribute__((reqd_work_group_size(${local}, 1, 1))) void count_digits(
    global const ${k.storage} *x_data, const long x_offset, global const ${k.record} *from_data,
    global ${k.count} *counts_data, const idx size, const int shift, const int first)
{
    local ushort found[${radix * local}];
    local uint sums[${local}];
    const int lid = get_local_id(0);
    const idx tiles = (size + ${tile - 1}) / ${tile}, row = get_group_id(0) / tiles, t = get_group_id(0) - row * tiles;
    global const ${k.storage} *x = x_data + x_offset + row * size;
    global const ${k.record} *from = from_data + row * size;
    for (int d = 0; d < ${radix}; d++)
        found[d * ${local} + lid] = 0;
    for (int e = 0; e < ${each}; e++) {
        const idx i = t * ${tile} + e * ${local} + lid;
        if (i < size) {
            const ${k.record} r = ${read("i")};
            found[sort_digit(r, shift) * ${local} + lid]++;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    uint sum = 0;
    for (int c = 0; c < ${radix}; c++)
        sum += found[lid * ${radix} + c];
    sums[lid] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lid < ${radix}) {
        sum = 0;
        for (int c = 0; c < ${local // radix}; c++)
            sum += sums[lid * ${local // radix} + c];
        counts_data[(row * ${radix} + lid) * tiles + t] = sum;
    }
}

kernel __attribute__((reqd_work_group_size(${local}, 1, 1))) void scan_counts(global ${k.count} *counts_data, const idx tiles)
{
    local ${k.count} sums[${local}];
    const int lid = get_local_id(0);
    const idx count = tiles * ${radix}, per_item = (count + ${local - 1}) / ${local};
    global ${k.count} *counts = counts_data + (idx)get_group_id(0) * count;
    const idx begin = min(lid * per_item, count), end = min(begin + per_item, count);
    ${k.count} sum = 0;
    for (idx i = begin; i < end; i++)
        sum += counts[i];
    sums[lid] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
${scan("sums")}\
    sum = sums[lid] - sum;
    for (idx i = begin; i < end; i++) {
        const ${k.count} found = counts[i];
        counts[i] = sum;
        sum += found;
    }
}

kernel __attribute__((reqd_work_group_size(${local}, 1, 1))) void move_records(
% for ctype, name in spec.results:
    global ${ctype} *${name}_data,
% endfor
    global const ${k.storage} *x_data, const long x_offset, const idx whole, global const ${k.record} *from_data,
    global ${k.record} *to_data, global const ${k.count} *counts_data, const idx size, const int shift,
    const int first, const int last, const idx keep)
{
    local ${k.record} held[${tile}];
    local ushort at[${radix * local}], starts[${radix}];
    local ${k.count} sums[${local}], bases[${radix}];
    const int lid = get_local_id(0);
    const idx tiles = (size + ${tile - 1}) / ${tile}, row = get_group_id(0) / tiles, t = get_group_id(0) - row * tiles;
    const idx begin = t * ${tile};
    const int length = (int)min((idx)${tile}, size - begin);
    global const ${k.storage} *x = x_data + x_offset + row * whole;
    global const ${k.record} *from = from_data + row * size;
    global ${k.record} *to = to_data + row * size;
% for ctype, name in spec.results:
    global ${ctype} *${name} = ${name}_data + row * keep;
% endfor
    for (int e = 0; e < ${each}; e++) {
        const int s = e * ${local} + lid;
        if (s < length)
            held[s] = ${read("begin + s")};
    }
    for (int d = 0; d < ${radix}; d++)
        at[d * ${local} + lid] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    ${k.record} own[${each}];
    int digits[${each}];
    const int mine = clamp(length - lid * ${each}, 0, ${each});
    for (int e = 0; e < mine; e++) {
        own[e] = held[lid * ${each} + e];
        digits[e] = sort_digit(own[e], shift);
        at[digits[e] * ${local} + lid]++;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    int sum = 0;
    for (int c = 0; c < ${radix}; c++) {
        const int found = at[lid * ${radix} + c];
        at[lid * ${radix} + c] = sum;
        sum += found;
    }
    sums[lid] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
${scan("sums")}\
    sum = (int)sums[lid] - sum;
    for (int c = 0; c < ${radix}; c++)
        at[lid * ${radix} + c] += sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lid < ${radix}) {
        starts[lid] = at[lid * ${local}];
        bases[lid] = counts_data[(row * ${radix} + lid) * tiles + t];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int e = 0; e < mine; e++)
        held[at[digits[e] * ${local} + lid]++] = own[e];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int e = 0; e < ${each}; e++) {
        const int s = e * ${local} + lid;
        if (s < length) {
            const ${k.record} r = held[s];
            const int d = sort_digit(r, shift);
            const ${k.count} a = bases[d] + (s - starts[d]);
            if (last) {
                ${spec.store("r", "a")}
            } else {
                to[a] = r;
            }
        }
    }
}
