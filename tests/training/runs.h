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

}  // namespace tessera
