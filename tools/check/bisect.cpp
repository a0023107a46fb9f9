// `tessera bisect`: finds the first node of a training step that a device computes wrongly, and
// stores it in a folder that the same command runs again.
#include <fmt/core.h>

#include "tessera/error.h"
#include "tessera/models.h"
#include "tools/check/step_check.h"
#include "tools/commands.h"
#include "tools/shared/made_up.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {
namespace {

struct Arguments {
  std::string folder;
  MadeUpModel model;
  DeviceOption device;
  std::int64_t batch = 4;
  std::uint64_t seed = 0;
  std::string optimizer = "sgd";
  double tolerance = 0;
  std::string out = "tessera-bisect";
};

double tolerance_of(const Arguments& arguments) {
  if (arguments.tolerance > 0) return arguments.tolerance;
  const bool rounded = matmul_precision(arguments.device.precision) != MatmulPrecision::float32;
  return rounded ? 2e-2 : float32_tolerance;
}

[[noreturn]] void fail(const WrongNode& wrong, const Device& device, const std::string& folder) {
  throw Error("bisect", fmt::format("{} is wrong on {}; run it again with `tessera bisect {}`",
                                    name_of(wrong), device.info().id, folder));
}

void run_again(const Arguments& arguments, Device& device, Device& reference) {
  const NodeCase node = load_case(arguments.folder);
  print("node '{}': {}\nfirst computed wrongly on {}, with algorithm '{}'\n", node.name,
        described(node), node.device, node.algorithm);
  if (const auto wrong = check_node(device, reference, node, tolerance_of(arguments))) {
    print_text(report_of(*wrong));
    fail(*wrong, device, arguments.folder);
  }
  print("run alone on {} ({}), it agrees with the reference\n", device.info().id,
        device.info().name);
}

void search(const Arguments& arguments, Device& device, Device& reference) {
  ImageClassifier network(device, arguments.model.make(), arguments.seed);
  Trainer trainer(network, {.optimizer = optimizer_of(arguments.optimizer)});
  const Noise images(network.model().input, network.model().classes, arguments.batch);
  Loader loader(images, {.batch = arguments.batch});
  const StepCheck check = check_step(trainer, *loader.next(), reference, tolerance_of(arguments));
  if (!check.wrong) {
    print(
        "all {} nodes of a step of {} agree with the reference within {:g} of the largest element, "
        "on {} ({})\n",
        check.nodes, arguments.model.name, tolerance_of(arguments), device.info().id,
        device.info().name);
    return;
  }
  print("{} nodes agree with the reference; the next node does not:\n", check.nodes);
  print_text(report_of(*check.wrong));
  save_case(arguments.out, check.wrong->node);
  fail(*check.wrong, device, arguments.out);
}

}  // namespace

void add_bisect_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "bisect", "Find the first node of a training step that a device computes wrongly");
  auto a = std::make_shared<Arguments>();
  command->add_option("folder", a->folder, "folder of a wrong node, to run it again");
  a->model.add(*command);
  a->device.add(*command);
  command->add_option("--batch", a->batch, "images in the step")->check(at_least<std::int64_t>(1));
  command->add_option("--seed", a->seed, "seed of the initial weights")
      ->check(at_least<std::int64_t>(0));
  command->add_option("--optimizer", a->optimizer, "sgd, adam, adamw, rmsprop, adagrad or lars");
  command
      ->add_option("--tolerance", a->tolerance,
                   "tolerance of an output, relative to its largest element (default: 0.0001; 0.02 "
                   "with tf32 or bf16)")
      ->check(at_least(0.0));
  command->add_option("--out", a->out, "folder to write the wrong node to");
  command->callback([a] {
    const auto device = a->device.open(), reference = open_reference_device();
    a->folder.empty() ? search(*a, *device, *reference) : run_again(*a, *device, *reference);
  });
}

}  // namespace tessera::tools
