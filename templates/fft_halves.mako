<%page args="spec"/>\
## In place, from the transform of a row of n / 2 pairs to the first n / 2 + 1 elements of that of the n reals.
<% outer = range(spec.rank) %>\
typedef ${spec.real.ctype} number;
typedef ${spec.real.ctype}2 point;

kernel void kernel_main(
    global ${spec.real.ctype}2 *o_data, const long o_offset, global const number *table,
    const idx items, const idx span, const idx parts, const idx half_size, const idx step, const number scale, const number scale_imaginary,
    ${", ".join(f"const idx n{a}" for a in outer)},
    ${", ".join(f"const idx o_row{a}" for a in outer)})
{
    const idx stop = min(((idx)get_global_id(0) + 1) * span, items);
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
        idx rest = item / parts;
        const idx part = item - rest * parts;
        const idx pairs = half_size / 2 + 1, each = (pairs + parts - 1) / parts;
% for a in outer:
        const idx q${a} = rest % n${a};
        rest /= n${a};
% endfor
        global point *o = o_data + o_offset${"".join(f" + q{a} * o_row{a}" for a in outer)};
        const idx end = min((part + 1) * each, pairs);
        for (idx k = part * each; k < end; k++) {
            const point z = o[k * step], y = o[(k ? half_size - k : 0) * step], w = (point)(table[2 * k], table[2 * k + 1]);
            // even and odd samples: (z + conj(y)) / 2 and (z - conj(y)) / 2i
            const point e = (point)(z.x + y.x, z.y - y.y), d = (point)(z.y + y.y, y.x - z.x);
            const point t = (point)(d.x * w.x - d.y * w.y, d.x * w.y + d.y * w.x);
            point low = (e + t) * (point)(scale, scale_imaginary), high = (e - t) * (point)(scale, -scale_imaginary);
% if spec.doubled:
            if (k) {
                low *= 2;
                high *= 2;
            }
% endif
            o[k * step] = low;
            o[(half_size - k) * step] = high;
        }
    }
}
