<%page args="spec"/>\
<%namespace name="head" file="gemm_head.mako"/>\
## o0 = epilogue(a @ b) on a GPU where the matrices are small or have few rows: a work-item makes a few rows of one
## column, straight from memory. Neighbours have neighbouring columns.
<% reach, unrolled = range(spec.rows), range(4) %>\
kernel __attribute__((reqd_work_group_size(${spec.group}, 1, 1)))
void kernel_main(
${head.arguments(spec)})
{
    const idx blocks = (m + ${spec.rows - 1}) / ${spec.rows};
    const idx task = (idx)get_global_id(0), strip = task / n, matrix = strip / blocks;
    const idx start_n = task - strip * n, start_m = (strip - matrix * blocks) * ${spec.rows};
    if (task >= items)
        return;
${head.factors(spec)}\
    const idx live_m = min((idx)${spec.rows}, m - start_m);
% for r in reach:
    const idx a_at${r} = min((idx)${r}, live_m - 1) * a_m;
% endfor
    ${spec.ctype} ${", ".join(f"c{r} = {spec.zero}" for r in reach)};
    idx k = 0;
    for (; k + ${len(unrolled)} <= left; k += ${len(unrolled)}) {
% for u in unrolled:
        const ${spec.ctype} y${u} = ${spec.value("b", f"b[{u} * b_k]")};
% for r in reach:
        const ${spec.ctype} x${r}_${u} = ${spec.value("a", f"a[a_at{r} + {u} * a_k]")};
% endfor
% endfor
% for u in unrolled:
% for r in reach:
        ${spec.multiply_add(f"c{r}", f"x{r}_{u}", f"y{u}")}
% endfor
% endfor
        a += ${len(unrolled)} * a_k;
        b += ${len(unrolled)} * b_k;
    }
    for (; k < left; k++) {
        const ${spec.ctype} y = ${spec.value("b", "b[0]")};
% for r in reach:
        const ${spec.ctype} x${r} = ${spec.value("a", f"a[a_at{r}]")};
        ${spec.multiply_add(f"c{r}", f"x{r}", "y")}
% endfor
        a += a_k;
        b += b_k;
    }
${head.results(spec)}\
% for r in reach:
    if (${r} < live_m) {
        const int l = 0;
% for x in spec.operands:
        ${x.qualifier}${x.name} = ${x.name}_block + ${r} * ${x.name}_m;
% endfor
        const ${spec.ctype} sum = c${r};
% for line in spec.body:
        ${line}
% endfor
    }
% endfor
}
