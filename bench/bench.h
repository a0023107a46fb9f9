// What the subcommands of `tessera-bench` share.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

namespace tessera::bench {

void add_net_commands(CLI::App& app);
void add_ops_command(CLI::App& app);

/// Seconds that `run` takes.
double time_of(const std::function<void()>& run);
/// Median of at least three times of `run`, going on for about `seconds`.
double median_time(const std::function<void()>& run, double seconds);

}  // namespace tessera::bench
