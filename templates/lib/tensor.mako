## Matrix instructions of NVIDIA's tensor cores, as the PTX ISA describes `ldmatrix` and `mma.m16n8k16`. The 32
## work-items of a warp call them together.
<%page args="spec"/>\
// Four 8 by 8 matrices of halves in local memory: work-item i names row i % 8 of matrix i / 8, and gets of every matrix
// two neighbours in row i / 4, from column 2 (i % 4) on.
static uint4 tensor_load(local const uint4 *row)
{
    uint x, y, z, w;
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(x), "=r"(y), "=r"(z), "=r"(w) : "l"(row) : "memory");
    return (uint4)(x, y, z, w);
}

// The same of the transposed matrices.
static uint4 tensor_load_turned(local const uint4 *row)
{
    uint x, y, z, w;
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(x), "=r"(y), "=r"(z), "=r"(w) : "l"(row) : "memory");
    return (uint4)(x, y, z, w);
}

// c + a b of 16 by 16 and 16 by 8 halves: work-item i has rows i / 4 and i / 4 + 8 of c, from column 2 (i % 4) on.
static float4 tensor_multiply(uint4 a, uint2 b, float4 c)
{
    float x = c.x, y = c.y, z = c.z, w = c.w;
    __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
                     "{%8, %9}, {%0, %1, %2, %3};"
                     : "+f"(x), "+f"(y), "+f"(z), "+f"(w)
                     : "r"(a.x), "r"(a.y), "r"(a.z), "r"(a.w), "r"(b.x), "r"(b.y));
    return (float4)(x, y, z, w);
}
