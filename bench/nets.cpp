// `tessera-bench train` and `infer`: whole steps of a model on made-up images.
#include <fmt/core.h>

#include <string>

#include "bench/bench.h"
#include "engine/base/philox.h"
#include "tessera/flops.h"
#include "tessera/models.h"
#include "tessera/trainer.h"

namespace tessera::bench {
namespace {

struct Arguments {
  std::string device;
  std::string precision = "float32";
  std::string model = "tutorial";
  std::vector<std::int64_t> batches = {4, 32, 128};
  std::int64_t side = 32, classes = 10;
  double seconds = 2;
  bool serve = false;
};

constexpr std::int64_t channels = 3;

/// Steps of a model; the first call builds what there is to build, and warms up.
class NetBench {
 public:
  NetBench(Device& device, const Arguments& arguments, std::int64_t size)
      : network_(device, make_model(arguments.model, {arguments.side, arguments.side, channels, {}},
                                    std::vector<std::string>(
                                        static_cast<std::size_t>(arguments.classes), "class"))) {
    const Shape image = {arguments.side, arguments.side, channels};
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size * element_count(image)));
    std::vector<std::int32_t> labels(static_cast<std::size_t>(size));
    Philox generator(1, "bench");
    for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(generator.next());
    for (auto& label : labels)
      label =
          static_cast<std::int32_t>(generator.below(static_cast<std::uint32_t>(arguments.classes)));
    batch_ = image_batch(image, pixels, labels);
  }
  virtual ~NetBench() = default;

  /// Waits for the last one.
  virtual void run(std::int64_t steps) = 0;
  /// Of a step.
  virtual double flops() const = 0;

 protected:
  ImageClassifier network_;
  Batch batch_;
};

class TrainingBench : public NetBench {
 public:
  TrainingBench(Device& device, const Arguments& arguments, std::int64_t size)
      : NetBench(device, arguments, size), trainer_(network_, {.lr = 0.001, .momentum = 0.9}) {}

  void run(std::int64_t steps) override {
    for (std::int64_t i = 0; i < steps; ++i) trainer_.step(batch_);
    trainer_.take_losses();  // waits
  }
  double flops() const override { return tessera::flops(trainer_.graphs(batch_.size).front()); }

 private:
  Trainer trainer_;
};

class InferenceBench : public NetBench {
 public:
  using NetBench::NetBench;

  void run(std::int64_t steps) override {
    for (std::int64_t i = 0; i < steps; ++i)
      network_.predict(batch_.values<std::uint8_t>("image"), batch_.size);
  }
  double flops() const override {
    Graph graph;
    append_classifier(graph, network_.model(), batch_.size);
    return tessera::flops(graph);
  }
};

template <typename Bench>
void run(const char* what, const Arguments& arguments) {
  const auto device = open_device(arguments.device);
  const std::string refused = device->set_matmul_precision(matmul_precision(arguments.precision));
  if (!refused.empty()) fmt::print(stderr, "products stay in float32: {}\n", refused);
  for (std::int64_t batch : arguments.batches) {
    Bench bench(*device, arguments, batch);
    bench.run(1);
    if (arguments.serve)
      return serve(fmt::format("ready {}", bench.flops()),
                   [&](std::int64_t runs) { bench.run(runs); });
    const auto steps =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(0.05 / time_of([&] { bench.run(1); })));
    const double seconds =
        median_time([&] { bench.run(steps); }, arguments.seconds) / static_cast<double>(steps);
    fmt::print("{} {} batch {:<4} {:10.0f} images/s  {:.3f} ms a step  {:.1f} GFLOP/s  ({})\n",
               what, arguments.model, batch, static_cast<double>(batch) / seconds, 1e3 * seconds,
               1e-9 * bench.flops() / seconds, device->info().name);
  }
}

template <typename Bench>
void add_command(CLI::App& app, const char* name, const char* description) {
  CLI::App* command = app.add_subcommand(name, description);
  auto arguments = std::make_shared<Arguments>();
  command->add_option("--device", arguments->device, "as in tessera --device");
  command->add_option("--matmul-precision", arguments->precision, "as in tessera train");
  command->add_option("--model", arguments->model, "one of those that `tessera models` lists");
  command->add_option("--batch", arguments->batches, "batch sizes");
  command->add_option("--size", arguments->side, "rows and columns of the images")
      ->check(CLI::PositiveNumber);
  command->add_option("--classes", arguments->classes)->check(CLI::PositiveNumber);
  command->add_option("--seconds", arguments->seconds, "time to spend on each");
  command->add_flag("--serve", arguments->serve,
                    "time as many steps as each line of the input says (first batch size only)");
  command->callback([name, arguments] { run<Bench>(name, *arguments); });
}

}  // namespace

void add_net_commands(CLI::App& app) {
  add_command<TrainingBench>(app, "train", "Time whole training steps");
  add_command<InferenceBench>(app, "infer", "Time predictions");
}

}  // namespace tessera::bench
