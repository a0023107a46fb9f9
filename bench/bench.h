// What the subcommands of `tessera-bench` share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tessera::bench {

void add_net_commands(CLI::App& app);
void add_ops_command(CLI::App& app);
void add_pictures_command(CLI::App& app);

/// Seconds that `run` takes.
double time_of(const std::function<void()>& run);
/// Prints `ready`, then answers each line of the input, a number, with the seconds that so many
/// runs took, so that another program can alternate between this one and a peer.
void serve(const std::string& ready, const std::function<void(std::int64_t count)>& run);
/// Median of at least three times of `run`, going on for about `seconds`.
double median_time(const std::function<void()>& run, double seconds);

}  // namespace tessera::bench
