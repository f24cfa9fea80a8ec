## A radix sort of each row by one work-item of a CPU, between two buffers that stay in its cache.
<%page args="spec"/>\
<% k, radix, passes = spec.keys, 2**spec.width, len(spec.shifts) %>\
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void kernel_main(
% for ctype, name in spec.results:
    global ${ctype} *${name}_data,
% endfor
    global const ${k.storage} *x_data, const long x_offset, global const ${k.record} *from_data,
    global ${k.record} *spare, const idx rows, const idx span, const idx whole, const idx size, const idx keep)
{
    const int shifts[${passes}] = {${", ".join(map(str, spec.shifts))}};
    const idx item = get_global_id(0);
    const idx stop = min((item + 1) * span, rows);
    ${k.count} at[${passes * radix}];
    for (idx row = item * span; row < stop; row++) {
        global const ${k.storage} *x = x_data + x_offset + row * whole;
        global const ${k.record} *from = from_data + row * size;
        global ${k.record} *a = spare + item * 2 * size, *b = a + size;
        for (int d = 0; d < ${passes * radix}; d++)
            at[d] = 0;
        for (idx i = 0; i < size; i++) {
            const ${k.record} r = ${"from[i]" if spec.encoded else "sort_record(sort_encode(x[i]), i)"};
            a[i] = r;
% for p, shift in enumerate(spec.shifts):
            ++at[${p * radix} + sort_digit(r, ${shift})];
% endfor
        }
        for (int p = 0; p < ${passes}; p++) {
            ${k.count} *next = at + p * ${radix}, before = 0;
            if (next[sort_digit(a[0], shifts[p])] == size)
                continue;
            for (int d = 0; d < ${radix}; d++) {
                const ${k.count} found = next[d];
                next[d] = before;
                before += found;
            }
            for (idx i = 0; i < size; i++) {
                const ${k.record} r = a[i];
                b[next[sort_digit(r, shifts[p])]++] = r;
            }
            global ${k.record} *sorted = b;
            b = a;
            a = sorted;
        }
% for ctype, name in spec.results:
        global ${ctype} *${name} = ${name}_data + row * keep;
% endfor
        for (idx i = 0; i < keep; i++) {
            const ${k.record} r = a[i];
            ${spec.store("r", "i", False)}
        }
    }
}
