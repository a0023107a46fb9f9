// See functions.h.
#include "tests/goldens/functions.h"

#include <limits>
#include <map>

#include "tessera/ops.h"

namespace tessera {
namespace {

std::array<std::int64_t, 2> pair(const Attributes& a, const char* name) {
  const auto& values = a.integers(name);
  return {values.at(0), values.at(1)};
}

Pool2dOptions max_pool_options(const Attributes& a) {
  return {pair(a, "kernel"), pair(a, "stride"), pair(a, "padding"), pair(a, "dilation"),
          a.integer("ceil_mode") == 1};
}

AvgPool2dOptions avg_pool_options(const Attributes& a) {
  return {pair(a, "kernel"), pair(a, "stride"), pair(a, "padding"), a.integer("ceil_mode") == 1,
          a.integer("count_include_pad") == 1};
}

Reduction reduction(const Attributes& a) {
  const std::string& name = a.text("reduction");
  return name == "none" ? Reduction::none : name == "sum" ? Reduction::sum : Reduction::mean;
}

Var bce_with_logits(const std::vector<Var>& x, const Attributes& a) {
  BceOptions options = {.reduction = reduction(a)};
  if (x.size() == 4) options.weight = x[2], options.pos_weight = x[3];
  return bce_with_logits_loss(x[0], x[1], options);
}

Var nll(const std::vector<Var>& x, const Attributes& a) {
  NllOptions options = {.weights = a.numbers("weights"), .reduction = reduction(a)};
  if (!a.integers("ignore_index").empty()) options.ignore_index = a.integers("ignore_index")[0];
  return nll_loss(x[0], x[1], options);
}

using Function = Var (*)(const std::vector<Var>&, const Attributes&);

Var attention(const std::vector<Var>& x, const Attributes& a) {
  AttentionOptions options{.is_causal = a.integer("is_causal") == 1};
  if (a.number("scale") != 0) options.scale = a.number("scale");
  if (x.size() > 3) options.mask = x[3];
  return scaled_dot_product_attention(x[0], x[1], x[2], options);
}

Var resized(const std::vector<Var>& x, const Attributes& a) {
  const bool bilinear = a.text("mode") == "bilinear";
  return resize(x[0], pair(a, "size"),
                {bilinear ? Interpolation::bilinear : Interpolation::nearest,
                 a.integer("align_corners") == 1});
}

Var convolved(const std::vector<Var>& x, const Attributes& a) {
  const std::int64_t padding = a.integer("padding");
  return conv1d(x[0], x[1], x[2],
                {.stride = a.integer("stride"),
                 .padding = {padding, padding},
                 .dilation = a.integer("dilation")});
}

const std::map<std::string, Function>& functions() {
  static const std::map<std::string, Function> table = {
      {"conv1d", convolved},
      {"pixel_shuffle", [](const std::vector<Var>& x,
                           const Attributes& a) { return pixel_shuffle(x[0], a.integer("r")); }},
      {"pixel_unshuffle",
       [](const std::vector<Var>& x, const Attributes& a) {
         return pixel_unshuffle(x[0], a.integer("r"));
       }},
      {"resize", resized},
      {"adaptive_avg_pool2d",
       [](const std::vector<Var>& x, const Attributes& a) {
         return adaptive_avg_pool2d(x[0], pair(a, "size"));
       }},
      {"adaptive_max_pool2d",
       [](const std::vector<Var>& x, const Attributes& a) {
         return adaptive_max_pool2d(x[0], pair(a, "size"));
       }},
      {"adjust_brightness",
       [](const std::vector<Var>& x, const Attributes&) { return adjust_brightness(x[0], x[1]); }},
      {"adjust_contrast",
       [](const std::vector<Var>& x, const Attributes&) { return adjust_contrast(x[0], x[1]); }},
      {"adjust_saturation",
       [](const std::vector<Var>& x, const Attributes&) { return adjust_saturation(x[0], x[1]); }},
      {"center_crop", [](const std::vector<Var>& x,
                         const Attributes& a) { return center_crop(x[0], pair(a, "size")); }},
      {"transform_image",
       [](const std::vector<Var>& x, const Attributes& a) {
         return transform_image(x[0], x[1], pair(a, "size"), {{}, a.integer("replicate") == 1});
       }},
      {"avg_pool2d", [](const std::vector<Var>& x,
                        const Attributes& a) { return avg_pool2d(x[0], avg_pool_options(a)); }},
      {"max_pool2d_function",
       [](const std::vector<Var>& x, const Attributes& a) {
         return max_pool2d(x[0], max_pool_options(a));
       }},
      {"bce_with_logits_loss", bce_with_logits},
      {"huber_loss",
       [](const std::vector<Var>& x, const Attributes& a) {
         return huber_loss(x[0], x[1], a.number("delta"), reduction(a));
       }},
      {"kl_div_loss",
       [](const std::vector<Var>& x, const Attributes& a) {
         return kl_div_loss(x[0], x[1],
                            {.log_target = a.integer("log_target") == 1,
                             .batch_mean = a.integer("batch_mean") == 1});
       }},
      {"l1_loss", [](const std::vector<Var>& x,
                     const Attributes& a) { return l1_loss(x[0], x[1], reduction(a)); }},
      {"mse_loss", [](const std::vector<Var>& x,
                      const Attributes& a) { return mse_loss(x[0], x[1], reduction(a)); }},
      {"nll_loss", nll},
      {"smooth_l1_loss",
       [](const std::vector<Var>& x, const Attributes& a) {
         return smooth_l1_loss(x[0], x[1], a.number("beta"), reduction(a));
       }},
      {"sum_function", [](const std::vector<Var>& x,
                          const Attributes& a) { return sum(x[0], a.integers("axes")); }},
      {"argmax_function", [](const std::vector<Var>& x,
                             const Attributes& a) { return argmax(x[0], a.integer("axis")); }},
      {"softmax_function", [](const std::vector<Var>& x,
                              const Attributes& a) { return softmax(x[0], a.integer("axis")); }},
      {"log_softmax_function",
       [](const std::vector<Var>& x, const Attributes& a) {
         return log_softmax(x[0], a.integer("axis"));
       }},
      {"gather_function",
       [](const std::vector<Var>& x, const Attributes& a) {
         return gather(x[0], x[1], a.integer("axis"));
       }},
      {"embedding",
       [](const std::vector<Var>& x, const Attributes&) { return embedding(x[0], x[1]); }},
      {"matmul_function",
       [](const std::vector<Var>& x, const Attributes&) { return matmul(x[0], x[1]); }},
      {"attention", attention},
      {"variance",
       [](const std::vector<Var>& x, const Attributes& a) {
         return variance(x[0], a.integers("axes"), {.correction = a.number("correction")});
       }},
      {"norm_infinity",
       [](const std::vector<Var>& x, const Attributes& a) {
         return norm(x[0], std::numeric_limits<double>::infinity(), a.integers("axes"));
       }},
  };
  return table;
}

}  // namespace

bool is_function(const std::string& name) { return functions().count(name) != 0; }

std::vector<Var> apply(const std::string& name, const std::vector<Var>& inputs,
                       const Attributes& attributes) {
  return {functions().at(name)(inputs, attributes)};
}

}  // namespace tessera
