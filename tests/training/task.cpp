// Trainings of tasks that are no image classifiers: named inputs, losses, outputs and metrics.
#include "tessera/task.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/training/training_graph.h"
#include "tessera/checkpoint.h"
#include "tessera/error.h"
#include "tessera/gradient_check.h"
#include "tessera/layers.h"
#include "tessera/models.h"
#include "tessera/op.h"
#include "tessera/ops.h"
#include "tests/devices.h"
#include "tests/training/runs.h"

namespace tessera {
namespace {

/// Points and bytes, and the numbers that are to be found: x0 - 2 x1 + b / 4.
TensorDataset make_data(std::int64_t size) {
  std::vector<float> x, y;
  std::vector<std::byte> bytes;
  for (std::int64_t i = 0; i < size; ++i) {
    const float a = std::sin(static_cast<float>(i)), b = std::cos(3 * static_cast<float>(i));
    const auto byte = static_cast<std::uint8_t>(i * 7 % 5);
    x.insert(x.end(), {a, b});
    bytes.push_back(std::byte{byte});
    y.push_back(a - 2 * b + static_cast<float>(byte) / 4);
  }
  TensorDataset data(size);
  data.add("x", {2}, x);
  data.add({"byte", {DType::u8, {1}}}, bytes);
  data.add("y", {1}, y);
  return data;
}

TaskGraph build(const TaskInputs& inputs) {
  const Var byte = cast(inputs["byte"], DType::f32);
  const Var found = layers::dense(concat({inputs["x"], byte}, 1), "dense", 1);
  return {.loss = mse_loss(found, inputs["y"]),
          .outputs = {{"found", found}, {"double", mul(found, 2)}},
          .metrics = {{"error", l1_loss(found, inputs["y"])}}};
}

Task make_task(const Dataset& data) { return {"line", data.inputs(), build}; }

template <typename Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void check_error(const Task& task, const std::string& expected) {
  const auto device = open_device("cpu");
  CHECK(message_of([&] { Network(*device, task); }) == expected);
}

TEST_CASE("a task with two inputs learns on each device") {
  const TensorDataset data = make_data(40);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    Network network(*device, make_task(data));
    Trainer trainer(network, {.lr = 0.05});
    train_steps(trainer, data, 0, 6);
    const LossSum first = trainer.take_losses();
    CHECK(first.samples == 40);
    CHECK(first.mean("error") > 0.3);
    CHECK_THROWS_WITH_AS(first.mean("none"), doctest::Contains("no metric 'none'"), Error);
    train_steps(trainer, data, 6, 600);
    const Evaluation result = network.evaluate(data, 16);
    CHECK(result.samples == 40);
    CHECK(result.loss < 1e-5);
    CHECK(result.metrics.at("error") < 1e-2);
  }
}

TEST_CASE("losses and metrics are means over the samples") {
  const TensorDataset data = make_data(10);
  const auto device = open_device("cpu");
  Network network(*device, make_task(data));
  const Evaluation whole = network.evaluate(data, 10), parts = network.evaluate(data, 4);
  CHECK(whole.loss == doctest::Approx(parts.loss));
  CHECK(whole.metrics.at("error") == doctest::Approx(parts.metrics.at("error")));
  // Metrics of a training are those of its evaluation where nothing is learned, in parts too.
  for (const std::int64_t accumulate : {1, 3}) {
    Trainer trainer(network, {.lr = 0.0, .parts = accumulate});
    Loader loader(data, {.batch = 4});
    while (const Batch* next = loader.next()) trainer.step(*next);
    const LossSum losses = trainer.take_losses();
    CHECK(losses.mean() == doctest::Approx(whole.loss));
    CHECK(losses.mean("error") == doctest::Approx(whole.metrics.at("error")));
  }
}

TEST_CASE("a training and an evaluation may have metrics of their own") {
  const TensorDataset data = make_data(8);
  const auto device = open_device("cpu");
  Task task = make_task(data);
  task.build = [](const TaskInputs& inputs) {
    TaskGraph graph = build(inputs);
    graph.metrics[0].name = inputs.graph().mode() == Mode::training ? "trained" : "evaluated";
    return graph;
  };
  Network network(*device, task);
  CHECK(network.description().metrics == std::vector<std::string>{"evaluated"});
  Trainer trainer(network, {.lr = 0.0});
  Loader loader(data, {.batch = 8});
  trainer.step(*loader.next());
  const LossSum losses = trainer.take_losses();
  CHECK(losses.metrics.size() == 1);
  CHECK(losses.mean("trained") == doctest::Approx(network.evaluate(data).metrics.at("evaluated")));
}

TEST_CASE("predictions need no inputs that only the loss reads") {
  const TensorDataset data = make_data(5);
  for (const auto& device : open_usable_devices()) {
    Network network(*device, make_task(data));
    Loader loader(data, {.batch = 5});
    Batch all = *loader.next();
    const auto expected = network.predict(all);
    CHECK(expected.at("found").spec == TensorSpec{DType::f32, {5, 1}});
    const std::vector<float> once = expected.at("found").floats(),
                             twice = expected.at("double").floats();
    for (std::size_t i = 0; i < 5; ++i) CHECK(twice[i] == 2 * once[i]);
    all.tensors.pop_back();
    CHECK(network.predict(all).at("found").bytes == expected.at("found").bytes);
    all.tensors.pop_back();
    CHECK(message_of([&] { network.predict(all); }) ==
          "[batch] has nothing of that name, expected an input byte u8[1]");
  }
}

TEST_CASE("a step in two graphs gives the bits of a step in one") {
  const TensorDataset data = make_data(12);
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    const auto train = [&](std::int64_t accumulate) {
      Network network(*device, make_task(data));
      Trainer trainer(network, {.optimizer = Optimizer::adam,
                                .lr = 0.05,
                                .clip_norm = 0.5,
                                .parts = accumulate,
                                .ema = 0.9});
      // A batch of one sample has one part.
      Loader loader(data, {.batch = 1});
      while (const Batch* next = loader.next()) trainer.step(*next);
      CHECK(trainer.executables().size() == (accumulate > 1 ? 2 : 1));
      return weights(network);
    };
    CHECK(train(1) == train(2));
  }
}

TEST_CASE("the graphs of a step are a forward and backward pass, and an update") {
  const TensorDataset data = make_data(4);
  const TrainerOptions options = with_defaults({.parts = 2});
  const Graph gradients = training_graph(make_task(data), 2, options, StepPart::gradients),
              update = training_graph(make_task(data), 2, options, StepPart::update);
  const auto has = [](const Graph& graph, std::string_view op) {
    for (const Node& node : graph.nodes())
      if (node.op->name == op) return true;
    return false;
  };
  CHECK(has(gradients, "matmul"));
  CHECK_FALSE(has(gradients, "sgd_step"));
  CHECK_FALSE(has(update, "matmul"));
  CHECK(has(update, "sgd_step"));
  for (const Value& value : update.values())
    if (value.role == Role::input) CHECK(value.name == "lr");
}

TEST_CASE("gradients of a task are checked, those of its parameters too") {
  const TensorDataset data = make_data(3);
  Loader loader(data, {.batch = 3});
  const Batch& all = *loader.next();
  for (const auto& device : open_usable_devices()) {
    CHECK(check_gradients(*device, make_task(data), all) < 2e-3);
    Task wrong = make_task(data);
    wrong.build = [](const TaskInputs& inputs) {
      TaskGraph graph = build(inputs);
      // Rounds the weights to whole numbers, through which no gradient passes.
      graph.loss = add(
          graph.loss,
          mul(mean(cast(cast(mul(graph.outputs[0].value, 64), DType::i32), DType::f32)), 1.0 / 64));
      return graph;
    };
    CHECK(message_of([&] {
            check_gradients(*device, wrong, all);
          }).starts_with("[check_gradients] "));
  }
}

TEST_CASE("data that do not fit a task are named before the first step") {
  const TensorDataset data = make_data(4);
  const auto device = open_device("cpu");
  Network network(*device, make_task(data));
  Trainer trainer(network);
  const auto fails = [&](const TensorDataset& other, const std::string& expected) {
    Loader loader(other, {.batch = 2});
    CHECK(message_of([&] { trainer.step(*loader.next()); }) == expected);
    CHECK(message_of([&] { network.evaluate(other); }) == expected);
    CHECK(trainer.steps() == 0);
  };
  TensorDataset other(2);
  other.add("x", {2}, std::vector<float>(4));
  fails(other, "[data] lacks the input 'byte' u8[1] of the task 'line'; it has: x f32[2]");
  other.add("byte", {1}, std::vector<float>(2));
  fails(other, "[data] has 'byte' as f32[1], expected u8[1] as in the task 'line'");
  TensorDataset wide(2);
  wide.add("x", {3}, std::vector<float>(6));
  fails(wide, "[data] has 'x' as f32[3], expected f32[2] as in the task 'line'");
  CHECK(message_of([&] { network.evaluate(make_data(0)); }) ==
        "[data] the data set has no samples");
  Batch empty;
  CHECK(message_of([&] { trainer.step(empty); }) ==
        "[data] lacks the input 'x' f32[2] of the task 'line'; it has: nothing");
}

TEST_CASE("tasks that make no sense are refused by name") {
  const TensorDataset data = make_data(4);
  const auto with = [&](auto change) {
    Task task = make_task(data);
    task.build = [change](const TaskInputs& inputs) {
      TaskGraph graph = build(inputs);
      change(graph, inputs);
      return graph;
    };
    return task;
  };
  check_error(with([](TaskGraph& graph, const TaskInputs& inputs) { graph.loss = inputs["x"]; }),
              "[task] 'line' returns the loss as f32[1,2], expected one number f32[1]");
  check_error(with([](TaskGraph& graph, const TaskInputs& inputs) {
                graph.metrics.push_back({"both", inputs["x"]});
              }),
              "[task] 'line' returns the metric 'both' as f32[1,2], expected one number f32[1]");
  check_error(with([](TaskGraph& graph, const TaskInputs& inputs) {
                graph.outputs.push_back({"flat", reshape(inputs["x"], {2})});
              }),
              "[task] 'line' returns the output 'flat' as f32[2], expected 1 samples in its first "
              "dimension");
  check_error(
      with([](TaskGraph& graph, const TaskInputs&) { graph.metrics.push_back(graph.metrics[0]); }),
      "[task] 'line' has two results named 'error', expected different names");
  check_error(with([](TaskGraph&, const TaskInputs& inputs) { (void)inputs["z"]; }),
              "[task] there is no input 'z'; there are: x, byte, y");
  check_error({"none", data.inputs(), {}}, "[task] 'none' has no build function");
  check_error({"none", {}, build}, "[task] 'none' has no inputs");

  const auto device = open_device("cpu");
  Network network(*device, make_task(data));
  CHECK(message_of([&] {
          Trainer(network, {.augment = {.flip = 0.5}});
        }).starts_with("[augment] is for image classifiers only"));
  CHECK(message_of([&] {
          Trainer(network, {.loss = {.label_smoothing = 0.1}});
        }).starts_with("[loss] options are for image classifiers only"));
}

TEST_CASE("checkpoints keep the description of a task, and trainings continue") {
  const TensorDataset data = make_data(45);
  const auto device = open_device("cpu");
  const TemporaryFile file;
  Network whole(*device, make_task(data));
  {
    Trainer trainer(whole);
    train_steps(trainer, data, 0, 10);
  }
  Network first(*device, make_task(data));
  {
    Trainer trainer(first);
    train_steps(trainer, data, 0, 4);
    save_checkpoint(file.path(), first);
  }
  const Checkpoint checkpoint = read_checkpoint(file.path());
  CHECK_FALSE(checkpoint.is_classifier());
  CHECK(checkpoint.task == first.description());
  CHECK(checkpoint.task.outputs == std::vector<std::string>{"found", "double"});
  Network resumed(*device, make_task(data), std::nullopt);
  restore(checkpoint, resumed);
  {
    Trainer trainer(resumed);
    train_steps(trainer, data, 4, 10);
  }
  CHECK(weights(resumed) == weights(whole));

  Task other = make_task(data);
  other.inputs.pop_back();
  other.build = [](const TaskInputs& inputs) {
    return TaskGraph{.loss = mean(square(layers::dense(inputs["x"], "dense", 1)))};
  };
  Network stranger(*device, other);
  CHECK(message_of([&] { restore(checkpoint, stranger); }) ==
        "[checkpoint] has the task 'line' with inputs x f32[2], byte u8[1], y f32[1], expected "
        "'line' with x f32[2], byte u8[1]");
  CHECK(message_of([&] { load_network(*device, checkpoint); }) ==
        "[checkpoint] has the task 'line', expected an image classifier");
}

TEST_CASE("data sets in memory check what they are given") {
  CHECK(message_of([] { TensorDataset(-1); }) ==
        "[data] the number of samples is -1, expected at least 0");
  TensorDataset data = make_data(3);
  CHECK(message_of([&] { data.add("x", {2}, std::vector<float>(6)); }) ==
        "[data] has two tensors named 'x'");
  CHECK(message_of([&] { data.add("z", {2}, std::vector<float>(5)); }) ==
        "[data] 'z' has 20 bytes, expected 24 for 3 samples f32[2]");
  CHECK(message_of([&] { data.read_sample(3, {}); }) ==
        "[data] there is no sample 3, expected below 3");
  Loader loader(data, {.batch = 3});
  const Batch& all = *loader.next();
  CHECK(message_of([&] { all.values<float>("byte"); }) ==
        "[batch] has no 'byte' of f32; it has: x f32[2], byte u8[1], y f32[1]");
  CHECK(message_of([] {
          image_batch({2, 2, 1}, std::vector<std::uint8_t>(7), std::vector<std::int32_t>(2));
        }) == "[batch] 7 bytes and 2 labels, expected 4 bytes for each label");
}

}  // namespace
}  // namespace tessera
