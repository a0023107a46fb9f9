// ViT-Tiny for small images, patches of 4x4, as torchvision's VisionTransformer builds it:
// Dosovitskiy et al., "An Image is Worth 16x16 Words" (2020), in the size of Touvron et al.,
// "Training data-efficient image transformers" (2020).
#include <fmt/format.h>

#include <cmath>

#include "models/architecture.h"
#include "models/blocks.h"
#include "tessera/error.h"

namespace tessera::models {
namespace {

constexpr std::int64_t patch = 4, blocks = 12, heads = 3, hidden = 192, features = 768;

const layers::Initial projection = {.bias = init::constant(0)};
const layers::Initial perceptron = {[](const Shape& w) { return init::xavier_uniform(w); },
                                    init::normal(0, 1e-6)};

Var norm(Var x, const std::string& name) { return layers::layer_norm(x, name, 1, {.eps = 1e-6}); }

/// Every token attends to the tokens of its image.
Var self_attention(Var x, const std::string& name) {
  Graph& graph = x.graph();
  const std::int64_t N = x.shape()[0], L = x.shape()[1], size = hidden / heads;
  const Shape shape = {3 * hidden, hidden};
  const Var w = graph.parameter(name + ".in_proj_weight", shape, init::xavier_uniform(shape));
  const Var b = graph.parameter(name + ".in_proj_bias", {3 * hidden}, init::constant(0));
  Var qkv = reshape(dense(x, w, b, name + ".in_proj"), {N, L, 3, heads, size});
  qkv = permute(qkv, {2, 0, 3, 1, 4});
  std::vector<Var> parts;
  for (const Var& part : split(qkv, 1, 0)) parts.push_back(reshape(part, {N, heads, L, size}));
  const Var seen =
      permute(scaled_dot_product_attention(parts[0], parts[1], parts[2]), {0, 2, 1, 3});
  return layers::dense(reshape(seen, {N, L, hidden}), name + ".out_proj", hidden, projection);
}

Var encoder_layer(Var x, const std::string& name, double dropout) {
  Var y = self_attention(norm(x, name + ".ln_1"), name + ".self_attention");
  x = add(layers::dropout(y, name + ".dropout", dropout), x);
  y = gelu(layers::dense(norm(x, name + ".ln_2"), name + ".mlp.0", features, perceptron));
  y = layers::dropout(y, name + ".mlp.2", dropout);
  y = layers::dense(y, name + ".mlp.3", hidden, perceptron);
  return add(x, layers::dropout(y, name + ".mlp.4", dropout));
}

/// [N,1+patches,hidden], a token for the class first.
Var tokens(Var x) {
  const std::int64_t N = x.shape()[0], rows = x.shape()[1], columns = x.shape()[2];
  if (rows % patch != 0 || columns % patch != 0)
    throw Error("vit_tiny", fmt::format("images are {}x{}, expected rows and columns that are "
                                        "multiples of {}",
                                        rows, columns, patch));
  const double fan_in = static_cast<double>(patch * patch * x.shape()[3]);
  x = layers::conv2d(x, "conv_proj", hidden, patch, {.stride = {patch, patch}},
                     normal_weights(1 / std::sqrt(fan_in)));
  x = reshape(x, {N, rows / patch * (columns / patch), hidden});
  const Var token = x.graph().parameter("class_token", {1, 1, hidden}, init::constant(0));
  x = concat({expand(token, {N, 1, hidden}), x}, 1);
  const Var position = x.graph().parameter("encoder.pos_embedding", {1, x.shape()[1], hidden},
                                           init::normal(0, 0.02));
  return add(x, position);
}

Var vit_tiny(Var x, std::int64_t classes, const ModelOptions& options) {
  const double dropout = options.dropout.value_or(0);
  x = layers::dropout(tokens(x), "encoder.dropout", dropout);
  for (std::int64_t i = 0; i < blocks; ++i)
    x = encoder_layer(x, fmt::format("encoder.layers.encoder_layer_{}", i), dropout);
  x = norm(x, "encoder.ln");
  x = reshape(slice(x, 1, 0, 1), {x.shape()[0], hidden});
  return layers::dense(x, "heads.head", classes,
                       {[](const Shape&) { return init::constant(0); }, init::constant(0)});
}

}  // namespace

std::vector<Architecture> vits() { return {{{"vit_tiny", 32, 10}, vit_tiny}}; }

}  // namespace tessera::models
