// The macros with which a kernel file is specialized.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>

#include "backends/opencl/runtime/traits.h"

namespace tessera::opencl {

class Defines {
 public:
  template <class T>
  Defines& set(const std::string& name, const T& value) {
    values_[name] = fmt::format("{}", value);
    return *this;
  }
  /// "-D K=3 -D R=5", in order of name.
  std::string options() const {
    std::string text;
    for (const auto& [name, value] : values_)
      text += fmt::format("{}-D {}={}", text.empty() ? "" : " ", name, value);
    return text;
  }

 private:
  std::map<std::string, std::string> values_;
};

/// Returns what common.h reads: vectors of `width` lanes (0: the device's) and how the compiler
/// likes a kernel to be written.
inline Defines common_defines(const Traits& traits, std::size_t width = 0) {
  return Defines()
      .set("V", width ? width : traits.float_width)
      .set("LOCAL", traits.work_group)
      .set("USE_FMA", int{traits.fma})
      .set("USE_CLANG_BUILTINS", int{traits.clang_builtins});
}

}  // namespace tessera::opencl
