<%page args="spec"/>\
## Transposes of small blocks in registers: step elements lie between lines of x, 16 between lines of t.
typedef uint8 tile_uint8 __attribute__((aligned(4)));
typedef ulong4 tile_ulong4 __attribute__((aligned(8)));

static OVERLOAD void tile_transpose(global const uint *x, const long step, uint *t)
{
    const uint8 a0 = *(global const tile_uint8 *)x;
    const uint8 a1 = *(global const tile_uint8 *)(x + step);
    const uint8 a2 = *(global const tile_uint8 *)(x + 2 * step);
    const uint8 a3 = *(global const tile_uint8 *)(x + 3 * step);
    const uint8 a4 = *(global const tile_uint8 *)(x + 4 * step);
    const uint8 a5 = *(global const tile_uint8 *)(x + 5 * step);
    const uint8 a6 = *(global const tile_uint8 *)(x + 6 * step);
    const uint8 a7 = *(global const tile_uint8 *)(x + 7 * step);
% for p, q in ((0, 1), (2, 3), (4, 5), (6, 7)):
    const uint8 b${p} = (uint8)(${", ".join(f"a{p}.s{k}, a{q}.s{k}" for k in (0, 1, 4, 5))});
    const uint8 b${q} = (uint8)(${", ".join(f"a{p}.s{k}, a{q}.s{k}" for k in (2, 3, 6, 7))});
% endfor
% for r in range(4):
<% near, half = (f"b{r // 2}", f"b{r // 2 + 4}"), (0, 1) if r % 2 == 0 else (2, 3) %>\
    const uint8 c${r} = (uint8)(${", ".join(f"b{r // 2 + side}.s{k + high}" for high in (0, 4) for side in (0, 2) for k in half)});
    const uint8 d${r} = (uint8)(${", ".join(f"b{r // 2 + side}.s{k + high}" for high in (0, 4) for side in (4, 6) for k in half)});
    *(tile_uint8 *)(t + ${16 * r}) = (uint8)(c${r}.lo, d${r}.lo);
    *(tile_uint8 *)(t + ${16 * (r + 4)}) = (uint8)(c${r}.hi, d${r}.hi);
% endfor
}

static OVERLOAD void tile_transpose(global const ulong *x, const long step, ulong *t)
{
    const ulong4 a0 = *(global const tile_ulong4 *)x;
    const ulong4 a1 = *(global const tile_ulong4 *)(x + step);
    const ulong4 a2 = *(global const tile_ulong4 *)(x + 2 * step);
    const ulong4 a3 = *(global const tile_ulong4 *)(x + 3 * step);
    const ulong4 b0 = (ulong4)(a0.s0, a1.s0, a0.s2, a1.s2);
    const ulong4 b1 = (ulong4)(a0.s1, a1.s1, a0.s3, a1.s3);
    const ulong4 b2 = (ulong4)(a2.s0, a3.s0, a2.s2, a3.s2);
    const ulong4 b3 = (ulong4)(a2.s1, a3.s1, a2.s3, a3.s3);
    *(tile_ulong4 *)t = (ulong4)(b0.lo, b2.lo);
    *(tile_ulong4 *)(t + 16) = (ulong4)(b1.lo, b3.lo);
    *(tile_ulong4 *)(t + 32) = (ulong4)(b0.hi, b2.hi);
    *(tile_ulong4 *)(t + 48) = (ulong4)(b1.hi, b3.hi);
}
