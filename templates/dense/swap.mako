<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## Rows first + k and pivots[k] of b change places, for k = 0 ... n - 1; b has m columns.
<%frame:kernel spec="${spec}">
        global ${spec.T} *part = b + chunk * ${spec.lanes};
        const int lanes = min((idx)${spec.lanes}, m - chunk * ${spec.lanes});
        for (idx k = 0; k < n; k++) {
            const idx other = pivots[k];
            if (other == first + k)
                continue;
            global ${spec.T} *x = part + (first + k) * b_row, *y = part + other * b_row;
            for (int l = 0; l < lanes; l++) {
                const ${spec.T} held = x[l];
                x[l] = y[l];
                y[l] = held;
            }
        }
</%frame:kernel>
