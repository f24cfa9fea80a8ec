<%page args="spec"/>\
<%namespace name="frame" file="/dense/frame.mako"/>\
## Eigenvalues of symmetric tridiagonal matrices by implicit QL (Dubrulle, Martin and Wilkinson 1968): d becomes them, e
## zero. The rotations (c, s) of rows i and i + 1 of the transposed vectors are kept: `sweeps` has the first and the last
## i of each sweep, of which there are state[0]; state[1] tells that all is done, state[2] counts sweeps of all rounds.
<%frame:kernel spec="${spec}">
        if (lid == 0) {
${frame.bands(spec)}\
            idx used = 0;
            int count_sweeps = 0, done = 1;
            for (idx l = 0; l < n && done; l++) {
                for (;;) {
                    idx m = l;
                    while (m < n - 1 && fabs(e[m]) > eps * (fabs(d[m]) + fabs(d[m + 1])) + least)
                        m++;
                    if (m == l)
                        break;
                    if (used + m - l > room || count_sweeps == most) {
                        done = 0;
                        break;
                    }
                    ${spec.R} g = (d[l + 1] - d[l]) / (2 * e[l]);
                    g = d[m] - d[l] + e[l] / (g + copysign(hypot(g, (${spec.R})1), g));
                    ${spec.R} sine = 1, cosine = 1, p = 0;
                    idx i = m - 1;
                    for (; i >= l; i--) {
                        const ${spec.R} f = sine * e[i], b = cosine * e[i], r = hypot(f, g);
                        e[i + 1] = r;
                        if (r == 0) {
                            d[i + 1] -= p;
                            e[m] = 0;
                            break;
                        }
                        sine = f / r;
                        cosine = g / r;
                        g = d[i + 1] - p;
                        const ${spec.R} t = (d[i] - g) * sine + 2 * cosine * b;
                        p = sine * t;
                        d[i + 1] = g + p;
                        g = cosine * t - b;
                        c[used] = cosine;
                        s[used++] = -sine;
                    }
                    if (i < l) {
                        d[l] -= p;
                        e[l] = g;
                        e[m] = 0;
                    }
                    sweeps[2 * count_sweeps] = m - 1;
                    sweeps[2 * count_sweeps + 1] = i + 1;
                    count_sweeps += i + 1 <= m - 1;
                }
            }
${frame.bands_back(spec)}\
            state[0] = count_sweeps;
            state[1] = done;
            state[2] += count_sweeps;
        }
</%frame:kernel>
