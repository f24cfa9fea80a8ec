## Stands for `templates/lib/tensor.mako` on devices without tensor cores: the same functions, with the places of elements
## that the PTX ISA gives for `ldmatrix` and `mma.m16n8k16`. The kernel has local memory `emulation`, 6 words a work-item.
## Functions get their own 6 words and go back to the first: were all given `emulation` itself, PoCL would put that constant
## in their place, and then overlook that it is local memory: threads would share it.
<%page args="spec"/>\
#define tensor_load(row) emulated_load(*(row), 0, emulation + 6 * get_local_id(0))
#define tensor_load_turned(row) emulated_load(*(row), 1, emulation + 6 * get_local_id(0))
#define tensor_multiply(a, b, c) emulated_multiply(a, b, c, emulation + 6 * get_local_id(0))

static uint4 emulated_load(uint4 row, int turned, local ulong *own)
{
    const int item = get_local_id(0), warp = item / 32 * 32, lane = item - warp;
    local ulong *memory = own - 6 * item;
    memory[item * 2] = row.x | (ulong)row.y << 32;
    memory[item * 2 + 1] = row.z | (ulong)row.w << 32;
    barrier(CLK_LOCAL_MEM_FENCE);
    uint found[4];
    for (int matrix = 0; matrix < 4; matrix++) {
        found[matrix] = 0;
        for (int k = 0; k < 2; k++) {
            const int near = lane / 4, far = lane % 4 * 2 + k, r = turned ? far : near, c = turned ? near : far;
            const ulong word = memory[(warp + matrix * 8 + r) * 2 + c / 4];
            found[matrix] |= (uint)(word >> c % 4 * 16 & 0xffff) << 16 * k;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    return (uint4)(found[0], found[1], found[2], found[3]);
}

static float4 emulated_multiply(uint4 a, uint2 b, float4 c, local ulong *own)
{
    const int item = get_local_id(0), warp = item / 32 * 32, lane = item - warp;
    local ulong *memory = own - 6 * item;
    own[0] = a.x, own[1] = a.y, own[2] = a.z, own[3] = a.w, own[4] = b.x, own[5] = b.y;
    barrier(CLK_LOCAL_MEM_FENCE);
    float sums[4] = {c.x, c.y, c.z, c.w};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 16; k++) {
            const int r = lane / 4 + i / 2 * 8, n = lane % 4 * 2 + i % 2, shift = k % 2 * 16;
            const ulong x = memory[(warp + r % 8 * 4 + k % 8 / 2) * 6 + r / 8 + k / 8 * 2] >> shift;
            const ulong y = memory[(warp + n * 4 + k % 8 / 2) * 6 + 4 + k / 8] >> shift;
            sums[i] += half_load((ushort)x) * half_load((ushort)y);
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    return (float4)(sums[0], sums[1], sums[2], sums[3]);
}
