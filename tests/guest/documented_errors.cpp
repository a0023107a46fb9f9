// What the public headers say of Errors: those that no other test looks at.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "tessera/checkpoint.h"
#include "tessera/data.h"
#include "tessera/layers.h"
#include "tessera/safetensors.h"
#include "tessera/schedule.h"
#include "tessera/tuner.h"
#include "tessera/tuning.h"
#include "tessera/verdict.h"
#include "tests/cpu/environment.h"
#include "tests/data/temporary_folder.h"
#include "tests/devices.h"
#include "tests/refusal.h"

namespace tessera {
namespace {

/// Black images whose labels are given.
class Labeled : public ImageDataset {
 public:
  explicit Labeled(std::vector<std::int32_t> labels) : labels_(std::move(labels)) {}
  std::int64_t size() const override { return std::ssize(labels_); }
  std::int64_t height() const override { return 2; }
  std::int64_t width() const override { return 2; }
  std::int64_t channels() const override { return 1; }
  const std::vector<std::string>& classes() const override { return classes_; }
  std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const override {
    std::fill(pixels.begin(), pixels.end(), std::uint8_t{0});
    return labels_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<std::int32_t> labels_;
  std::vector<std::string> classes_ = {"a", "b", "c"};
};

ImageModel model_of(const ImageDataset& data) {
  return {"net", {2, 2, 1, {}}, data.classes(), [](Var x) {
            return layers::dense(flatten(x), "fc", 3);
          }};
}

/// A path below a file, which cannot be a folder.
std::string impossible(const tests::TemporaryFolder& folder) {
  std::ofstream(folder / "file") << "x";
  return folder / "file/below";
}

}  // namespace

TEST_CASE("an evaluation refuses labels that have no class") {
  const Labeled right({0, 2, 1});
  for (const auto& device : open_usable_devices()) {
    ImageClassifier network(*device, model_of(right));
    CHECK(network.evaluate(right, 2).images == 3);
    CHECK(refusal([&] {
            network.evaluate(Labeled({0, 1, 3}), 2);
          }) == "[data] image 2 has label 3, expected 0 to 2");
    CHECK(refusal([&] {
            network.evaluate(Labeled({0, -1, 2}), 2);
          }) == "[data] image 1 has label -1, expected 0 to 2");
  }
}

TEST_CASE("a network refuses what does not fit its model") {
  const Labeled data({0});
  const auto device = open_device("cpu");
  ImageClassifier network(*device, model_of(data));
  const std::vector<std::uint8_t> pixels(4);
  CHECK(network.predict(pixels, 1).size() == 3);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{2}})
    CHECK(refusal([&] { network.predict(pixels, count); }).starts_with("[predict] found 4 bytes"));
  CHECK(refusal([&] { network.predict(pixels, most); }).find("63 bits") != std::string::npos);
  ImageModel other = model_of(data);
  other.classes.pop_back();
  CHECK_FALSE(refusal([&] { ImageClassifier(*device, other); }).empty());
  CHECK(refusal([&] {
          network.params().add_state("fc.weight", {DType::f32, {1}}, {});
        }) == "[params] there is a 'fc.weight' already");
}

TEST_CASE("names that mean nothing are refused with those that do") {
  CHECK(refusal([] { optimizer_of("sdg"); }).find("sgd, adam") != std::string::npos);
  CHECK(refusal([] { on_nan_of("go"); }).find("stop, skip") != std::string::npos);
  CHECK(refusal([] { schedule_of("cosinus"); }).find("cosine") != std::string::npos);
  CHECK(refusal([] { loss_of("l2"); }).find("cross-entropy, bce") != std::string::npos);
}

TEST_CASE("lines that are none of the tuner's are refused") {
  for (const char* line : {"", "x", "{}", "[]", "{\"op\": 3}", "null"}) {
    INFO(line);
    CHECK_FALSE(refusal([&] { tuning_job_of(line); }).empty());
    CHECK_FALSE(refusal([&] { tuning_report_of(line); }).empty());
  }
}

TEST_CASE("errors have types that a program can catch") {
  for (const auto& device : open_usable_devices()) {
    CAPTURE(device->info().id);
    CHECK_THROWS_AS(device->allocate(std::size_t{1} << 50), OutOfMemory);
    Graph graph;
    const Var x = graph.input("x", {DType::f32, {std::int64_t{1} << 48}});
    graph.set_output("y", relu(x));
    Params params(*device);
    CHECK_THROWS_AS(device->compile(Plan(graph, device->plan_options()), params), OutOfMemory);
  }
  const tests::TemporaryFolder folder;
  const std::string file = folder / "file";
  CHECK_THROWS_AS(read_safetensors(file), InvalidFile);  // there is none
  for (const char* content : {"", "x", "12345678{}"}) {
    std::ofstream(file) << content;
    CHECK_THROWS_AS(read_safetensors(file), InvalidFile);
    CHECK_THROWS_AS(read_checkpoint(file), InvalidFile);
    CHECK_THROWS_AS(load_dataset("csv:" + file, Split::train, DatasetOptions()), InvalidFile);
  }
}

TEST_CASE("what cannot be written is refused") {
  const tests::TemporaryFolder folder;
  const std::string path = impossible(folder);
  CHECK_FALSE(refusal([&] { check_checkpoint_path(path); }).empty());
  CHECK_FALSE(refusal([&] { check_checkpoint_path(folder.path()); }).empty());
  const Environment tuning("TESSERA_TUNING_DIR", path), doctor("TESSERA_DOCTOR_DIR", path);
  const DeviceInfo info = open_device("cpu")->info();
  CHECK_FALSE(refusal([&] { store_tuning(info, {}); }).empty());
  CHECK_FALSE(refusal([&] { store_verdict(info, {"wrong"}); }).empty());
  std::ofstream(folder / "none").flush();
  CHECK_FALSE(refusal([&] { read_class_names(folder / "none"); }).empty());
  CHECK_FALSE(refusal([&] { read_class_names(path); }).empty());
}

}  // namespace tessera
