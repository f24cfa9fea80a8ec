<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## b = t^-1 b in place, t lower triangular, n x n, by forward substitution; b has m columns.
<%
    def element(i, j):
        return f"{'field_conj' if 'conj' in spec.flags else ''}(t[{i} * t_row + {j} * t_column])"
%>\
<%frame:kernel spec="${spec}">
        global ${spec.T} *part = b + chunk * ${spec.lanes};
        const int lanes = min((idx)${spec.lanes}, m - chunk * ${spec.lanes});
        for (idx i = 0; i < n; i++) {
            global ${spec.T} *x = part + i * b_row;
            ${spec.T} sum[${spec.lanes}];
            for (int l = 0; l < lanes; l++)
                sum[l] = x[l];
            for (idx k = 0; k < i; k++) {
                global const ${spec.T} *y = part + k * b_row;
                const ${spec.T} factor = ${element("i", "k")};
                for (int l = 0; l < lanes; l++)
                    sum[l] -= field_mul(factor, y[l]);
            }
% if "unit" in spec.flags:
            for (int l = 0; l < lanes; l++)
                x[l] = sum[l];
% else:
            const ${spec.T} d = ${element("i", "i")};
            for (int l = 0; l < lanes; l++)
                x[l] = field_div(sum[l], d);
% endif
        }
</%frame:kernel>
