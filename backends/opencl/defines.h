// The macros with which a kernel file is specialised.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>

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

}  // namespace tessera::opencl
