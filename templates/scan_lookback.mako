<%page args="spec"/>\
## o[r, t] = x[r, 0] + ... + x[r, t], one tile of a row a group. words[0] counts tickets; a tile's sum lies in the words of
## its ticket, 32 bits in each, and above them 1 where they are the tile's own sum, 2 where they are all up to its end.
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
    volatile global ulong *own = words + 1 + ticket * ${words};
    if (id == 0) {
        before = ${spec.identity};
        done = tile == 0;
        publish(own, tile == 0 ? 2 : 1, whole);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (idx back = 1; !done; back += ${spec.window}) {
        if (id < ${spec.window}) {
            states[id] = 2;
            found[id] = ${spec.identity};
            if (back + id <= tile) {
                ${T} value;
                states[id] = read(own - (back + id) * ${words}, &value);
                found[id] = value;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (id == 0) {
            for (int k = 0; k < ${spec.window} && !done; k++) {
                before = ${spec.joined("found[k]", "before")};
                done = states[k] == 2;
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (id == 0 && tile > 0)
        publish(own, 2, ${spec.joined("before", "whole")});
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
