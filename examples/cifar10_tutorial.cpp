// PyTorch's first tutorial, "Training a classifier", with Tessera: the tutorial CNN on CIFAR-10.
// usage: cifar10_tutorial FOLDER [EPOCHS] [BATCHES]   FOLDER holds CIFAR-10's six .bin files
#include <tessera/tessera.h>

#include <cstdio>
#include <cstdlib>
#include <limits>

using namespace tessera;

Var tutorial_cnn(Var x) {
  x = max_pool2d(relu(layers::conv2d(x, "conv1", 6, 5)));
  x = max_pool2d(relu(layers::conv2d(x, "conv2", 16, 5)));
  x = flatten(x);
  x = relu(layers::dense(x, "fc1", 120));
  x = relu(layers::dense(x, "fc2", 84));
  return layers::dense(x, "fc3", 10);
}

int main(int argc, char** argv) try {
  if (argc < 2) throw Error("usage", "cifar10_tutorial FOLDER [EPOCHS] [BATCHES]");
  const auto epochs = static_cast<std::uint64_t>(argc > 2 ? std::atoi(argv[2]) : 2);
  const long limit = argc > 3 ? std::atol(argv[3]) : std::numeric_limits<long>::max();

  const auto train = load_dataset("cifar10", Split::train, argv[1]);
  const auto test = load_dataset("cifar10", Split::test, argv[1]);

  const auto device = open_device();  // a GPU if there is one; TESSERA_DEVICE overrides
  std::printf("device: %s\n", device->info().name.c_str());
  Network network(*device, {"tutorial", {32, 32, 3, {}}, train->classes(), tutorial_cnn});
  Trainer trainer(network, {.lr = 0.001, .momentum = 0.9});

  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
    Loader loader(*train, {.batch = 4, .order = shuffled_order(train->size(), 0, epoch)});
    long i = 0;
    for (const Batch* batch; i < limit && (batch = loader.next());) {
      trainer.step(*batch);
      if (++i % 2000 == 0)  // the loss is read from the device only here
        std::printf("[%d, %5ld] loss: %.3f\n", static_cast<int>(epoch + 1), i,
                    trainer.take_losses().mean());
    }
  }
  const Evaluation result = network.evaluate(*test);
  std::printf("accuracy on %d test images: %.1f %%\n", static_cast<int>(result.images),
              100 * result.accuracy);
  save_checkpoint("cifar_net.safetensors", network);
  std::printf("saved: cifar_net.safetensors\n");
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
