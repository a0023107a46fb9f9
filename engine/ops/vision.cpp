// The functions of tessera/ops/vision.h, which are compositions of ops.
#include "tessera/ops/vision.h"

#include <fmt/format.h>

#include "engine/ops/arguments.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

std::string part(const std::string& name, const char* suffix) {
  return name.empty() ? name : name + suffix;
}

/// f32 [C].
Var per_channel(Graph& graph, const std::vector<double>& numbers, const std::string& name) {
  std::vector<Var> constants;
  for (double number : numbers) constants.push_back(graph.constant({1}, number));
  return constants.size() == 1 ? constants[0] : concat(constants, 0, name);
}

/// f32 [N,H,W,1].
Var gray(const char* function, Var x, const std::string& name) {
  check_rank(function, x, 4, name);
  const std::int64_t C = x.shape()[3];
  if (C == 1) return x;
  if (C != 3) fail(function, name, "input has {} channels, expected 1 or 3", C);
  const Var weights = per_channel(x.graph(), {0.2989, 0.587, 0.114}, part(name, ".weights"));
  return sum(mul(x, weights, part(name, ".weighted")), {3}, {.keepdim = true}, part(name, ".gray"));
}

/// Interpolates between x and another image, or extrapolates beyond x.
Var between(Var x, Var other, Var factor, const std::string& name) {
  const Var distance = mul(sub(x, other, part(name, ".distance")), factor, part(name, ".scaled"));
  return clamp(add(distance, other, part(name, ".sum")), 0, 1, name);
}

/// x[n-1] for each n.
Var previous(Var x, const std::string& name) {
  const std::int64_t N = x.shape().at(0);
  if (N < 2) return x;
  return concat({slice(x, 0, N - 1, N, 1, part(name, ".last")),
                 slice(x, 0, 0, N - 1, 1, part(name, ".others"))},
                0, part(name, ".previous"));
}

}  // namespace

Var adjust_brightness(Var x, Var factor, const std::string& name) {
  check_rank("adjust_brightness", x, 4, name);
  return clamp(mul(x, factor, part(name, ".scaled")), 0, 1, name);
}

Var adjust_contrast(Var x, Var factor, const std::string& name) {
  const Var grays = gray("adjust_contrast", x, name);
  return between(x, mean(grays, {1, 2, 3}, {.keepdim = true}, part(name, ".mean")), factor, name);
}

Var adjust_saturation(Var x, Var factor, const std::string& name) {
  const Var grays = gray("adjust_saturation", x, name);
  return x.shape()[3] == 1 ? x : between(x, grays, factor, name);
}

Var normalize_image(Var x, const std::vector<double>& mean, const std::vector<double>& deviation,
                    const std::string& name) {
  check_rank("normalize_image", x, 4, name);
  for (const auto* numbers : {&mean, &deviation})
    if (const std::size_t count = numbers->size();
        count > 1 && static_cast<std::int64_t>(count) != x.shape()[3])
      fail("normalize_image", name,
           "has {} numbers for {} channels, expected one for each or for "
           "all",
           count, x.shape()[3]);
  if (!mean.empty())
    x = sub(x, per_channel(x.graph(), mean, part(name, ".mean")), part(name, ".centered"));
  if (deviation.empty()) return x;
  return div(x, per_channel(x.graph(), deviation, part(name, ".deviation")), name);
}

Var center_crop(Var x, const std::array<std::int64_t, 2>& size, const std::string& name) {
  check_rank("center_crop", x, 4, name);
  PadWidths widths(4, {0, 0});
  for (std::size_t axis : {1u, 2u}) {
    const std::int64_t wanted = size[axis - 1], found = x.shape()[axis];
    if (wanted < 1) fail("center_crop", name, "size is {}, expected at least 1", wanted);
    // The missing rows or columns (negative: to crop); torchvision rounds halves to even when it
    // crops.
    const std::int64_t missing = wanted - found;
    const std::int64_t before =
        missing >= 0 ? missing / 2 : -((-missing + (-missing / 2 % 2 == 0 ? 0 : 1)) / 2);
    widths[axis] = {before, missing - before};
  }
  return pad(x, widths, 0.0, name);
}

Var mixup(Var x, Var share, const std::string& name) {
  const Var rest = sub(x.graph().constant({1}, 1), share, part(name, ".rest"));
  return add(mul(x, share, part(name, ".own")), mul(previous(x, name), rest, part(name, ".other")),
             name);
}

Var cutmix(Var x, Var box, const std::string& name) {
  check_rank("cutmix", x, 4, name);
  const Var mask = box_mask(box, {x.shape()[1], x.shape()[2]}, part(name, ".mask"));
  return where(mask, x, previous(x, name), name);
}

}  // namespace tessera
