// Trains a classifier on a folder of your own images, validates after each epoch, keeps the weights
// of the best epoch, and classifies one image with them.
// usage: train_on_images FOLDER IMAGE [EPOCHS]   FOLDER has one folder of images for each class
#include <tessera/tessera.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

using namespace tessera;

constexpr const char* best_file = "best.safetensors";
constexpr std::int64_t side = 64, batch = 16;

// Preprocessing of image files. The model file stores it, so that eval and predict use the same.
const ImageInput input = {side,
                          side,
                          3,
                          {.mean = {0.485, 0.456, 0.406}, .deviation = {0.229, 0.224, 0.225}},
                          Crop::center};

void train(Device& device, const std::string& folder, std::int64_t epochs) {
  TrainingState state{.data = "folder:" + folder, .batch = batch, .held_out = 0.2};
  const DatasetOptions reading{.height = input.height,
                               .width = input.width,
                               .channels = input.channels,
                               .held_out = state.held_out,
                               .crop = input.crop};
  // Reads FOLDER/train and FOLDER/val if they exist, else validates on a fifth of each class.
  const auto training = load_dataset(state.data, Split::train, reading);
  const auto validation = load_dataset(state.data, Split::test, reading);

  ImageClassifier network(device, make_model("resnet20", input, training->classes()));
  const std::int64_t steps = epochs * ((training->size() + batch - 1) / batch);
  const std::int64_t warmup = steps / 20;
  Trainer trainer(
      network, {.optimizer = Optimizer::adamw,
                .lr = 0.002,
                .schedule = {.kind = Schedule::cosine, .steps = steps - warmup, .warmup = warmup},
                .augment = augmentation_of("crop=4,flip")});
  state.options = trainer.options();

  double best = std::numeric_limits<double>::infinity();
  while (state.epoch < epochs) {
    const auto epoch = static_cast<std::uint64_t>(state.epoch++);
    Loader loader(*training, {.batch = batch, .order = shuffled_order(training->size(), 0, epoch)});
    while (const Batch* images = loader.next()) trainer.step(*images);
    state.step = trainer.steps();
    const double loss = trainer.take_losses().mean();
    const ClassifierEvaluation result = network.evaluate(*validation);
    const bool is_best = result.loss < best;
    if (is_best) save_checkpoint(best_file, network, state);
    if (is_best) best = result.loss;
    std::printf("epoch %d: loss %.4f, validation loss %.4f, accuracy %.1f %%%s\n",
                static_cast<int>(state.epoch), loss, result.loss, 100 * result.accuracy,
                is_best ? " (best)" : "");
  }
}

void predict(Device& device, const std::string& image) {
  const auto network = load_network(device, read_checkpoint(best_file));
  const auto& [height, width, channels, options, crop] = network->model().input;
  const auto file = load_pictures(
      {image}, {.height = height, .width = width, .channels = channels, .crop = crop});
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(file->image_bytes()));
  file->read(0, pixels);
  const std::vector<float> found = network->predict(pixels, 1);
  const auto top = std::max_element(found.begin(), found.end());
  const auto label = static_cast<std::size_t>(top - found.begin());
  std::printf("%s: %s (%.1f %%)\n", image.c_str(), network->model().classes[label].c_str(),
              100 * static_cast<double>(*top));
}

int main(int argc, char** argv) try {
  if (argc < 3) throw Error("usage", "train_on_images FOLDER IMAGE [EPOCHS]");
  const auto device = open_device();  // a GPU if there is one; TESSERA_DEVICE overrides
  train(*device, argv[1], argc > 3 ? std::atoi(argv[3]) : 20);
  predict(*device, argv[2]);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
