## One pass of a radix sort by CPU work-items: each counts the digits of its part of a row, then moves the part.
<%page args="spec"/>\
<% k, radix = spec.keys, 2**spec.width %>\
<%def name="read(first)">${"sort_record(sort_encode(x[i]), i)" if first else "from[i]"}</%def>\
<%def name="tally(first)">\
        for (; i + 1 < end; i++) {
            ++found[sort_digit(${read(first)}, shift)];
            i++;
            ++other[sort_digit(${read(first)}, shift)];
        }
        if (i < end)
            ++found[sort_digit(${read(first)}, shift)];
</%def>\
<%def name="move(first, last)">\
        for (idx i = begin; i < end; i++) {
            const ${k.record} r = ${read(first)};
            const ${k.count} a = at[sort_digit(r, shift)]++;
% if last:
            ${spec.store("r", "a")}
% if spec.prefetch:
            __builtin_prefetch(${spec.target} + a + ${spec.line(True)}, 1);
% endif
% else:
            to[a] = r;
% if spec.prefetch:
            __builtin_prefetch(to + a + ${spec.line(False)}, 1);
% endif
% endif
        }
</%def>\
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void count_digits(
    global const ${k.storage} *x_data, const long x_offset, global const ${k.record} *from_data,
    global ${k.count} *counts_data, const idx size, const idx per_part, const idx parts, const int shift, const int first)
{
    const idx part = get_global_id(0), row = get_global_id(1);
    const idx begin = part * per_part, end = min(begin + per_part, size);
    global const ${k.storage} *x = x_data + x_offset + row * size;
    global const ${k.record} *from = from_data + row * size;
    ${k.count} found[${radix}], other[${radix}];  // in turns, so that equal neighbours do not wait for each other
    for (int d = 0; d < ${radix}; d++)
        found[d] = other[d] = 0;
    idx i = begin;
    if (first) {
${tally(True)}
    } else {
${tally(False)}
    }
    for (int d = 0; d < ${radix}; d++)
        counts_data[(row * parts + part) * ${radix} + d] = found[d] + other[d];
}

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void move_records(
% for ctype, name in spec.results:
    global ${ctype} *${name}_data,
% endfor
    global const ${k.storage} *x_data, const long x_offset, const idx whole,
    global const ${k.record} *from_data, global ${k.record} *to_data, global const ${k.count} *counts_data, const idx size,
    const idx per_part, const idx parts, const int shift, const int first, const int last, const idx keep)
{
    const idx part = get_global_id(0), row = get_global_id(1);
    const idx begin = part * per_part, end = min(begin + per_part, size);
    global const ${k.storage} *x = x_data + x_offset + row * whole;
    global const ${k.record} *from = from_data + row * size;
    global ${k.record} *to = to_data + row * size;
% for ctype, name in spec.results:
    global ${ctype} *${name} = ${name}_data + row * keep;
% endfor
    global const ${k.count} *counts = counts_data + row * parts * ${radix};
    ${k.count} at[${radix}], all[${radix}];  // where each digit's next record goes
    for (int d = 0; d < ${radix}; d++)
        at[d] = all[d] = 0;
    for (idx p = 0; p < part; p++)
        for (int d = 0; d < ${radix}; d++)
            at[d] += counts[p * ${radix} + d];
    for (idx p = 0; p < parts; p++)
        for (int d = 0; d < ${radix}; d++)
            all[d] += counts[p * ${radix} + d];
    ${k.count} before = 0;
    for (int d = 0; d < ${radix}; d++) {
        at[d] += before;
        before += all[d];
    }
    if (first && last) {
${move(True, True)}
    } else if (first) {
${move(True, False)}
    } else if (last) {
${move(False, True)}
    } else {
${move(False, False)}
    }
}
