// `tessera profile`: shows the time and memory of a step by layer and kernel, on generated images.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "tessera/trainer.h"
#include "tools/commands.h"
#include "tools/profile/profile_report.h"
#include "tools/shared/made_up.h"
#include "tools/shared/trace.h"

namespace tessera::tools {
namespace {

struct Arguments {
  MadeUpModel model;
  DeviceOption device;
  std::int64_t batch = 32;
  std::int64_t steps = 10;
  bool infer = false;
  bool json = false;
  std::string trace;
};

/// A network whose training or inference steps are measured.
class Subject {
 public:
  Subject(Device& device, ImageModel model, const Arguments& arguments)
      : network_(device, std::move(model)), batch_(arguments.batch) {
    if (!arguments.infer) trainer_.emplace(network_, TrainerOptions{.lr = 1e-3});
  }

  void step(const Batch& batch) {
    if (trainer_) return trainer_->step(batch);
    Executable& run = executable();
    for (const Batch::Tensor& tensor : batch.tensors)
      run.set_input(tensor.sample.name, tensor.bytes);
    run.run();
  }
  /// After the first step.
  Executable& executable() {
    return trainer_ ? *trainer_->executables().at(0) : network_.evaluation(batch_);
  }
  ImageClassifier& network() { return network_; }

 private:
  ImageClassifier network_;
  std::int64_t batch_;
  std::optional<Trainer> trainer_;
};

/// Seconds of a step.
double run_steps(Subject& subject, const Noise& images, const Arguments& arguments, Trace& trace) {
  Loader loader(images, {.batch = arguments.batch, .on_batch = trace.of_loader()});
  const double start = Trace::now();
  for (const Batch* batch = nullptr;;) {
    trace.host("wait for batch", [&] { batch = loader.next(); });
    if (!batch) break;
    trace.host("step", [&] { subject.step(*batch); });
  }
  trace.host("finish", [&] { subject.network().device().finish(); });
  return (Trace::now() - start) / static_cast<double>(loader.batches());
}

void run(const Arguments& arguments) {
  const ImageModel model = arguments.model.make();
  const auto device = arguments.device.open();
  Subject subject(*device, model, arguments);
  const auto steps_of = [&](std::int64_t steps) {
    return Noise(model.input, model.classes, steps * arguments.batch);
  };
  Trace unused, trace(arguments.trace);
  run_steps(subject, steps_of(2), arguments, unused);  // builds all programs
  const double plain = run_steps(subject, steps_of(arguments.steps), arguments, unused);
  device->set_profiling(true);
  const double recorded = run_steps(subject, steps_of(arguments.steps), arguments, trace);
  device->set_profiling(false);
  Executable& executable = subject.executable();
  const ProfileReport report = {
      .device = device->info(),
      .executable = executable,
      .what = fmt::format("{}, {}, batch {} of {}x{}x{}", model.name,
                          arguments.infer ? "inference" : "training", arguments.batch,
                          model.input.height, model.input.width, model.input.channels),
      .images = arguments.batch,
      .steps = arguments.steps,
      .records = executable.take_records(),
      .step_seconds = plain,
      .recorded_seconds = recorded,
      .ceilings = device->measure_ceilings()};
  arguments.json ? print_json(report) : print_text(report);
  if (!trace.on()) return;
  trace.add(executable.graph(), report.records);
  trace.finish();
}

}  // namespace

void add_profile_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("profile", "Show the time and memory of a step by layer and kernel");
  auto a = std::make_shared<Arguments>();
  a->model.add(*command);
  a->device.add(*command);
  command->add_option("--batch", a->batch, "images in a step")->check(at_least<std::int64_t>(1));
  command->add_option("--steps", a->steps, "steps to measure, after two warm-up steps")
      ->check(at_least<std::int64_t>(1));
  command->add_flag("--infer", a->infer, "profile inference instead of training");
  command->add_option("--trace", a->trace,
                      "write a trace to this file, for chrome://tracing or ui.perfetto.dev");
  command->add_flag("--json", a->json, "print JSON");
  command->callback([a] { run(*a); });
}

}  // namespace tessera::tools
