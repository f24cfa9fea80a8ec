<%page args="spec"/>\
## o0 = epilogue(a @ b) on a CPU: a work-item makes a block of rows and columns, tile by tile, from packed panels.
<%
    tiles = [(r, v) for r in range(spec.rows) for v in range(spec.vectors)]
    parts = ("", "i")[: spec.planes]  # of an accumulator: the real or only part, and the imaginary
    size, lanes, columns = spec.rows * spec.columns, spec.width, spec.columns
    batch = range(spec.batch_rank)
    o0 = spec.operands[0]
%>\
<%def name="step(name, lanes, source, live)">\
for (int l = 0; l < ${lanes}; l++) {
% if spec.planes == 2:
                const ${spec.ctype} value = ${spec.value(name, source)};
                to[l] = ${f"l < live ? value.x : 0" if live else "value.x"};
                to[${lanes} + l] = ${f"l < live ? value.y : 0" if live else "value.y"};
% else:
                to[l] = ${f"l < live ? {spec.value(name, source)} : 0" if live else spec.value(name, source)};
% endif
            }
</%def>\
<%def name="partial()">\
const ${spec.ctype} part = ${spec.gathered(f"tile[r * {columns} + l]", f"tile[{size} + r * {columns} + l]")};
% if spec.in_result:
                                const ${spec.ctype} sum = first ? part : ${o0.at("l")} + part;
% else:
                                const ${spec.ctype} sum = part;
% endif
</%def>\
<%def name="finish(count)">\
_Pragma("clang loop vectorize(assume_safety)") for (int l = 0; l < ${count}; l++) {
                                ${partial()}\
% for line in spec.body:
                                ${line}
% endfor
                            }
</%def>\
// Packs a block as panels, each so many lanes (rows of a, columns of b) side by side for every step of k; the last
// panel is filled up with zeros. A complex step is its real parts, then its imaginary ones.
% for name, across, space in (("a", spec.rows, "local"), ("b", spec.columns, spec.b_space)):
static void panel_${name}(${space} ${spec.real} *to, global const ${spec.row(name).storage} *from,
                    const idx count, const idx depth, const idx step, const idx step_k)
{
    idx first = 0;
% if spec.planes == 1 and name == "b":
    // four panels at once: what is read together lies together
    for (; step == 1 && first + ${4 * across} <= count; first += ${4 * across}, to += ${4 * across} * depth) {
        global const ${spec.row(name).storage} *x = from + first;
        for (idx k = 0; k < depth; k++, x += step_k)
            for (int p = 0; p < 4; p++)
                for (int l = 0; l < ${across}; l++)
                    to[(p * depth + k) * ${across} + l] = ${spec.value(name, f"x[p * {across} + l]")};
    }
% endif
    for (; first < count; first += ${across}) {
        const int live = (int)min((idx)${across}, count - first);
        global const ${spec.row(name).storage} *x = from + first * step;
        if (live == ${across} && step == 1)
            for (idx k = 0; k < depth; k++, x += step_k, to += ${across * spec.planes})
            ${step(name, across, "x[l]", False)}
        else if (live == ${across})
            for (idx k = 0; k < depth; k++, x += step_k, to += ${across * spec.planes})
            ${step(name, across, "x[l * step]", False)}
        else
            for (idx k = 0; k < depth; k++, x += step_k, to += ${across * spec.planes})
            ${step(name, across, "x[min(l, live - 1) * step]", True)}
    }
}

% endfor

typedef ${spec.real}${lanes} vector __attribute__((aligned(${spec.alignment})));

% if spec.b_packed:
// Packs the steps of b from `start` to `end`, a block of depth and of columns each work-item.
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_pack(global const ${spec.b.storage} *restrict b_data, const long b_offset, global ${spec.real} *restrict b_panels,
                 global int *taken, const idx n, const idx start, const idx end, const idx block_n, const idx block_k, const idx b_k, const idx b_n,
                 const idx b_panels_size\
% for a in batch:
, const idx n${a}, const idx b_batch${a}\
% endfor
)
{
    const idx j = get_global_id(0) * block_n, k = start + get_global_id(1) * block_k;
    idx rest = get_global_id(2);
    global const ${spec.b.storage} *restrict from = b_data + b_offset + k * b_k + j * b_n;
% for a in batch:
    const idx left${a} = rest / n${a}, at${a} = rest - left${a} * n${a};
    from += at${a} * b_batch${a};
    rest = left${a};
% endfor
    const idx deep = min(block_k, end - k), padded = (n + ${columns - 1}) / ${columns} * ${columns};
    panel_b(b_panels + (get_global_id(2) * b_panels_size + (k - start) * padded + j * deep) * ${spec.planes},
            from, min(block_n, n - j), deep, b_n, b_k);
    if (j == 0 && k == start && get_global_id(2) == 0)
        *taken = 0;
}

% endif
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_main(
% for x in spec.operands:
    ${x.qualifier}${x.name}_data, const long ${x.name}_offset,
% endfor
    global const ${spec.a.storage} *restrict a_data, const long a_offset,
    global const ${spec.b.storage} *restrict b_data, const long b_offset,
% if spec.b_packed:
    global const ${spec.real} *restrict b_panels, volatile global int *taken, const idx b_panels_size,
% endif
% if not spec.in_result:
    global ${spec.real} *restrict sums,
% endif
    local ${spec.real} *restrict panels,
% for ctype, name in spec.scalars:
    const ${ctype} ${name},
% endfor
    const idx tasks, const idx span, const idx m, const idx n, const idx depth, const idx start, const idx end,
    const idx block_m, const idx block_n, const idx block_k, const idx a_m, const idx a_k, const idx b_k, const idx b_n
% for x in spec.operands:
    , const idx ${x.name}_m, const idx ${x.name}_inner
% endfor
% for a in batch:
    , const idx n${a}, const idx a_batch${a}, const idx b_batch${a}
% if spec.b_packed:
    , const idx packed_batch${a}
% endif
% for x in spec.operands:
    , const idx ${x.name}_batch${a}
% endfor
% endfor
)
{
    const idx blocks_m = (m + block_m - 1) / block_m, blocks_n = (n + block_n - 1) / block_n;
    const idx padded_m = (m + ${spec.rows - 1}) / ${spec.rows} * ${spec.rows};
    const idx padded_n = (n + ${columns - 1}) / ${columns} * ${columns};
% if spec.b_packed:
    for (idx task = atomic_inc(taken); task < tasks; task = atomic_inc(taken)) {
% else:
    const idx last_task = min(((idx)get_global_id(0) + 1) * span, tasks);
    for (idx task = (idx)get_global_id(0) * span; task < last_task; task++) {
% endif
        const idx strip = task / blocks_n, matrix = strip / blocks_m;
        const idx start_n = (task - strip * blocks_n) * block_n, start_m = (strip - matrix * blocks_m) * block_m;
        const idx count_m = min(block_m, m - start_m), count_n = min(block_n, n - start_n);
        global const ${spec.a.storage} *restrict a = a_data + a_offset + start_m * a_m;
        global const ${spec.b.storage} *restrict b = b_data + b_offset + start_n * b_n;
% for x in spec.operands:
        ${x.qualifier}${x.name}_block = ${x.name}_data + ${x.name}_offset + start_m * ${x.name}_m + start_n * ${x.name}_inner;
% endfor
% if spec.b_packed:
        idx packed = 0;
% endif
% if spec.batch_rank:
        idx rest = matrix;
% endif
% for k in batch:
        const idx left${k} = rest / n${k}, at${k} = rest - left${k} * n${k};
        a += at${k} * a_batch${k};
        b += at${k} * b_batch${k};
% if spec.b_packed:
        packed += at${k} * packed_batch${k};
% endif
% for x in spec.operands:
        ${x.name}_block += at${k} * ${x.name}_batch${k};
% endfor
        rest = left${k};
% endfor
        local ${spec.real} *restrict a_panels = panels;
        for (idx start_k = start; start_k < end; start_k += block_k) {
            const idx count_k = min(block_k, end - start_k);
            const bool first = start_k == 0, last = start_k + count_k == depth;
            panel_a(a_panels, a + start_k * a_k, count_m, count_k, a_m, a_k);
% if spec.b_packed:
            global const ${spec.real} *restrict b_block = b_panels + (packed * b_panels_size + (start_k - start) * padded_n + start_n * count_k) * ${spec.planes};
% else:
            local ${spec.real} *restrict b_block = panels + block_m * block_k * ${spec.planes};
            panel_b(b_block, b + start_k * b_k, count_n, count_k, b_n, b_k);
% endif
            for (idx j = 0; j < count_n; j += ${columns})
                for (idx i = 0; i < count_m; i += ${spec.rows}) {
                    local const ${spec.real} *restrict x = a_panels + i * count_k * ${spec.planes};
                    ${spec.b_space} const ${spec.real} *restrict y = b_block + j * count_k * ${spec.planes};
                    vector ${", ".join(f"c{p}{r}_{v} = 0" for r, v in tiles for p in parts)};
                    for (idx k = 0; k < count_k; k++) {
% for v in range(spec.vectors):
% for number, p in enumerate(parts):
                        const vector y${p}${v} = *(${spec.b_space} const vector *)(y + ${number * columns + v * lanes});
% endfor
% endfor
% for r, v in tiles:
% if spec.planes == 1:
                        c${r}_${v} += x[${r}] * y${v};
% else:
                        c${r}_${v} += x[${r}] * y${v};
                        c${r}_${v} -= x[${spec.rows + r}] * yi${v};
                        ci${r}_${v} += x[${r}] * yi${v};
                        ci${r}_${v} += x[${spec.rows + r}] * y${v};
% endif
% endfor
                        x += ${spec.rows * spec.planes};
                        y += ${columns * spec.planes};
                    }
                    const int live_m = (int)min((idx)${spec.rows}, count_m - i), live_n = (int)min((idx)${columns}, count_n - j);
% if not spec.in_result:
                    global ${spec.real} *restrict partial = sums + (matrix * padded_m * padded_n + (start_m + i) * padded_n + (start_n + j) * ${spec.rows}) * ${spec.planes};
                    if (!first) {
% for number, (r, v, p) in enumerate((r, v, p) for p in parts for r, v in tiles):
                        c${p}${r}_${v} += *(global vector *)(partial + ${number * lanes});
% endfor
                    }
                    if (!last) {
% for number, (r, v, p) in enumerate((r, v, p) for p in parts for r, v in tiles):
                        *(global vector *)(partial + ${number * lanes}) = c${p}${r}_${v};
% endfor
                        continue;
                    }
% endif
% for x in spec.operands:
                    ${x.qualifier}${x.name}_tile = ${x.name}_block + i * ${x.name}_m + j * ${x.name}_inner;
% endfor
% if spec.direct:
                    const bool whole = live_m == ${spec.rows} && live_n == ${columns};
                    if (${"whole && !last" if spec.epilogue else "whole"}) {
% for r, v in tiles:
                        {
                            global vector *to = (global vector *)(o0_tile + ${r} * o0_m + ${v * lanes});
                            *to = first ? c${r}_${v} : *to + c${r}_${v};
                        }
% endfor
                        continue;
                    }
% endif
                    ${spec.real} tile[${size * spec.planes}];
% for number, (r, v, p) in enumerate((r, v, p) for p in parts for r, v in tiles):
                    *(vector *)(tile + ${number * lanes}) = c${p}${r}_${v};
% endfor
                    for (int r = 0; r < live_m; r++) {
% for x in spec.operands:
                        ${x.qualifier}${x.name} = ${x.name}_tile + r * ${x.name}_m;
% endfor
% if spec.epilogue and spec.in_result:
                        if (!last)
                            for (int l = 0; l < live_n; l++) {
                                ${partial()}\
                                ${o0.at("l")} = sum;
                            }
                        else if (live_n == ${columns}) {
                            ${finish(str(columns))}\
                        } else {
                            ${finish("live_n")}\
                        }
% elif spec.epilogue:
                        if (live_n == ${columns}) {
                            ${finish(str(columns))}\
                        } else {
                            ${finish("live_n")}\
                        }
% else:
                        for (int l = 0; l < live_n; l++) {
                            ${partial()}\
                            ${o0.at("l")} = sum;
                        }
% endif
                    }
                }
        }
    }
}
