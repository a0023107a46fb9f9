// Which device is opened for which name, and what is said when there is none.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "tessera/device.h"
#include "tessera/error.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

/// Sets an environment variable and puts it back.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value, 1);
  }
  ~Environment() {
    if (before_)
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

std::string message_of_opening(const char* selector) {
  try {
    open_device(selector);
  } catch (const Error& error) {
    return error.what();
  }
  return "opened";
}

}  // namespace

TEST_CASE("the CPU backend comes first in the list and is usable") {
  const auto devices = list_devices();
  REQUIRE_FALSE(devices.empty());
  CHECK(devices[0].id == "cpu");
  CHECK(devices[0].usable);
  CHECK(devices[0].type == DeviceType::cpu);
  for (const DeviceInfo& info : devices) {
    INFO(info.id);
    CHECK((info.id == "cpu" || info.id.starts_with("opencl:")));
    CHECK(info.usable == info.reason.empty());
    CHECK(std::count_if(devices.begin(), devices.end(),
                        [&](const DeviceInfo& other) { return other.id == info.id; }) == 1);
  }
}

TEST_CASE("devices are opened by id") {
  for (const DeviceInfo& info : list_devices())
    if (info.usable) CHECK(open_device(info.id)->info().id == info.id);
}

TEST_CASE("devices are opened by a part of their name, in any case") {
  const auto devices = list_devices();
  for (const DeviceInfo& info : devices) {
    std::string name = info.name;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const auto first = std::find_if(devices.begin(), devices.end(), [&](const DeviceInfo& other) {
      return other.name == info.name;
    });
    if (first->usable) CHECK(open_device(name)->info().id == first->id);
  }
}

TEST_CASE("a part of several names is refused") {
  const auto devices = list_devices();
  const auto other = std::find_if(devices.begin(), devices.end(), [&](const DeviceInfo& info) {
    return info.usable && info.name != devices[0].name &&
           info.name.find(devices[0].name.substr(0, 5)) != std::string::npos;
  });
  if (other == devices.end()) return;
  CHECK(refusal([&] {
          open_device(devices[0].name.substr(0, 5));
        }).find("fits cpu (" + devices[0].name + ") and ") != std::string::npos);
}

TEST_CASE("auto opens a GPU if there is one, else the CPU backend") {
  const auto opened = open_device("auto")->info();
  const auto devices = list_devices();
  const bool gpu = std::any_of(devices.begin(), devices.end(), [](const DeviceInfo& info) {
    return info.usable &&
           (info.type == DeviceType::discrete_gpu || info.type == DeviceType::integrated_gpu);
  });
  CHECK((opened.id == "cpu") == !gpu);
}

TEST_CASE("without a name the environment decides") {
  {
    const Environment set("TESSERA_DEVICE", "cpu");
    CHECK(open_device()->info().id == "cpu");
  }
  {
    const Environment set("TESSERA_DEVICE", "no such thing");
    CHECK_THROWS_AS(open_device(), Error);
    CHECK(open_device("cpu")->info().id == "cpu");  // a name goes first
  }
  const Environment set("TESSERA_DEVICE", "");
  CHECK(open_device()->info().id == open_device("auto")->info().id);
}

TEST_CASE("an unknown device is refused with a list of what there is") {
  const std::string message = message_of_opening("no such thing");
  CHECK(message.find("[device] there is no device 'no such thing'; there are: cpu (") == 0);
  for (const DeviceInfo& info : list_devices())
    CHECK(message.find(info.id + " (" + info.name + ")") != std::string::npos);
  CHECK(message_of_opening("opencl:99:99").find("[device] there is no device 'opencl:99:99'") == 0);
}

TEST_CASE("a device that is not usable is refused with the reason") {
  const Environment set("TESSERA_CPU_ISA", "x86-64-v99");
  const DeviceInfo cpu = list_devices()[0];
  CHECK_FALSE(cpu.usable);
  CHECK(cpu.reason.find("x86-64-v99") != std::string::npos);
  CHECK(message_of_opening("cpu").find("x86-64-v99") != std::string::npos);
}

TEST_CASE("a precision has a name, and what a device cannot do it says") {
  for (const char* name : {"float32", "tf32", "bf16"})
    CHECK(to_string(matmul_precision(name)) == name);
  CHECK_THROWS_WITH_AS(
      matmul_precision("fp16"),
      "[device] there is no matmul precision 'fp16'; there are: float32, tf32, bf16", Error);
  const auto cpu = open_device("cpu");
  CHECK(cpu->set_matmul_precision(MatmulPrecision::float32).empty());
  CHECK(cpu->set_matmul_precision(MatmulPrecision::tf32) ==
        cpu->info().name + " computes in float32 only");
}

}  // namespace tessera
