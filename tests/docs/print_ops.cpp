// Prints docs/ops.md from the op table and the algorithms of the backends.
//
// usage: print_ops            prints it
//        print_ops FILE       compares it with a file, which should be docs/ops.md
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "backends/cpu/runtime/isa.h"
#include "backends/opencl/lowering/algorithm.h"
#include "engine/ops/op_table.h"

namespace {

using namespace tessera;

/// Op -> "first, second", its algorithms in order.
using Algorithms = std::map<std::string, std::string>;

template <typename Ops>
void add(Algorithms& all, const Ops& ops) {
  for (const auto& op : ops) {
    std::vector<std::string_view> names;
    for (const auto& algorithm : op.algorithms) names.push_back(algorithm.name);
    all[std::string(op.op)] = fmt::format("{}", fmt::join(names, ", "));
  }
}

Algorithms cpu_algorithms() {
  cpu::VariantContents contents;
  cpu::variants().front().read(contents);
  Algorithms all;
  add(all, contents.ops);
  return all;
}

Algorithms opencl_algorithms() {
  Algorithms all;
#define TESSERA_OP_FAMILY(family) add(all, opencl::family##_algorithms());
#include "op_kernels.inc"
#undef TESSERA_OP_FAMILY
  return all;
}

struct Family {
  std::string_view name;
  std::vector<Op> ops;
};

std::vector<Family> families() {
  return {
#define TESSERA_OP_FAMILY(family) {#family, ops::family##_ops()},
#include "op_families.inc"
#undef TESSERA_OP_FAMILY
  };
}

constexpr const char* preface = R"(# Ops

This file is written by `build/tests/docs/print_ops > docs/ops.md`; a test compares it with the op
table. Functions that append these ops, with PyTorch's names and defaults, stand in
`engine/include/tessera/ops.h` and the headers that it includes. Made of several ops are there:

- `ops/conv.h`: conv1d, conv_transpose2d; `ops/pool.h`: avg_pool2d, adaptive and global pooling
- `ops/loss.h`: nll_loss, mse_loss, l1_loss, huber_loss, smooth_l1_loss, bce_with_logits_loss,
  kl_div_loss
- `ops/norm.h`: layer_norm, group_norm, instance_norm; `ops/reduce.h`: variance, norm
- `ops/shape.h`: split, squeeze, transpose, pixel_shuffle; `ops/resize.h`: resize, pad by reflection
- `ops/softmax.h`, `ops/attention.h`: softmax over any axis, scaled_dot_product_attention
- `ops/gather.h`: embedding; `ops/vision.h`: colors, crops, mixup, cutmix

Layout is channels last. "f32 [...]" is any shape; an input in parentheses may be left out. Where an
op has a gradient, it is made of ops, too, those with names like `conv2d_dw` among them. The
algorithms of a backend stand in the order in which they are tried: the first that can run a node
does; `TESSERA_CPU_ALGORITHM=op=name` and `TESSERA_OPENCL_ALGORITHM=op=name` prefer another one.
`tessera devices` lists the backends' devices.

Element-wise formulas stand as in `engine/formulas/elementwise.h`: SELECT(condition, if, else), functions of
numbers in capitals.
)";

std::string code(std::string_view text) {
  return text.empty() ? std::string() : fmt::format("`{}`", text);
}

std::string document() {
  const Algorithms cpu = cpu_algorithms(), opencl = opencl_algorithms();
  const auto of = [](const Algorithms& all, std::string_view op) {
    const auto found = all.find(std::string(op));
    return found == all.end() ? std::string() : found->second;
  };
  std::string text = preface;
  for (const Family& family : families()) {
    if (family.ops.empty()) continue;  // functions that are made of other families' ops
    text += fmt::format("\n## {}\n", family.name);
    for (const Op& op : family.ops) {
      text += fmt::format("\n**{}**: {}\\\n{}", op.name, code(op.doc.formula), op.doc.shapes);
      if (!op.doc.attributes.empty()) text += fmt::format("\\\nAttributes: {}", op.doc.attributes);
      text += fmt::format("\\\nGradient: {}.", !op.gradient                      ? "no"
                                               : op.gradient == ops::no_gradient ? "none passes"
                                                                                 : "yes");
      if (op.is_view)
        text += " A view: no work at run time.\n";
      else
        text += fmt::format(" CPU: {}. OpenCL: {}.\n", of(cpu, op.name), of(opencl, op.name));
    }
  }
  return text;
}

/// Says what differs first. 0: nothing does.
int compare(const std::string& text, const char* path) {
  std::ifstream file(path);
  std::istringstream expected(text);
  std::string found_line, expected_line;
  for (int line = 1;; ++line) {
    const bool more_found = static_cast<bool>(std::getline(file, found_line));
    const bool more_expected = static_cast<bool>(std::getline(expected, expected_line));
    if (!more_found && !more_expected) return 0;
    if (more_found && more_expected && found_line == expected_line) continue;
    fmt::print("{}:{}: found\n  {}\nexpected\n  {}\nRun build/tests/docs/print_ops > docs/ops.md\n",
               path, line, more_found ? found_line : "the end",
               more_expected ? expected_line : "the end");
    return 1;
  }
}

/// Ops without documentation, or that a backend lacks.
int check_complete() {
  const Algorithms cpu = cpu_algorithms(), opencl = opencl_algorithms();
  int missing = 0;
  for (const Family& family : families())
    for (const Op& op : family.ops) {
      const std::string name(op.name);
      const bool lowered = op.is_view || (cpu.contains(name) && opencl.contains(name));
      if (!op.doc.formula.empty() && !op.doc.shapes.empty() && lowered) continue;
      fmt::print("{}: {}\n", name, lowered ? "no formula or shapes" : "not in both backends");
      ++missing;
    }
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    fmt::print("{}", document());
    return 0;
  }
  return check_complete() + compare(document(), argv[1]) == 0 ? 0 : 1;
}
