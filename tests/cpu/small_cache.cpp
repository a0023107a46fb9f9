// What depends on the size of the cache, on devices with a small one.
#include <doctest/doctest.h>

#include "backends/cpu/runtime/device.h"
#include "tessera/classifier.h"
#include "tessera/models.h"
#include "tests/check_cases.h"
#include "tests/training/synthetic.h"

namespace tessera::cpu {

TEST_CASE("past a small cache") {
  constexpr std::uint64_t cache_bytes = 4;
  std::vector<CheckedDevice> devices;
  devices.push_back({"a small cache", std::make_unique<CpuDevice>(cache_bytes)});
  check_cases(cases::conv2d_cases(), devices);
}

TEST_CASE("predictions in pieces that stay in the cache") {
  constexpr std::int64_t count = 45;
  const SyntheticImages dataset(count);
  std::vector<std::uint8_t> images(static_cast<std::size_t>(count * dataset.image_bytes()));
  for (std::int64_t i = 0; i < count; ++i)
    dataset.read(i, std::span(images).subspan(static_cast<std::size_t>(i * dataset.image_bytes()),
                                              static_cast<std::size_t>(dataset.image_bytes())));
  const auto run = [&](std::uint64_t cache_bytes, bool whole) {
    CpuDevice device(cache_bytes);
    device.set_profiling(true);
    const ImageInput input{dataset.height(), dataset.width(), dataset.channels(), {}};
    ImageClassifier network(device, make_model("tutorial", input, dataset.classes()), 5);
    std::vector<float> found = network.predict(images, count);
    const ClassifierEvaluation evaluation = network.evaluate(dataset, count);
    found.push_back(static_cast<float>(evaluation.loss));
    found.push_back(static_cast<float>(evaluation.accuracy));
    CHECK(network.evaluation(count).take_records().empty() != whole);
    return found;
  };
  const std::vector<float> whole = run(0, true), pieces = run(1 << 20, false);
  REQUIRE(whole.size() == pieces.size());
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(pieces[i] == doctest::Approx(whole[i]));
  CHECK(run(1 << 30, true) == whole);
}

}  // namespace tessera::cpu
