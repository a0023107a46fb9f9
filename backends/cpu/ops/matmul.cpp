// matmul: y = op(a) op(b) + bias. Small products, as in dense layers, come straight from the
// operands: `dot` for few rows where both are contiguous along the depth, `outer` where the rows of
// op(b) are. The others go to Eigen's GEMM, which packs, on blocks of y.
#include <Eigen/Core>
#include <bit>

#include "backends/cpu/lowering/variant.h"
#include "backends/cpu/ops/epilogue.h"
#include "backends/cpu/ops/simd.h"
#include "engine/ops/matmul.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

struct Product {
  MatmulGeometry g;
  const float *a, *b, *bias;
  float* y;
  // Elements between neighbors of op(a) [M,K] and op(b) [K,N].
  std::int64_t a_row, a_column, b_row, b_column;
  Epilogue epilogue;

  /// The same for one of the batch.
  Product at(std::int64_t batch) const {
    Product one = *this;
    one.a += batch * g.M * g.K;
    one.b += batch * g.K * g.N;
    one.y += batch * g.M * g.N;
    return one;
  }
};

/// For sums that are in a block of y.
void finish_block(const Product& p, Range rows, Range columns) {
  for (std::int64_t m = rows.begin; m < rows.end; ++m)
    p.epilogue.finish(p.y + m * p.g.N + columns.begin, columns.end - columns.begin);
}

MatmulGeometry geometry_of(const NodeView& node) {
  return matmul_geometry(node.input_spec(0).shape, node.input_spec(1).shape, node.attributes());
}

Product product(const BoundNode& node) {
  Product o{
      geometry_of(node), node.input(0), node.input(1), bias_of(node), node.output(0), 0, 0, 0, 0,
      Epilogue(node)};
  o.a_row = o.g.transpose_a ? 1 : o.g.K;
  o.a_column = o.g.transpose_a ? o.g.M : 1;
  o.b_row = o.g.transpose_b ? 1 : o.g.N;
  o.b_column = o.g.transpose_b ? o.g.K : 1;
  return o;
}

/// Blocks of y: `rows` x `columns` of them for each of the batch.
struct Grid {
  std::int64_t row_blocks, column_blocks, batch;
  std::int64_t count() const { return row_blocks * column_blocks * batch; }
};

/// A step that calls f(product of one batch, rows, columns) for each block of the grid; columns are
/// cut at multiples of `multiple`.
template <typename Function>
auto for_grid(const Product& p, const Grid& grid, std::int64_t multiple, const Function& f) {
  const std::int64_t chunks =
      chunk_count(grid.count(), p.g.flops() / 40 / static_cast<double>(grid.count()));
  return [=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int thread) {
      const Range range = chunk_range(grid.count(), chunks, chunk);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const std::int64_t row = i % grid.row_blocks, rest = i / grid.row_blocks;
        f(context, thread, p.at(rest / grid.column_blocks),
          chunk_range(p.g.M, grid.row_blocks, row),
          chunk_range(p.g.N, grid.column_blocks, rest % grid.column_blocks, multiple));
      }
    });
  };
}

std::int64_t blocks_of(std::int64_t size, std::int64_t most) { return (size + most - 1) / most; }

// ---- outer: a tile of y is rows of a times vectors of a row of b --------------------------------

struct OuterArguments {
  Product p;
  const float *a, *b;
  float* y;
  const float* bias;
  std::int64_t last_lanes;
};

template <int T, int V>
struct OuterTile {
  static void call(const OuterArguments& o) {
    const Tail tail(o.last_lanes);
    Tile<T, V> tile;
    tile.fill(o.bias, tail);
    if (o.last_lanes == lanes)
      tile.accumulate(o.a, o.p.a_row, o.p.a_column, o.b, o.p.b_row, o.p.g.K);
    else
      tile.accumulate(o.a, o.p.a_row, o.p.a_column, o.b, o.p.b_row, o.p.g.K, &tail);
    o.p.epilogue.finish(tile, o.y, o.p.g.N, tail);
    tile.write(o.y, o.p.g.N, tail);
  }
};

constexpr auto narrow_tiles = tile_functions<OuterTile, 1>();
constexpr auto wide_tiles = tile_functions<OuterTile, 2>();

void outer_block(const Product& p, Range rows, Range columns) {
  const std::int64_t width = columns.end - columns.begin;
  const int vectors = block_vectors(width);
  const OuterArguments arguments{p,
                                 p.a + rows.begin * p.a_row,
                                 p.b + columns.begin,
                                 p.y + rows.begin * p.g.N + columns.begin,
                                 p.bias ? p.bias + columns.begin : nullptr,
                                 width - (vectors - 1) * lanes};
  const auto height = static_cast<std::size_t>(rows.end - rows.begin - 1);
  (vectors == 2 ? wide_tiles[height] : narrow_tiles[height])(arguments);
}

// Without packing, the rows of b that a tile walks over must stay in the caches.
constexpr std::int64_t most_small = 1 << 26;

std::string refuse_outer(const DeviceNode& node) {
  return geometry_of(node).transpose_b ? "op(b) is not contiguous along N" : "";
}
std::string doubt_outer(const DeviceNode& node) {
  const MatmulGeometry g = geometry_of(node);
  return g.M * g.N * g.K > most_small ? "large enough to be worth packing" : "";
}

Step lower_outer(const BoundNode& node) {
  const Product p = product(node);
  const std::int64_t most_rows = tile_vectors / block_vectors(p.g.N);
  const Grid grid{blocks_of(p.g.M, most_rows), blocks_of(p.g.N, block_columns), p.g.batch};
  return {for_grid(p, grid, block_columns,
                   [](const StepContext&, int, const Product& one, Range rows, Range columns) {
                     if (columns.begin < columns.end) outer_block(one, rows, columns);
                   })};
}

// ---- dot: each element of y is the sum of a vector of products ----------------------------------

constexpr int dot_rows = 4, dot_columns = tile_vectors == 28 ? 6 : 2;

/// T rows of a times U rows of b (columns of y).
template <int T, int U>
void dot_tile(const Product& p, std::int64_t m, std::int64_t n) {
  const float *a = p.a + m * p.g.K, *b = p.b + n * p.g.K;
  const std::int64_t K = p.g.K, whole = K / lanes * lanes;
  Vec acc[T][U] = {};
  const auto add = [&](const auto& load_at, std::int64_t k) __attribute__((always_inline)) {
    Vec from_a[T];
    repeat<T>([&](auto t) __attribute__((always_inline)) { from_a[t] = load_at(a + t * K + k); });
    repeat<U>([&](auto u) __attribute__((always_inline)) {
      const Vec from_b = load_at(b + u * K + k);
      repeat<T>([&](auto t) __attribute__((always_inline)) { acc[t][u] += from_a[t] * from_b; });
    });
  };
  for (std::int64_t k = 0; k < whole; k += lanes)
    add([](const float* from) { return load(from); }, k);
  if (whole < K)
    add([tail = Tail(K - whole)](const float* from) { return tail.load(from); }, whole);
  repeat<T>([&](auto t) {
    repeat<U>([&](auto u) {
      p.y[(m + t) * p.g.N + n + u] = sum(acc[t][u]) + (p.bias ? p.bias[n + u] : 0);
    });
  });
}

template <int T>
void dot_rows_of(const Product& p, std::int64_t m, Range columns) {
  std::int64_t n = columns.begin;
  for (; n + dot_columns <= columns.end; n += dot_columns) dot_tile<T, dot_columns>(p, m, n);
  for (; n < columns.end; ++n) dot_tile<T, 1>(p, m, n);
}

void dot_block(const Product& p, Range rows, Range columns) {
  std::int64_t m = rows.begin;
  for (; m + dot_rows <= rows.end; m += dot_rows) dot_rows_of<dot_rows>(p, m, columns);
  for (; m < rows.end; ++m) dot_rows_of<1>(p, m, columns);
  finish_block(p, rows, columns);
}

std::string refuse_dot(const DeviceNode& node) {
  const MatmulGeometry g = geometry_of(node);
  return g.transpose_a || !g.transpose_b ? "the operands are not contiguous along the depth" : "";
}
std::string doubt_dot(const DeviceNode& node) {
  constexpr std::int64_t few_rows = 8;  // measured on dense layers: from here on packing pays
  return geometry_of(node).M >= few_rows ? "enough rows to be worth packing" : "";
}

Step lower_dot(const BoundNode& node) {
  const Product p = product(node);
  const Grid grid{blocks_of(p.g.M, 4 * dot_rows), blocks_of(p.g.N, 4 * dot_columns), p.g.batch};
  return {for_grid(p, grid, dot_columns,
                   [](const StepContext&, int, const Product& one, Range rows, Range columns) {
                     dot_block(one, rows, columns);
                   })};
}

// ---- eigen --------------------------------------------------------------------------------------

/// Eigen's blocking with packing buffers of ours: it would allocate its own.
class Blocking : public Eigen::internal::level3_blocking<float, float> {
 public:
  Blocking(std::int64_t rows, std::int64_t columns, std::int64_t depth, float* buffers) {
    m_mc = rows, m_nc = columns, m_kc = depth;
    Eigen::internal::computeProductBlockingSizes<float, float>(m_kc, m_mc, m_nc, Eigen::Index{1});
    m_blockA = buffers;
    if (buffers) m_blockB = buffers + aligned(m_mc * m_kc);
  }
  std::int64_t floats() const { return aligned(m_mc * m_kc) + aligned(m_nc * m_kc); }

 private:
  /// Eigen loads whole vectors from its buffers, which must lie at multiples of their size.
  static std::int64_t aligned(std::int64_t count) { return (count + lanes - 1) / lanes * lanes; }
};

/// y (row-major) = a b, taken as the column-major y^T = b^T a^T.
template <int BOrder, int AOrder>
void eigen_gemm(const Product& p, Range rows, Range columns, Blocking& blocking) {
  float* y = p.y + rows.begin * p.g.N + columns.begin;
  Eigen::internal::general_matrix_matrix_product<
      Eigen::Index, float, BOrder, false, float, AOrder, false, Eigen::ColMajor,
      1>::run(columns.end - columns.begin, rows.end - rows.begin, p.g.K,
              p.b + columns.begin * p.b_column, p.g.transpose_b ? p.g.K : p.g.N,
              p.a + rows.begin * p.a_row, p.g.transpose_a ? p.g.M : p.g.K, y, 1, p.g.N, 1.0f,
              blocking, nullptr);
}

void eigen_block(const Product& p, Range rows, Range columns, float* buffers) {
  using Eigen::ColMajor, Eigen::RowMajor;
  const std::int64_t width = columns.end - columns.begin;
  for (std::int64_t m = rows.begin; m < rows.end; ++m)
    if (p.bias)
      std::copy_n(p.bias + columns.begin, width, p.y + m * p.g.N + columns.begin);
    else
      std::fill_n(p.y + m * p.g.N + columns.begin, width, 0.0f);
  Blocking blocking(width, rows.end - rows.begin, p.g.K, buffers);
  if (p.g.transpose_b)
    p.g.transpose_a ? eigen_gemm<RowMajor, RowMajor>(p, rows, columns, blocking)
                    : eigen_gemm<RowMajor, ColMajor>(p, rows, columns, blocking);
  else
    p.g.transpose_a ? eigen_gemm<ColMajor, RowMajor>(p, rows, columns, blocking)
                    : eigen_gemm<ColMajor, ColMajor>(p, rows, columns, blocking);
  finish_block(p, rows, columns);
}

std::string refuse_eigen(const DeviceNode& node) {
  return geometry_of(node).K == 0 ? "there is nothing to sum" : "";
}

Step lower_eigen(const BoundNode& node) {
  const Product p = product(node);
  constexpr std::int64_t wide = 1024;
  const auto ceiling = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(p.g.M)));
  const std::int64_t block_rows = std::clamp<std::int64_t>(ceiling / 2, 32, 256);
  const Grid grid{blocks_of(p.g.M, block_rows), blocks_of(p.g.N, wide), p.g.batch};
  std::int64_t floats = 0;  // a smaller block may need more, so all are asked
  for (std::int64_t row = 0; row < grid.row_blocks; ++row)
    for (std::int64_t column = 0; column < grid.column_blocks; ++column) {
      const Range rows = chunk_range(p.g.M, grid.row_blocks, row);
      const Range columns = chunk_range(p.g.N, grid.column_blocks, column, lanes);
      const Blocking blocking(columns.end - columns.begin, rows.end - rows.begin, p.g.K, nullptr);
      floats = std::max(floats, blocking.floats());
    }
  const auto run = for_grid(p, grid, lanes,
                            [floats](const StepContext& context, int thread, const Product& one,
                                     Range rows, Range columns) {
                              eigen_block(one, rows, columns, context.floats() + thread * floats);
                            });
  return {run, static_cast<std::size_t>(floats * node.threads()) * sizeof(float)};
}

// ---- naive --------------------------------------------------------------------------------------

Step lower_naive(const BoundNode& node) {
  const Product p = product(node);
  const Grid grid{p.g.M, 1, p.g.batch};
  return {for_grid(p, grid, 1,
                   [](const StepContext&, int, const Product& one, Range rows, Range columns) {
                     for (std::int64_t m = rows.begin; m < rows.end; ++m)
                       for (std::int64_t n = columns.begin; n < columns.end; ++n) {
                         double sum = one.bias ? double{one.bias[n]} : 0;
                         for (std::int64_t k = 0; k < one.g.K; ++k)
                           sum += double{one.a[m * one.a_row + k * one.a_column]} *
                                  double{one.b[k * one.b_row + n * one.b_column]};
                         one.y[m * one.g.N + n] = static_cast<float>(sum);
                       }
                     finish_block(one, rows, columns);
                   })};
}

}  // namespace

std::vector<OpAlgorithms> matmul_algorithms() {
  return {{"matmul",
           {{"dot", refuse_dot, lower_dot, nullptr, doubt_dot},
            {"outer", refuse_outer, lower_outer, nullptr, doubt_outer},
            {"eigen", refuse_eigen, lower_eigen},
            {"naive", nullptr, lower_naive}}}};
}

}  // namespace TESSERA_CPU_NAMESPACE
