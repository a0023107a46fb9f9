// The subcommands of `tessera`: each adds its options to the command line and sets what runs.
#pragma once

#include <CLI/CLI.hpp>

namespace tessera::tools {

void add_devices_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_predict_command(CLI::App& app);

/// The options that several commands share.
struct DeviceOption {
  std::string device;
  void add(CLI::App& command) {
    command.add_option("--device", device,
                       "auto, cpu, opencl:P:D or part of a device's name (default: the variable "
                       "TESSERA_DEVICE, or auto)");
  }
};

struct DataOptions {
  std::string name;
  std::string directory;
  CLI::Option* add(CLI::App& command) {
    command.add_option("--data-dir", directory,
                       "folder of the data set (default: the variable TESSERA_DATA, or where "
                       "Debian's packages put it)");
    return command.add_option("--data", name, "mnist, fashion-mnist, cifar10 or cifar100");
  }
};

}  // namespace tessera::tools
