<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## a = U^H U, U in place of the upper triangle of a; info is the first diagonal element (from 1) that is not positive.
<%frame:kernel spec="${spec}">
        for (idx j = 0; j < n; j++) {
            global ${spec.T} *pivot = a + j * a_row;
            const ${spec.R} d = field_real(pivot[j]), root = sqrt(d);
            for (idx c = j + 1 + lid; c < n; c += width)
                pivot[c] /= root;
${frame.meet(spec)}\
            if (lid == 0) {
                if (!(d > 0) && info[0] == 0)
                    info[0] = first + j + 1;
                pivot[j] = ${spec.whole("root")};
            }
            for (idx i = j + 1; i < n; i++) {
                global ${spec.T} *target = a + i * a_row;
                const ${spec.T} factor = field_conj(pivot[i]);
                for (idx c = i + lid; c < n; c += width)
                    target[c] -= field_mul(factor, pivot[c]);
            }
${frame.meet(spec)}\
        }
</%frame:kernel>
