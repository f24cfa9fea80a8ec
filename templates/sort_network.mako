## Short rows side by side in a vector's lanes, sorted by the exchanges of a merging network, of which each is a
## minimum and a maximum.
<%page args="spec"/>\
<% k, lanes = spec.keys, spec.lanes %>\
typedef ${k.storage}${lanes} vector;

kernel __attribute__((reqd_work_group_size(1, 1, 1))) void kernel_main(
    global ${k.storage} *values_data, global const ${k.storage} *x_data, const long x_offset,
    const idx rows, const idx span, const int size)
{
    vector held[${spec.limit}];
    ${k.storage} *keys = (${k.storage} *)held;
    int top = 1;
    while (2 * top < size)
        top *= 2;
    const idx stop = min(((idx)get_global_id(0) + 1) * span, rows);
    for (idx row = (idx)get_global_id(0) * span; row < stop; row += ${lanes}) {
        global const ${k.storage} *x = x_data + x_offset + row * size;
        global ${k.storage} *values = values_data + row * size;
        const int width = (int)min((idx)${lanes}, stop - row);
        for (int l = 0; l < width; l++)
            for (int i = 0; i < size; i++)
                keys[i * ${lanes} + l] = x[l * size + i];
        int signs = 0;
        for (int i = 0; i < size * ${lanes}; i++) {
            keys[i] = sort_encode(keys[i]);
% if k.dtype.kind == "f":
            signs |= keys[i] != sort_order(keys[i]);
% endif
        }
        for (int p = top; p > 0; p /= 2) {
            int r = 0, d = p;
            for (int q = top;; q /= 2) {
                for (int begin = r; begin < size - d; begin += 2 * p) {
                    const int end = min(begin + p, size - d);
                    for (int i = begin; i < end; i++) {
                        const vector a = held[i], b = held[i + d];
                        held[i] = a < b ? a : b;
                        held[i + d] = a < b ? b : a;
                    }
                }
                if (q == p)
                    break;
                d = q - p;
                r = p;
            }
        }
% if k.dtype.kind == "f":
        // the network sorts zeros by their sign: they return to the order in which they came
        for (int l = 0; signs && l < width; l++) {
            int place = 0;
            while (place < size && sort_order(keys[place * ${lanes} + l]) < ${k.sign})
                place++;
            for (int i = 0; i < size; i++) {
                const ${k.storage} key = sort_encode(x[l * size + i]);
                if (sort_order(key) == ${k.sign})
                    keys[place++ * ${lanes} + l] = key;
            }
        }
% endif
        for (int i = 0; i < size * ${lanes}; i++)
            keys[i] = sort_decode(keys[i]);
        for (int l = 0; l < width; l++)
            for (int i = 0; i < size; i++)
                values[l * size + i] = keys[i * ${lanes} + l];
    }
}
