## The `keep` records of each part of a row that sort first, in the order in which they came.
<%page args="spec"/>\
<% k, local, each = spec.keys, spec.group, spec.each %>\
<%def name="read(place)">${f"from[{place}]" if spec.encoded else f"sort_record(sort_encode(x[{place}]), {place})"}</%def>\
% if spec.walk == "chunk":
// The key that keep - 1 of the records' keys may be below; the records up to it stay, the earliest of equal ones.
static int sort_prune(global ${k.record} *records, const int found, const int keep, ${k.storage} *bound)
{
    ${k.storage} last = 0;
    for (int bit = ${k.bits - 1}; bit >= 0; bit--) {
        const ${k.storage} raised = last | (${k.storage})1 << bit;
        int below = 0;
        for (int i = 0; i < found; i++)
            below += sort_key(records[i]) < raised;
        last = below < keep ? raised : last;
    }
    int equal = keep, kept = 0;
    for (int i = 0; i < found; i++)
        equal -= sort_key(records[i]) < last;
    for (int i = 0; i < found; i++) {
        const ${k.record} r = records[i];
        const ${k.storage} key = sort_key(r);
        if (key < last || (key == last && equal-- > 0))
            records[kept++] = r;
    }
    *bound = last;
    return kept;
}

% endif
kernel __attribute__((reqd_work_group_size(${local}, 1, 1))) void kernel_main(
    global const ${k.storage} *x_data, const long x_offset, global const ${k.record} *from_data,
    global ${k.record} *best_data, const idx items, const idx span, const idx size, const idx parts,
    const int keep\
% if spec.walk == "chunk":
, global ${k.record} *spare, const int capacity)
{
    global ${k.record} *records = spare + (idx)get_global_id(0) * capacity;
    const idx stop = min(((idx)get_global_id(0) + 1) * span, items);
    for (idx item = (idx)get_global_id(0) * span; item < stop; item++) {
        const idx row = item / parts, part = item % parts;
        const idx shorter = size / parts, longer = size % parts;
        const idx begin = part * shorter + min(part, longer), end = begin + shorter + (part < longer);
        global const ${k.storage} *x = x_data + x_offset + row * size;
        global const ${k.record} *from = from_data + row * size;
        global ${k.record} *best = best_data + item * keep;
        ${k.storage} bound;
        idx i = begin;
        for (; i < begin + keep; i++)
            records[i - begin] = ${read("i")};
        int found = sort_prune(records, keep, keep, &bound);
        while (i < end) {
            const int width = (int)min((idx)${each}, end - i);
            ${k.storage} keys[${each}];
            int better = 0;
            if (width == ${each}) {
                for (int l = 0; l < ${each}; l++) {
                    keys[l] = sort_encode(x[i + l]);
                    better |= keys[l] < bound;
                }
            } else {
                better = 1;
                for (int l = 0; l < width; l++)
                    keys[l] = sort_encode(x[i + l]);
            }
            if (better) {
                for (int l = 0; l < width; l++)
                    if (keys[l] < bound)
                        records[found++] = sort_record(keys[l], i + l);
                if (found + ${each} > capacity)
                    found = sort_prune(records, found, keep, &bound);
            }
            i += width;
        }
        sort_prune(records, found, keep, &bound);
        for (int r = 0; r < keep; r++)
            best[r] = records[r];
    }
}
% else:
)
{
    local ${k.record} held[${local * each}];
    local int below[${k.bits}];
    local uint sums[${local}];
    const int lid = get_local_id(0);
    const idx row = get_group_id(0) / parts, part = get_group_id(0) - row * parts;
    const idx shorter = size / parts, longer = size % parts;
    const idx begin = part * shorter + min(part, longer);
    const int length = (int)shorter + (part < longer);
    global const ${k.storage} *x = x_data + x_offset + row * size;
    global const ${k.record} *from = from_data + row * size;
    global ${k.record} *best = best_data + (row * parts + part) * keep;
    for (int s = lid; s < length; s += ${local})
        held[s] = ${read("begin + s")};
    for (int bit = lid; bit < ${k.bits}; bit += ${local})
        below[bit] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    ${k.storage} last = 0;
    for (int bit = ${k.bits - 1}; bit >= 0; bit--) {
        const ${k.storage} raised = last | (${k.storage})1 << bit;
        int own = 0;
        for (int s = lid; s < length; s += ${local})
            own += sort_key(held[s]) < raised;
        if (own)
            atomic_add(below + bit, own);
        barrier(CLK_LOCAL_MEM_FENCE);
        last = below[bit] < keep ? raised : last;
    }
    // records below the last key in the low half, those equal to it in the high half
    uint count = 0;
    for (int s = lid * ${each}; s < min((lid + 1) * ${each}, length); s++) {
        const ${k.storage} key = sort_key(held[s]);
        count += (key < last) + ((key == last) << 16);
    }
    sums[lid] = count;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int step = 1; step < ${local}; step *= 2) {
        const uint before = lid >= step ? sums[lid - step] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        sums[lid] += before;
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const uint before = sums[lid] - count;
    const int equal = keep - (int)(sums[${local - 1}] & 0xffff);
    int less = before & 0xffff, same = before >> 16;
    for (int s = lid * ${each}; s < min((lid + 1) * ${each}, length); s++) {
        const ${k.record} r = held[s];
        const ${k.storage} key = sort_key(r);
        if (key < last)
            best[less++ + min(same, equal)] = r;
        else if (key == last) {
            if (same < equal)
                best[less + same] = r;
            same++;
        }
    }
}
% endif
