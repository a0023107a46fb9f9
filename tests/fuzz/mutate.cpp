// Fuzzing without libFuzzer, for every build: mutate CORPUS [TARGET]... runs each file of
// CORPUS/TARGET, then some of them with random damage, which is the same in each run with the same
// TESSERA_FUZZ_SEED.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/base/philox.h"
#include "tests/fuzz/target.h"

namespace tessera::fuzz {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// In the order of their names.
std::vector<Bytes> read_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> files;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

/// Changes a byte, cuts one out, doubles one or cuts the end off.
void damage(Bytes& bytes, Philox& random) {
  const auto below = [&](std::size_t n) { return random.below(static_cast<std::uint32_t>(n)); };
  // Mostly near the start, where the meaning is.
  const auto place = bytes.begin() + below(std::min<std::size_t>(bytes.size(), 400));
  switch (below(8)) {
    case 0:
      bytes.erase(place);
      break;
    case 1:
      bytes.insert(place, *place);
      break;
    case 2:
      bytes.resize(1 + below(bytes.size()));
      break;
    case 3:
      *place = static_cast<std::uint8_t>(below(256));
      break;
    default:
      *place ^= static_cast<std::uint8_t>(1u << below(8));
  }
}

Bytes damaged(Bytes bytes, Philox& random) {
  for (std::uint32_t changes = 1 + random.below(3); changes > 0 && !bytes.empty(); --changes)
    damage(bytes, random);
  return bytes;
}

/// What is found, a crash too, stays in a file in the current folder.
void run(const Target& target, const Bytes& input, int& refused) {
  const std::string kept = fmt::format("finding-{}", target.name);
  std::ofstream(kept, std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size()));
  try {
    refused += outcome(target, input).empty() ? 0 : 1;
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("{}: {} (input in {})", target.name, error.what(), kept));
  }
  std::filesystem::remove(kept);
}

void run_all(const Target& target, const std::vector<Bytes>& seeds) {
  int seeds_refused = 0, refused = 0;
  for (const Bytes& seed : seeds) run(target, seed, seeds_refused);
  const char* const own_seed = std::getenv("TESSERA_FUZZ_SEED");
  Philox random(own_seed ? std::strtoull(own_seed, nullptr, 10) : 2024, target.name);
  for (int round = 0; round < target.rounds; ++round)
    run(target, damaged(seeds[random.below(static_cast<std::uint32_t>(seeds.size()))], random),
        refused);
  fmt::print("{}: {} of {} files refused, {} of {} damaged ones\n", target.name, seeds_refused,
             seeds.size(), refused, target.rounds);
  if (static_cast<std::size_t>(seeds_refused) == seeds.size())
    throw std::runtime_error(fmt::format("{}: no file is read", target.name));
  if (target.rounds >= 1000 && refused == 0)
    throw std::runtime_error(fmt::format("{}: no damage is noticed", target.name));
}

}  // namespace
}  // namespace tessera::fuzz

int main(int argc, char** argv) {
  using namespace tessera::fuzz;
  try {
    if (argc < 2) throw std::runtime_error("expected: mutate CORPUS [TARGET]...");
    std::vector<std::string_view> names(argv + 2, argv + argc);
    if (names.empty())
      for (const Target& target : targets()) names.push_back(target.name);
    for (const std::string_view name : names)
      run_all(find_target(name), read_files(std::filesystem::path(argv[1]) / name));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
