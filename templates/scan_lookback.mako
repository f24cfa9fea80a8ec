<%page args="spec"/>\
## o[r, t] = x[r, 0] + ... + x[r, t], one tile of a row a group. words[0] counts tickets; then, row by row, come a place for
## each tile and one more after every ${spec.window} of them, a block. A sum lies there in words of 32 bits, and above each
## of them 1 where it is that tile's or block's own, 2 where it is that of all up to the block's end.
<%
    (xtype, otype), T, words = spec.storage, spec.accumulator.ctype, spec.words
    uints = "uint" if words == 1 else f"uint{words}"
    part = lambda k: "bits" if words == 1 else f"bits.s{k}"
    lines, element = spec.loaded(spec.x_at("at"))
%>\
#pragma OPENCL EXTENSION cl_khr_int64_base_atomics : enable

static void publish(volatile global ulong *words, ulong state, ${T} value)
{
    const ${uints} bits = as_${uints}(value);
% for k in range(words):
    atom_xchg(words + ${k}, (state << 32) | ${part(k)});
% endfor
}

// Waits until a sum is there. Its words are written one by one: they are a sum where all say the same.
static int read(volatile global ulong *words, ${T} *value)
{
    ulong ${", ".join(f"w{k}" for k in range(words))};
    do {
% for k in range(words):
        w${k} = words[${k}];
% endfor
    } while (w0 >> 32 == 0${"".join(f" || w{k} >> 32 != w0 >> 32" for k in range(1, words))});
    *value = as_${T}((${uints})(${", ".join(f"(uint)w{k}" for k in range(words))}));
    return (int)(w0 >> 32);
}

kernel void kernel_main(
    global ${otype} *o_data, const long o_offset,
    global const ${xtype} *x_data, const long x_offset,
    volatile global ulong *words, const long words_offset,
    const idx size, const idx tiles,
    ${", ".join(f"const idx n{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx o_row{a}" for a in range(spec.rank))},
    ${", ".join(f"const idx x_row{a}" for a in range(spec.rank))},
    const idx o_step, const idx x_step)
{
    local ${T} stage[${spec.padded}], sums[${spec.group}], found[${spec.window}], before;
    local int states[${spec.window}], drawn, done;
    const int id = get_local_id(0);
    words += words_offset;
    if (id == 0)
        drawn = atomic_inc((volatile global int *)words);
    barrier(CLK_LOCAL_MEM_FENCE);
    const idx ticket = drawn;
    idx rest = ticket / tiles;
    const idx tile = ticket - rest * tiles, t0 = tile * ${spec.group * spec.each};
% for a in range(spec.rank):
    const idx q${a} = rest % n${a};
    rest /= n${a};
% endfor
    global const ${xtype} *row = x_data + x_offset${"".join(f" + q{a} * x_row{a}" for a in range(spec.rank))};
    global ${otype} *o = o_data + o_offset${"".join(f" + q{a} * o_row{a}" for a in range(spec.rank))};

    for (int k = 0; k < ${spec.each}; k++) {  // neighbours read neighbours
        const int place = k * ${spec.group} + id;
        const idx at = min(t0 + place, size - 1);
        ${" ".join(lines)}
        stage[place + place / 32] = t0 + place < size ? ${element} : ${spec.identity};
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    ${T} mine[${spec.each}], sum = ${spec.identity};
    for (int k = 0; k < ${spec.each}; k++) {
        const int place = id * ${spec.each} + k;
        sum = ${spec.joined("sum", "stage[place + place / 32]")};
        mine[k] = sum;
    }
    sums[id] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int w = 1; w < ${spec.group}; w *= 2) {
        ${T} together = sums[id];
        if (id >= w)
            together = ${spec.joined("sums[id - w]", "together")};
        barrier(CLK_LOCAL_MEM_FENCE);
        sums[id] = together;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const ${T} whole = sums[${spec.group - 1}];
    const idx block = tile / ${spec.window}, per_row = tiles + tiles / ${spec.window};
    const int nth = tile % ${spec.window};
    volatile global ulong *first = words + 1 + (ticket / tiles * per_row + block * ${spec.window + 1}) * ${words};
    volatile global ulong *own = first + ${spec.window * words};  // the block's
    if (id == 0)
        publish(first + nth * ${words}, 1, whole);

    // what went before in the block
    if (id < nth) {
        ${T} value;
        read(first + id * ${words}, &value);
        found[id] = value;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (id == 0) {
        ${T} all = ${spec.identity};
        for (int k = 0; k < nth; k++)
            all = ${spec.joined("all", "found[k]")};
        before = all;
        if (nth == ${spec.window - 1})
            publish(own, block == 0 ? 2 : 1, ${spec.joined("all", "whole")});
        done = block == 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);

    // what went before the block: from the nearest sum of all on, the sums of blocks in their order
    while (!done) {
        if (id < ${spec.window}) {
            states[id] = 0;
            if (id < block) {
                ${T} value;
                states[id] = read(own - (id + 1) * ${(spec.window + 1) * words}, &value);
                found[id] = value;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (id == 0) {
            int k = 0;
            while (k < ${spec.window - 1} && states[k] != 2)
                k++;
            done = states[k] == 2;
            if (done) {
                ${T} all = found[k];
                while (--k >= 0)
                    all = ${spec.joined("all", "found[k]")};
                if (nth == ${spec.window - 1}) {
                    const ${T} block_sum = ${spec.joined("before", "whole")};
                    publish(own, 2, ${spec.joined("all", "block_sum")});
                }
                before = ${spec.joined("all", "before")};
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    ${T} start = before;
    if (id > 0)
        start = ${spec.joined("start", "sums[id - 1]")};
    for (int k = 0; k < ${spec.each}; k++) {
        const int place = id * ${spec.each} + k;
        stage[place + place / 32] = ${spec.joined("start", "mine[k]")};
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k = 0; k < ${spec.each}; k++) {
        const int place = k * ${spec.group} + id;
        const idx at = t0 + place;
        if (at < size)
            ${spec.out_at("at")} = ${spec.stored("stage[place + place / 32]")};
    }
}
