## Short rows: an element's place is the number of those that come before it.
<%page args="spec"/>\
<% k = spec.keys %>\
<%def name="source(i)">${f"from[{i}]" if spec.encoded else f"sort_record(sort_encode(x[{i}]), {i})"}</%def>\
kernel ${"__attribute__((reqd_work_group_size(1, 1, 1))) " if spec.walk == "chunk" else ""}void kernel_main(
% for ctype, name in spec.results:
    global ${ctype} *${name}_data,
% endfor
    global const ${k.storage} *x_data, const long x_offset, global const ${k.record} *from_data,
    const idx rows, const idx span, const idx whole, const int size, const int keep)
{
% if spec.walk == "chunk":
    const idx stop = min(((idx)get_global_id(0) + 1) * span, rows);
    for (idx row = (idx)get_global_id(0) * span; row < stop; row++) {
        global const ${k.storage} *x = x_data + x_offset + row * whole;
        global const ${k.record} *from = from_data + row * size;
        ${k.record} records[${spec.limit}], order[${spec.limit}];
        int ranks[${spec.limit}];
        for (int i = 0; i < size; i++) {
            records[i] = ${source("i")};
            order[i] = sort_order(records[i]);
            ranks[i] = 0;
        }
        for (int j = 0; j < size; j++) {
            const ${k.record} o = order[j];
            for (int i = 0; i < size; i++)
                ranks[i] += sort_less(o, order[i])${"" if k.indexed else " | (sort_equal(o, order[i]) & (j < i))"};
        }
% for ctype, name in spec.results:
        global ${ctype} *${name} = ${name}_data + row * keep;
% endfor
        for (int i = 0; i < size; i++) {
            const ${k.record} r = records[i];
            ${spec.store("r", "ranks[i]")}
        }
    }
% else:
    const idx row = (idx)get_global_id(0) / size;
    const int i = (idx)get_global_id(0) % size;
    if (row >= rows)
        return;
    global const ${k.storage} *x = x_data + x_offset + row * whole;
    global const ${k.record} *from = from_data + row * size;
    const ${k.record} r = ${source("i")}, own = sort_order(r);
    int rank = 0;
    for (int j = 0; j < size; j++) {
        const ${k.record} o = sort_order(${source("j")});
        rank += sort_less(o, own) || (sort_equal(o, own) && j < i);
    }
% for ctype, name in spec.results:
    global ${ctype} *${name} = ${name}_data + row * keep;
% endfor
    ${spec.store("r", "rank")}
% endif
}
