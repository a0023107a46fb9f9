#include "tessera/custom_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/ascii.h"
#include "tessera/error.h"

namespace tessera {
namespace {

void check_name(const std::string& name) {
  const auto fits = [](char c) { return is_ascii_alnum(c) || c == '_'; };
  if (name.empty() || !std::all_of(name.begin(), name.end(), fits))
    throw Error("custom op",
                fmt::format("the name is '{}', expected letters, digits and '_'", name));
  for (const Op* op : all_ops())
    if (op->name == name)
      throw Error("custom op", fmt::format("'{}' is the name of a built-in op", name));
}

CustomOpDefinition checked(CustomOpDefinition definition) {
  check_name(definition.name);
  if (!definition.infer) throw Error(definition.name, "a custom op has no 'infer'");
  if (!definition.cpu && !definition.opencl)
    throw Error(definition.name, "a custom op has neither 'cpu' nor 'opencl'");
  if (definition.opencl && !definition.opencl->launches)
    throw Error(definition.name, "a custom op has OpenCL kernels without 'launches'");
  return definition;
}

}  // namespace

CustomOp::CustomOp(CustomOpDefinition definition)
    : definition_(checked(std::move(definition))),
      op_{.name = definition_.name,
          .infer = definition_.infer,
          .gradient = definition_.gradient,
          .custom = this} {}

}  // namespace tessera
