// The `tessera` command: parses the command line and turns every failure into one line and a
// non-zero exit code (1: it failed, 2: the command line is wrong).
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "tools/commands.h"
#include "tools/help.h"
#include "tools/interrupt.h"
#include "tools/nearest.h"

namespace {

/// CLI11 would only say that a subcommand is required.
void check_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc > 1 && argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (argc < 2)
    throw CLI::RequiredError(
        fmt::format("one of the commands {} is needed (--help tells more)", fmt::join(names, ", ")),
        CLI::ExitCodes::RequiredError);
  if (std::find(names.begin(), names.end(), argv[1]) == names.end())
    throw CLI::ExtrasError(
        fmt::format("there is no command '{}'; there are: {}", argv[1], fmt::join(names, ", ")),
        CLI::ExitCodes::ExtrasError);
}

/// What a misspelt option of the command was to be.
std::string suggestion(const CLI::App& app) {
  for (const CLI::App* command : app.get_subcommands()) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command->get_options())
      names.push_back(option->get_single_name());
    for (const std::string& word : command->remaining())
      if (word.starts_with("--"))
        return tessera::tools::did_you_mean(word.substr(2, word.find('=') - 2), names, "--");
  }
  return {};
}

/// After what has been printed so far, wherever the two go.
int failed(const std::string& message, int exit_code) {
  std::fflush(stdout);
  fmt::print(stderr, "tessera: {}\n", message);
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains and runs convolutional networks on any OpenCL device, or on the CPU.",
               "tessera"};
  app.require_subcommand(1);
  app.set_version_flag("--version", TESSERA_VERSION);
  app.formatter(std::make_shared<tessera::tools::Help>());
  app.option_defaults()->always_capture_default();
  tessera::tools::add_devices_command(app);
  tessera::tools::add_models_command(app);
  tessera::tools::add_train_command(app);
  tessera::tools::add_eval_command(app);
  tessera::tools::add_predict_command(app);
  tessera::tools::add_import_command(app);
  tessera::tools::add_export_command(app);
  tessera::tools::add_tune_command(app);
  tessera::tools::add_profile_command(app);
  tessera::tools::add_bisect_command(app);
  tessera::tools::add_doctor_command(app);
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
    return tessera::tools::interrupted() ? 130 : 0;  // as shells have it: 128 + SIGINT
  } catch (const CLI::ExtrasError& error) {
    return failed(error.what() + suggestion(app), 2);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return failed(error.what(), 2);
  } catch (const std::exception& error) {
    return failed(error.what(), 1);
  }
}
