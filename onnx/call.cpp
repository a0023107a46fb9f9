#include "onnx/call.h"

#include <fmt/format.h>

#include <utility>

#include "tessera/error.h"

namespace tessera::importer {

std::int64_t checked_size(const std::string& name, std::int64_t found, std::int64_t least) {
  if (found < least || found > most_setting)
    throw Error("onnx",
                fmt::format("{} is {}, expected {} to {}", name, found, least, most_setting));
  return found;
}

const onnx::AttributeProto* Call::find(const std::string& attribute) const {
  for (const onnx::AttributeProto& a : node_.attribute())
    if (a.name() == attribute) return &a;
  return nullptr;
}

const onnx::AttributeProto* Call::find(const std::string& attribute, Type type) const {
  const onnx::AttributeProto* found = find(attribute);
  // Files of old versions have no type.
  if (found && found->type() != onnx::AttributeProto::UNDEFINED && found->type() != type)
    throw Error("onnx", fmt::format("attribute {} is of type {}, expected {}", attribute,
                                    static_cast<int>(found->type()),
                                    onnx::AttributeProto_AttributeType_Name(type)));
  return found;
}

bool Call::has_attribute(const std::string& attribute) const { return find(attribute) != nullptr; }

std::int64_t Call::integer(const std::string& attribute, std::int64_t otherwise) const {
  const auto* found = find(attribute, onnx::AttributeProto::INT);
  return found ? found->i() : otherwise;
}

std::int64_t Call::size(const std::string& attribute, std::int64_t otherwise) const {
  return checked_size(attribute, integer(attribute, otherwise), 1);
}

bool Call::flag(const std::string& attribute, bool otherwise) const {
  return integer(attribute, otherwise ? 1 : 0) != 0;
}

double Call::number(const std::string& attribute, double otherwise) const {
  const auto* found = find(attribute, onnx::AttributeProto::FLOAT);
  return found ? static_cast<double>(found->f()) : otherwise;
}

std::string Call::text(const std::string& attribute, const std::string& otherwise) const {
  const auto* found = find(attribute, onnx::AttributeProto::STRING);
  return found ? found->s() : otherwise;
}

std::vector<std::int64_t> Call::integers(const std::string& attribute,
                                         std::vector<std::int64_t> otherwise) const {
  const auto* found = find(attribute, onnx::AttributeProto::INTS);
  if (!found) return otherwise;
  return {found->ints().begin(), found->ints().end()};
}

std::vector<double> Call::numbers(const std::string& attribute) const {
  const auto* found = find(attribute, onnx::AttributeProto::FLOATS);
  if (!found) return {};
  return {found->floats().begin(), found->floats().end()};
}

Constant Call::tensor_attribute(const std::string& attribute) const {
  const auto* found = find(attribute, onnx::AttributeProto::TENSOR);
  if (!found || !found->has_t()) throw Error("onnx", fmt::format("has no tensor '{}'", attribute));
  check_data(found->t(), importer_.file().folder());
  return constant_of(found->t(), importer_.file().folder());
}

std::vector<Argument> Call::branch(const std::string& attribute) const {
  const auto* found = find(attribute, onnx::AttributeProto::GRAPH);
  if (!found || !found->has_g()) throw Error("onnx", fmt::format("has no graph '{}'", attribute));
  return importer_.import_graph(found->g());
}

void Call::expect(const std::string& attribute, std::int64_t value) const {
  const std::int64_t found = integer(attribute, value);
  if (found != value)
    throw Error("onnx", fmt::format("{} is {}, expected {}", attribute, found, value));
}

bool Call::has(std::size_t input) const {
  return input < inputs() && !node_.input(static_cast<int>(input)).empty();
}

Shape Call::for_batch(Shape shape) const {
  const BatchSize& batch = importer_.batch();
  if (!shape.empty() && batch.fixed > 0 && shape[0] == batch.fixed) shape[0] = batch.size;
  return shape;
}

bool Call::is_batch(const Shape& shape) const {
  return !shape.empty() && shape[0] == importer_.batch().size;
}

const std::string& Call::input_name(std::size_t input) const {
  if (!has(input)) throw Error("onnx", fmt::format("input {} is missing", input));
  return node_.input(static_cast<int>(input));
}

Shape Call::shape(std::size_t input) const {
  const Argument& found = argument(input);
  if (const Tensor* tensor = std::get_if<Tensor>(&found)) return shape_of(*tensor);
  if (const Constant* constant = std::get_if<Constant>(&found)) return constant->shape;
  return shape_of(*std::get<const onnx::TensorProto*>(found));
}

std::optional<std::vector<std::int64_t>> Call::setting(const std::string& attribute,
                                                       std::size_t input) const {
  if (has_attribute(attribute)) return integers(attribute);
  if (has(input)) return importer::integers(constant(input));
  return {};
}

std::optional<double> Call::number_setting(const std::string& attribute, std::size_t input) const {
  if (has_attribute(attribute)) return number(attribute, 0);
  if (!has(input)) return {};
  const Constant found = constant(input);
  if (found.numbers.size() != 1)
    throw Error("onnx",
                fmt::format("{} has {} elements, expected 1", attribute, found.numbers.size()));
  return found.numbers[0];
}

}  // namespace tessera::importer
