// The `tessera` command: parses the command line and turns every failure into one line and a
// non-zero exit code (1: it failed, 2: the command line is wrong).
#include <fmt/core.h>

#include <exception>

#include "tools/commands.h"

int main(int argc, char** argv) {
  CLI::App app{"Trains and runs convolutional networks on any OpenCL device, or on the CPU.",
               "tessera"};
  app.require_subcommand(1);
  app.set_version_flag("--version", TESSERA_VERSION);
  app.option_defaults()->always_capture_default();
  tessera::tools::add_devices_command(app);
  tessera::tools::add_train_command(app);
  tessera::tools::add_eval_command(app);
  tessera::tools::add_predict_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    fmt::print(stderr, "tessera: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "tessera: {}\n", error.what());
    return 1;
  }
}
