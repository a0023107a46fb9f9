// The inner product of gemm_tile.h on matrix units: factors are rounded when they are stored in
// local memory; sums stay float32. Included where MATRIX_UNITS is not 0.
//
// WARP_TF32 and WARP_BF16: 32 work-items multiply 16 x 8 (K: 8 for tf32, 16 for bf16) by one
// instruction of PTX, in tiles of 8*ITEM_M x 4*ITEM_N. SUB_GROUP_BF16: a sub-group of SUB_GROUP
// work-items multiplies 8 x SUB_GROUP with K = 16 by an OpenCL extension, in tiles of ITEM_M x
// SUB_GROUP*ITEM_N.
//
// Local memory holds 32-bit words with k as their slow dimension: a number in tf32, or a pair of
// numbers in bf16 that are neighbors in k.

#define IS_WARP (MATRIX_UNITS == WARP_TF32 || MATRIX_UNITS == WARP_BF16)
#define IS_BF16 (MATRIX_UNITS != WARP_TF32)
#define TILE_WORDS (IS_BF16 ? TILE_K / 2 : TILE_K)

#if IS_WARP
#define UNIT_LANES 32
#define UNIT_ROWS (8 * ITEM_M)
#define UNIT_COLUMNS (4 * ITEM_N)
#define UNIT_ROW(i, lane) ((i) / 2 * 16 + (i) % 2 * 8 + (lane) / 4)
#define UNIT_COLUMN(j, lane) ((j) / 2 * 8 + (lane) % 4 * 2 + (j) % 2)
#else
#define UNIT_LANES SUB_GROUP
#define UNIT_ROWS ITEM_M
#define UNIT_COLUMNS (SUB_GROUP * ITEM_N)
#define UNIT_ROW(i, lane) (i)
#define UNIT_COLUMN(j, lane) ((j)*SUB_GROUP + (lane))
#endif

#define LANE (item % UNIT_LANES)
#define UNITS_ACROSS (TILE_N / UNIT_COLUMNS)
#define FIRST_ROW (item / UNIT_LANES / UNITS_ACROSS * UNIT_ROWS)
#define FIRST_COLUMN (item / UNIT_LANES % UNITS_ACROSS * UNIT_COLUMNS)
#define SUM_ROW(i) (FIRST_ROW + UNIT_ROW(i, LANE))
#define SUM_COLUMN(j) (FIRST_COLUMN + UNIT_COLUMN(j, LANE))

// Round to nearest, ties to even in bf16 and away from zero in tf32. NaN stays NaN.
INLINE uint to_bf16(float value) {
  const uint bits = as_uint(value);
  return isnan(value) ? 0x7FC0u : (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}
INLINE uint to_tf32(float value) {
  const uint bits = as_uint(value);
  return isnan(value) ? bits : (bits + 0x1000u) & 0xFFFFE000u;
}

// Stores `width` numbers of row or column `row`, from k on; adjacent in k if along_k.
INLINE void put(__local float* tile, int pitch, int k, int row, const float* from, int width,
                bool along_k) {
  __local uint* const words = (__local uint*)tile + row;
  UNROLL_ALL
  for (int i = 0; i < width; ++i) {
    const int place =
        along_k ? (IS_BF16 ? (k + i) / 2 : k + i) * pitch : (IS_BF16 ? k / 2 : k) * pitch + i;
#if IS_BF16
    if (along_k && width % 2 == 0) {
      if (i % 2 == 0) words[place] = to_bf16(from[i]) | to_bf16(from[i + 1]) << 16;
    } else {
      ((__local ushort*)(words + place))[along_k ? (k + i) & 1 : k & 1] = (ushort)to_bf16(from[i]);
    }
#else
    words[place] = to_tf32(from[i]);
#endif
  }
}

#if IS_WARP
#if IS_BF16
#define WARP_MULTIPLY "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
#else
#define WARP_MULTIPLY "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
#endif

INLINE void multiply_tiles(__local const float* tile_a, __local const float* tile_b,
                           float sums[ITEM_M][ITEM_N], int item) {
  const int group = LANE / 4, member = LANE % 4;
  __local const uint* a = (__local const uint*)tile_a + FIRST_ROW + group + member * A_PITCH;
  __local const uint* b = (__local const uint*)tile_b + FIRST_COLUMN + group + member * B_PITCH;
  UNROLL_ALL
  for (int k = 0; k < TILE_WORDS; k += 8, a += 8 * A_PITCH, b += 8 * B_PITCH) {
    uint right[ITEM_N / 2][2];
    UNROLL_ALL
    for (int j = 0; j < ITEM_N / 2; ++j) {
      right[j][0] = b[j * 8];
      right[j][1] = b[j * 8 + 4 * B_PITCH];
    }
    UNROLL_ALL
    for (int i = 0; i < ITEM_M / 2; ++i) {
      const uint left[4] = {a[i * 16], a[i * 16 + 8], a[i * 16 + 4 * A_PITCH],
                            a[i * 16 + 8 + 4 * A_PITCH]};
      UNROLL_ALL
      for (int j = 0; j < ITEM_N / 2; ++j)
        __asm__ volatile(WARP_MULTIPLY "{%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
                         : "+f"(sums[2 * i][2 * j]), "+f"(sums[2 * i][2 * j + 1]),
                           "+f"(sums[2 * i + 1][2 * j]), "+f"(sums[2 * i + 1][2 * j + 1])
                         : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[j][0]),
                           "r"(right[j][1]));
    }
  }
}
#else
INLINE void multiply_tiles(__local const float* tile_a, __local const float* tile_b,
                           float sums[ITEM_M][ITEM_N], int item) {
  const int lane = LANE;
  UNROLL_ALL
  for (int k = 0; k < TILE_WORDS; k += 8) {
    __local const uint* b = (__local const uint*)tile_b + k * B_PITCH + FIRST_COLUMN + lane;
    int8 right[ITEM_N];
    UNROLL_ALL
    for (int j = 0; j < ITEM_N; ++j) {
      __local const uint* from = b + j * SUB_GROUP;
      right[j] = (int8)(from[0], from[B_PITCH], from[2 * B_PITCH], from[3 * B_PITCH],
                        from[4 * B_PITCH], from[5 * B_PITCH], from[6 * B_PITCH], from[7 * B_PITCH]);
    }
    UNROLL_ALL
    for (int i = 0; i < ITEM_M; i += 8) {
#if SUB_GROUP == 8
      // A lane holds two adjacent k of 8 rows.
      __local const int4* from =
          (__local const int4*)((__local const uint*)tile_a + (k + lane) * A_PITCH + FIRST_ROW + i);
      const int8 left = (int8)(from[0], from[1]);
#else
      // A lane holds one k of 8 rows.
      __local const ushort* from =
          (__local const ushort*)((__local const uint*)tile_a + (k + lane / 2) * A_PITCH +
                                  FIRST_ROW + i) +
          lane % 2;
      const short8 left = as_short8(
          (ushort8)(from[0], from[2], from[4], from[6], from[8], from[10], from[12], from[14]));
#endif
      UNROLL_ALL
      for (int j = 0; j < ITEM_N; ++j) {
        const float8 sum = intel_sub_group_bf16_bf16_matrix_mad_k16(
            left, right[j],
            (float8)(sums[i][j], sums[i + 1][j], sums[i + 2][j], sums[i + 3][j], sums[i + 4][j],
                     sums[i + 5][j], sums[i + 6][j], sums[i + 7][j]));
        sums[i][j] = sum.s0, sums[i + 1][j] = sum.s1, sums[i + 2][j] = sum.s2;
        sums[i + 3][j] = sum.s3, sums[i + 4][j] = sum.s4, sums[i + 5][j] = sum.s5;
        sums[i + 6][j] = sum.s6, sums[i + 7][j] = sum.s7;
      }
    }
  }
}
#endif
