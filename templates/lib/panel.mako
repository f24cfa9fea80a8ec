## Packing for gemm.mako: a block of a matrix as panels, each so many lanes (rows of a, columns of b) side by side
## for every step of k; the last panel is filled up with zeros. A complex step is its real parts, then its imaginary.
<%page args="spec"/>\
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
% for name, lanes, space in (("a", spec.rows, "local"), ("b", spec.columns, spec.b_space)):
static void panel_${name}(${space} ${spec.real} *to, global const ${spec.row(name).storage} *from,
                    const idx count, const idx depth, const idx step, const idx step_k)
{
    idx first = 0;
% if spec.planes == 1 and name == "b":
    // four panels at once: what is read together lies together
    for (; step == 1 && first + ${4 * lanes} <= count; first += ${4 * lanes}, to += ${4 * lanes} * depth) {
        global const ${spec.row(name).storage} *x = from + first;
        for (idx k = 0; k < depth; k++, x += step_k)
            for (int p = 0; p < 4; p++)
                for (int l = 0; l < ${lanes}; l++)
                    to[(p * depth + k) * ${lanes} + l] = ${spec.value(name, f"x[p * {lanes} + l]")};
    }
% endif
    for (; first < count; first += ${lanes}) {
        const int live = (int)min((idx)${lanes}, count - first);
        global const ${spec.row(name).storage} *x = from + first * step;
        if (live == ${lanes} && step == 1)
            for (idx k = 0; k < depth; k++, x += step_k, to += ${lanes * spec.planes})
            ${step(name, lanes, "x[l]", False)}
        else if (live == ${lanes})
            for (idx k = 0; k < depth; k++, x += step_k, to += ${lanes * spec.planes})
            ${step(name, lanes, "x[l * step]", False)}
        else
            for (idx k = 0; k < depth; k++, x += step_k, to += ${lanes * spec.planes})
            ${step(name, lanes, "x[min(l, live - 1) * step]", True)}
    }
}

% endfor
