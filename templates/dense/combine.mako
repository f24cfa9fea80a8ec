<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## The upper triangular t for which n reflections together are I - V t V^H (Schreiber and Van Loan 1989); gram is V^H V.
<%frame:kernel spec="${spec}">
        for (idx i = lid; i < n; i += width) {
            global ${spec.T} *target = t + i * t_row;
            for (idx j = 0; j < i; j++)
                target[j] = 0;
            target[i] = tau[i];
            for (idx j = i + 1; j < n; j++) {
                ${spec.T} sum = 0;
                for (idx k = i; k < j; k++)
                    sum += field_mul(target[k], gram[k * gram_row + j]);
                target[j] = -field_mul(tau[j], sum);
            }
        }
</%frame:kernel>
