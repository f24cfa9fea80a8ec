<%page args="spec"/>\
## One step of a Fourier transform: blocks of neighbouring transforms of n points, each done in a tile of fast memory.
## Element i of column c of a block is element g = i * x_g + c * x_g0 + ... of the whole transform.
<% outer, group, unit = range(1, spec.rank), spec.group, 1 %>\
typedef ${spec.real.ctype} number;
typedef ${spec.real.ctype}2 point;
% if spec.lanes > 1:
typedef ${spec.real.ctype}${spec.lanes} lane __attribute__((aligned(${spec.real.itemsize})));
typedef ${spec.real.ctype}${2 * spec.lanes} lane_pair __attribute__((aligned(${spec.real.itemsize})));

static void fft_put(${spec.tile} lane *to, const lane re, const lane im${", global const number *by" if spec.pre else ""})
{
% if spec.pre:
    to[0] = re * by[0] - im * by[1];
    to[1] = re * by[1] + im * by[0];
% else:
    to[0] = re;
    to[1] = im;
% endif
}

// ${spec.lanes} lanes transposed: each round interleaves the first half of them with the second.
static void fft_transpose(lane *v)
{
<% half, rounds = spec.lanes // 2, spec.lanes.bit_length() - 1 %>\
% for r in range(rounds):
% for k in range(half):
<% a, b = (f"v[{j}]" if r == 0 else f"t{r}_{j}" for j in (k, k + half)) %>\
% for side in (0, 1):
    const lane t${r + 1}_${2 * k + side} = (lane)(${", ".join(f"{a}.s{j:x}, {b}.s{j:x}" for j in range(side * half, (side + 1) * half))});
% endfor
% endfor
% endfor
% for k in range(spec.lanes):
    v[${k}] = t${rounds}_${k};
% endfor
}
% else:
typedef ${spec.real.ctype} lane;
% endif

static point fft_times(const point a, const point b)
{
    return (point)(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

static point fft_entry(global const number *table, const idx k)
{
    return (point)(table[2 * k], table[2 * k + 1]);
}

static point fft_read(global const ${spec.source.storage} *x)
{
<% lines, value = spec.read %>\
% for line in lines:
    ${line}
% endfor
    return ${value};
}

// Element g of a transform whose operand begins at x and has `valid` elements.
static point fft_load(global const ${spec.source.storage} *x, const idx g, const idx step, const idx valid, const idx total, const idx points, const number sign, global const number *table, global const number *before)
{
    point v = (point)(0, 0);
% if spec.pre:
    if (g >= points)
        return v;
% endif
% if spec.load == "complex":
    if (g < valid)
        v = fft_read(x + g * step);
    v.y *= sign;
% elif spec.load == "pairs":
    if (2 * g < valid)
        v.x = fft_read(x + 2 * g * step).x;
    if (2 * g + 1 < valid)
        v.y = fft_read(x + (2 * g + 1) * step).x;
% elif spec.load == "hermitian":
    const idx k = 2 * g < total ? g : total - g;
    if (k < valid)
        v = fft_read(x + k * step);
    v.y = k == 0 ? 0 : k == g ? sign * v.y : -sign * v.y;
% else:
    const idx k = total / 2 - g;
    point b = (point)(0, 0);
    if (g < valid)
        v = fft_read(x + g * step);
    if (k < valid)
        b = fft_read(x + k * step);
    if (g == 0)
        v.y = b.y = 0;
    v.y *= sign;
    b.y *= -sign;
    const point d = fft_times(v - b, fft_entry(table, g));
    v = (point)(v.x + b.x + d.y, v.y + b.y - d.x);
% endif
% if spec.pre:
    v = fft_times(v, fft_entry(before, g));
% endif
    return v;
}

static void fft_store(global ${spec.out.storage} *o, const idx g, const idx step, const idx valid, point v, const point scale, global const number *after)
{
% if spec.post:
    if (g >= valid)
        return;
    v = fft_times(v, fft_entry(after, g));
% endif
    v *= scale;
    if (g < valid) {
% if spec.store in ("complex", "doubled"):
        o[g * step] = ${"g ? 2 * v : v" if spec.store == "doubled" else "v"};
% elif spec.store == "real":
        o[g * step] = ${spec.written("v.x")};
% else:
        o[2 * g * step] = ${spec.written("v.x")};
        o[(2 * g + 1) * step] = ${spec.written("v.y")};
% endif
    }
}

<%include file="fft_passes.mako" args="spec=spec"/>\

kernel void kernel_main(
    global ${spec.out.storage} *o_data, const long o_offset,
    global const ${spec.source.storage} *x_data, const long x_offset,
    ${spec.tile} number *tiles, global const number *w_data, global const number *turns, global const number *table,
    global const number *before, global const number *after,
    const idx items, const idx span, const idx blocks, const int n, const ulong factors, const idx total,
    const idx points, const idx x_valid, const idx x_step, const idx x_g, const idx o_valid, const idx o_step, const idx o_g,
    const int shift, const int x_order, const int o_order, const number sign, const number scale, const number scale_imaginary,
    ${", ".join(f"const idx n{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx x_row{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx x_g{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx o_row{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx o_g{a}" for a in range(spec.rank))})
{
    const int columns = ${"1 << shift" if group else "1"};  // of the tile, in lanes
    const int size = n * columns;
% if group:
    const idx item = get_group_id(0);
    const int first = get_local_id(0), stride = get_local_size(0);
    {
        ${spec.tile} lane *a = (${spec.tile} lane *)tiles;
% else:
    const int first = 0, stride = 1;
    const idx stop = min(((idx)get_global_id(0) + 1) * span, items);
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
        ${spec.tile} lane *a = (${spec.tile} lane *)tiles + get_global_id(0) * 4 * size;
% endif
        ${spec.tile} lane *b = a + 2 * size;
        idx rest = item / blocks;
        const idx block = item - rest * blocks;
        const idx j0 = block * columns * ${spec.lanes};
        const int width = (int)min((idx)columns * ${spec.lanes}, n0 - j0);
% for a in outer:
        const idx q${a} = rest % n${a};
        rest /= n${a};
% endfor
        global const ${spec.source.storage} *x = x_data + x_offset + j0 * x_row0${"".join(f" + q{a} * x_row{a}" for a in outer)};
        global ${spec.out.storage} *o = o_data + o_offset + j0 * o_row0${"".join(f" + q{a} * o_row{a}" for a in outer)};
        const idx x_from = j0 * x_g0${"".join(f" + q{a} * x_g{a}" for a in outer)};
        const idx o_from = j0 * o_g0${"".join(f" + q{a} * o_g{a}" for a in outer)};

% if spec.lanes > 1:
        int i = 0;
% if spec.wide_load:
<% unit = 2 if spec.load == "pairs" else 1 %>\
        const idx most = ${f"min(x_valid / {unit}, points)" if spec.pre else f"x_valid / {unit}"};  // whole elements
        if (width == ${spec.lanes}) {
            // of so many elements all columns have theirs
            const idx all = x_g0 ? (x_from + ${spec.lanes - 1} * x_g0 + (n - 1) * x_g < most ? n : 0) : (most - x_from + x_g - 1) / x_g;
            const int ready = (int)max((idx)0, min((idx)n, all));
            if (x_order == 1) {
                for (; i < ready; i++) {
                    const lane_pair v = *(global const lane_pair *)(x + ${unit} * (x_from + i * x_g) * x_step);
                    fft_put(a + 2 * i, v.even, sign * v.odd${", before + 2 * (x_from + i * x_g)" if spec.pre else ""});
                }
            } else if (x_order == 3) {
                for (; i + ${spec.lanes} <= ready; i += ${spec.lanes}) {
                    lane re[${spec.lanes}], im[${spec.lanes}];
% for c in range(spec.lanes):
                    {
                        const lane_pair v = *(global const lane_pair *)(x + ${c} * x_row0 + ${unit} * ((x_from + ${c} * x_g0) * x_step + i));
                        re[${c}] = v.even;
                        im[${c}] = sign * v.odd;
                    }
% endfor
                    fft_transpose(re);
                    fft_transpose(im);
% for c in range(spec.lanes):
                    fft_put(a + 2 * (i + ${c}), re[${c}], im[${c}]${f", before + 2 * (x_from + (i + {c}) * x_g)" if spec.pre else ""});
% endfor
                }
            }
        }
% endif
        for (; i < n; i++) {
% if spec.wide_load:
            if (!x_g0 && x_from + i * x_g >= most${" + (x_valid & 1)" if unit == 2 else ""}) {
                a[2 * i] = 0;
                a[2 * i + 1] = 0;
                continue;
            }
% endif
            ${spec.tile} number *to = (${spec.tile} number *)(a + 2 * i);
            __attribute__((opencl_unroll_hint(1)))  // else compilers take a second
            for (int c = 0; c < ${spec.lanes}; c++) {
                point v = (point)(0, 0);
                if (c < width)
                    v = fft_load(x + c * x_row0, x_from + c * x_g0 + i * x_g, x_step, x_valid, total, points, sign, table, before);
                to[c] = v.x;
                to[${spec.lanes} + c] = v.y;
            }
        }
% else:
        for (int e = first; e < size; e += stride) {
            const int c = x_order > 1 ? e / n : e & (columns - 1), i = x_order > 1 ? e - c * n : e >> shift;
            point v = (point)(0, 0);
            if (c < width)
                v = fft_load(x + c * x_row0, x_from + c * x_g0 + i * x_g, x_step, x_valid, total, points, sign, table, before);
            a[2 * ((i << shift) + c)] = v.x;
            a[2 * ((i << shift) + c) + 1] = v.y;
        }
% endif
% if group:
        barrier(CLK_LOCAL_MEM_FENCE);
% endif

        global const number *w = w_data;
        ulong todo = factors;
        for (int m = n, s = columns; todo; todo >>= 4) {
            const int r = (int)(todo & 15);
            m /= r;
            switch (r) {
% for r in spec.radices:
            case ${r}:
                fft_pass_${r}(a, b, w, m, s);
                break;
% endfor
            }
            w += 2 * (r - 1) * m;
            s *= r;
            ${spec.tile} lane *swapped = a;
            a = b;
            b = swapped;
% if group:
            barrier(CLK_LOCAL_MEM_FENCE);
% endif
        }

% if spec.turn:
        global const lane *fine = (global const lane *)(turns + 2 * blocks * n);
        global const number *coarse = turns + 2 * block * n;
% endif
% if spec.lanes > 1:
        i = 0;
% if spec.wide_store:
<% unit = 2 if spec.store == "pairs" else 1 %>\
        int ready = 0;  // elements that all columns have
        if (width == ${spec.lanes}) {
            const idx all = o_g0 ? (${unit} * (o_from + ${spec.lanes - 1} * o_g0 + (n - 1) * o_g) < o_valid ? n : 0) : (o_valid / ${unit} - o_from + o_g - 1) / o_g;
            ready = (int)max((idx)0, min((idx)n, all));
        }
% if not spec.turn:
        if (o_order == 3) {
            for (; i + ${spec.lanes} <= ready; i += ${spec.lanes}) {
                lane re[${spec.lanes}], im[${spec.lanes}];
% for c in range(spec.lanes):
                {
                    lane vr = a[2 * (i + ${c})], vi = a[2 * (i + ${c}) + 1];
% if spec.post:
                    const number tr = after[2 * (o_from + (i + ${c}) * o_g)], ti = after[2 * (o_from + (i + ${c}) * o_g) + 1];
                    const lane turned = vr * tr - vi * ti;
                    vi = vr * ti + vi * tr;
                    vr = turned;
% endif
                    re[${c}] = vr * scale;
                    im[${c}] = vi * scale_imaginary;
                }
% endfor
                fft_transpose(re);
                fft_transpose(im);
% for c in range(spec.lanes):
                *(global lane_pair *)(o + ${c} * o_row0 + ${unit} * ((o_from + ${c} * o_g0) * o_step + i)) = (lane_pair)(${", ".join(f"re[{c}].s{j:x}, im[{c}].s{j:x}" for j in range(spec.lanes))});
% endfor
            }
        }
% endif
% endif
        for (; i < n; i++) {
            lane re = a[2 * i], im = a[2 * i + 1];
% if spec.turn:
            const number cr = coarse[2 * i], ci = coarse[2 * i + 1];
            const lane fr = fine[2 * i], fi = fine[2 * i + 1];
            const lane tr = cr * fr - ci * fi, ti = cr * fi + ci * fr;
            const lane turned = re * tr - im * ti;
            im = re * ti + im * tr;
            re = turned;
% endif
% if spec.wide_store:
            if (i < ready && o_order == 1) {
% if spec.post:
                const number tr = after[2 * (o_from + i * o_g)], ti = after[2 * (o_from + i * o_g) + 1];
                const lane turned = re * tr - im * ti;
                im = re * ti + im * tr;
                re = turned;
% endif
                re *= scale;
                im *= scale_imaginary;
                *(global lane_pair *)(o + ${unit} * (o_from + i * o_g) * o_step) = (lane_pair)(${", ".join(f"re.s{c:x}, im.s{c:x}" for c in range(spec.lanes))});
                continue;
            }
% endif
            const number real[${spec.lanes}] = {${", ".join(f"re.s{c:x}" for c in range(spec.lanes))}};
            const number imaginary[${spec.lanes}] = {${", ".join(f"im.s{c:x}" for c in range(spec.lanes))}};
            __attribute__((opencl_unroll_hint(1)))
            for (int c = 0; c < width; c++)
                fft_store(o + c * o_row0, o_from + c * o_g0 + i * o_g, o_step, o_valid, (point)(real[c], imaginary[c]), (point)(scale, scale_imaginary), after);
        }
% else:
        for (int e = first; e < size; e += stride) {
            const int c = o_order > 1 ? e / n : e & (columns - 1), i = o_order > 1 ? e - c * n : e >> shift;
            point v = (point)(a[2 * ((i << shift) + c)], a[2 * ((i << shift) + c) + 1]);
% if spec.turn:
            v = fft_times(v, fft_times((point)(coarse[2 * i], coarse[2 * i + 1]), (point)(fine[2 * ((i << shift) + c)], fine[2 * ((i << shift) + c) + 1])));
% endif
            if (c < width)
                fft_store(o + c * o_row0, o_from + c * o_g0 + i * o_g, o_step, o_valid, v, (point)(scale, scale_imaginary), after);
        }
% endif
    }
}
