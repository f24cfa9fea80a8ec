<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## Rows i and i + 1 of z are rotated, as `eigenvalues` and `singular_values` kept it; z has m columns.
<%frame:kernel spec="${spec}">
        global ${spec.R} *part = z + chunk * ${spec.lanes};
        const int lanes = min((idx)${spec.lanes}, m - chunk * ${spec.lanes}), total = state[0];
        idx used = 0;
        for (int k = 0; k < total; k++) {
            const idx first = sweeps[2 * k], last = sweeps[2 * k + 1];
            const bool down = first >= last;
            ${spec.R} carried[${spec.lanes}];
            global ${spec.R} *x = part + (down ? first + 1 : first) * z_row;
            for (int l = 0; l < lanes; l++)
                carried[l] = x[l];
            for (idx i = first; down ? i >= last : i <= last; i += down ? -1 : 1, used++) {
                const ${spec.R} cosine = c[used], sine = down ? s[used] : -s[used];
                global const ${spec.R} *next = part + (down ? i : i + 1) * z_row;
                for (int l = 0; l < lanes; l++) {
                    const ${spec.R} y = next[l];
                    x[l] = cosine * carried[l] - sine * y;
                    carried[l] = cosine * y + sine * carried[l];
                }
                x += down ? -z_row : z_row;
            }
            for (int l = 0; l < lanes; l++)
                x[l] = carried[l];
        }
</%frame:kernel>
