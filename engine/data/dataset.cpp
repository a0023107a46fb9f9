#include "tessera/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/base/checked_size.h"
#include "tessera/error.h"

namespace tessera {

std::string to_string(const std::vector<SampleSpec>& specs) {
  std::string text;
  for (const auto& [name, spec] : specs)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, to_string(spec));
  return text.empty() ? "nothing" : text;
}

const Batch::Tensor* Batch::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Tensor& tensor) { return tensor.sample.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

const Batch::Tensor& Batch::checked(std::string_view name, DType dtype) const {
  const Tensor* const tensor = find(name);
  if (tensor && tensor->sample.spec.dtype == dtype) return *tensor;
  std::vector<SampleSpec> all;
  for (const Tensor& each : tensors) all.push_back(each.sample);
  throw Error("batch",
              fmt::format("has no '{}' of {}; it has: {}", name, to_string(dtype), to_string(all)));
}

TensorDataset::TensorDataset(std::int64_t size) {
  if (size < 0)
    throw Error("data", fmt::format("the number of samples is {}, expected at least 0", size));
  batch_.size = size;
}

void TensorDataset::add(SampleSpec sample, std::span<const std::byte> bytes) {
  if (batch_.find(sample.name)) throw Error("data", "has two tensors named '" + sample.name + "'");
  const auto expected = static_cast<std::size_t>(
      checked_mul(static_cast<std::int64_t>(sample.spec.bytes()), batch_.size, "the data"));
  if (bytes.size() != expected)
    throw Error("data", fmt::format("'{}' has {} bytes, expected {} for {} samples {}", sample.name,
                                    bytes.size(), expected, batch_.size, to_string(sample.spec)));
  batch_.tensors.push_back({std::move(sample), {bytes.begin(), bytes.end()}});
}

void TensorDataset::add(std::string name, Shape sample_shape, std::span<const float> values) {
  add({std::move(name), {DType::f32, std::move(sample_shape)}}, std::as_bytes(values));
}

void TensorDataset::add(std::string name, Shape sample_shape,
                        std::span<const std::int32_t> values) {
  add({std::move(name), {DType::i32, std::move(sample_shape)}}, std::as_bytes(values));
}

std::vector<SampleSpec> TensorDataset::inputs() const {
  std::vector<SampleSpec> specs;
  for (const Batch::Tensor& tensor : batch_.tensors) specs.push_back(tensor.sample);
  return specs;
}

void TensorDataset::read_sample(std::int64_t index,
                                std::span<const std::span<std::byte>> tensors) const {
  if (index < 0 || index >= size())
    throw Error("data", fmt::format("there is no sample {}, expected below {}", index, size()));
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::size_t bytes = tensors[i].size();
    std::copy_n(batch_.tensors.at(i).bytes.begin() +
                    static_cast<std::ptrdiff_t>(static_cast<std::size_t>(index) * bytes),
                bytes, tensors[i].begin());
  }
}

}  // namespace tessera
