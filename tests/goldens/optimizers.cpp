// Twenty steps of each optimizer on each device, and of each schedule, as PyTorch computes them
// (see make_optimizer_goldens.py).
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "engine/passes/passes.h"
#include "engine/training/training_graph.h"
#include "tessera/error.h"
#include "tessera/safetensors.h"
#include "tests/cases/case.h"
#include "tests/devices.h"

namespace tessera {
namespace {

using Json = nlohmann::json;
using cases::HostTensor;

constexpr cases::Tolerance tolerance{1e-5, 1e-5};
constexpr std::int64_t steps = 20;

TrainerOptions options_of(const Json& j) {
  TrainerOptions o;
  o.optimizer = optimizer_of(j.at("name"));
  if (j.contains("lr")) o.lr = j.at("lr").get<double>();
  if (j.contains("momentum")) o.momentum = j.at("momentum").get<double>();
  if (j.contains("eps")) o.eps = j.at("eps").get<double>();
  if (j.contains("weight_decay")) o.weight_decay = j.at("weight_decay").get<double>();
  o.nesterov = j.value("nesterov", o.nesterov);
  o.beta1 = j.value("beta1", o.beta1);
  o.beta2 = j.value("beta2", o.beta2);
  o.alpha = j.value("alpha", o.alpha);
  o.clip_norm = j.value("clip_norm", o.clip_norm);
  o.clip_value = j.value("clip_value", o.clip_value);
  o.decay_all = true;  // PyTorch's default
  return with_defaults(o);
}

ScheduleOptions schedule_of(const Json& j) {
  ScheduleOptions o;
  o.kind = tessera::schedule_of(j.at("name").get<std::string>());
  o.steps = j.value("steps", o.steps);
  o.period = j.value("period", o.period);
  o.milestones = j.value("milestones", o.milestones);
  o.gamma = j.value("gamma", o.gamma);
  o.power = j.value("power", o.power);
  o.min_lr = j.value("min_lr", o.min_lr);
  o.rise = j.value("rise", o.rise);
  o.initial_divisor = j.value("initial_divisor", o.initial_divisor);
  o.final_divisor = j.value("final_divisor", o.final_divisor);
  o.warmup = j.value("warmup", o.warmup);
  o.warmup_factor = j.value("warmup_factor", o.warmup_factor);
  return o;
}

class Goldens {
 public:
  Goldens() : file_(read_safetensors(TESSERA_GOLDENS "/optimizers.safetensors")) {}

  /// Case name -> JSON, of those that describe a `kind`.
  std::map<std::string, Json> cases(const char* kind) const {
    std::map<std::string, Json> found;
    for (const auto& [name, text] : file_.metadata)
      if (Json json = Json::parse(text); json.contains(kind)) found[name] = std::move(json);
    return found;
  }
  const TensorFile::Tensor& tensor(const std::string& name) const { return file_.tensors.at(name); }
  /// What a step has of a tensor of all steps.
  HostTensor of_step(const std::string& name, std::int64_t step) const {
    TensorSpec spec = tensor(name).spec;
    spec.shape.erase(spec.shape.begin());
    const std::vector<std::byte>& bytes = tensor(name).bytes;
    const auto size = static_cast<std::ptrdiff_t>(spec.bytes());
    return cases::from_bytes(spec,
                             {bytes.begin() + step * size, bytes.begin() + (step + 1) * size});
  }

 private:
  TensorFile file_;
};

/// The update of two parameters from gradients that are inputs.
Graph update_graph(const Goldens& goldens, const TrainerOptions& options) {
  Graph graph(Mode::training);
  std::vector<Var> weights, gradients;
  for (const char* name : {"w", "b"}) {
    const TensorSpec& spec = goldens.tensor(name).spec;
    weights.push_back(graph.parameter(name, spec.shape, {}));
    gradients.push_back(graph.input(std::string("d") + name, spec));
  }
  append_updates(weights, gradients, graph.input("lr", {DType::f32, {1}}), step_counter(graph),
                 options);
  return graph;
}

/// `joined`: both parameters by one node.
void follow(const Goldens& goldens, const std::string& name, const Json& json, Device& device,
            bool joined) {
  const TrainerOptions options = options_of(json.at("options"));
  Graph graph = update_graph(goldens, options);
  if (joined) join_updates(graph);
  Params params(device);
  params.add(graph, 0);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  const auto lr = static_cast<float>(options.lr.value());
  executable->set_input("lr", std::as_bytes(std::span(&lr, 1)));
  for (const char* tensor : {"w", "b"}) params.write(tensor, goldens.tensor(tensor).bytes);
  for (std::int32_t step = 0; step < steps; ++step) {
    params.write("step", std::as_bytes(std::span(&step, 1)));
    for (const char* tensor : {"dw", "db"})
      executable->set_input(tensor, cases::to_bytes(goldens.of_step(tensor, step)));
    executable->run();
    for (const char* tensor : {"w", "b"}) {
      const HostTensor found = cases::from_bytes(params.entry(tensor).spec, params.read(tensor));
      const auto difference =
          cases::difference(found, goldens.of_step(name + "/" + tensor, step), tolerance);
      CHECK_MESSAGE(!difference,
                    tensor << " after step " << step << " " << difference.value_or(""));
    }
  }
}

}  // namespace

TEST_CASE("optimizers follow PyTorch") {
  const Goldens goldens;
  const auto optimizers = goldens.cases("options");
  CHECK(optimizers.size() >= 13);
  for (const auto& device : open_usable_devices())
    for (const auto& optimizer : optimizers) {
      INFO("device: ", device->info().id, " (", device->info().name, ")");
      INFO("case: ", optimizer.first);
      for (bool joined : {false, true})
        CHECK_NOTHROW(follow(goldens, optimizer.first, optimizer.second, *device, joined));
    }
}

TEST_CASE("schedules follow PyTorch") {
  const auto schedules = Goldens().cases("schedule");
  CHECK(schedules.size() >= 10);
  for (const auto& schedule : schedules) {
    INFO("case: ", schedule.first);
    const Json& json = schedule.second;
    const ScheduleOptions options = schedule_of(json.at("schedule"));
    const std::vector<double> rates = json.at("rates");
    REQUIRE(rates.size() == steps);
    for (std::size_t step = 0; step < rates.size(); ++step) {
      INFO("step ", step);
      CHECK(learning_rate(options, json.at("lr"), static_cast<std::int64_t>(step)) ==
            doctest::Approx(rates[step]).epsilon(1e-10));
    }
  }
}

TEST_CASE("schedules stay where they end, and refuse what makes no sense") {
  CHECK(learning_rate({.kind = Schedule::cosine, .steps = 20, .min_lr = 0.25}, 1, 50) == 0.25);
  CHECK(learning_rate({.kind = Schedule::polynomial, .steps = 20}, 1, 50) == 0);
  CHECK(learning_rate({.kind = Schedule::one_cycle, .steps = 20}, 1, 50) ==
        doctest::Approx(1 / 25e4));
  CHECK_THROWS_WITH_AS(learning_rate({.kind = Schedule::cosine}, 1, 0),
                       "[schedule] steps is 0, expected at least 1", Error);
  CHECK_THROWS_WITH_AS(learning_rate({.warmup = -1}, 1, 0),
                       "[schedule] warmup is -1, expected at least 0", Error);
  CHECK_THROWS_WITH_AS(learning_rate({.kind = Schedule::one_cycle, .steps = 3}, 1, 0),
                       doctest::Contains("[schedule] rise is 0.3, expected"), Error);
  CHECK_THROWS_WITH_AS(with_defaults({.ema = 1}), "[train] ema is 1, expected 0 to less than 1",
                       Error);
  CHECK_THROWS_WITH_AS(optimizer_of("bfgs"), doctest::Contains("there are: sgd, adam"), Error);
}

}  // namespace tessera
