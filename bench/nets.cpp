// `tessera-bench train`: whole training steps of a model on made-up images. With --serve it answers
// each line "STEPS" on its input with the seconds they took, so that another program can alternate
// between this one and a peer.
#include <fmt/core.h>

#include <iostream>
#include <string>

#include "bench/bench.h"
#include "engine/philox.h"
#include "tessera/models.h"
#include "tessera/trainer.h"

namespace tessera::bench {
namespace {

struct Arguments {
  std::string device;
  std::string model = "tutorial";
  std::vector<std::int64_t> batches = {4, 32, 128};
  double seconds = 2;
  bool serve = false;
};

constexpr std::int64_t side = 32, channels = 3, classes = 10;

Batch made_up_batch(std::int64_t size) {
  Batch batch;
  batch.size = size;
  batch.images.resize(static_cast<std::size_t>(size * side * side * channels));
  batch.labels.resize(static_cast<std::size_t>(size));
  Philox generator(1, "bench");
  for (auto& pixel : batch.images) pixel = static_cast<std::uint8_t>(generator.next());
  for (auto& label : batch.labels) label = static_cast<std::int32_t>(generator.below(classes));
  return batch;
}

class TrainingBench {
 public:
  TrainingBench(Device& device, const std::string& model, std::int64_t batch)
      : network_(device, make_model(model, {side, side, channels, {}},
                                    std::vector<std::string>(classes, "class"))),
        trainer_(network_, {.lr = 0.001, .momentum = 0.9}),
        batch_(made_up_batch(batch)) {
    run(10);  // builds what there is to build, and warms up
  }

  void run(std::int64_t steps) {
    for (std::int64_t i = 0; i < steps; ++i) trainer_.step(batch_);
    trainer_.take_losses();  // waits
  }

 private:
  Network network_;
  Trainer trainer_;
  Batch batch_;
};

void serve(TrainingBench& bench) {
  fmt::print("ready\n");
  std::fflush(stdout);
  for (std::int64_t steps; std::cin >> steps;) {
    fmt::print("{}\n", time_of([&] { bench.run(steps); }));
    std::fflush(stdout);
  }
}

void run(const Arguments& arguments) {
  const auto device = open_device(arguments.device);
  for (std::int64_t batch : arguments.batches) {
    TrainingBench bench(*device, arguments.model, batch);
    if (arguments.serve) return serve(bench);
    constexpr std::int64_t steps = 20;
    const double seconds = median_time([&] { bench.run(steps); }, arguments.seconds);
    fmt::print("train {} batch {:<4} {:10.0f} images/s  {:.3f} ms a step  ({})\n", arguments.model,
               batch, static_cast<double>(batch * steps) / seconds,
               1e3 * seconds / static_cast<double>(steps), device->info().name);
  }
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Time whole training steps");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("--device", arguments->device, "as in tessera --device");
  command->add_option("--model", arguments->model, "a model, on images of 32x32x3");
  command->add_option("--batch", arguments->batches, "batch sizes");
  command->add_option("--seconds", arguments->seconds, "time to spend on each");
  command->add_flag("--serve", arguments->serve,
                    "time as many steps as each line of the input says (first batch size only)");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::bench
