<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## a = Q B P^H, n x n (Golub and Kahan 1965): B real, d its diagonal and e that above; below the diagonal the vectors of
## Q's reflections, right of e's places the conjugates of those of P's. `work` is a vector of n elements a matrix.
<%
    x = lambda i: f"a[(k + 1 + {i}) * a_row + k]"
    y = lambda i: f"u[1 + {i}]"
%>\
<%frame:kernel spec="${spec}">
        global ${spec.T} *w = work;
        for (idx k = 0; k < n; k++) {
            global ${spec.T} *top = a + k * a_row;
            {
${frame.reflection(spec, "top[k]", x, "n - k - 1")}\
                const ${spec.T} turned = field_conj(factor);
                if (lid == 0) {
                    d[k] = beta;
                    left[k] = factor;
                    if (k == n - 1) {
                        e[k] = 0;
                        right[k] = 0;
                    }
                }
% if spec.shared:
                for (idx c = k + 1 + lid; c < n; c += width) {
                    ${spec.T} sum = top[c];
                    for (idx i = k + 1; i < n; i++)
                        sum += field_mul(field_conj(a[i * a_row + k]), a[i * a_row + c]);
                    sum = field_mul(turned, sum);
                    top[c] -= sum;
                    for (idx i = k + 1; i < n; i++)
                        a[i * a_row + c] -= field_mul(a[i * a_row + k], sum);
                }
% else:
                for (idx c = k + 1; c < n; c++)
                    w[c] = top[c];
                for (idx i = k + 1; i < n; i++) {
                    global const ${spec.T} *target = a + i * a_row;
                    const ${spec.T} v = field_conj(target[k]);
                    for (idx c = k + 1; c < n; c++)
                        w[c] += field_mul(v, target[c]);
                }
                for (idx c = k + 1; c < n; c++) {
                    w[c] = field_mul(turned, w[c]);
                    top[c] -= w[c];
                }
                for (idx i = k + 1; i < n; i++) {
                    global ${spec.T} *target = a + i * a_row;
                    const ${spec.T} v = target[k];
                    for (idx c = k + 1; c < n; c++)
                        target[c] -= field_mul(v, w[c]);
                }
% endif
${frame.meet(spec)}\
            }
            if (k == n - 1)
                break;
            const idx size = n - k - 1;
            global ${spec.T} *u = top + k + 1;
% if spec.dtype.kind == "c":
            for (idx i = lid; i < size; i += width)
                u[i] = field_conj(u[i]);
${frame.meet(spec)}\
% endif
${frame.reflection(spec, "u[0]", y, "size - 1")}\
            if (lid == 0) {
                e[k] = beta;
                right[k] = factor;
                u[0] = ${spec.whole("1")};
            }
${frame.meet(spec)}\
            for (idx i = k + 1 + lid; i < n; i += width) {
                global ${spec.T} *target = a + i * a_row + k + 1;
                ${spec.T} lane[8], sum = 0;
                for (int l = 0; l < 8; l++)
                    lane[l] = 0;
                idx c = 0;
                for (; c + 8 <= size; c += 8)
                    for (int l = 0; l < 8; l++)
                        lane[l] += field_mul(target[c + l], u[c + l]);
                for (; c < size; c++)
                    sum += field_mul(target[c], u[c]);
                for (int l = 0; l < 8; l++)
                    sum += lane[l];
                sum = field_mul(factor, sum);
                for (c = 0; c < size; c++)
                    target[c] -= field_mul(sum, field_conj(u[c]));
            }
${frame.meet(spec)}\
% if spec.dtype.kind == "c":
            for (idx i = lid; i < size; i += width)
                u[i] = field_conj(u[i]);
${frame.meet(spec)}\
% endif
        }
</%frame:kernel>
