<%page args="spec"/>\
<%namespace name="head" file="gemm_head.mako"/>\
## o0 = epilogue(a @ b) on a GPU: a group makes a tile of the result. The next steps of k come into registers while those
## in local memory are multiplied; local memory has two buffers, so one barrier a step is enough.
<%
    V, planes, R, vector = spec.lanes, range(spec.planes), spec.real, spec.vector
    low = range(V)
%>\
<%def name="fetch()">\
        // a multiple of the step for each element would be kept in registers, did it not seem to change
        const idx ${", ".join(f"{x.name}_step = {x.name}_{x.fast} + (here >> 30)" for x in spec.sides)};
% for x in spec.sides:
% for j in range(x.fetches):
<% guard = f"if (item < {x.vectors - j * spec.group}) " if x.vectors < (j + 1) * spec.group else "" %>\
        ${guard}{
            const int l = ${x.place(j)[0]}, k = ${x.place(j)[1]};
            global const ${x.row.storage} *from = ${x.name} + l * ${x.name}_${x.axis} + k * ${x.name}_k;
            ${spec.ctype} ${", ".join(f"e{i}" for i in low)};
            if (${x.name}_lines && ${x.inside}) {
                const ${x.name}_vector w = *(global const ${x.name}_vector *)from;
% for i in low:
                e${i} = ${spec.value(x.name, x.element("w", i))};
% endfor
            } else {
                const int there = ${x.there};
% for i in low:
                e${i} = ${i} < there ? ${spec.value(x.name, f"from[{i} * {x.name}_step]")} : ${spec.zero};
% endfor
            }
% for p in planes:
            ${x.name}_next${j}_${p} = (${vector})(${", ".join(spec.part(f"e{i}", p) for i in low)});
% endfor
        }
% endfor
        ${x.name} += ${spec.depth} * ${x.name}_k;
% endfor
</%def>\
<%def name="keep(x)">\
% for j in range(x.fetches):
<% guard = f"if (item < {x.vectors - j * spec.group}) " if x.vectors < (j + 1) * spec.group else "" %>\
        ${guard}{
            const int l = ${x.place(j)[0]}, k = ${x.place(j)[1]};
% for p in planes:
% if x.turned:
            local ${R} *to${p} = (local ${R} *)${x.name}_tile + (current * ${spec.planes} + ${p}) * ${x.size} + k * ${x.length} + (l ^ ${x.turn("k")});
% for i in low:
            to${p}[${i * x.length}] = ${x.name}_next${j}_${p}.s${i};
% endfor
% else:
            ${x.name}_tile[((current * ${spec.planes} + ${p}) * ${x.size} + k * ${x.length} + l) / ${V}] = ${x.name}_next${j}_${p};
% endif
% endfor
        }
% endfor
</%def>\
% for x in spec.sides:
typedef ${x.vector} ${x.name}_vector __attribute__((aligned(${x.alignment})));
% endfor
typedef ${spec.result_vector} o0_vector __attribute__((aligned(${spec.result_alignment})));

kernel __attribute__((reqd_work_group_size(${spec.group}, 1, 1)))
void kernel_main(
${head.arguments(spec)})
{
% for x in spec.sides:
    local ${vector} ${x.name}_tile[${2 * spec.planes * x.size // V}];
% endfor
    const int item = get_local_id(0);
    const int line = ${spec.item_m} * ${V}, column = ${spec.item_n} * ${V};
${head.place(spec)}\
${head.factors(spec)}\
% for x in spec.sides:
    const bool ${x.name}_lines = ${x.name}_${x.fast} == 1 && ${x.name}_${x.slow} % ${V} == 0 && (size_t)${x.name} % ${x.alignment} == 0;
% endfor
    ${vector} ${", ".join(f"{x.name}_next{j}_{p} = 0" for x in spec.sides for j in range(x.fetches) for p in planes)};
    ${vector} ${", ".join(f"c{r}_{j}_{p} = 0" for r in range(spec.each_m) for j in spec.blocks_n for p in planes)};
    int current = 0, here = (int)min((idx)${spec.depth}, left);
    {
${fetch()}\
    }
    for (idx start = ${spec.depth}; start < left + ${spec.depth}; start += ${spec.depth}) {
% for x in spec.sides:
${keep(x)}\
% endfor
        barrier(CLK_LOCAL_MEM_FENCE);
        here = (int)min((idx)${spec.depth}, left - start);  // none at last: nothing is read
${fetch()}\
        for (int q = 0; q < ${spec.depth}; q += ${V}) {
% for x in spec.sides:
            local const ${vector} *${x.name}_at = ${x.name}_tile + current * ${spec.planes * x.size // V} + q * ${x.length // V};
% endfor
% for s in low:
            {
% for x, blocks, at, step in ((*spec.sides[:1], spec.blocks_m, "line", spec.step_m), (*spec.sides[1:], spec.blocks_n, "column", spec.step_n)):
% for i in blocks:
% for p in planes:
                const ${vector} ${x.letter}${i}_${p} = ${x.name}_at[${(p * x.size + s * x.length) // V} + ${x.read(at, i * step)}];
% endfor
% endfor
% endfor
% for r in range(spec.each_m):
% for j in spec.blocks_n:
<% x = f"x{r // V}_%d.s{r % V}"; y = f"y{j}_%d"; c = f"c{r}_{j}_%d" %>\
% if spec.planes == 1:
                ${c % 0} += ${x % 0} * ${y % 0};
% else:
                ${c % 0} += ${x % 0} * ${y % 0};
                ${c % 0} -= ${x % 1} * ${y % 1};
                ${c % 1} += ${x % 0} * ${y % 1};
                ${c % 1} += ${x % 1} * ${y % 0};
% endif
% endfor
% endfor
            }
% endfor
        }
        current = 1 - current;
    }
${head.results(spec)}\
    const bool o0_whole = live_n == ${spec.columns} && o0_inner == 1 && o0_m % ${V} == 0 && (size_t)o0_block % ${spec.result_alignment} == 0;
<% lines, value = spec.finished %>\
% for r in range(spec.each_m):
    if (line + ${spec.row_of(r)} < live_m) {
% for x in spec.operands:
        ${x.qualifier}${x.name} = ${x.name}_block + (line + ${spec.row_of(r)}) * ${x.name}_m;
% endfor
% for j in spec.blocks_n:
        {
            ${spec.operands[0].row.storage} ${", ".join(f"w{i} = 0" for i in low)};
            const int from = column + ${j * spec.step_n};
% for i in low:
            if (from + ${i} < live_n) {
                const int l = from + ${i};
                const ${spec.ctype} sum = ${spec.gathered(r, j, i)};
% for text in lines:
                ${text}
% endfor
                w${i} = ${value};
                if (!o0_whole)
                    ${spec.operands[0].at("l")} = w${i};
            }
% endfor
            if (o0_whole)
                *(global o0_vector *)(o0 + from) = (${spec.result_vector})(${", ".join(f"w{i}" for i in low)});
        }
% endfor
    }
% endfor
}
