// Runs of small graphs on each device, for tests of what devices do.
#pragma once

#include <doctest/doctest.h>

#include <span>
#include <utility>
#include <vector>

#include "tessera/device.h"
#include "tests/devices.h"

namespace tessera {

using Floats = std::vector<float>;

inline Plan plan_for(const Device& device, Graph graph) {
  return Plan(std::move(graph), device.plan_options());
}

inline void set(Executable& executable, const char* name, const Floats& numbers) {
  executable.set_input(name, std::as_bytes(std::span(numbers)));
}

inline Floats read(Executable& executable, const char* name, std::size_t count) {
  Floats numbers(count);
  executable.read_output(name, std::as_writable_bytes(std::span(numbers)));
  return numbers;
}

template <typename Test>
void on_each_device(const Test& test) {
  for (const auto& device : open_usable_devices()) {
    INFO("device: ", device->info().id, " (", device->info().name, ")");
    CHECK_NOTHROW(test(*device));
  }
}

}  // namespace tessera
