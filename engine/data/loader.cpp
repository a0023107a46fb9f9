// The loader: a background thread fills a ring of batches that are allocated once. Also the order
// of an epoch.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>

#include "engine/base/machine.h"
#include "engine/base/parallel.h"
#include "engine/base/philox.h"
#include "tessera/dataset.h"
#include "tessera/error.h"

namespace tessera {
namespace {

// The caller holds one batch; the others are being filled or are ready.
constexpr std::size_t ring_size = 4;

std::int64_t sample_count(const Dataset& dataset, const LoaderOptions& options) {
  return options.order.empty() ? dataset.size() : std::ssize(options.order);
}

/// Checks before the allocation, since the system overcommits memory and would kill the process
/// later.
void check_memory(std::int64_t samples, std::size_t sample_bytes) {
  const double gib = 1 << 30, memory = static_cast<double>(read_machine().memory_bytes);
  const double bytes = static_cast<double>(ring_size) * static_cast<double>(samples) *
                       static_cast<double>(sample_bytes);
  if (bytes <= memory) return;
  throw OutOfMemory(
      "loader",
      fmt::format(
          "{} batches of {} samples of {} bytes need {:.1f} GiB; the machine has {:.1f} GiB",
          ring_size, samples, sample_bytes, bytes / gib, memory / gib));
}

}  // namespace

std::vector<std::uint32_t> shuffled_order(std::int64_t size, std::uint64_t seed,
                                          std::uint64_t epoch) {
  if (size < 0 || size > std::numeric_limits<std::uint32_t>::max())
    throw Error("shuffle", fmt::format("cannot shuffle {} samples, expected 0 to 2^32-1", size));
  std::vector<std::uint32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0u);
  Philox generator(seed, fmt::format("shuffle {}", epoch));
  for (std::size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[generator.below(static_cast<std::uint32_t>(left))]);
  return order;
}

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : dataset_(dataset), options_(std::move(options)) {
  if (options_.batch < 1)
    throw Error("loader", fmt::format("batch is {}, expected at least 1", options_.batch));
  for (std::uint32_t index : options_.order)
    if (index >= dataset_.size())
      throw Error("loader", fmt::format("order has sample {}, but the data set has {} samples",
                                        index, dataset_.size()));
  if (options_.first_batch < 0 || options_.first_batch > batches())
    throw Error("loader", fmt::format("first batch is {}, expected 0 to {}", options_.first_batch,
                                      batches()));
  const std::int64_t most = std::min(options_.batch, sample_count(dataset_, options_));
  const std::vector<SampleSpec> inputs = dataset_.inputs();
  std::size_t sample_bytes = 0;
  for (const SampleSpec& input : inputs) sample_bytes += input.spec.bytes();
  check_memory(most, sample_bytes);
  ring_.resize(ring_size);
  for (Batch& batch : ring_)
    for (const SampleSpec& input : inputs)
      batch.tensors.push_back(
          {input, std::vector<std::byte>(input.spec.bytes() * static_cast<std::size_t>(most))});
  try {
    thread_ = std::thread([this] { fill_all(); });
  } catch (const std::system_error&) {
    throw OutOfMemory("loader", "cannot start a thread: too many threads, or out of memory");
  }
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::int64_t Loader::batches() const {
  const std::int64_t samples = sample_count(dataset_, options_);
  return samples / options_.batch + (samples % options_.batch != 0);
}

const Batch* Loader::next() {
  std::unique_lock lock(mutex_);
  if (options_.first_batch + taken_ == batches()) return nullptr;
  changed_.wait(lock, [this] { return filled_ > taken_ || failure_; });
  if (filled_ == taken_) std::rethrow_exception(failure_);
  const Batch& batch = ring_[static_cast<std::size_t>(taken_) % ring_size];
  ++taken_;
  lock.unlock();
  changed_.notify_all();
  return &batch;
}

// The caller owns the slot of batch `taken_ - 1` until the next call.
void Loader::fill_all() {
  const std::int64_t wanted = batches() - options_.first_batch;
  for (std::int64_t i = 0; i < wanted; ++i) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock,
                    [&] { return stop_ || i + 1 < taken_ + static_cast<std::int64_t>(ring_size); });
      if (stop_) return;
    }
    try {
      if (options_.on_batch) options_.on_batch(false);
      fill(options_.first_batch + i, ring_[static_cast<std::size_t>(i) % ring_size]);
      if (options_.on_batch) options_.on_batch(true);
      const std::lock_guard lock(mutex_);
      ++filled_;
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    changed_.notify_all();
    if (failure_) return;
  }
}

void Loader::fill(std::int64_t number, Batch& batch) const {
  const std::int64_t first = number * options_.batch;
  batch.size = std::min(options_.batch, sample_count(dataset_, options_) - first);
  for (Batch::Tensor& tensor : batch.tensors)
    tensor.bytes.resize(tensor.sample.spec.bytes() * static_cast<std::size_t>(batch.size));
  const auto read = [&](std::size_t i) {
    const std::int64_t position = first + static_cast<std::int64_t>(i);
    const std::int64_t index =
        options_.order.empty() ? position : options_.order[static_cast<std::size_t>(position)];
    thread_local std::vector<std::span<std::byte>> places;  // no allocation for each sample
    places.clear();
    for (Batch::Tensor& tensor : batch.tensors) {
      const std::size_t bytes = tensor.sample.spec.bytes();
      places.push_back(std::span(tensor.bytes).subspan(i * bytes, bytes));
    }
    dataset_.read_sample(index, places);
  };
  const auto count = static_cast<std::size_t>(batch.size);
  if (dataset_.is_slow()) return parallel_for(count, read);
  for (std::size_t i = 0; i < count; ++i) read(i);
}

}  // namespace tessera
