// Dropout with Philox4x32-10: y = x * scale if a random number is at least `threshold`, else 0. A
// work-item computes the four elements of one block of the generator.
#include "common.h"
#include "dropout_params.h"

__kernel GROUP void dropout(__global const float* restrict x, __global const int* restrict step,
                            __global float* restrict y, const DropoutParams args, int items,
                            int chunk) {
  FOR_ITEMS(i) {
    uint4 counter = (uint4)((uint)i, 0u, (uint)step[0], 0u);
    uint k0 = args.key0, k1 = args.key1;
    for (int round = 0; round < 10; ++round) {
      const uint high0 = mul_hi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
      const uint high1 = mul_hi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
      counter = (uint4)(high1 ^ counter.y ^ k0, low1, high0 ^ counter.w ^ k1, low0);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    const uint random[4] = {counter.x, counter.y, counter.z, counter.w};
    for (int lane = 0; lane < min(4, args.elements - 4 * i); ++lane)
      y[4 * i + lane] = (random[lane] >> 8) >= args.threshold ? x[4 * i + lane] * args.scale : 0.0f;
  }
}
