// What tests of whole trainings share: runs of some steps, weights to compare, a file.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tessera/trainer.h"

namespace tessera {

inline constexpr std::int64_t batch = 7;  // 45 images: six batches and a last one of 3

/// Steps first..last-1 of an endless run over shuffled epochs.
inline void train_steps(Trainer& trainer, const Dataset& data, std::int64_t first,
                        std::int64_t last) {
  const std::int64_t per_epoch = (data.size() + batch - 1) / batch;
  for (std::int64_t step = first; step < last;) {
    const std::int64_t epoch = step / per_epoch;
    Loader loader(data, {.batch = batch,
                         .order = shuffled_order(data.size(), 3, static_cast<std::uint64_t>(epoch)),
                         .first_batch = step % per_epoch});
    for (; step < last; ++step) {
      const Batch* next = loader.next();
      if (!next) break;
      trainer.step(*next);
    }
  }
}

using Bytes = std::map<std::string, std::vector<std::byte>>;

inline Bytes weights(const Network& network) {
  Bytes result;
  for (const auto& [name, entry] : network.params().entries())
    if (!name.starts_with("trainer.")) result[name] = network.params().read(name);
  return result;
}

class TemporaryFile {
 public:
  TemporaryFile()
      : path_((std::filesystem::temp_directory_path() /
               ("tessera-training-" + std::to_string(::getpid()) + ".safetensors"))
                  .string()) {}
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs a graph of one output, "y".
template <typename Build>
std::vector<float> run(Device& device, const Build& build,
                       const std::map<std::string, std::span<const std::byte>>& inputs) {
  Graph graph(Mode::training);
  const Var y = build(graph);
  graph.set_output("y", y);
  Params params(device);
  params.add(graph, 0);
  const auto executable = device.compile(Plan(graph, device.plan_options()), params);
  for (const auto& [name, bytes] : inputs) executable->set_input(name, bytes);
  executable->run();
  std::vector<float> result(static_cast<std::size_t>(y.spec().elements()));
  executable->read_output("y", std::as_writable_bytes(std::span(result)));
  return result;
}

}  // namespace tessera
