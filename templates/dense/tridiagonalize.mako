<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## a = Q T Q^H for a Hermitian a, both of whose triangles are there: T real, d its diagonal and e that beside it; below it
## the vectors of reflections. `work` is two vectors of n elements a matrix.
<% x = lambda i: f"a[(k + 2 + {i}) * a_row + k]" %>\
<%frame:kernel spec="${spec}">
        global ${spec.T} *v = work, *w = work + work_row;
        for (idx k = 0; k < n - 1; k++) {
            const idx size = n - k - 1;
${frame.reflection(spec, "a[(k + 1) * a_row + k]", x, "size - 1")}\
            if (lid == 0) {
                d[k] = field_real(a[k * a_row + k]);
                e[k] = beta;
                tau[k] = factor;
            }
            if (field_real(factor) == 0 && field_imag(factor) == 0)
                continue;
            global ${spec.T} *rest = a + (k + 1) * a_row + k + 1;
            for (idx i = lid; i < size; i += width)
                v[i] = i == 0 ? ${spec.whole("1")} : a[(k + 1 + i) * a_row + k];
${frame.meet(spec)}\
% if spec.shared:
            for (idx c = lid; c < size; c += width) {
                ${spec.T} sum = 0;
                for (idx i = 0; i < size; i++)
                    sum += field_mul(field_conj(rest[i * a_row + c]), v[i]);
                w[c] = field_mul(factor, sum);
            }
% else:
            for (idx c = 0; c < size; c++)
                w[c] = 0;
            for (idx i = 0; i < size; i++) {
                const ${spec.T} f = field_mul(factor, v[i]);
                for (idx c = 0; c < size; c++)
                    w[c] += field_mul(field_conj(rest[i * a_row + c]), f);
            }
% endif
            ${spec.R} across = 0, beside = 0;
            for (idx i = lid; i < size; i += width) {
                const ${spec.T} term = field_mul(field_conj(w[i]), v[i]);
                across += field_real(term);
                beside += field_imag(term);
            }
${frame.group_sum(spec, "across")}\
% if spec.dtype.kind == "c":
${frame.group_sum(spec, "beside")}\
            const ${spec.T} half_way = field_mul(factor, (${spec.T})(across, beside)) * ${"0.5" if spec.fp64 else "0.5f"};
% else:
            const ${spec.T} half_way = factor * across * ${"0.5" if spec.fp64 else "0.5f"};
% endif
            for (idx i = lid; i < size; i += width)
                w[i] -= field_mul(half_way, v[i]);
${frame.meet(spec)}\
            for (idx i = 0; i < size; i++) {
                const ${spec.T} vi = v[i], wi = w[i];
                global ${spec.T} *target = rest + i * a_row;
                for (idx c = lid; c < size; c += width)
                    target[c] -= field_mul(vi, field_conj(w[c])) + field_mul(wi, field_conj(v[c]));
            }
${frame.meet(spec)}\
        }
        if (lid == 0) {
            d[n - 1] = field_real(a[(n - 1) * a_row + n - 1]);
            e[n - 1] = 0;
        }
</%frame:kernel>
