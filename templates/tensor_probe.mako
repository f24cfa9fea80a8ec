<%page args="spec"/>\
## c = a @ b of 16 by 16 halves by one warp: whether the instructions of tensor cores do what `lib/tensor.mako` says.
kernel __attribute__((reqd_work_group_size(32, 1, 1)))
void kernel_main(global const uint4 *a, global const uint4 *b, global float *c)
{
    local uint4 a_tile[32], b_tile[32];
    const int lane = get_local_id(0), row = (lane & 7) + (lane & 8), word = lane >> 4;
    a_tile[lane] = a[lane];
    b_tile[lane] = b[lane];
    barrier(CLK_LOCAL_MEM_FENCE);
    const uint4 x = tensor_load(a_tile + row * 2 + word), y = tensor_load_turned(b_tile + row * 2 + word);
    const float4 left = tensor_multiply(x, y.xy, 0), right = tensor_multiply(x, y.zw, 0);
    c += (lane >> 2) * 16 + (lane & 3) * 2;
    c[0] = left.x, c[1] = left.y, c[128] = left.z, c[129] = left.w;
    c[8] = right.x, c[9] = right.y, c[136] = right.z, c[137] = right.w;
}
