<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## a = Q R in place, a panel of m rows and n columns, m >= n: R above, below the diagonal the vectors of reflections.
<% x = lambda i: f"a[(j + 1 + {i}) * a_row + j]" %>\
<%frame:kernel spec="${spec}">
        for (idx j = 0; j < n; j++) {
${frame.reflection(spec, "a[j * a_row + j]", x, "m - j - 1")}\
            const ${spec.T} turned = field_conj(factor);
            if (lid == 0) {
                a[j * a_row + j] = ${spec.whole("beta")};
                tau[j] = factor;
            }
            global ${spec.T} *top = a + j * a_row;
% if spec.shared:
            for (idx c = j + 1 + lid; c < n; c += width) {
                ${spec.T} sum = top[c];
                for (idx i = j + 1; i < m; i++)
                    sum += field_mul(field_conj(a[i * a_row + j]), a[i * a_row + c]);
                sum = field_mul(turned, sum);
                top[c] -= sum;
                for (idx i = j + 1; i < m; i++)
                    a[i * a_row + c] -= field_mul(a[i * a_row + j], sum);
            }
% else:
            ${spec.T} sum[${spec.panel}];
            for (idx c = j + 1; c < n; c++)
                sum[c] = top[c];
            for (idx i = j + 1; i < m; i++) {
                global const ${spec.T} *target = a + i * a_row;
                const ${spec.T} v = field_conj(target[j]);
                for (idx c = j + 1; c < n; c++)
                    sum[c] += field_mul(v, target[c]);
            }
            for (idx c = j + 1; c < n; c++) {
                sum[c] = field_mul(turned, sum[c]);
                top[c] -= sum[c];
            }
            for (idx i = j + 1; i < m; i++) {
                global ${spec.T} *target = a + i * a_row;
                const ${spec.T} v = target[j];
                for (idx c = j + 1; c < n; c++)
                    target[c] -= field_mul(v, sum[c]);
            }
% endif
${frame.meet(spec)}\
        }
</%frame:kernel>
