<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## Singular values of upper bidiagonal matrices by implicit QR, without a shift where this is too small to be told from
## none (Demmel and Kahan 1990): d becomes them but for signs, e zero. Rotations of the rows of V^T (c, s) and U^T
## (c2, s2) are kept as in `eigenvalues`.
<%def name="rotation(f, g, cosine, sine, r)">\
                        ${r} = hypot(${f}, ${g});
                        ${cosine} = ${r} == 0 ? 1 : (${f}) / ${r};
                        ${sine} = ${r} == 0 ? 0 : (${g}) / ${r};
</%def>\
<%frame:kernel spec="${spec}">
        if (lid == 0) {
${frame.bands(spec)}\
            idx used = 0, hi = n - 1;
            int count_sweeps = 0, done = 1;
            while (hi > 0) {
                if (!(fabs(e[hi - 1]) > eps * (fabs(d[hi - 1]) + fabs(d[hi])) + least)) {
                    e[hi - 1] = 0;
                    hi--;
                    continue;
                }
                idx lo = hi - 1;
                while (lo > 0 && fabs(e[lo - 1]) > eps * (fabs(d[lo - 1]) + fabs(d[lo])) + least)
                    lo--;
                if (lo > 0)
                    e[lo - 1] = 0;
                if (used + hi - lo > room || count_sweeps == most) {
                    done = 0;
                    break;
                }
                // the least singular value of the last 2 x 2 block
                const ${spec.R} p = fabs(d[hi - 1]), q = fabs(d[hi]), beside = fabs(e[hi - 1]);
                const ${spec.R} small = fmin(p, q), large = fmax(p, q);
                ${spec.R} shift = 0;
                if (small > 0) {
                    const ${spec.R} sum = 1 + small / large, difference = (large - small) / large;
                    if (beside < large) {
                        const ${spec.R} ratio = (beside / large) * (beside / large);
                        shift = small * 2 / (sqrt(sum * sum + ratio) + sqrt(difference * difference + ratio));
                    } else {
                        const ${spec.R} ratio = large / beside, a1 = sum * ratio, a2 = difference * ratio;
                        shift = 2 * small * ratio / (sqrt(1 + a1 * a1) + sqrt(1 + a2 * a2));
                    }
                }
                const ${spec.R} top = fabs(d[lo]);
                bool whole = top > 0;
                if (whole) {
                    const ${spec.R} share = shift / top;
                    whole = share * share >= eps;
                }
                ${spec.R} cosine = 1, sine = 0, r;
                if (!whole) {
                    ${spec.R} before = 1, before_sine = 0;
                    for (idx i = lo; i < hi; i++) {
                        const ${spec.R} f = d[i] * cosine, g = e[i];
${rotation("f", "g", "cosine", "sine", "r")}\
                        if (i > lo)
                            e[i - 1] = before_sine * r;
                        const ${spec.R} f2 = before * r, g2 = d[i + 1] * sine;
${rotation("f2", "g2", "before", "before_sine", "r")}\
                        d[i] = r;
                        c[used] = cosine;
                        s[used] = sine;
                        c2[used] = before;
                        s2[used++] = before_sine;
                    }
                    const ${spec.R} end = d[hi] * cosine;
                    d[hi] = end * before;
                    e[hi - 1] = end * before_sine;
                } else {
                    ${spec.R} f = (top - shift) * (copysign((${spec.R})1, d[lo]) + shift / d[lo]), g = e[lo];
                    for (idx i = lo; i < hi; i++) {
${rotation("f", "g", "cosine", "sine", "r")}\
                        if (i > lo)
                            e[i - 1] = r;
                        f = cosine * d[i] + sine * e[i];
                        e[i] = cosine * e[i] - sine * d[i];
                        g = sine * d[i + 1];
                        d[i + 1] = cosine * d[i + 1];
                        c[used] = cosine;
                        s[used] = sine;
${rotation("f", "g", "cosine", "sine", "r")}\
                        d[i] = r;
                        f = cosine * e[i] + sine * d[i + 1];
                        d[i + 1] = cosine * d[i + 1] - sine * e[i];
                        if (i < hi - 1) {
                            g = sine * e[i + 1];
                            e[i + 1] = cosine * e[i + 1];
                        }
                        c2[used] = cosine;
                        s2[used++] = sine;
                    }
                    e[hi - 1] = f;
                }
                sweeps[2 * count_sweeps] = lo;
                sweeps[2 * count_sweeps + 1] = hi - 1;
                count_sweeps++;
            }
${frame.bands_back(spec)}\
            state[0] = count_sweeps;
            state[1] = done;
            state[2] += count_sweeps;
        }
</%frame:kernel>
