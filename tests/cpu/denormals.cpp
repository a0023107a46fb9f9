// Numbers below 1.2e-38 count as zero in a run, on every thread, and outside as before.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tessera/device.h"
#include "tessera/graph.h"
#include "tessera/ops.h"
#include "tessera/params.h"
#include "tessera/plan.h"
#include "tests/cpu/environment.h"

#if defined(__SSE__)
namespace tessera {
namespace {

TEST_CASE("denormal operands and results are zero in a run, and nowhere else") {
  const Environment threads("TESSERA_THREADS", "2");
  const auto device = open_device("cpu");
  constexpr std::int64_t size = 1 << 20;  // enough for both threads
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {size}});
  graph.set_output("operand", mul(x, 1e10));
  graph.set_output("result", mul(add(x, 1.2e-38), 0.5));
  Params params(*device);
  const auto executable = device->compile(Plan(graph), params);
  const std::vector<float> denormal(size, 1e-40f);
  executable->set_input("x", std::as_bytes(std::span(denormal)));
  executable->run();
  std::vector<float> found(size, 1.0f);
  for (const char* output : {"operand", "result"}) {
    INFO(std::string(output));
    executable->read_output(output, std::as_writable_bytes(std::span(found)));
    CHECK(std::all_of(found.begin(), found.end(), [](float y) { return y == 0; }));
  }
  volatile float outside = 1e-40f;
  CHECK(outside * 2 > 0);
}

}  // namespace
}  // namespace tessera
#endif
