// `tessera train`: the loop over epochs and batches, with checkpoints and a clean stop.
#include <fmt/core.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tessera/trainer.h"
#include "tools/commands.h"
#include "tools/progress.h"

namespace tessera::tools {
namespace {

volatile std::sig_atomic_t interrupted = 0;

/// Sets `interrupted` on the first Ctrl-C; the second one ends the program as usual.
void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = SA_RESETHAND;
  for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

struct Arguments {
  std::string model = "tutorial";
  DataOptions data{.name = "fashion-mnist", .directory = {}};
  DeviceOption device;
  std::int64_t epochs = 10;
  std::int64_t batch = 32;
  double lr = 0.01;
  double momentum = 0.9;
  std::uint64_t seed = 0;
  bool normalize = false;
  std::string out;
  std::string resume;
  std::int64_t log_every = 500;
  std::int64_t steps = 0;  ///< 0: no limit
  bool verbose = false;
};

/// Settings that a checkpoint fixes; each holds the option, to see whether it was given.
struct FixedOptions {
  CLI::Option *model, *data, *batch, *lr, *momentum, *seed, *normalize, *resume;
};

// Found out before training, not after: can a file be made where --out points?
void check_writable(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw Error(path, "is a folder, expected a file name");
  const std::string probe = path + ".part";
  std::ofstream file(probe);
  if (!file) throw Error(path, "cannot be written: no file can be made in that folder");
  file.close();
  std::filesystem::remove(probe);
}

/// Mean and deviation of each channel over all pixels, scaled to [0,1].
void normalize(const Dataset& dataset, ImageOptions& options) {
  const auto channels = static_cast<std::size_t>(dataset.channels());
  std::vector<double> sum(channels), squares(channels);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(dataset.image_bytes()));
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    dataset.read(i, pixels);
    for (std::size_t p = 0; p < pixels.size(); ++p) {
      const double x = pixels[p] / 255.0;
      sum[p % channels] += x;
      squares[p % channels] += x * x;
    }
  }
  const double count = static_cast<double>(dataset.size() * dataset.height() * dataset.width());
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = sum[c] / count;
    options.mean.push_back(mean);
    options.deviation.push_back(std::sqrt(std::max(squares[c] / count - mean * mean, 1e-12)));
  }
}

/// Takes the settings of the interrupted run; one given again must be the same, but for the
/// learning rate and momentum, which may change.
void take_settings(Arguments& arguments, const FixedOptions& options,
                   const Checkpoint& checkpoint) {
  const auto fix = [](const CLI::Option* option, auto& argument, const auto& saved) {
    if (option->count() > 0 && argument != saved)
      throw Error("resume", fmt::format("{} is {}, expected {} as in the checkpoint",
                                        option->get_name(), argument, saved));
    argument = saved;
  };
  const TrainingState& training = checkpoint.training;
  fix(options.model, arguments.model, checkpoint.model);
  fix(options.data, arguments.data.name, training.data);
  fix(options.batch, arguments.batch, training.batch);
  fix(options.seed, arguments.seed, training.seed);
  if (options.lr->count() == 0) arguments.lr = training.lr;
  if (options.momentum->count() == 0) arguments.momentum = training.momentum;
}

class Training {
 public:
  Training(const Arguments& arguments, Network& network, const Dataset& train, const Dataset& test,
           const TrainingState& state, bool saved)
      : arguments_(arguments),
        network_(network),
        train_(train),
        test_(test),
        state_(state),
        trainer_(network, {arguments.lr, arguments.momentum, state.step}),
        progress_(arguments.epochs, (train.size() + arguments.batch - 1) / arguments.batch,
                  arguments.log_every),
        saved_(saved) {}

  void run() {
    network_.check_fits(train_);
    network_.check_fits(test_);
    while (state_.epoch < arguments_.epochs && !stopped()) run_epoch();
    if (stopped()) {
      progress_.clear();
      fmt::print("stopped after step {} (epoch {}); go on with --resume {}\n", state_.step,
                 state_.epoch + 1, arguments_.out);
    }
  }

 private:
  bool stopped() const {
    return interrupted || (arguments_.steps > 0 && state_.step >= arguments_.steps);
  }

  void run_epoch() {
    Loader loader(train_, {.batch = arguments_.batch,
                           .order = shuffled_order(train_.size(), state_.seed,
                                                   static_cast<std::uint64_t>(state_.epoch)),
                           .first_batch = state_.batch_in_epoch});
    progress_.begin_epoch(state_.epoch + 1, state_.batch_in_epoch);
    std::int64_t images = 0;
    while (const Batch* batch = stopped() ? nullptr : loader.next()) {
      trainer_.step(*batch);
      images += batch->size;
      ++state_.step;
      ++state_.batch_in_epoch;
      if (progress_.due(state_.batch_in_epoch)) {
        take_losses();
        progress_.show(state_.batch_in_epoch, images, mean_loss());
      }
      if (arguments_.verbose) print_plan(batch->size);
    }
    take_losses();
    if (state_.batch_in_epoch == loader.batches()) end_epoch(images);
    save_checkpoint(arguments_.out, network_, state_);
    saved_ = true;
  }

  void end_epoch(std::int64_t images) {
    progress_.end_epoch(images, mean_loss(), network_.evaluate(test_));
    ++state_.epoch;
    state_.batch_in_epoch = 0;
    state_.epoch_loss_sum = 0;
  }

  void take_losses() {
    try {
      state_.epoch_loss_sum += trainer_.take_losses().sum;
    } catch (const Error& error) {
      progress_.clear();
      throw Error(fmt::format("{}{}", error.what(),
                              saved_ ? "; the last good checkpoint is " + arguments_.out : ""));
    }
  }
  double mean_loss() const {
    return state_.epoch_loss_sum / static_cast<double>(state_.batch_in_epoch);
  }

  void print_plan(std::int64_t batch) {
    if (!printed_)
      for (const std::string& line : trainer_.describe(batch)) fmt::print("{}\n", line);
    printed_ = true;
  }

  const Arguments& arguments_;
  Network& network_;
  const Dataset& train_;
  const Dataset& test_;
  TrainingState state_;
  Trainer trainer_;
  Progress progress_;
  bool printed_ = false;
  bool saved_;  ///< there is a checkpoint of this run at --out
};

void run(Arguments arguments, const FixedOptions& options) {
  Checkpoint checkpoint;
  const bool resumes = options.resume->count() > 0;
  if (resumes) {
    const std::string path = arguments.resume.empty() ? arguments.out : arguments.resume;
    if (path.empty()) throw Error("resume", "names no checkpoint, and there is no --out");
    checkpoint = read_checkpoint(path);
    take_settings(arguments, options, checkpoint);
    if (arguments.out.empty()) arguments.out = path;
  }
  if (arguments.out.empty())
    arguments.out = fmt::format("{}-{}.safetensors", arguments.model, arguments.data.name);
  check_writable(arguments.out);

  const auto train = load_dataset(arguments.data.name, Split::train, arguments.data.directory);
  const auto test = load_dataset(arguments.data.name, Split::test, arguments.data.directory);
  ImageInput input{train->height(), train->width(), train->channels(), {}};
  if (arguments.normalize) normalize(*train, input.options);
  if (resumes) input = checkpoint.input;
  Model model = make_model(arguments.model, input, train->classes());
  const auto device = open_device(arguments.device.device);
  fmt::print("training {} on {} ({} images) with {} ({})\n", arguments.model, arguments.data.name,
             train->size(), device->info().name, device->info().id);

  Network network(*device, std::move(model), arguments.seed);
  TrainingState state = checkpoint.training;
  if (!resumes) {
    state.data = arguments.data.name;
    state.seed = arguments.seed;
    state.batch = arguments.batch;
  }
  state.lr = arguments.lr;
  state.momentum = arguments.momentum;
  Training training(arguments, network, *train, *test, state, resumes);
  if (resumes) restore(checkpoint, network);
  catch_interrupts();
  training.run();
  fmt::print("model: {}\n", arguments.out);
}

}  // namespace

void add_train_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Train a model on a data set");
  auto arguments = std::make_shared<Arguments>();
  FixedOptions fixed{};
  fixed.model = command->add_option("--model", arguments->model, "tutorial");
  fixed.data = arguments->data.add(*command);
  arguments->device.add(*command);
  command->add_option("--epochs", arguments->epochs, "passes over the training images, in all")
      ->check(CLI::PositiveNumber);
  fixed.batch = command->add_option("--batch", arguments->batch, "images in a step")
                    ->check(CLI::PositiveNumber);
  fixed.lr =
      command->add_option("--lr", arguments->lr, "learning rate")->check(CLI::NonNegativeNumber);
  fixed.momentum = command->add_option("--momentum", arguments->momentum, "of the descent")
                       ->check(CLI::Range(0.0, 1.0));
  fixed.seed = command->add_option("--seed", arguments->seed,
                                   "of the initial weights and the order of the images");
  fixed.normalize = command->add_flag("--normalize", arguments->normalize,
                                      "give each channel mean 0 and deviation 1, measured on the "
                                      "training images");
  command->add_option("--out", arguments->out,
                      "file for the model, written after each epoch (default: "
                      "MODEL-DATA.safetensors)");
  fixed.resume = command
                     ->add_option("--resume", arguments->resume,
                                  "go on from this checkpoint (default: that of --out) up to "
                                  "--epochs")
                     ->expected(0, 1);
  command->add_option("--steps", arguments->steps, "stop after this many steps in all, 0: never")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--log-every", arguments->log_every,
                   "steps between log lines where the output is no terminal")
      ->check(CLI::PositiveNumber);
  command->add_flag("--verbose", arguments->verbose,
                    "print each node with the algorithm chosen for it");
  command->callback([arguments, fixed] { run(*arguments, fixed); });
}

}  // namespace tessera::tools
