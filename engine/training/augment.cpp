#include "tessera/augment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>
#include <string_view>

#include "engine/base/philox.h"
#include "tessera/error.h"

namespace tessera {
namespace {

struct Row {
  std::string_view name;
  double Augmentation::*value;
  double most;
  bool whole;                        ///< counts pixels
  std::optional<double> by_default;  ///< for a name without a number
};

constexpr double unbounded = HUGE_VAL;
constexpr double most_alpha = 4;  // see beta()
constexpr std::array<Row, 10> rows = {{
    {"crop", &Augmentation::crop, unbounded, true, {}},
    {"flip", &Augmentation::flip, 1, false, 0.5},
    {"resized-crop", &Augmentation::resized_crop, 1, false, {}},
    {"rotate", &Augmentation::rotate, 180, false, {}},
    {"cutout", &Augmentation::cutout, unbounded, true, {}},
    {"brightness", &Augmentation::brightness, unbounded, false, {}},
    {"contrast", &Augmentation::contrast, unbounded, false, {}},
    {"saturation", &Augmentation::saturation, unbounded, false, {}},
    {"mixup", &Augmentation::mixup, most_alpha, false, {}},
    {"cutmix", &Augmentation::cutmix, most_alpha, false, {}},
}};

std::string range_of(const Row& row) {
  const char* kind = row.whole ? "a whole number" : "a number";
  return row.most == unbounded ? fmt::format("{} of at least 0", kind)
                               : fmt::format("{} from 0 to {}", kind, row.most);
}

[[noreturn]] void refuse(const Row& row, std::string_view found) {
  throw Error("augment", fmt::format("{} is '{}', expected {}", row.name, found, range_of(row)));
}

const Row& row_of(std::string_view name) {
  std::string all;
  for (const Row& row : rows) {
    if (row.name == name) return row;
    all += fmt::format("{}{}", all.empty() ? "" : ", ", row.name);
  }
  throw Error("augment", fmt::format("there is no '{}'; there are: {}", name, all));
}

void take(std::string_view item, Augmentation& augmentation) {
  const std::size_t sign = item.find('=');
  const Row& row = row_of(item.substr(0, sign));
  if (sign == std::string_view::npos) {
    if (!row.by_default) refuse(row, "");
    augmentation.*row.value = *row.by_default;
    return;
  }
  const std::string_view number = item.substr(sign + 1);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), augmentation.*row.value);
  if (error != std::errc() || end != number.data() + number.size()) refuse(row, number);
}

/// The uses of the random numbers of an image; each use has its own stream.
enum class Use : std::uint32_t {
  crop,
  flip,
  resized_crop,
  rotate,
  cutout,
  brightness,
  contrast,
  saturation,
  mixture
};

class Draws {
 public:
  Draws(const AugmentedBatch& batch, std::int64_t image, Use use)
      : counter_{0, static_cast<std::uint32_t>(batch.first + image),
                 static_cast<std::uint32_t>(batch.step), static_cast<std::uint32_t>(use)} {
    Philox key(batch.seed, "augment");  // different from the numbers of the initial weights
    const std::uint64_t high = key.next();
    key_ = high << 32 | key.next();
  }
  /// Uniform in [0,1).
  double uniform() {
    if (lane_ == 4) {
      block_ = philox(key_, counter_);
      ++counter_[0];
      lane_ = 0;
    }
    return block_[lane_++] * 0x1.0p-32;
  }
  double uniform(double least, double most) { return least + (most - least) * uniform(); }
  /// Returns an integer from `least` to `most`.
  double whole(double least, double most) {
    return least + std::floor((most - least + 1) * uniform());
  }

 private:
  std::uint64_t key_ = 0;
  PhiloxBlock counter_, block_{};
  std::size_t lane_ = 4;
};

/// An affine transform from columns and rows of the result to those of the image: x = a[0] q + a[1]
/// p + a[2], y = a[3] q + a[4] p + a[5].
using Affine = std::array<double, 6>;

/// Returns the transform that applies `inner`, then `outer`.
Affine compose(const Affine& outer, const Affine& inner) {
  Affine result;
  for (std::size_t i = 0; i < 6; i += 3) {
    for (std::size_t j = 0; j < 3; ++j)
      result[i + j] = outer[i] * inner[j] + outer[i + 1] * inner[3 + j];
    result[i + 2] += outer[i + 2];
  }
  return result;
}

/// torchvision's RandomResizedCrop.get_params: ten tries, then the whole image.
Affine resized_crop(double least_area, double H, double W, Draws draws) {
  const double log_ratio = std::log(4.0 / 3.0);
  for (int i = 0; i < 10; ++i) {
    const double area = H * W * draws.uniform(least_area, 1);
    const double ratio = std::exp(draws.uniform(-log_ratio, log_ratio)) * W / H;
    const double w = std::round(std::sqrt(area * ratio)), h = std::round(std::sqrt(area / ratio));
    if (w < 1 || w > W || h < 1 || h > H) continue;
    const double left = draws.whole(0, W - w), top = draws.whole(0, H - h);
    // Pixel centers are at halves: (q + 0.5) * w / W + left = x + 0.5.
    return {w / W, 0, left + 0.5 * w / W - 0.5, 0, h / H, top + 0.5 * h / H - 0.5};
  }
  return {1, 0, 0, 0, 1, 0};
}

/// Returns a counterclockwise rotation by `degrees` around the center.
Affine rotation(double degrees, double H, double W) {
  const double angle = degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  const double x = (W - 1) / 2, y = (H - 1) / 2;
  return {cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y};
}

Affine draw_transform(const Augmentation& a, const AugmentedBatch& batch, std::int64_t image) {
  const auto H = static_cast<double>(batch.rows), W = static_cast<double>(batch.columns);
  const auto draws = [&](Use use) { return Draws(batch, image, use); };
  Affine result = {1, 0, 0, 0, 1, 0};
  if (a.crop > 0) {
    Draws moves = draws(Use::crop);
    result[2] = moves.whole(-a.crop, a.crop);
    result[5] = moves.whole(-a.crop, a.crop);
  }
  if (a.resized_crop > 0) result = resized_crop(a.resized_crop, H, W, draws(Use::resized_crop));
  if (a.flip > 0 && draws(Use::flip).uniform() < a.flip)
    result = compose(result, {-1, 0, W - 1, 0, 1, 0});
  if (a.rotate > 0)
    result = compose(result, rotation(draws(Use::rotate).uniform(-a.rotate, a.rotate), H, W));
  return result;
}

/// Returns a sample of Beta(alpha, alpha), after Joehnk (1964); larger alphas need more tries.
double beta(double alpha, Draws& draws) {
  while (true) {
    const double x = std::log(1 - draws.uniform()) / alpha;
    const double y = std::log(1 - draws.uniform()) / alpha;
    if (std::exp(x) + std::exp(y) <= 1) return 1 / (1 + std::exp(y - x));
  }
}

std::vector<float> draw_factors(double strength, const AugmentedBatch& batch, Use use) {
  std::vector<float> result;
  for (std::int64_t image = 0; image < batch.images; ++image)
    result.push_back(static_cast<float>(
        Draws(batch, image, use).uniform(std::max(0.0, 1 - strength), 1 + strength)));
  return result;
}

}  // namespace

Augmentation augmentation_of(const std::string& text) {
  Augmentation result;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    take(rest.substr(0, comma), result);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  check(result);
  return result;
}

std::string to_string(const Augmentation& augmentation) {
  std::string text;
  for (const Row& row : rows)
    if (const double value = augmentation.*row.value; value != 0)
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", row.name, value);
  return text;
}

void check(const Augmentation& augmentation) {
  for (const Row& row : rows) {
    const double value = augmentation.*row.value;
    const bool fits = value >= 0 && value <= row.most && std::isfinite(value) &&
                      (!row.whole || value == std::floor(value));
    if (!fits) refuse(row, fmt::format("{}", value));
  }
  if (augmentation.crop > 0 && augmentation.resized_crop > 0)
    throw Error("augment", "has crop and resized-crop, expected one of them");
}

std::vector<float> draw_transforms(const Augmentation& augmentation, const AugmentedBatch& batch) {
  std::vector<float> result;
  for (std::int64_t image = 0; image < batch.images; ++image)
    for (double number : draw_transform(augmentation, batch, image))
      result.push_back(static_cast<float>(number));
  return result;
}

std::vector<float> draw_cutouts(const Augmentation& augmentation, const AugmentedBatch& batch) {
  std::vector<float> result;
  for (std::int64_t image = 0; image < batch.images; ++image) {
    Draws draws(batch, image, Use::cutout);
    const double half = std::floor(augmentation.cutout / 2);
    const auto first = static_cast<double>(batch.padding);
    const double top = first + draws.whole(0, static_cast<double>(batch.rows - 1)) - half;
    const double left = first + draws.whole(0, static_cast<double>(batch.columns - 1)) - half;
    for (double edge : {top, left, top + augmentation.cutout, left + augmentation.cutout})
      result.push_back(static_cast<float>(edge));
  }
  return result;
}

Mixture draw_mixture(const Augmentation& a, const AugmentedBatch& batch) {
  Draws draws(batch, -1 - batch.first, Use::mixture);  // of the batch, not of an image
  const double choice = draws.uniform();
  const bool cuts = a.cutmix > 0 && (a.mixup == 0 || choice < 0.5);
  const double own = beta(cuts ? a.cutmix : a.mixup, draws);
  if (!cuts) return {static_cast<float>(own), {0, 0, 0, 0}, static_cast<float>(own)};
  const auto H = static_cast<double>(batch.rows + 2 * batch.padding);
  const auto W = static_cast<double>(batch.columns + 2 * batch.padding);
  const double half_w = std::floor(0.5 * std::sqrt(1 - own) * W);
  const double half_h = std::floor(0.5 * std::sqrt(1 - own) * H);
  const double x = draws.whole(0, W - 1), y = draws.whole(0, H - 1);
  const double left = std::max(0.0, x - half_w), right = std::min(W, x + half_w);
  const double top = std::max(0.0, y - half_h), bottom = std::min(H, y + half_h);
  return {1,
          {static_cast<float>(top), static_cast<float>(left), static_cast<float>(bottom),
           static_cast<float>(right)},
          static_cast<float>(1 - (right - left) * (bottom - top) / (W * H))};
}

std::map<std::string, std::vector<float>> draw_augmentation(const Augmentation& a,
                                                            const AugmentedBatch& batch) {
  std::map<std::string, std::vector<float>> result;
  if (a.transforms()) result["augment.transform"] = draw_transforms(a, batch);
  if (a.cutout > 0) result["augment.cutout"] = draw_cutouts(a, batch);
  const auto color = [&](const char* name, double strength, Use use) {
    if (strength > 0) result[name] = draw_factors(strength, batch, use);
  };
  color("augment.brightness", a.brightness, Use::brightness);
  color("augment.contrast", a.contrast, Use::contrast);
  color("augment.saturation", a.saturation, Use::saturation);
  if (a.mixes()) {
    const Mixture mixture = draw_mixture(a, batch);
    result["augment.target"] = {mixture.target};
    if (a.mixup > 0) result["augment.share"] = {mixture.share};
    if (a.cutmix > 0) result["augment.box"] = {mixture.box.begin(), mixture.box.end()};
  }
  return result;
}

}  // namespace tessera
