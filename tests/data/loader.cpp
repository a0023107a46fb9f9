// The loader's order, its ring, its end and its errors; and the shuffled order of an epoch.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <new>
#include <numeric>
#include <set>
#include <thread>

#include "tessera/data.h"
#include "tests/data/files.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

}  // namespace

// Counts the allocations of all threads, for the promise that a batch costs none.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  if (counting) ++allocations;
  return std::malloc(bytes ? bytes : 1);
}
void* operator new(std::size_t bytes) {
  if (void* memory = operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace tessera::tests {
namespace {

/// Sample i has label i and the bytes i, i+1, i+2, i+3, i+4, i+5.
class Counting : public ImageDataset {
 public:
  explicit Counting(std::int64_t size, std::int64_t broken = -1) : size_(size), broken_(broken) {}
  std::int64_t size() const override { return size_; }
  std::int64_t height() const override { return 1; }
  std::int64_t width() const override { return 2; }
  std::int64_t channels() const override { return 3; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    ++reads;
    if (index == broken_) throw Error("sample", "cannot be read");
    std::iota(pixels.begin(), pixels.end(), static_cast<std::uint8_t>(index));
    return static_cast<std::int32_t>(index);
  }
  mutable std::atomic<std::int64_t> reads{0};

 private:
  std::int64_t size_;
  std::int64_t broken_;
  std::vector<std::string> classes_;
};

/// The labels of all batches left, after checking the sizes and bytes.
std::vector<std::int32_t> drain(Loader& loader, std::int64_t batch_size) {
  std::vector<std::int32_t> labels;
  bool smaller = false;
  while (const Batch* batch = loader.next()) {
    CHECK_FALSE(smaller);  // only the last one is
    smaller = batch->size < batch_size;
    CHECK(batch->size >= 1);
    CHECK(batch->size <= batch_size);
    const auto images = batch->values<std::uint8_t>("image");
    const auto in_batch = batch->values<std::int32_t>("label");
    REQUIRE(std::ssize(in_batch) == batch->size);
    REQUIRE(std::ssize(images) == batch->size * 6);
    bool right = true;
    for (std::size_t i = 0; i < images.size(); ++i)
      right = right && images[i] == static_cast<std::uint8_t>(in_batch[i / 6] +
                                                              static_cast<std::int32_t>(i % 6));
    CHECK(right);
    labels.insert(labels.end(), in_batch.begin(), in_batch.end());
  }
  return labels;
}

std::vector<std::int32_t> range(std::int32_t first, std::int32_t end) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(end - first));
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

}  // namespace

TEST_CASE("the loader goes through the samples in order, the last batch smaller") {
  const Counting dataset(103);
  for (std::int64_t batch : {1, 5, 10, 102, 103, 104, 1000}) {
    CAPTURE(batch);
    Loader loader(dataset, {.batch = batch});
    CHECK(loader.batches() == (103 + batch - 1) / batch);
    CHECK(drain(loader, batch) == range(0, 103));
    CHECK(loader.next() == nullptr);
    CHECK(loader.next() == nullptr);
  }
}

TEST_CASE("the loader follows the order given, which may leave out and repeat") {
  const Counting dataset(20);
  Loader loader(dataset, {.batch = 2, .order = {19, 3, 3, 0, 7}});
  CHECK(loader.batches() == 3);
  CHECK(drain(loader, 2) == std::vector<std::int32_t>{19, 3, 3, 0, 7});
}

TEST_CASE("an epoch is resumed at a batch") {
  const Counting dataset(103);
  Loader loader(dataset, {.batch = 10, .first_batch = 7});
  CHECK(loader.batches() == 11);
  CHECK(drain(loader, 10) == range(70, 103));
  CHECK(dataset.reads == 33);
  Loader at_end(dataset, {.batch = 10, .first_batch = 11});
  CHECK(at_end.next() == nullptr);
}

TEST_CASE("an empty data set has no batches") {
  const Counting dataset(0);
  Loader loader(dataset, {.batch = 10});
  CHECK(loader.batches() == 0);
  CHECK(loader.next() == nullptr);
}

TEST_CASE("every epoch may have a loader and an order of its own") {
  const Counting dataset(50);
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    const auto order = shuffled_order(50, 1, epoch);
    Loader loader(dataset, {.batch = 8, .order = order});
    CHECK(drain(loader, 8) == std::vector<std::int32_t>(order.begin(), order.end()));
  }
}

TEST_CASE("a batch stays as it is until the next call") {
  const Counting dataset(100);
  Loader loader(dataset, {.batch = 1});
  const Batch* held = loader.next();
  // The thread has filled all it may when the reads no longer grow.
  std::int64_t before = 0;
  do {
    before = dataset.reads;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (before != dataset.reads);
  CHECK(before < 100);
  CHECK(held->values<std::int32_t>("label")[0] == 0);
  const auto images = held->values<std::uint8_t>("image");
  CHECK(std::vector<std::uint8_t>(images.begin(), images.end()) ==
        std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5});
  CHECK(drain(loader, 1) == range(1, 100));
}

TEST_CASE("a batch costs no allocation") {
  const Counting dataset(1000);
  Loader loader(dataset, {.batch = 7});
  loader.next();
  allocations = 0;
  counting = true;
  std::int64_t batches = 1;
  while (loader.next()) ++batches;
  counting = false;
  CHECK(batches == loader.batches());
  CHECK(allocations == 0);
}

TEST_CASE("what goes wrong in the thread comes out of next, after the batches before it") {
  const Counting dataset(100, 25);
  Loader loader(dataset, {.batch = 10});
  for (const std::int32_t first : {0, 10})
    CHECK(loader.next()->values<std::int32_t>("label")[0] == first);
  CHECK_THROWS_WITH_AS(loader.next(), "[sample] cannot be read", Error);
  CHECK_THROWS_WITH_AS(loader.next(), "[sample] cannot be read", Error);
}

TEST_CASE("a loader may be destroyed at any moment") {
  const Counting dataset(64);
  for (int taken = 0; taken <= 16; ++taken) {
    for (int repeat = 0; repeat < 10; ++repeat) {
      Loader loader(dataset, {.batch = 4});
      for (int i = 0; i < taken; ++i) REQUIRE(loader.next() != nullptr);
    }
  }
  const Counting large(1'000'000);
  { const Loader stopped(large, {.batch = 1}); }
  CHECK(large.reads < 10);
  const Counting broken(64, 0);
  const Loader unheard(broken, {.batch = 4});
}

TEST_CASE("options that make no sense are refused") {
  const Counting dataset(10);
  const auto error = [&](LoaderOptions options) {
    return error_of([&] { const Loader loader(dataset, std::move(options)); });
  };
  CHECK(error({.batch = 0}) == "[loader] batch is 0, expected at least 1");
  CHECK(error({.batch = 4, .order = {0, 10}}) ==
        "[loader] order has sample 10, but the data set has 10 samples");
  CHECK(error({.batch = 4, .first_batch = 4}) == "[loader] first batch is 4, expected 0 to 3");
  CHECK(error({.batch = 4, .first_batch = -1}) == "[loader] first batch is -1, expected 0 to 3");
  CHECK(error({.batch = INT64_MAX}) == "");
}

TEST_CASE("batches that the machine has no memory for are refused before any is taken") {
  constexpr std::int64_t size = std::int64_t{1} << 50;
  const Counting dataset(size);
  const std::string error = error_of([&] { const Loader loader(dataset, {.batch = size}); });
  CHECK(error.starts_with(
      "[loader] 4 batches of 1125899906842624 samples of 10 bytes need 41943040.0 "
      "GiB; the machine has "));
}

TEST_CASE("a shuffled order is a permutation that seed and epoch decide") {
  for (std::int64_t size : {0, 1, 2, 1000}) {
    auto order = shuffled_order(size, 7, 3);
    CHECK(order == shuffled_order(size, 7, 3));
    std::sort(order.begin(), order.end());
    std::vector<std::uint32_t> all(static_cast<std::size_t>(size));
    std::iota(all.begin(), all.end(), 0u);
    CHECK(order == all);
  }
  std::set<std::vector<std::uint32_t>> orders;
  for (std::uint64_t seed : {0u, 1u, 2u})
    for (std::uint64_t epoch : {0u, 1u, 2u}) orders.insert(shuffled_order(100, seed, epoch));
  CHECK(orders.size() == 9);
  CHECK(contains(error_of([] { shuffled_order(-1, 0, 0); }), "cannot shuffle -1 samples"));
  CHECK(contains(error_of([] { shuffled_order(std::int64_t{1} << 32, 0, 0); }), "[shuffle] "));
}

TEST_CASE("a shuffled order never changes from version to version") {
  using Order = std::vector<std::uint32_t>;  // worked out by a program of its own
  CHECK(shuffled_order(8, 0, 0) == Order{1, 0, 3, 2, 7, 5, 4, 6});
  CHECK(shuffled_order(8, 42, 5) == Order{6, 0, 2, 7, 4, 1, 3, 5});
  CHECK(shuffled_order(8, (std::uint64_t{1} << 63) + 12345, std::uint64_t{1} << 40) ==
        Order{1, 7, 2, 0, 4, 6, 5, 3});
}

TEST_CASE("all orders of three come up about as often") {
  std::map<std::vector<std::uint32_t>, int> count;
  for (std::uint64_t seed = 0; seed < 6000; ++seed) ++count[shuffled_order(3, seed, 0)];
  REQUIRE(count.size() == 6);
  for (const auto& [order, times] : count) {
    CHECK(times > 850);
    CHECK(times < 1150);
  }
}

}  // namespace tessera::tests
