<%page args="spec"/>\
## The passes of a Stockham transform: for each radix r a function that takes n / r butterflies of r points from x to y.
## Values lie as a lane of real parts, then one of imaginary parts. m is what is left of the length, s what is done.
<%
    def names(letter, count):
        return [(f"{letter}r{k}", f"{letter}i{k}") for k in range(count)]
    def roots(r):
        from math import cos, pi, sin
        return [(cos(2 * pi * k / r), sin(2 * pi * k / r)) for k in range(r)]
    def number(value):
        return spec.number(value)
%>\
<%def name="four(a, b, t)">\
    const lane ${t}r0 = ${a[0][0]} + ${a[2][0]}, ${t}i0 = ${a[0][1]} + ${a[2][1]};
    const lane ${t}r1 = ${a[0][0]} - ${a[2][0]}, ${t}i1 = ${a[0][1]} - ${a[2][1]};
    const lane ${t}r2 = ${a[1][0]} + ${a[3][0]}, ${t}i2 = ${a[1][1]} + ${a[3][1]};
    const lane ${t}r3 = ${a[1][0]} - ${a[3][0]}, ${t}i3 = ${a[1][1]} - ${a[3][1]};
    const lane ${b[0][0]} = ${t}r0 + ${t}r2, ${b[0][1]} = ${t}i0 + ${t}i2;
    const lane ${b[1][0]} = ${t}r1 + ${t}i3, ${b[1][1]} = ${t}i1 - ${t}r3;
    const lane ${b[2][0]} = ${t}r0 - ${t}r2, ${b[2][1]} = ${t}i0 - ${t}i2;
    const lane ${b[3][0]} = ${t}r1 - ${t}i3, ${b[3][1]} = ${t}i1 + ${t}r3;
</%def>\
<%def name="butterfly(r, a, b)">\
% if r == 2:
    const lane ${b[0][0]} = ${a[0][0]} + ${a[1][0]}, ${b[0][1]} = ${a[0][1]} + ${a[1][1]};
    const lane ${b[1][0]} = ${a[0][0]} - ${a[1][0]}, ${b[1][1]} = ${a[0][1]} - ${a[1][1]};
% elif r == 4:
${four(a, b, "t")}\
% elif r == 8:
<% e, o, w, root = names("e", 4), names("o", 4), names("v", 4), number(0.5 ** 0.5) %>\
${four(a[0::2], e, "s")}\
${four(a[1::2], o, "t")}\
    const lane ${w[1][0]} = ${root} * (${o[1][0]} + ${o[1][1]}), ${w[1][1]} = ${root} * (${o[1][1]} - ${o[1][0]});
    const lane ${w[3][0]} = ${root} * (${o[3][1]} - ${o[3][0]}), ${w[3][1]} = -${root} * (${o[3][0]} + ${o[3][1]});
% for k, (x, y) in enumerate((o[0], w[1], (o[2][1], "-" + o[2][0]), w[3])):
    const lane ${b[k][0]} = ${e[k][0]} + ${x}, ${b[k][1]} = ${e[k][1]} ${"- " + y[1:] if y[0] == "-" else "+ " + y};
    const lane ${b[k + 4][0]} = ${e[k][0]} - ${x}, ${b[k + 4][1]} = ${e[k][1]} ${"+ " + y[1:] if y[0] == "-" else "- " + y};
% endfor
% else:
<% half = range(1, (r + 1) // 2) %>\
% for j in half:
    const lane pr${j} = ${a[j][0]} + ${a[r - j][0]}, pi${j} = ${a[j][1]} + ${a[r - j][1]};
    const lane mr${j} = ${a[j][0]} - ${a[r - j][0]}, mi${j} = ${a[j][1]} - ${a[r - j][1]};
% endfor
    const lane ${b[0][0]} = ${a[0][0]} + ${" + ".join(f"pr{j}" for j in half)};
    const lane ${b[0][1]} = ${a[0][1]} + ${" + ".join(f"pi{j}" for j in half)};
% for k in half:
<% w = [roots(r)[j * k % r] for j in half] %>\
    const lane cr${k} = ${a[0][0]} + ${" + ".join(f"{number(c)} * pr{j}" for j, (c, _) in zip(half, w))};
    const lane ci${k} = ${a[0][1]} + ${" + ".join(f"{number(c)} * pi{j}" for j, (c, _) in zip(half, w))};
    const lane sr${k} = ${" + ".join(f"{number(s)} * mr{j}" for j, (_, s) in zip(half, w))};
    const lane si${k} = ${" + ".join(f"{number(s)} * mi{j}" for j, (_, s) in zip(half, w))};
    const lane ${b[k][0]} = cr${k} + si${k}, ${b[k][1]} = ci${k} - sr${k};
    const lane ${b[r - k][0]} = cr${k} - si${k}, ${b[r - k][1]} = ci${k} + sr${k};
% endfor
% endif
</%def>\
<%def name="whole(r, turned)">\
<% a, b = names("a", r), names("b", r) %>\
            ${spec.tile} const lane *from = x + 2 * (q + s * p);
            ${spec.tile} lane *to = y + 2 * (q + s * ${r} * p);
% for k in range(r):
            const lane ar${k} = from[${2 * k} * s * m], ai${k} = from[${2 * k} * s * m + 1];
% endfor
${butterfly(r, a, b)}\
            to[0] = br0;
            to[1] = bi0;
% for k in range(1, r):
% if turned:
            to[${2 * k} * s] = br${k} * wr${k} - bi${k} * wi${k};
            to[${2 * k} * s + 1] = br${k} * wi${k} + bi${k} * wr${k};
% else:
            to[${2 * k} * s] = br${k};
            to[${2 * k} * s + 1] = bi${k};
% endif
% endfor
</%def>\
% for r in spec.radices:
static void fft_pass_${r}(${spec.tile} const lane *restrict x, ${spec.tile} lane *restrict y, global const number *w, const int m, const int s)
{
% if spec.group:
    for (int b = get_local_id(0); b < m * s; b += get_local_size(0)) {
        const int p = b / s, q = b - p * s;
% for k in range(1, r):
        const number wr${k} = w[2 * (p * ${r - 1} + ${k - 1})], wi${k} = w[2 * (p * ${r - 1} + ${k - 1}) + 1];
% endfor
        {
${whole(r, True)}\
        }
    }
% else:
% if r in (4, 8):
    if (m == 1) {
        const int p = 0;
        for (int q = 0; q < s; q++) {
${whole(r, False)}\
        }
        return;
    }
% endif
    for (int p = 0; p < m; p++) {
% for k in range(1, r):
        const number wr${k} = w[${2 * k - 2}], wi${k} = w[${2 * k - 1}];
% endfor
        w += ${2 * r - 2};
        for (int q = 0; q < s; q++) {
${whole(r, True)}\
        }
    }
% endif
}

% endfor
