// PyTorch's first tutorial, "Training a classifier", with Tessera: the tutorial CNN on CIFAR-10.
// usage: cifar10_tutorial FOLDER [EPOCHS]   FOLDER has CIFAR-10's six .bin files
#include <tessera/tessera.h>

#include <cstdio>
#include <cstdlib>

using namespace tessera;

Var tutorial_cnn(Var x) {
  x = max_pool2d(relu(layers::conv2d(x, "conv1", 6, 5)));
  x = max_pool2d(relu(layers::conv2d(x, "conv2", 16, 5)));
  x = relu(layers::dense(flatten(x), "fc1", 120));
  x = relu(layers::dense(x, "fc2", 84));
  return layers::dense(x, "fc3", 10);
}

int main(int argc, char** argv) try {
  if (argc < 2) throw Error("usage", "cifar10_tutorial FOLDER [EPOCHS]");
  const auto train = load_dataset("cifar10", Split::train, argv[1]);
  const auto test = load_dataset("cifar10", Split::test, argv[1]);
  const auto device = open_device();  // a GPU if there is one; TESSERA_DEVICE overrides
  ImageClassifier network(*device, {"tutorial", {32, 32, 3, {}}, train->classes(), tutorial_cnn});
  Trainer trainer(network, {.lr = 0.001, .momentum = 0.9});

  const unsigned epochs = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 2;
  for (unsigned epoch = 0; epoch < epochs; ++epoch) {
    Loader loader(*train, {.batch = 4, .order = shuffled_order(train->size(), 0, epoch)});
    while (const Batch* batch = loader.next())
      trainer.step(*batch);  // does not wait for the device
    const ClassifierEvaluation result = network.evaluate(*test);
    std::printf("epoch %u: loss %.3f, accuracy on %d test images %.1f %%\n", epoch + 1,
                trainer.take_losses().mean(), static_cast<int>(result.images),
                100 * result.accuracy);
  }
  save_checkpoint("cifar_net.safetensors", network);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
