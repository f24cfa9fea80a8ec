<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## a = P L U in place, a panel of m rows and n columns, m >= n, row `first` of its matrix on top; pivots are rows of the matrix.
<%frame:kernel spec="${spec}">
        for (idx j = 0; j < n; j++) {
            idx best = j;
            ${spec.R} size = field_size(a[j * a_row + j]);
            for (idx i = j + 1 + lid; i < m; i += width) {
                const ${spec.R} found = field_size(a[i * a_row + j]);
                if (found > size) {
                    size = found;
                    best = i;
                }
            }
% if spec.shared:
            partial[lid] = size;
            places[lid] = best;
            for (int step = width / 2; step > 0; step /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (lid < step && (partial[lid + step] > partial[lid] ||
                        (partial[lid + step] == partial[lid] && places[lid + step] < places[lid]))) {
                    partial[lid] = partial[lid + step];
                    places[lid] = places[lid + step];
                }
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            best = places[0];
% endif
            if (lid == 0)
                pivots[j] = first + best;
            if (best != j)
                for (idx c = lid; c < n; c += width) {
                    const ${spec.T} held = a[j * a_row + c];
                    a[j * a_row + c] = a[best * a_row + c];
                    a[best * a_row + c] = held;
                }
${frame.meet(spec)}\
            global const ${spec.T} *pivot = a + j * a_row;
            const ${spec.T} d = pivot[j];
            if (field_size(d) != 0)
                for (idx i = j + 1 + lid; i < m; i += width) {
                    global ${spec.T} *target = a + i * a_row;
                    const ${spec.T} factor = field_div(target[j], d);
                    target[j] = factor;
                    for (idx c = j + 1; c < n; c++)
                        target[c] -= field_mul(factor, pivot[c]);
                }
${frame.meet(spec)}\
        }
</%frame:kernel>
