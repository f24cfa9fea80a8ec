<%page args="spec"/>\
<%namespace name="head" file="gemm_head.mako"/>\
## o0 = epilogue(a @ b) on a GPU where b has few columns and rows of a are contiguous: a team of work-items reads a row
## side by side and adds up what each made of it.
<%
    columns, low, team, group = range(spec.columns), range(spec.lanes), spec.team, spec.group
%>\
% for x in spec.sides:
typedef ${x.vector} ${x.name}_vector __attribute__((aligned(${x.alignment})));
% endfor

kernel __attribute__((reqd_work_group_size(${group}, 1, 1)))
void kernel_main(
${head.arguments(spec)})
{
    local ${spec.ctype} sums[${spec.columns * group}];
    const int item = get_local_id(0), lane = item % ${team};
    const idx own = (idx)(get_global_id(0) / ${team}), task = min(own, items - 1), matrix = task / m;
    const idx start_m = task - matrix * m, start_n = 0;
${head.factors(spec)}\
    const bool a_whole = a_k == 1 && (size_t)a % ${spec.sides[0].alignment} == 0;
    const bool b_whole = b_k == 1 && b_n % ${spec.lanes} == 0 && (size_t)b % ${spec.sides[1].alignment} == 0;
% for c in columns:
    const idx b_at${c} = min((idx)${c}, n - 1) * b_n;
    ${spec.ctype} ${", ".join(f"c{c}_{i} = {spec.zero}" for i in low)};
% endfor
    idx k = lane * ${spec.lanes};
    for (; k + ${spec.lanes} <= left; k += ${team * spec.lanes}) {
<% x, y = spec.sides %>\
        ${spec.ctype} ${", ".join(f"e{i}" for i in low)};
        global const ${x.row.storage} *a_from = a + k * a_k;
        if (a_whole) {
            const a_vector w = *(global const a_vector *)a_from;
% for i in low:
            e${i} = ${spec.value("a", x.element("w", i))};
% endfor
        } else {
% for i in low:
            e${i} = ${spec.value("a", f"a_from[{i} * a_k]")};
% endfor
        }
% for c in columns:
        {
            global const ${y.row.storage} *b_from = b + k * b_k + b_at${c};
            if (b_whole) {
                const b_vector w = *(global const b_vector *)b_from;
% for i in low:
                const ${spec.ctype} f${i} = ${spec.value("b", y.element("w", i))};
                ${spec.multiply_add(f"c{c}_{i}", f"e{i}", f"f{i}")}
% endfor
            } else {
% for i in low:
                const ${spec.ctype} f${i} = ${spec.value("b", f"b_from[{i} * b_k]")};
                ${spec.multiply_add(f"c{c}_{i}", f"e{i}", f"f{i}")}
% endfor
            }
        }
% endfor
    }
    for (idx end = min(left, k + ${spec.lanes}); k < end; k++) {
        const ${spec.ctype} e = ${spec.value("a", "a[k * a_k]")};
% for c in columns:
        {
            const ${spec.ctype} f = ${spec.value("b", f"b[k * b_k + b_at{c}]")};
            ${spec.multiply_add(f"c{c}_0", "e", "f")}
        }
% endfor
    }
% for c in columns:
    sums[${c * group} + item] = ${spec.total([f"c{c}_{i}" for i in low])};
% endfor
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int reach = ${team // 2}; reach; reach /= 2) {
        if (lane < reach) {
% for c in columns:
            sums[${c * group} + item] += sums[${c * group} + item + reach];
% endfor
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
${head.results(spec)}\
    if (own < items && lane < n) {
% for x in spec.operands:
        ${x.qualifier}${x.name} = ${x.name}_block;
% endfor
        const int l = lane;
        const ${spec.ctype} sum = sums[l * ${group} + item - lane];
% for line in spec.body:
        ${line}
% endfor
    }
}
