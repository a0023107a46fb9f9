// `tessera-bench`: times steps of nets (`train`, `infer`), single ops (`ops`) and the loading of
// `pictures`, on a device.
#include <fmt/core.h>

#include <exception>

#include "bench/bench.h"

int main(int argc, char** argv) {
  CLI::App app{"Times Tessera. Compare ratios in one run, not absolute numbers.", "tessera-bench"};
  app.require_subcommand(1);
  tessera::bench::add_net_commands(app);
  tessera::bench::add_ops_command(app);
  tessera::bench::add_pictures_command(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    fmt::print(stderr, "tessera-bench: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "tessera-bench: {}\n", error.what());
    return 1;
  }
}
