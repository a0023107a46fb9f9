// The CPU device: what it says about itself, its buffers, and its messages.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/base/machine.h"
#include "tests/cpu/environment.h"
#include "tests/cpu/workload.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

TEST_CASE("the device describes the machine") {
  const Environment threads("TESSERA_THREADS", "3");
  const auto device = open_device("cpu");
  const DeviceInfo& info = device->info();
  CHECK(info.id == "cpu");
  CHECK(info.usable);
  CHECK(info.type == DeviceType::cpu);
  CHECK(info.compute_units == 3);
  CHECK(info.memory_bytes > (1u << 20));
  CHECK(!info.name.empty());
  contains(info.driver, "Eigen 3.");
}

TEST_CASE("the number of threads comes from the environment or from the machine") {
  CHECK(thread_count() >= 1);
  {
    const Environment omp("OMP_NUM_THREADS", "5,2");
    CHECK(thread_count() == 5);
    const Environment threads("TESSERA_THREADS", "7");
    CHECK(thread_count() == 7);
  }
  for (const char* wrong : {"0", "-1", "many", "3x", "99999"}) {
    const Environment threads("TESSERA_THREADS", wrong);
    contains(refusal([] { open_device("cpu"); }),
             "TESSERA_THREADS is '" + std::string(wrong) + "', expected a number from 1 to");
    CHECK_FALSE(list_devices().front().usable);
  }
}

TEST_CASE("an allocation that cannot be says how much is needed and how much there is") {
  const auto device = open_device("cpu");
  const std::string message = refusal([&] { device->allocate(std::size_t{1} << 50); });
  contains(message, "1125899906842624 bytes (1048576.0 GiB) are needed");
  contains(message, std::to_string(device->info().memory_bytes));
}

TEST_CASE("uploads and downloads stay inside the buffer") {
  const auto device = open_device("cpu");
  const auto buffer = device->allocate(8);
  const std::vector<std::byte> sent = {std::byte{1}, std::byte{2}, std::byte{3}};
  std::vector<std::byte> found(3);
  device->upload(*buffer, 5, sent);
  device->download(*buffer, 5, found);
  CHECK(found == sent);
  contains(refusal([&] { device->upload(*buffer, 6, sent); }),
           "upload of 3 bytes at offset 6 does not fit a buffer of 8 bytes");
  contains(refusal([&] { device->download(*buffer, 9, found); }), "does not fit");
  CHECK(device->allocate(0)->bytes() == 0);
}

TEST_CASE("inputs and outputs are checked by name and size") {
  const auto device = open_device("cpu");
  Graph graph;
  graph.set_output("y", relu(graph.input("x", {DType::f32, {2, 3}})));
  Params params(*device);
  const auto executable = device->compile(Plan(graph), params);
  std::vector<std::byte> bytes(20);
  contains(refusal([&] { executable->set_input("x", bytes); }),
           "input 'x' is f32[2,3] of 24 bytes, found 20 bytes");
  contains(refusal([&] { executable->set_input("z", bytes); }),
           "there is no input 'z'; there are: x");
  contains(refusal([&] { executable->read_output("x", bytes); }),
           "there is no output 'x'; there are: y");
  contains(refusal([&] { executable->read_output("y", bytes); }), "found 20 bytes");
}

TEST_CASE("a plan needs its parameters") {
  const auto device = open_device("cpu");
  Graph graph;
  graph.set_output("y", relu(graph.parameter("w", {3}, {})));
  Params params(*device);
  contains(refusal([&] { device->compile(Plan(graph), params); }), "there is no 'w'");
}

TEST_CASE("algorithms can be asked for and are described with the refused ones") {
  const auto describe = [](const char* wishes) {
    const Environment algorithm("TESSERA_CPU_ALGORITHM", wishes);
    const auto device = open_device("cpu");
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {2, 3}});
    graph.set_output("y", matmul(x, reshape(x, {3, 2}), {}, {}, "product"));
    Params params(*device);
    return device->compile(Plan(graph), params)->describe();
  };
  CHECK(describe("").at(0) == "reshape_0: reshape view");
  contains(describe("").at(1), "product: matmul outer (dot refused: ");
  CHECK(describe("matmul=naive").at(1) == "product: matmul naive");
  contains(describe("matmul=naive,matmul=dot").at(1), "product: matmul naive (dot refused: ");
  contains(
      refusal([&] { describe("matmul=magic"); }),
      "[TESSERA_CPU_ALGORITHM] 'matmul=magic' names an unknown algorithm, expected OP=ALGORITHM "
      "with one of the algorithms dot, outer, eigen, naive");
  contains(refusal([&] { describe("mathmul=naive"); }), "with one of the ops abs, ");
  contains(refusal([&] { describe("matmul"); }), "OP=ALGORITHM");
}

}  // namespace
}  // namespace tessera
