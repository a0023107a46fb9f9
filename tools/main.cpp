// The `tessera` command: parses the command line and turns every failure into one line and a
// non-zero exit code (1: it failed, 2: the command line is wrong).
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <sstream>
#include <string>

#include "tessera/cache.h"
#include "tools/commands.h"
#include "tools/shared/help.h"
#include "tools/shared/interrupt.h"
#include "tools/shared/nearest.h"
#include "tools/shared/standard_streams.h"

namespace {

/// Lists the commands, which CLI11's own message would not.
void check_command(const CLI::App& app, int argc, const char* const* argv) {
  if (argc > 1 && argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (argc < 2)
    throw CLI::RequiredError(
        fmt::format("no command, expected one of {} (see --help)", fmt::join(names, ", ")),
        CLI::ExitCodes::RequiredError);
  if (std::find(names.begin(), names.end(), argv[1]) == names.end())
    throw CLI::ExtrasError(
        fmt::format("unknown command '{}', expected one of {}", argv[1], fmt::join(names, ", ")),
        CLI::ExitCodes::ExtrasError);
}

/// Suggests the closest option for a misspelled one.
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

/// PoCL caches compiled kernels, which are code, in a folder that other users may be able to write
/// to, depending on the umask. Gives it a private folder, unless the user has set one. The tool
/// does this, since a library must not change its application's environment.
void keep_kernels_private() {
  if (const std::string folder = tessera::private_cache_folder("pocl"); !folder.empty())
    ::setenv("POCL_CACHE_DIR", folder.c_str(), 0);
}

int failed(const std::string& message, int exit_code) {
  tessera::tools::print_error(message);
  return exit_code;
}

void add_commands(CLI::App& app) {
  using namespace tessera::tools;
  add_devices_command(app);
  add_models_command(app);
  add_train_command(app);
  add_eval_command(app);
  add_predict_command(app);
  add_import_command(app);
  add_export_command(app);
  add_tune_command(app);
  add_profile_command(app);
  add_bisect_command(app);
  add_doctor_command(app);
}

/// Parses the command line and runs the command.
int run(CLI::App& app, int argc, const char* const* argv) {
  using namespace tessera::tools;
  try {
    check_command(app, argc, argv);
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& error) {
    return failed(error.what() + suggestion(app), 2);
  } catch (const CLI::RuntimeError& error) {  // the command has already printed the reason
    finish_output();
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return failed(error.what(), 2);
    std::ostringstream text;
    app.exit(error, text);  // --help, --version
    print_text(text.str());
  }
  if (!finish_output()) return 1;
  return interrupted() ? interrupted_exit_code() : 0;
}

}  // namespace

int main(int argc, char** argv) {
  tessera::tools::prepare_streams();
  CLI::App app{"Trains and runs convolutional networks on any OpenCL device, or on the CPU.",
               "tessera"};
  app.require_subcommand(1);
  app.set_version_flag("--version", TESSERA_VERSION);
  app.formatter(std::make_shared<tessera::tools::Help>());
  app.option_defaults()->always_capture_default();
  add_commands(app);
  try {
    keep_kernels_private();
    return run(app, argc, argv);
  } catch (const std::exception& error) {
    return failed(tessera::tools::message_of(error), 1);
  }
}
