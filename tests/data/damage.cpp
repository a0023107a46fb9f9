// Random damage: whatever bytes a file has, a reader returns or throws Error, and nothing else.
#include "engine/data/cifar.h"
#include "engine/data/idx.h"
#include "engine/philox.h"
#include "tessera/safetensors.h"
#include "tests/data/idx_bytes.h"

namespace tessera::tests {
namespace {

struct Outcome {
  int read = 0;
  int refused = 0;
};

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

/// Calls `read` for many damaged versions of the file.
Outcome read_damaged(const std::string& path, const std::function<void()>& read) {
  const Bytes whole = read_file(path);
  Philox random(2024, path.substr(path.rfind('/')));
  Outcome outcome;
  for (int round = 0; round < 1000; ++round) {
    Bytes bytes = whole;
    for (std::uint32_t changes = 1 + random.below(3); changes > 0 && !bytes.empty(); --changes)
      damage(bytes, random);
    write_file(path, bytes);
    CAPTURE(round);
    const std::string error = error_of(read);
    ++(error.empty() ? outcome.read : outcome.refused);
    CHECK_FALSE(contains(error, "\n"));
  }
  return outcome;
}

}  // namespace

TEST_CASE("damaged IDX files never do harm") {
  const TemporaryFolder folder;
  const std::string images = folder / "images";
  const std::string labels = folder / "labels";
  const auto read = [&] { data::read_idx(images, labels, 10); };
  for (const bool packed : {false, true}) {
    const Bytes bytes = idx_bytes({3, 2, 4}, Bytes(24, 50));
    write_file(images, packed ? gzipped(bytes) : bytes);
    write_file(labels, idx_bytes({3}, {7, 0, 9}));
    CHECK(read_damaged(images, read).refused > 300);
    write_file(images, bytes);
    CHECK(read_damaged(labels, read).refused > 300);
  }
}

TEST_CASE("damaged CIFAR files never do harm") {
  const TemporaryFolder folder;
  const std::string path = folder / "batch.bin";
  write_file(path, Bytes(2 * 3073, 3));
  CHECK(read_damaged(path, [&] { data::read_cifar({path}, 1, 10); }).refused > 100);
  write_file(path, gzipped(Bytes(2 * 3074, 3)));
  CHECK(read_damaged(path, [&] { data::read_cifar({path}, 2, 100); }).refused > 300);
}

TEST_CASE("damaged safetensors files never do harm") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  TensorFile file;
  file.metadata = {{"format", "test"}};
  const auto add = [&](const char* name, TensorSpec spec) {
    TensorFile::Tensor& tensor = file.tensors[name];
    tensor.spec = std::move(spec);
    tensor.bytes.resize(tensor.spec.bytes());
  };
  add("a", {DType::u8, {3}});
  add("b", {DType::f32, {2, 3}});
  add("c", {DType::i32, {}});
  write_safetensors(path, file);
  const Outcome outcome = read_damaged(path, [&] { read_safetensors(path); });
  CHECK(outcome.refused > 300);
  CHECK(outcome.read > 10);
}

}  // namespace tessera::tests
