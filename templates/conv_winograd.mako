<%page args="spec"/>\
## o0 = epilogue(convolution of x and w) on a CPU by Winograd's method: a work-item makes a block of tiles of some out
## channels, from tiles of x that it transforms and panels of w that kernel_pack has transformed.
<%namespace name="axes" file="conv_axes.mako"/>\
<%
    m, side, lanes, real = spec.m, spec.side, spec.width, spec.real
    squares = side * side
    halves = (("",), ("lo", "hi"))[lanes == 16]
    o0 = spec.operands[0]
%>\
## C statements that transform a square of values named from0_0 ... to those named to0_0 ...
<%def name="transform(which, source, size, target, ctype)">\
<% middle = [spec.transformed(which, [f"{source}{i}_{j}" for i in range(size)]) for j in range(size)] %>\
% for j in range(size):
% for i, text in enumerate(middle[j]):
                const ${ctype} mid${i}_${j} = ${text};
% endfor
% endfor
% for i in range(len(middle[0])):
% for j, text in enumerate(spec.transformed(which, [f"mid{i}_{k}" for k in range(size)])):
                const ${ctype} ${target}${i}_${j} = ${text};
% endfor
% endfor
</%def>\
<%def name="product(vectors)">\
<% tiles = [(r, v) for r in range(spec.rows) for v in range(vectors)] %>\
                        vector ${", ".join(f"c{r}_{v} = 0" for r, v in tiles)};
                        for (idx k = 0; k < count_c; k++) {
% for v in range(vectors):
                            const vector y${v} = *(local const vector *)(y + ${v * lanes});
% endfor
% for r, v in tiles:
                            c${r}_${v} += u[${r}] * y${v};
% endfor
                            u += ${spec.rows};
                            y += line;
                        }
                        if (c > 0) {
% for r, v in tiles:
                            c${r}_${v} += *(local vector *)(to + ${r} * line + ${v * lanes});
% endfor
                        }
% for r, v in tiles:
                        *(local vector *)(to + ${r} * line + ${v * lanes}) = c${r}_${v};
% endfor
</%def>\
## How many blocks there are, and the tasks of this work-item.
<%def name="blocks()">\
const idx blocks_o = (outs + span_o - 1) / span_o;
% for a in spec.axes:
    const idx blocks${a} = (count${a} + block${a} - 1) / block${a};
% endfor
    const idx last_task = min(((idx)get_global_id(0) + 1) * span, tasks);
</%def>\
## The block of a task.
<%def name="place()">\
idx rest = task / blocks_o;
        const idx first_o = (task - rest * blocks_o) * span_o, end_o = min(first_o + span_o, outs);
        const idx g = rest % groups;
        rest /= groups;
% for a in reversed(spec.axes):
        const idx start${a} = rest % blocks${a} * block${a}, live${a} = min(block${a}, count${a} - start${a});
        rest /= blocks${a};
% endfor
</%def>\
typedef ${real}${lanes} vector __attribute__((aligned(${spec.alignment})));
typedef ${real}${min(lanes, 8)} part __attribute__((aligned(${spec.alignment})));
typedef ${real}${2 * min(lanes, 8)} pair __attribute__((aligned(${spec.alignment})));

// The lanes of two vectors in turns.
static pair shuffled(const part x, const part y)
{
    pair z;
    z.even = x;
    z.odd = y;
    return z;
}

// Transforms w and packs it as panels: so many out channels side by side, for every channel.
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_pack(global const ${spec.a.storage} *restrict w_data, const long w_offset, global ${real} *restrict panels,
                 const idx count, const idx strips, const idx outs, const idx channels,
                 const idx w_o, const idx w_c, const idx w_step1, const idx w_step2)
{
    const idx panel = get_global_id(0), g = panel / strips, out = (panel - g * strips) * ${spec.rows};
    const int live = (int)min((idx)${spec.rows}, outs - out);
    global const ${spec.a.storage} *restrict from = w_data + w_offset + (g * outs + out) * w_o;
    global ${real} *restrict to = panels + panel * channels * ${spec.rows};
    for (idx c = 0; c < channels; c++)
        for (int l = 0; l < ${spec.rows}; l++) {
                global const ${spec.a.storage} *restrict w = from + c * w_c + min(l, live - 1) * w_o;
% for i in range(3):
% for j in range(3):
                const ${real} w${i}_${j} = ${spec.value("a", f"w[{i} * w_step1 + {j} * w_step2]")};
% endfor
% endfor
${transform("kernel", "w", 3, "u", real)}\
% for i in range(side):
% for j in range(side):
                to[(${i * side + j} * count * channels + c) * ${spec.rows} + l] = l < live ? u${i}_${j} : 0;
% endfor
% endfor
        }
}

${axes.patch_fill(spec)}

// Transforms tiles side by side: x is where the first of them lies in a patch, v that of its first value.
static void transform_tiles(local ${real} *v, const idx apart, local const ${real} *x, const idx volume, const idx extent2)
{
% for i in range(side):
% for j in range(side):
                const vector d${i}_${j} = *(local const vector *)(x + ${i % m * m + j % m} * volume + ${i // m} * extent2 + ${j // m});
% endfor
% endfor
${transform("forth", "d", side, "t", "vector")}\
% for i in range(side):
% for j in range(side):
                *(local vector *)(v + ${i * side + j} * apart) = t${i}_${j};
% endfor
% endfor
}

// Transforms products of tiles side by side back, to ${m} lines of results.
static void transform_back(local ${real} *lines, const idx length, local const ${real} *products, const idx apart)
{
% for i in range(side):
% for j in range(side):
                const vector p${i}_${j} = *(local const vector *)(products + ${i * side + j} * apart);
% endfor
% endfor
${transform("back", "p", side, "s", "vector")}\
% for i in range(m):
% for number, part in enumerate(halves):
<% at = f".{part}" if part else "" %>\
% if m == 2:
                *(local pair *)(lines + ${i} * length + ${number * 16}) = shuffled(s${i}_0${at}, s${i}_1${at});
% else:
                {
                    const pair even = shuffled(s${i}_0${at}, s${i}_2${at}), odd = shuffled(s${i}_1${at}, s${i}_3${at});
                    *(local pair *)(lines + ${i} * length + ${number * 32}) = shuffled(even.lo, odd.lo);
                    *(local pair *)(lines + ${i} * length + ${number * 32 + 2 * min(lanes, 8)}) = shuffled(even.hi, odd.hi);
                }
% endif
% endfor
% endfor
}

kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_main(
    ${axes.operands(spec)}
    global const ${spec.b.storage} *restrict x_data, const long x_offset,
    global const ${real} *restrict panels, global uchar *restrict spoilt,
    ${axes.scalars(spec)}
    local ${real} *restrict patch, local ${real} *restrict values, local ${real} *restrict products,
    local ${real} *restrict lines,
    const idx tasks, const idx span, const idx groups, const idx channels, const idx outs,
    const idx span_o, const idx block_o, const idx block_c, const idx plane, const idx line, const idx x_c
    ${axes.parameters(spec)}
    ${axes.patch_parameters(spec)}
    , const idx results0, const idx results1, const idx results2
    ${axes.result_strides(spec)})
{
    const idx strips = (outs + ${spec.rows - 1}) / ${spec.rows};
    const idx length = (block2 + ${lanes - 1}) / ${lanes} * ${lanes * m};
    ${blocks()}    for (idx task = (idx)get_global_id(0) * span; task < last_task; task++) {
        ${place()}        const idx tiles = live0 * live1 * live2, end2 = live2 > ${lanes} ? live2 - ${lanes} : 0;
        bool finite = true;
        for (idx start_o = first_o; start_o < end_o; start_o += block_o) {
            const idx count_o = min(block_o, end_o - start_o);
            for (idx c = 0; c < channels; c += block_c) {
                const idx count_c = min(block_c, channels - c);
                for (idx k = 0; k < count_c && (start_o == first_o || block_c < channels); k++) {
                    fill(patch, x_data + x_offset + (g * channels + c + k) * x_c, 1, x_c, plane
% for a in spec.axes:
                         , start${a} * stride${a} - before${a}, size${a}, stride${a}, x_step${a}, phases${a}, extent${a}
% endfor
                    );
                    local ${real} *v = values + k * line;
                    for (idx q0 = 0; q0 < live0; q0++)
                        for (idx q1 = 0; q1 < live1; q1++, v += live2)
                            for (idx t = 0; t < live2; t += ${lanes}) {
                                const idx q2 = t > end2 ? end2 : t;  // the last vector ends where the row does
                                transform_tiles(v + q2, block_c * line, patch + ${axes.flat(["q0", "q1", "q2"])}, ${axes.volume(spec)}, extent2);
                            }
                }
                for (int e = 0; e < ${squares}; e++)
                    for (idx j = 0; j < tiles; j += ${spec.columns})
                        for (idx i = 0; i < count_o; i += ${spec.rows}) {
                            global const ${real} *restrict u = panels + ((e * groups * strips + g * strips + (start_o + i) / ${spec.rows}) * channels + c) * ${spec.rows};
                            local const ${real} *restrict y = values + e * block_c * line + j;
                            local ${real} *restrict to = products + (e * block_o + i) * line + j;
% for vectors in range(spec.vectors, 0, -1):
                            ${f"if (tiles - j > {(vectors - 1) * lanes})" if vectors > 1 else ""} {
${product(vectors)}\
                            } ${"else" if vectors > 1 else ""}
% endfor
                        }
            }
            for (idx o = 0; o < count_o; o++) {
                local const ${real} *p = products + o * line;
                for (idx q0 = 0; q0 < live0; q0++)
                    for (idx q1 = 0; q1 < live1; q1++, p += live2) {
                        for (idx t = 0; t < live2; t += ${lanes}) {
                            const idx q2 = t > end2 ? end2 : t;
                            transform_back(lines + ${m} * q2, length, p + q2, block_o * line);
                        }
                        const idx row = (start1 + q1) * ${m}, column = start2 * ${m};
                        const idx live = min(live2 * ${m}, results2 - column);
                        for (int a = 0; a < min((idx)${m}, results1 - row); a++) {
                            local const ${real} *restrict from = lines + a * length;
% for x in spec.operands:
                            ${x.qualifier}${"restrict " if x.written else ""}${x.name} = ${axes.result_at(spec, x, "(g * outs + start_o + o)", ["start0 + q0", "row + a", "column"])};
% endfor
                            int wrong = 0;
                            for (idx l = 0; l < live; l++) {
                                const ${real} sum = from[l];
                                wrong |= !(sum - sum == 0);
% for text in spec.body:
                                ${text}
% endfor
                            }
                            finite = finite && !wrong;
                        }
                    }
            }
        }
        spoilt[task] = !finite;
    }
}

// Makes every block that an infinity or a NaN has spoilt once more, by the definition.
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void kernel_exact(
    ${axes.operands(spec)}
    global const ${spec.b.storage} *restrict x_data, const long x_offset,
    global const ${spec.a.storage} *restrict w_data, const long w_offset,
    global const uchar *restrict spoilt,
    ${axes.scalars(spec)}
    const idx tasks, const idx span, const idx groups, const idx channels, const idx outs, const idx span_o,
    const idx x_c, const idx w_o, const idx w_c, const idx w_step1, const idx w_step2
    ${axes.parameters(spec)}
${"".join(f", const idx block{a}" for a in spec.axes)}, const idx results0, const idx results1, const idx results2
    ${axes.result_strides(spec)})
{
    ${blocks()}
    for (idx task = (idx)get_global_id(0) * span; task < last_task; task++) {
        if (!spoilt[task])
            continue;
        ${place()}
        for (idx o = first_o; o < end_o; o++)
            for (idx q0 = start0; q0 < start0 + live0; q0++)
                for (idx q1 = start1 * ${m}; q1 < min((start1 + live1) * ${m}, results1); q1++) {
% for x in spec.operands:
                    ${x.qualifier}${"restrict " if x.written else ""}${x.name} = ${axes.result_at(spec, x, "(g * outs + o)", ["q0", "q1", "0"])};
% endfor
                    for (idx l = start2 * ${m}; l < min((start2 + live2) * ${m}, results2); l++) {
                        ${real} sum = 0;
                        for (idx c = 0; c < channels; c++)
                            for (idx t1 = 0; t1 < 3; t1++)
                                for (idx t2 = 0; t2 < 3; t2++) {
                                    const idx i1 = q1 + t1 - before1, i2 = l + t2 - before2;
                                    const bool inside = i1 >= 0 && i1 < size1 && i2 >= 0 && i2 < size2;
                                    global const ${spec.b.storage} *x = x_data + x_offset + (g * channels + c) * x_c + q0 * x_step0 + (inside ? i1 * x_step1 + i2 * x_step2 : 0);
                                    global const ${spec.a.storage} *w = w_data + w_offset + (g * outs + o) * w_o + c * w_c + t1 * w_step1 + t2 * w_step2;
                                    sum += (inside ? ${spec.value("b", "x[0]")} : 0) * ${spec.value("a", "w[0]")};
                                }
% for text in spec.body:
                        ${text}
% endfor
                    }
                }
    }
}
