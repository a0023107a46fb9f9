// transform_image(x, transforms) and box_mask(boxes), and compositions for images changed at
// random. No gradients: images are data.
#include "engine/ops/arguments.h"
#include "engine/ops/image_to_float.h"
#include "engine/ops/op_table.h"
#include "tessera/ops.h"

namespace tessera {
namespace {

/// The attribute `size`.
std::array<std::int64_t, 2> checked_size(const InferContext& context) {
  const auto& size = ops::checked_sizes(context.attributes, "size", 2, 1);
  return {size[0], size[1]};
}

std::vector<TensorSpec> infer_transform(const InferContext& context) {
  ops::check_count(context, 2, 2);
  ops::check_input(context, 0, "input", DType::u8, 4);
  const Shape& x = context.inputs[0].shape;
  ops::check_input(context, 1, "transforms", DType::f32, 2);
  ops::check_shape(context, 1, "transforms", {x[0], 6});
  ops::check(x[1] >= 1 && x[2] >= 1, "images are {}x{}, expected at least 1x1", x[1], x[2]);
  const std::int64_t replicate = context.attributes.integer("replicate");
  ops::check(replicate == 0 || replicate == 1, "replicate is {}, expected 0 or 1", replicate);
  const std::int64_t padding = check_image_attributes(context);
  const auto [rows, columns] = checked_size(context);
  return {{DType::f32, {x[0], rows + 2 * padding, columns + 2 * padding, x[3]}}};
}

std::vector<TensorSpec> infer_mask(const InferContext& context) {
  ops::check_count(context, 1, 1);
  ops::check_input(context, 0, "boxes", DType::f32, 2);
  const std::int64_t images = context.inputs[0].shape[0];
  ops::check_shape(context, 0, "boxes", {images, 4});
  const auto [rows, columns] = checked_size(context);
  return {{DType::f32, {images, rows, columns, 1}}};
}

}  // namespace

Var transform_image(Var x, Var transforms, const std::array<std::int64_t, 2>& size,
                    const TransformOptions& options, std::string name) {
  auto attributes = image_attributes(x, options.image).all();
  attributes["size"] = std::vector<std::int64_t>(size.begin(), size.end());
  attributes["replicate"] = std::int64_t{options.replicate};
  return x.graph().add("transform_image", {x, transforms}, Attributes(std::move(attributes)),
                       std::move(name))[0];
}

Var box_mask(Var boxes, const std::array<std::int64_t, 2>& size, std::string name) {
  return boxes.graph().add("box_mask", {boxes},
                           {{"size", std::vector<std::int64_t>(size.begin(), size.end())}},
                           std::move(name))[0];
}

Var erase(Var x, Var boxes, const std::string& name) {
  check_rank("erase", x, 4, name);
  const Shape& shape = x.shape();
  return mul(x, box_mask(boxes, {shape[1], shape[2]}, name.empty() ? name : name + ".mask"), name);
}

std::vector<Op> ops::augment_ops() {
  return {
      {.name = "transform_image",
       .infer = infer_transform,
       .doc = {"y[p,q] = x[t3 q + t4 p + t5, t0 q + t1 p + t2], bilinear, with the transform t of "
               "each image; then as image_to_float",
               "x u8 [N,H,W,C], transforms f32 [N,6] -> y f32 [N,P+2*padding,Q+2*padding,C]",
               "size (P and Q), replicate (0: zeros outside, 1: the border), padding, mean, "
               "deviation"}},
      {.name = "box_mask",
       .infer = infer_mask,
       .doc = {"0 in the box {top, left, bottom, right} of each image, else 1",
               "boxes f32 [N,4] -> y f32 [N,H,W,1]", "size (H and W)"}}};
}

}  // namespace tessera
