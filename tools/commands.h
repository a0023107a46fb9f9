// The subcommands of `tessera`: each function adds one, with its options and its callback.
#pragma once

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tessera/device.h"
#include "tessera/group.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {

void add_devices_command(CLI::App& app);
void add_models_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_predict_command(CLI::App& app);
void add_import_command(CLI::App& app);
void add_export_command(CLI::App& app);
void add_tune_command(CLI::App& app);
void add_profile_command(CLI::App& app);
void add_bisect_command(CLI::App& app);
void add_doctor_command(CLI::App& app);

/// Names the devices that `auto` skips because tessera doctor found them unreliable.
void print_avoided();

/// Names the ignored drivers on standard error.
void warn_of_broken_drivers();

/// Checks a number with a message of one readable line; CLI11's message prints the bounds of the
/// type.
template <typename Number>
CLI::Validator at_least(Number least) {
  return {[least](const std::string& text) -> std::string {
            Number number{};
            if (CLI::detail::lexical_cast(text, number) &&
                std::isfinite(static_cast<double>(number)) && number >= least)
              return {};
            std::ostringstream message;
            message << "found " << text << ", expected a number of at least " << least;
            return message.str();
          },
          ""};
}

/// Options that several commands share.
struct DeviceOption {
  std::string device;
  std::string precision = "float32";
  void add_device(CLI::App& command) {
    command.add_option("--device", device,
                       "auto, cpu, opencl:P:D or part of a device name (default: the variable "
                       "TESSERA_DEVICE, else auto)");
  }
  void add_list(CLI::App& command) {
    command.add_option("--device", device,
                       "auto, cpu, opencl:P:D or part of a device name; several devices, separated "
                       "by commas, or all, share the work; DEVICE/N splits a device into N "
                       "(default: the variable TESSERA_DEVICE, else auto)");
    add_precision(command);
  }
  void add(CLI::App& command) {
    add_device(command);
    add_precision(command);
  }
  void add_precision(CLI::App& command) {
    command.add_option("--matmul-precision", precision,
                       "precision of the factors of matrix products and convolutions: float32, or "
                       "tf32 or bf16 if the device is faster with it (default: float32)");
  }
  /// `verbose`: reports skipped devices and an unavailable precision.
  std::unique_ptr<Device> open(bool verbose = false) const {
    auto opened = open_device(device);
    prepare({opened.get()}, verbose);
    return opened;
  }
  /// Does the same with a list of devices.
  DeviceGroup open_group(bool verbose = false) const {
    DeviceGroup opened = open_devices(device);
    std::vector<Device*> all;
    for (const auto& one : opened.devices()) all.push_back(one.get());
    prepare(all, verbose);
    return opened;
  }

 private:
  void prepare(const std::vector<Device*>& devices, bool verbose) const {
    const MatmulPrecision wanted = matmul_precision(precision);
    warn_of_broken_drivers();
    if (verbose && (device.empty() || device == "auto")) print_avoided();
    for (Device* opened : devices) {
      const std::string reason = opened->set_matmul_precision(wanted);
      if (verbose && !reason.empty()) print("matrix products stay in float32: {}\n", reason);
    }
  }
};

}  // namespace tessera::tools
