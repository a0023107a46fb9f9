// `tessera-bench pictures`: decodes, resizes and augments all pictures of a folder, as a training
// does with pictures that do not fit into memory.
#include <fmt/core.h>

#include <algorithm>
#include <string>

#include "bench/bench.h"
#include "tessera/augment.h"
#include "tessera/data.h"
#include "tessera/device.h"
#include "tessera/ops.h"
#include "tessera/params.h"

namespace tessera::bench {
namespace {

struct Arguments {
  std::string device = "cpu";
  std::string data;
  std::int64_t batch = 32, side = 224;
  double seconds = 2;
  bool serve = false;
};

class PicturesBench {
 public:
  PicturesBench(Device& device, const Arguments& arguments)
      : dataset_(load_dataset("folder:" + arguments.data, Split::train,
                              {.height = arguments.side,
                               .width = arguments.side,
                               .channels = 3,
                               .held_out = 0,
                               .memory = 0})),
        batch_(std::min(arguments.batch, dataset_->size())),
        params_(device) {
    Graph graph(Mode::training);
    const Shape images = {batch_, arguments.side, arguments.side, 3};
    graph.set_output(
        "images",
        transform_image(graph.input("image", {DType::u8, images}),
                        graph.input("transform", {DType::f32, {batch_, 6}}),
                        {arguments.side, arguments.side},
                        {{.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}},
                         /*replicate=*/true},
                        "augment"));
    last_.resize(static_cast<std::size_t>(element_count(images)));
    executable_ = device.compile(Plan(graph, device.plan_options()), params_);
  }

  /// The images of whole batches.
  std::int64_t images() const { return dataset_->size() / batch_ * batch_; }

  /// All images, so many times.
  void run(std::int64_t passes) {
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      Loader loader(*dataset_, {.batch = batch_,
                                .order = shuffled_order(dataset_->size(), 1,
                                                        static_cast<std::uint64_t>(pass))});
      for (std::int64_t step = 0; step < dataset_->size() / batch_; ++step)
        augment(*loader.next(), step);
    }
    executable_->read_output("images", std::as_writable_bytes(std::span(last_)));  // waits
  }

 private:
  void augment(const Batch& batch, std::int64_t step) {
    const auto transforms =
        draw_transforms({.flip = 0.5, .resized_crop = 0.08},
                        {dataset_->height(), dataset_->width(), 1, step, 0, batch.size, 0});
    executable_->set_input("image", batch.find("image")->bytes);
    executable_->set_input("transform", std::as_bytes(std::span(transforms)));
    executable_->run();
  }

  std::unique_ptr<ImageDataset> dataset_;
  std::int64_t batch_;
  Params params_;
  std::unique_ptr<Executable> executable_;
  std::vector<float> last_;  ///< images
};

void run(const Arguments& arguments) {
  const auto device = open_device(arguments.device);
  PicturesBench bench(*device, arguments);
  bench.run(1);
  if (arguments.serve) return serve("ready", [&](std::int64_t passes) { bench.run(passes); });
  const double seconds = median_time([&] { bench.run(1); }, arguments.seconds);
  fmt::print("{:.0f} pictures/s  ({})\n", static_cast<double>(bench.images()) / seconds,
             device->info().name);
}

}  // namespace

void add_pictures_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("pictures", "Time decoding, resizing and augmenting pictures");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("--device", arguments->device, "as in tessera --device");
  command->add_option("--data", arguments->data, "folder with a folder of pictures for each class")
      ->required();
  command->add_option("--batch", arguments->batch)->check(CLI::PositiveNumber);
  command->add_option("--size", arguments->side, "rows and columns")->check(CLI::PositiveNumber);
  command->add_option("--seconds", arguments->seconds, "time to spend");
  command->add_flag("--serve", arguments->serve,
                    "time as many passes as each line of the input says");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace tessera::bench
