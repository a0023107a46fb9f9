// Samples by index, as named tensors, and the loader: a background thread that fills the next batch
// while the device works.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tessera/export.h"
#include "tessera/spec.h"

namespace tessera {

/// A named tensor of each sample.
struct SampleSpec {
  std::string name;
  TensorSpec spec;  ///< of one sample, without the dimension of the batch; a number has shape []

  /// Whether name, element type and shape are equal.
  bool operator==(const SampleSpec&) const = default;
};

/// "x f32[2], label i32[]".
TESSERA_API std::string to_string(const std::vector<SampleSpec>& specs);

/// The tensors of some samples, by name.
struct TESSERA_API Batch {
  /// One tensor of all samples.
  struct Tensor {
    SampleSpec sample;
    std::vector<std::byte> bytes;  ///< [size, shape of a sample], dense
  };
  std::int64_t size = 0;  ///< samples; the last batch of an epoch may be smaller
  std::vector<Tensor> tensors;

  /// Returns a tensor, or nullptr if there is none of this name.
  const Tensor* find(std::string_view name) const;
  /// Returns the elements of a tensor, which may be changed. Throws Error that lists the names if
  /// there is no such tensor, and if `T` is not its element type.
  template <typename T>
  std::span<T> values(std::string_view name) {
    const Tensor& tensor = checked(name, dtype_of<T>());
    return {reinterpret_cast<T*>(const_cast<std::byte*>(tensor.bytes.data())),
            tensor.bytes.size() / sizeof(T)};
  }
  /// See above.
  template <typename T>
  std::span<const T> values(std::string_view name) const {
    const Tensor& tensor = checked(name, dtype_of<T>());
    return {reinterpret_cast<const T*>(tensor.bytes.data()), tensor.bytes.size() / sizeof(T)};
  }

 private:
  template <typename T>
  static constexpr DType dtype_of() {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, std::int32_t> ||
                  std::is_same_v<T, std::uint8_t>);
    if constexpr (std::is_same_v<T, float>) return DType::f32;
    if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
    return DType::u8;
  }
  const Tensor& checked(std::string_view name, DType dtype) const;
};

/// Samples by index. Implementations are read-only after construction, so that threads may share
/// one.
class TESSERA_API Dataset {
 public:
  virtual ~Dataset() = default;
  /// Number of samples.
  virtual std::int64_t size() const = 0;
  /// The tensors of each sample. All samples have the same.
  virtual std::vector<SampleSpec> inputs() const = 0;
  /// Copies the tensors of a sample, dense, in the order of inputs().
  virtual void read_sample(std::int64_t index,
                           std::span<const std::span<std::byte>> tensors) const = 0;
  /// Whether reading is so much work that several threads should share it.
  virtual bool is_slow() const { return false; }
};

/// Samples in memory.
class TESSERA_API TensorDataset : public Dataset {
 public:
  /// A data set of `size` samples without tensors. Throws Error if `size` is negative.
  explicit TensorDataset(std::int64_t size);
  /// Adds a tensor of all samples, [size, shape of a sample], dense. Throws Error if the name is
  /// taken or the number of bytes does not fit.
  void add(SampleSpec sample, std::span<const std::byte> bytes);
  /// See above; `sample_shape` is the shape of one sample.
  void add(std::string name, Shape sample_shape, std::span<const float> values);
  /// See above.
  void add(std::string name, Shape sample_shape, std::span<const std::int32_t> values);

  std::int64_t size() const override { return batch_.size; }
  std::vector<SampleSpec> inputs() const override;
  /// Throws Error if there is no such sample.
  void read_sample(std::int64_t index,
                   std::span<const std::span<std::byte>> tensors) const override;

 private:
  Batch batch_;
};

/// Returns a permutation of 0 .. size-1 for an epoch: Fisher-Yates with Philox, equal everywhere.
TESSERA_API std::vector<std::uint32_t> shuffled_order(std::int64_t size, std::uint64_t seed,
                                                      std::uint64_t epoch);

/// What a pass goes over, and how.
struct LoaderOptions {
  std::int64_t batch = 64;
  /// Sample indices in the order wanted; empty means 0 .. size-1.
  std::vector<std::uint32_t> order = {};
  /// Batches skipped at the start: how a resumed epoch continues.
  std::int64_t first_batch = 0;
  /// Called in the background thread for each batch, before it is filled and when it is.
  std::function<void(bool filled)> on_batch = {};
};

/// One pass over a data set.
class TESSERA_API Loader {
 public:
  /// The data set must outlive the loader. Throws Error for options that are out of range.
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Returns the next batch, valid until the next call; nullptr at the end. Rethrows what went
  /// wrong in the background thread.
  const Batch* next();
  /// Batches of the whole pass, those skipped included.
  std::int64_t batches() const;

 private:
  void fill_all();
  void fill(std::int64_t number, Batch& batch) const;

  const Dataset& dataset_;
  LoaderOptions options_;
  std::vector<Batch> ring_;
  std::int64_t filled_ = 0;  ///< batches ready so far
  std::int64_t taken_ = 0;   ///< batches handed out so far
  bool stop_ = false;
  std::exception_ptr failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace tessera
