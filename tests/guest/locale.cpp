// The library reads and writes numbers alike whatever locale the program has set.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <clocale>
#include <cstdlib>
#include <fstream>
#include <locale>
#include <map>

#include "engine/base/control_group.h"
#include "engine/base/machine.h"
#include "engine/ops/chain.h"
#include "engine/passes/passes.h"
#include "engine/tuning/tuning_parts.h"
#include "tessera/augment.h"
#include "tessera/checkpoint.h"
#include "tessera/data.h"
#include "tessera/layers.h"
#include "tessera/ops.h"
#include "tessera/tuner.h"
#include "tests/data/temporary_folder.h"
#include "tests/devices.h"
#include "tests/refusal.h"
#include "tests/runs.h"
#ifdef TESSERA_HAS_ONNX
#include "onnx/metadata.h"
#endif

namespace tessera {
namespace {

/// 1.234.567,5
struct Decimal : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

ImageModel small_net() {
  return {"small", {4, 4, 1, {.mean = {0.485}, .deviation = {0.229}}}, {"a", "b"}, [](Var x) {
            return layers::dense(flatten(x), "fc", 2);
          }};
}

std::string written_checkpoint(const std::string& folder) {
  const auto device = open_device("cpu");
  ImageClassifier network(*device, small_net());
  TrainingState training{.data = "d", .batch = 1234, .step = 1234567};
  training.options = with_defaults({.lr = 0.125, .weight_decay = 0.0005});
  save_checkpoint(folder + "/net.safetensors", network, training);
  const Checkpoint read = read_checkpoint(folder + "/net.safetensors");
  return fmt::format("lr {} decay {} step {} mean {}", *read.training.options.lr,
                     *read.training.options.weight_decay, read.training.step,
                     fmt::join(read.input.options.mean, " "));
}

std::string data_set(const std::string& folder) {
  std::ofstream file(folder + "/data.csv", std::ios::binary);
  file.imbue(std::locale::classic());
  for (int row = 0; row < 20; ++row) file << row % 2 << ",1,2,3,250\n";
  file.close();
  const auto data = load_dataset("csv:" + folder + "/data.csv", Split::train, DatasetOptions{});
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(data->image_bytes()));
  const std::int32_t label = data->read(0, pixels);
  return fmt::format("{}: {}", label, fmt::join(pixels, " "));
}

/// The result of a chain whose numbers stand in the source of its kernel.
std::string computed(Device& device) {
  Graph graph;
  const Var x = graph.input("x", {DType::f32, {3}});
  graph.set_output("y", mul(leaky_relu(x, 0.125), 1234.5));
  join_chains(graph);
  Params params(device);
  const auto executable = device.compile(plan_for(device, graph), params);
  set(*executable, "x", {-1, 0.5f, 2});
  executable->run();
  return fmt::format("{}", fmt::join(read(*executable, "y", 3), " "));
}

std::string metadata() {
#ifdef TESSERA_HAS_ONNX
  const auto written = onnx_metadata(small_net());
  const ImageOptions read = image_options({{"tessera.mean", "0.485\n0.25"},
                                           {"tessera.deviation", "1e-2\n2.5"},
                                           {"tessera.padding", "4"}});
  return fmt::format("{} {} {} {}", written, fmt::join(read.mean, " "),
                     fmt::join(read.deviation, " "), read.padding);
#else
  return {};
#endif
}

/// Something of each kind of text that the library reads or writes.
std::map<std::string, std::string> all_texts(const std::vector<std::unique_ptr<Device>>& devices) {
  const tests::TemporaryFolder folder;
  std::map<std::string, std::string> texts;
  texts["machine"] =
      fmt::format("{} {} {}", read_machine().memory_bytes, last_cache_bytes(), thread_count());
  const GroupLimits limits = read_group_limits();
  texts["groups"] =
      fmt::format("{} {}", limits.memory_bytes.value_or(0), limits.processors.value_or(0));
  texts["augmentation"] = to_string(augmentation_of("crop=4,flip=0.25,rotate=12.5"));
  texts["refusal"] = refusal([] { augmentation_of("flip=1.5"); });
  const Attributes program = {{"program", std::string("leaky_relu(x0,0.125) add(t0,x1)")}};
  texts["chain"] = to_string(to_chain(program).steps);
  texts["attributes"] =
      to_json(attributes_of(to_json(Attributes{{"a", 0.5}, {"b", 1234567.25}}))).dump();
  texts["checkpoint"] = written_checkpoint(folder.path());
  texts["data"] = data_set(folder.path());
  texts["metadata"] = metadata();
  for (const auto& device : devices) texts[device->info().id] = computed(*device);
  return texts;
}

void compare(const std::map<std::string, std::string>& found,
             const std::map<std::string, std::string>& expected) {
  for (const auto& entry : expected) {
    INFO(entry.first);
    CHECK(found.at(entry.first) == entry.second);
  }
}

/// The name of a locale with a decimal comma, which is made where the system has none; empty if it
/// cannot be made.
std::string comma_locale(const std::string& folder, const std::string& charset) {
  const std::string path = folder + "/de_DE." + charset;
  const std::string make = "localedef -i de_DE -f " + charset + " " + path + " >/dev/null 2>&1";
  [[maybe_unused]] const int status = std::system(make.c_str());
  setenv("LOCPATH", folder.c_str(), 1);
  return std::setlocale(LC_ALL, ("de_DE." + charset).c_str()) ? "de_DE." + charset : "";
}

}  // namespace

TEST_CASE("the library knows no locale of C++") {
  const auto devices = open_usable_devices();
  const auto expected = all_texts(devices);
  CHECK(expected.at("chain") == "leaky_relu(x0,0.125) add(t0,x1)");
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Decimal));
  const auto found = all_texts(devices);
  std::locale::global(before);
  compare(found, expected);
}

TEST_CASE("the library knows no locale of C") {
  const tests::TemporaryFolder folder;
  const auto devices = open_usable_devices();
  const auto expected = all_texts(devices);
  for (const char* charset : {"UTF-8", "ISO-8859-1"}) {
    const std::string name = comma_locale(folder.path(), charset);
    if (name.empty()) {
      MESSAGE("there is no localedef to make a locale of ", charset);
      continue;
    }
    INFO(name);
    CHECK(std::string(std::localeconv()->decimal_point) == ",");
    const auto found = all_texts(devices);
    std::setlocale(LC_ALL, "C");
    compare(found, expected);
  }
  unsetenv("LOCPATH");
}

}  // namespace tessera
