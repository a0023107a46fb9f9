#include "tessera/classifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/checked_size.h"
#include "engine/base/names.h"
#include "engine/training/evaluation_sum.h"
#include "tessera/error.h"
#include "tessera/plan.h"

namespace tessera {

namespace {

/// Returns the augmented images, the input of the model. Unused augmentations cost nothing.
Var numbers_of(Var image, const ImageInput& input, const Augmentation& a) {
  const std::int64_t N = image.shape()[0];
  const auto numbers = [&](const char* name, Shape shape) {
    return image.graph().input(std::string("augment.") + name, {DType::f32, std::move(shape)});
  };
  ImageOptions options = input.options;
  if (a.colors()) options = {.padding = options.padding};  // normalized after the colors
  Var x = a.transforms()
              ? transform_image(image, numbers("transform", {N, 6}), {input.height, input.width},
                                {options, a.resized_crop > 0}, "transform_image")
              : image_to_float(image, options, "image_to_float");
  const auto color = [&](const char* name, double strength, auto adjust) {
    if (strength > 0) x = adjust(x, numbers(name, {N, 1, 1, 1}), name);
  };
  color("brightness", a.brightness, adjust_brightness);
  color("contrast", a.contrast, adjust_contrast);
  color("saturation", a.saturation, adjust_saturation);
  if (a.colors()) x = normalize_image(x, input.options.mean, input.options.deviation, "normalize");
  if (a.cutout > 0) x = erase(x, numbers("cutout", {N, 4}), "cutout");
  if (a.mixup > 0) x = mixup(x, numbers("share", {1}), "mixup");
  if (a.cutmix > 0) x = cutmix(x, numbers("box", {1, 4}), "cutmix");
  return x;
}

constexpr Names<Loss, 2> loss_names = {
    {{Loss::cross_entropy, "cross-entropy"}, {Loss::bce, "bce"}}};

/// Returns the target of each class; with mixed batches the mixture of two labels.
Var shares_of(Var label, std::int64_t classes, const Augmentation& a) {
  const Var own = one_hot(label, classes, "one_hot");
  if (!a.mixes()) return own;
  return mixup(own, label.graph().input("augment.target", {DType::f32, {1}}), "targets");
}

CrossEntropy cross_entropy(Var logits, Var label, const Augmentation& a, const LossOptions& loss) {
  const Var target = a.mixes() ? shares_of(label, logits.shape()[1], a) : label;
  return softmax_cross_entropy(
      logits, target, {.label_smoothing = loss.label_smoothing, .weights = loss.class_weights},
      "loss");
}

CrossEntropy binary_cross_entropy(Var logits, Var label, const Augmentation& a,
                                  const LossOptions& loss) {
  const std::int64_t classes = logits.shape()[1];
  Var target = shares_of(label, classes, a);
  if (const double e = loss.label_smoothing; e > 0)
    target = add(mul(target, 1 - e, "smoothed"), e / static_cast<double>(classes), "smoothed");
  return {bce_with_logits_loss(logits, target, {}, "loss"), sigmoid(logits, "probabilities")};
}

void check(const LossOptions& options, const ImageModel& model) {
  const auto& weights = options.class_weights;
  if (weights.empty()) return;
  if (model.loss != Loss::cross_entropy)
    throw Error("class_weights", "need the loss cross-entropy, found " + to_string(model.loss));
  if (weights.size() != model.classes.size())
    throw Error("class_weights", fmt::format("are {}, expected {}, one for each class",
                                             weights.size(), model.classes.size()));
}

/// Throws Error unless a model can be built at all.
void check(const ImageModel& model) {
  const ImageInput& input = model.input;
  if (!model.build) throw Error("model", "'" + model.name + "' has no build function");
  if (input.height < 1 || input.width < 1 || input.channels < 1 || model.classes.empty())
    throw Error("model", fmt::format("'{}' takes images of {}x{}x{} and has {} classes, expected "
                                     "at least 1 of each",
                                     model.name, input.height, input.width, input.channels,
                                     model.classes.size()));
}

CrossEntropy build(const ImageModel& model, Var image, Var label, const Augmentation& augmentation,
                   const LossOptions& loss) {
  const std::int64_t batch = image.shape()[0];
  const Var logits = model.build(numbers_of(image, model.input, augmentation));
  if (logits.spec().rank() == 2 && logits.shape()[1] != std::ssize(model.classes))
    throw Error("model", fmt::format("'{}' has {} classes, but the data has {}; `tessera train "
                                     "--new-head` replaces its last layer",
                                     model.name, logits.shape()[1], model.classes.size()));
  const Shape expected = {batch, static_cast<std::int64_t>(model.classes.size())};
  if (logits.shape() != expected)
    throw Error("model", fmt::format("'{}' returns {}, expected logits {}", model.name,
                                     to_string(logits.spec()), to_string(expected)));
  check(loss, model);
  return model.loss == Loss::bce ? binary_cross_entropy(logits, label, augmentation, loss)
                                 : cross_entropy(logits, label, augmentation, loss);
}

}  // namespace

std::string to_string(Loss loss) { return name_of(loss_names, loss); }
Loss loss_of(const std::string& name) { return value_of(loss_names, "loss", name); }

Task image_task(const ImageModel& model, const Augmentation& augmentation,
                const LossOptions& loss) {
  check(model);
  const ImageInput& input = model.input;
  const auto draw_numbers = [augmentation, input](const TaskDraw& draw) {
    return draw_augmentation(augmentation, {input.height, input.width, draw.seed, draw.step,
                                            draw.first, draw.samples, input.options.padding});
  };
  const auto build_task = [model, augmentation, loss](const TaskInputs& inputs) -> TaskGraph {
    const bool trains = inputs.graph().mode() == Mode::training;
    const CrossEntropy result =
        build(model, inputs["image"], inputs["label"], trains ? augmentation : Augmentation(),
              trains ? loss : LossOptions());
    return {result.loss, {{"probabilities", result.probabilities}}};
  };
  return {model.name,
          {{"image", {DType::u8, {input.height, input.width, input.channels}}},
           {"label", {DType::i32, {}}}},
          build_task,
          draw_numbers};
}

CrossEntropy append_classifier(Graph& graph, const ImageModel& model, std::int64_t batch,
                               const Augmentation& augmentation, const LossOptions& loss) {
  check(model);
  const ImageInput& input = model.input;
  const Var image =
      graph.input("image", {DType::u8, {batch, input.height, input.width, input.channels}});
  const Var label = graph.input("label", {DType::i32, {batch}});
  return build(model, image, label, augmentation, loss);
}

ImageClassifier::ImageClassifier(Device& device, ImageModel model,
                                 std::optional<std::uint64_t> seed)
    : Network(device, image_task(model), seed), model_(std::move(model)) {}

Task ImageClassifier::training_task(const Augmentation& augment, const LossOptions& loss) const {
  return image_task(model_, augment, loss);
}

void ImageClassifier::check_fits(const ImageDataset& dataset) const {
  const ImageInput& input = model_.input;
  if (dataset.height() != input.height || dataset.width() != input.width ||
      dataset.channels() != input.channels)
    throw Error("data", fmt::format("images are {}x{}x{}, expected {}x{}x{} as in model '{}'",
                                    dataset.height(), dataset.width(), dataset.channels(),
                                    input.height, input.width, input.channels, model_.name));
  if (dataset.classes().size() != model_.classes.size())
    throw Error("data", fmt::format("the data set has {} classes, expected {} as in model '{}'",
                                    dataset.classes().size(), model_.classes.size(), model_.name));
}

/// Returns how many of `count` images the network evaluates at once. On a CPU, networks with large
/// images and few weights are faster if their data fit in a good part of the last-level cache,
/// which other processes use too. But each piece reads all weights, and needs enough work for all
/// threads.
std::int64_t ImageClassifier::piece_of(std::int64_t count) {
  const std::uint64_t cache = device().info().cache_bytes;
  const auto [found, is_new] = pieces_.try_emplace(count, count);
  if (cache == 0 || !is_new) return found->second;
  constexpr std::int64_t fewest = 16;
  const auto is_faster_in_half = [&](std::int64_t piece) {
    const Graph graph = evaluation_graph(piece);
    const Plan plan(graph);
    std::uint64_t weights = 0;
    for (const ValueId id : plan.persistent()) weights += graph.value(id).spec.bytes();
    return weights <= cache / 2 && plan.arena_bytes() > cache / 4;
  };
  std::int64_t piece = count;
  while (piece >= 2 * fewest && is_faster_in_half(piece)) piece = (piece + 1) / 2;
  return found->second = piece;
}

ImageAnswers ImageClassifier::answer(std::span<const std::uint8_t> images,
                                     std::span<const std::int32_t> labels, Weights weights) {
  const std::size_t image_bytes = images.size() / labels.size(), classes = model_.classes.size();
  const auto piece = static_cast<std::size_t>(piece_of(static_cast<std::int64_t>(labels.size())));
  ImageAnswers answers;
  answers.probabilities.resize(labels.size() * classes);
  for (std::size_t first = 0; first < labels.size(); first += piece) {
    const std::size_t count = std::min(piece, labels.size() - first);
    Executable& executable = evaluation(static_cast<std::int64_t>(count), weights);
    executable.set_input("image",
                         std::as_bytes(images.subspan(first * image_bytes, count * image_bytes)));
    executable.set_input("label", std::as_bytes(labels.subspan(first, count)));
    executable.run();
    float loss = 0;
    executable.read_output("loss", std::as_writable_bytes(std::span(&loss, 1)));
    answers.loss += static_cast<double>(loss) * static_cast<double>(count);
    executable.read_output(
        "probabilities",
        std::as_writable_bytes(
            std::span(answers.probabilities).subspan(first * classes, count * classes)));
  }
  return answers;
}

ClassifierEvaluation ImageClassifier::evaluate(
    const ImageDataset& dataset, std::int64_t batch_size, Weights weights,
    const std::function<bool()>& stops,
    const std::function<void(std::int32_t, std::span<const float>)>& on_image) {
  check_fits(dataset);
  if (dataset.size() == 0) throw Error("data", "the data set has no images");
  Loader loader(dataset, {.batch = batch_size});
  EvaluationSum sum(model_.classes.size(), on_image);
  while (const Batch* batch = stops && stops() ? nullptr : loader.next()) {
    const auto labels = batch->values<std::int32_t>("label");
    sum.check(labels, sum.images());
    sum.add(labels, answer(batch->values<std::uint8_t>("image"), labels, weights));
  }
  return sum.mean();
}

std::vector<float> ImageClassifier::predict(std::span<const std::uint8_t> images,
                                            std::int64_t count, Weights weights) {
  const ImageInput& input = model_.input;
  const auto expected = static_cast<std::size_t>(
      checked_product({count, input.height, input.width, input.channels}, "the images"));
  if (count < 1 || images.size() != expected)
    throw Error("predict", fmt::format("found {} bytes for {} images, expected {}", images.size(),
                                       count, expected));
  const std::vector<std::int32_t> labels(static_cast<std::size_t>(count), 0);  // for the loss
  return answer(images, labels, weights).probabilities;
}

}  // namespace tessera
