// Chains of element-wise ops, and perhaps a reduction of the last one: the ops' own loops one after
// the other on blocks of elements, whose intermediate results stay in cache.
#include "engine/ops/chain.h"

#include <array>

#include "backends/cpu/ops/pointwise.h"
#include "backends/cpu/ops/reduce_rows.h"

namespace TESSERA_CPU_NAMESPACE {
namespace {

constexpr std::int64_t block_floats = 1024;

/// Rows and columns of one of `outer`: whole rows, or a part of one.
struct Block {
  std::int64_t outer, row, column, rows, columns;
};

/// A node as loops read it.
class Program {
 public:
  explicit Program(const BoundNode& node);

  const ChainGeometry& geometry() const { return geometry_; }
  std::int64_t row_blocks() const { return (geometry_.middle + rows_ - 1) / rows_; }
  std::int64_t column_blocks() const { return (geometry_.inner + columns_ - 1) / columns_; }
  Block block(std::int64_t outer, std::int64_t row_block, std::int64_t column_block) const {
    const std::int64_t row = row_block * rows_, column = column_block * columns_;
    return {outer, row, column, std::min(rows_, geometry_.middle - row),
            std::min(columns_, geometry_.inner - column)};
  }
  double block_ns() const { return cost_ns_ * static_cast<double>(rows_ * columns_); }
  /// Memory of a thread: inputs that are repeated, and results.
  std::int64_t slots() const {
    return static_cast<std::int64_t>(inputs_.size() + steps_.size()) * block_floats;
  }

 private:
  friend class Evaluator;
  struct Step {
    RowFunction function;
    Parameters parameters;
    std::array<std::size_t, 3> operands;  ///< by variable: inputs first, then results
  };

  ChainGeometry geometry_;
  std::int64_t rows_, columns_;  ///< of a block
  std::vector<const float*> inputs_;
  std::vector<Step> steps_;
  double cost_ns_ = 0;
};

ChainGeometry geometry_of(const BoundNode& node) {
  std::vector<Shape> shapes;
  for (std::size_t i = 0; i < node.input_count(); ++i) shapes.push_back(node.input_spec(i).shape);
  return chain_geometry(shapes, to_chain(node.attributes()).axes).value();
}

Program::Program(const BoundNode& node)
    : geometry_(geometry_of(node)),
      rows_(std::clamp<std::int64_t>(block_floats / std::max<std::int64_t>(geometry_.inner, 1), 1,
                                     std::max<std::int64_t>(geometry_.middle, 1))),
      columns_(std::clamp<std::int64_t>(geometry_.inner, 1, block_floats)) {
  for (std::size_t i = 0; i < node.input_count(); ++i) inputs_.push_back(node.input(i));
  for (const ChainStep& step : to_chain(node.attributes()).steps) {
    const formulas::Formula& formula = *step.formula;
    std::array<std::size_t, 3> operands{};
    std::size_t next = 0;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      if (!formula.reads(k)) continue;
      const ChainStep::Operand operand = step.operands[next++];
      operands[k] = operand.index + (operand.is_step ? inputs_.size() : 0);
    }
    steps_.push_back({row_function(formula),
                      {static_cast<float>(step.numbers[0]), static_cast<float>(step.numbers[1])},
                      operands});
    cost_ns_ += formula.cost_ns();
  }
}

/// Runs a program block by block, those of one of `outer` together.
class Evaluator {
 public:
  Evaluator(const Program& program, float* slots) : program_(program), slots_(slots) {}

  /// Writes the results of a block to y, one after another.
  void run(const Block& block, float* y) {
    std::array<const float*, most_chain_inputs + most_chain_steps> values{};
    const std::size_t inputs = program_.inputs_.size(), steps = program_.steps_.size();
    for (std::size_t i = 0; i < inputs; ++i) values[i] = input(i, block);
    filled_ = block.outer;
    for (std::size_t i = 0; i < steps; ++i) {
      const Program::Step& step = program_.steps_[i];
      Operands operands{};
      for (std::size_t k = 0; k < 3; ++k) operands.data[k] = values[step.operands[k]];
      float* const to = i + 1 == steps ? y : slot(inputs + i);
      step.function(operands, to, block.rows * block.columns, step.parameters);
      values[inputs + i] = to;
    }
  }
  /// A place for the results of a block.
  float* result() { return slot(program_.inputs_.size() + program_.steps_.size() - 1); }

 private:
  float* slot(std::size_t i) { return slots_ + static_cast<std::int64_t>(i) * block_floats; }

  /// An input's elements of a block one after another: where they lie, or repeated into a slot.
  const float* input(std::size_t i, const Block& block) {
    const ChainGeometry::Steps& step = program_.geometry_.steps[i];
    const float* const from = program_.inputs_[i] + block.outer * step.outer +
                              block.row * step.middle + block.column * step.inner;
    if (step.inner == 1 && (block.rows == 1 || step.middle == program_.geometry_.inner))
      return from;
    // What all rows share serves all blocks: those of a part of a row have one number there.
    const bool shared = step.middle == 0;
    if (shared && filled_ == block.outer) return slot(i);
    const std::int64_t rows = shared ? program_.rows_ : block.rows, columns = program_.columns_;
    for (std::int64_t row = 0; row < rows; ++row) {
      float* const to = slot(i) + row * columns;
      if (step.inner == 1)
        std::copy_n(from + row * step.middle, columns, to);
      else
        std::fill_n(to, columns, from[row * step.middle]);
    }
    return slot(i);
  }

  const Program& program_;
  float* slots_;
  std::int64_t filled_ = -1;  ///< for which of `outer` the slots of shared inputs are filled
};

Step lower_elements(const BoundNode& node) {
  const Program program(node);
  float* const y = node.output(0);
  const std::int64_t row_blocks = program.row_blocks(), column_blocks = program.column_blocks();
  const std::int64_t blocks = program.geometry().outer * row_blocks * column_blocks;
  const std::int64_t chunks = chunk_count(blocks, program.block_ns());
  const auto run = [=](const StepContext& context) {
    context.pool.for_each(chunks, [&](std::int64_t chunk, int thread) {
      const ChainGeometry& geometry = program.geometry();
      const Range range = chunk_range(blocks, chunks, chunk);
      Evaluator evaluator(program, context.floats() + thread * program.slots());
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const std::int64_t rows = i / column_blocks;
        const Block block = program.block(rows / row_blocks, rows % row_blocks, i % column_blocks);
        evaluator.run(
            block, y + (block.outer * geometry.middle + block.row) * geometry.inner + block.column);
      }
    });
  };
  return {run, static_cast<std::size_t>(node.threads() * program.slots()) * sizeof(float)};
}

/// y[columns] is combined with the terms of x[rows,columns]; `wide` has room for wide rows.
template <typename R>
void add_columns(const float* x, std::int64_t rows, std::int64_t columns, float* wide, float* y) {
  const std::int64_t together = rows_together(columns), wide_rows = rows / together;
  reduce_columns<R>(x, wide_rows, together * columns, wide);
  combine_rows<Combined<R>>(wide, together, columns, y);
  const std::int64_t done = wide_rows * together;
  combine_rows<R>(x + done * columns, rows - done, columns, y);
}

/// A reduction: units give neighboring results each; the blocks of a unit are cut into groups for
/// different threads, whose results are combined in order.
struct Reduction {
  Program program;
  bool of_columns;  ///< the middle dimension is reduced, else the inner one
  std::int64_t units, parts, groups = 1, chunks = 1;
  std::int64_t results, width;  ///< results of `width` neighbors each

  explicit Reduction(const BoundNode& node) : program(node) {
    const ChainGeometry& geometry = program.geometry();
    of_columns = geometry.reduces == ChainGeometry::Reduces::middle;
    units = geometry.outer * (of_columns ? 1 : program.row_blocks());
    parts = of_columns ? program.row_blocks() : program.column_blocks();
    results = geometry.outer * (of_columns ? 1 : geometry.middle);
    width = of_columns ? geometry.inner : 1;
    const double unit_ns = program.block_ns() *
                           static_cast<double>(parts * (of_columns ? program.column_blocks() : 1));
    constexpr std::int64_t enough = 16;
    if (units > 0 && units < enough)
      groups = std::max<std::int64_t>(
          1, chunk_count(units * parts, unit_ns / static_cast<double>(parts)) / units);
    chunks = chunk_count(units * groups, unit_ns / static_cast<double>(groups));
  }
  std::int64_t partials() const { return groups > 1 ? results * groups * width : 0; }
  /// Memory of a thread: also a wide row.
  std::int64_t slots() const { return program.slots() + block_floats; }
};

/// The partial results of a group of one of `outer`: its columns, over some rows.
template <typename R>
void reduce_group_columns(const Reduction& r, Evaluator& evaluator, std::int64_t outer,
                          const Range& blocks, float* wide, float* to) {
  for (std::int64_t c = 0; c < r.program.column_blocks(); ++c)
    for (std::int64_t part = blocks.begin; part < blocks.end; ++part) {
      const Block block = r.program.block(outer, part, c);
      evaluator.run(block, evaluator.result());
      add_columns<R>(evaluator.result(), block.rows, block.columns, wide, to + block.column);
    }
}

/// Those of a group of a block of rows, `step` floats apart: their terms in some columns.
template <typename R>
void reduce_group_rows(const Reduction& r, Evaluator& evaluator, std::int64_t unit,
                       const Range& blocks, float* to, std::int64_t step) {
  const std::int64_t row_blocks = r.program.row_blocks();
  for (std::int64_t part = blocks.begin; part < blocks.end; ++part) {
    const Block block = r.program.block(unit / row_blocks, unit % row_blocks, part);
    evaluator.run(block, evaluator.result());
    for (std::int64_t row = 0; row < block.rows; ++row) {
      const Vec terms = reduce_run<R>(evaluator.result() + row * block.columns, block.columns);
      to[row * step] = R::combine(broadcast(to[row * step]), terms)[0];
    }
  }
}

template <typename R>
void fill_identity(float* y, std::int64_t count) {
  std::fill_n(y, count, R::identity()[0]);
}

template <typename R>
Step lower_reduction(const BoundNode& node) {
  const Reduction r(node);
  float* const y = node.output(0);
  const ChainGeometry& g = r.program.geometry();
  const auto n = static_cast<float>(r.of_columns ? g.middle : g.inner);
  const auto run = [=](const StepContext& context) {
    float* const partials = r.groups > 1 ? context.floats() : y;
    fill_identity<R>(partials, r.results * r.groups * r.width);
    context.pool.for_each(r.chunks, [&](std::int64_t chunk, int thread) {
      const Range range = chunk_range(r.units * r.groups, r.chunks, chunk);
      float* const slots = context.floats() + r.partials() + thread * r.slots();
      Evaluator evaluator(r.program, slots);
      for (std::int64_t i = range.begin; i < range.end; ++i) {
        const std::int64_t unit = i / r.groups, group = i % r.groups;
        const Range blocks = chunk_range(r.parts, r.groups, group);
        if (r.of_columns) {
          reduce_group_columns<R>(r, evaluator, unit, blocks, slots + r.program.slots(),
                                  partials + i * r.width);
        } else {
          const Block first =
              r.program.block(unit / r.program.row_blocks(), unit % r.program.row_blocks(), 0);
          const std::int64_t row = first.outer * r.program.geometry().middle + first.row;
          reduce_group_rows<R>(r, evaluator, unit, blocks, partials + row * r.groups + group,
                               r.groups);
        }
      }
    });
    if (r.groups > 1) {
      fill_identity<R>(y, r.results * r.width);
      for (std::int64_t i = 0; i < r.results; ++i)
        combine_rows<Combined<R>>(partials + i * r.groups * r.width, r.groups, r.width,
                                  y + i * r.width);
    }
    const Tail tail(r.results * r.width % lanes);
    for_vectors(r.results * r.width, tail, [&](std::int64_t i, const auto& access) {
      access.store(y + i, R::finish(access.load(y + i), n));
    });
  };
  return {run, static_cast<std::size_t>(r.partials() + node.threads() * r.slots()) * sizeof(float)};
}

Step lower(const BoundNode& node) {
  const Chain chain = to_chain(node.attributes());
#define REDUCTION(NAME, IDENTITY, TERM, COMBINE, FINISH) \
  if (chain.reduction == #NAME) return lower_reduction<NAME##_row>(node);
#include "engine/formulas/reductions.h"
#undef REDUCTION
  return lower_elements(node);
}

}  // namespace

std::vector<OpAlgorithms> chain_algorithms() { return {{"chain", {{"blocks", nullptr, lower}}}}; }

}  // namespace TESSERA_CPU_NAMESPACE
