// The readers of files: of data, weights, nets, and of what is kept between runs.
#include <fmt/format.h>
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "backends/opencl/programs/disk_cache.h"
#include "engine/data/cifar.h"
#include "engine/data/csv.h"
#include "engine/data/idx.h"
#include "engine/data/image_format.h"
#include "engine/data/npy.h"
#include "engine/data/picture.h"
#include "tessera/check.h"
#include "tessera/checkpoint.h"
#include "tessera/data.h"
#include "tessera/device.h"
#include "tessera/error.h"
#include "tessera/models.h"
#include "tessera/onnx.h"
#include "tessera/safetensors.h"
#include "tessera/state_dict.h"
#include "tessera/tuning.h"
#include "tessera/verdict.h"
#include "tests/data/temporary_folder.h"
#include "tests/fuzz/target.h"
#include "tools/shared/run_config.h"

namespace tessera::fuzz {
namespace {

/// A folder for the files of this process, in which most are overwritten again and again.
std::string path(const std::string& name) {
  static const tests::TemporaryFolder folder;
  return folder / name;
}

std::string file(const std::string& name, Input bytes) {
  const std::string written = path(name);
  std::filesystem::remove(written);  // some file systems flush one that is written again
  std::ofstream(written, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return written;
}

/// An input that stands for two files: as many bytes as the first one says go into the first.
std::pair<Input, Input> halves(Input input) {
  if (input.empty()) return {};
  const std::size_t first = std::min<std::size_t>(input[0], input.size() - 1);
  return {input.subspan(1, first), input.subspan(1 + first)};
}

void read_idx(Input input) {
  const auto [labels, images] = halves(input);
  data::read_idx(file("images", images), file("labels", labels), 10);
}

void read_npy(Input input) {
  const auto [labels, images] = halves(input);
  data::read_npy(file("x.npy", images), file("y.npy", labels));
}

void read_csv(Input input) { data::read_csv(file("x.csv", input)); }

void read_classes(Input input) { read_class_names(file("classes.txt", input)); }

void read_cifar(Input input) { data::read_cifar({file("x.bin", input)}, 1, 10); }

void read_picture(Input input) {
  std::vector<std::uint8_t> pixels(5 * 7 * 3);
  data::read_picture(file("picture", input), {5, 7, 3}, pixels);
}

/// A PNG file whose check sums are made right, so that damage gets to the decoder.
void read_png(Input input) {
  constexpr std::size_t frame = 12;
  std::vector<std::uint8_t> bytes(input.begin(), input.end());
  for (std::size_t at = 8; at + frame <= bytes.size();) {
    const std::uint32_t length = data::big_endian(bytes, at, 4);
    if (length > bytes.size() - at - frame) break;
    const auto sum = static_cast<std::uint32_t>(crc32(0, bytes.data() + at + 4, length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      bytes[at + 8 + length + i] = static_cast<std::uint8_t>(sum >> (24 - 8 * i));
    at += frame + length;
  }
  read_picture(bytes);
}

void read_tensors(Input input) { read_safetensors(file("x.safetensors", input)); }

/// An index, beside the files that it may name.
void read_parts(Input input) {
  TensorFile part;
  TensorFile::Tensor& tensor = part.tensors["a"];
  tensor.spec = {DType::u8, {1}};
  tensor.bytes.assign(1, std::byte{1});
  write_safetensors(path("part"), part);
  read_weights(file("x.index.json", input));
}

void read_network(Input input) {
  static const auto device = open_device("cpu");
  const Checkpoint checkpoint = read_checkpoint(file("x.safetensors", input));
  try {
    load_network(*device, checkpoint);
  } catch (const Error&) {  // weights are missing: the files are small
  }
}

/// A net of any inputs, which are as large as it says.
void read_net(const std::string& path) {
  const OnnxNet net(path);
  Graph graph;
  std::vector<Var> inputs;
  for (OnnxNet::Tensor tensor : net.inputs()) {
    for (std::int64_t& size : tensor.shape) size = std::min<std::int64_t>(size < 0 ? 2 : size, 64);
    if (element_count(tensor.shape) > 1 << 20) throw Error("fuzz", "a large input");
    inputs.push_back(graph.input(tensor.name, {DType::f32, tensor.shape}));
  }
  net.append(graph, inputs);
}

void read_classifier(const std::string& path) {
  const ImageModel model = onnx_model(path, {8, 8, 3, {}});
  Graph graph;
  const Var x = graph.input(
      "x", {DType::f32, {1, model.input.height, model.input.width, model.input.channels}});
  model.build(x);
}

void read_onnx(Input input) {
  const std::string path = file("x.onnx", input);
  try {
    read_classifier(path);
  } catch (const Error&) {  // most nets are none
  }
  read_net(path);
}

DeviceInfo made_up_device() {
  DeviceInfo info;
  info.name = std::string("fuzzed");
  info.driver = std::string("1");
  return info;
}

/// Writes the input where `store` stores a file, for this user alone, and lets `load` read it.
template <typename Store, typename Load>
void read_stored(const char* variable, Input input, const Store& store, const Load& load) {
  setenv(variable, path("stored").c_str(), 1);
  static const std::string stored = store();
  std::ofstream(stored, std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size()));
  load();
}

/// A file that is damaged is passed over, with the reason, which counts as an error here.
void read_tuning(Input input) {
  read_stored(
      "TESSERA_TUNING_DIR", input, [] { return store_tuning(made_up_device(), {}); },
      [] {
        const auto found = stored_tuning(made_up_device());
        if (!found->problem.empty()) throw Error("tuning", found->problem);
      });
}

void read_verdict(Input input) {
  read_stored(
      "TESSERA_DOCTOR_DIR", input, [] { return store_verdict(made_up_device(), {}); },
      [] {
        if (!load_verdict(made_up_device())) throw Error("verdict", "none");
      });
}

/// A node as `tessera bisect` keeps one, whose tensors are some of the seed's.
void read_case(Input input) {
  const auto [tensors, json] = halves(input);
  file("node.safetensors", tensors);
  file("node.json", json);
  load_case(path("."));
}

/// A file for --config, of a command that has an option of each kind.
void read_config(Input input) {
  CLI::App command("", "train");
  tools::add_config_option(command);
  std::string model;
  std::int64_t epochs = 0;
  double rate = 0;
  bool augment = false;
  std::vector<double> milestones;
  command.add_option("--model", model);
  command.add_option("--epochs", epochs)->check(CLI::PositiveNumber);
  command.add_option("--lr", rate);
  command.add_flag("--augment", augment);
  command.add_option("--milestones", milestones)->delimiter(',');
  try {
    command.parse(std::vector<std::string>{file("run.toml", input), "--config"});  // last one first
  } catch (const CLI::ParseError& error) {
    throw Error("config", error.what());
  }
}

/// A compiled program of the cache.
void read_program(Input input) {
  static const opencl::DiskCache cache(path("programs"));
  static const std::string key = opencl::DiskCache::key("fuzzed");
  const std::string entry = file("programs/" + key + ".bin", input);
  std::filesystem::permissions(entry, std::filesystem::perms(0600));  // whatever the umask
  if (!cache.load(key)) throw Error("program", "none");
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"idx", read_idx, 2000},         {"npy", read_npy, 2000},
      {"csv", read_csv, 2000},         {"cifar", read_cifar, 2000},
      {"classes", read_classes, 900},  // nearly any text has names of classes
      {"png", read_png, 2000},         {"jpeg", read_picture, 2000},
      {"pnm", read_picture, 2000},     {"webp", read_picture, 2000},
      {"tiff", read_picture, 2000},    {"bmp", read_picture, 2000},
      {"gif", read_picture, 2000},     {"safetensors", read_tensors, 2000},
      {"index", read_parts, 2000},     {"checkpoint", read_network, 2000},
      {"onnx", read_onnx, 2000},       {"tuning", read_tuning, 2000},
      {"verdict", read_verdict, 2000}, {"case", read_case, 2000},
      {"config", read_config, 2000},   {"program", read_program, 2000},
      {"graph", run_graph, 30},
  };
  return all;
}

const Target& find_target(std::string_view name) {
  std::string names;
  for (const Target& target : targets()) {
    if (target.name == name) return target;
    names += fmt::format(" {}", target.name);
  }
  throw Error("fuzz", fmt::format("there is no target '{}', expected one of{}", name, names));
}

std::string outcome(const Target& target, Input input) {
  try {
    target.run(input);
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.empty() || message.find('\n') != std::string::npos)
      throw std::logic_error("expected a message of one line, found: " + message);
    // A name in the file may be any of these.
    const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
    for (const char* foreign : {"json.exception", "bad_alloc", "std::", "vector::", "map::at"})
      if (message.find(foreign) != std::string::npos && text.find(foreign) == text.npos)
        throw std::logic_error("expected our own words, found: " + message);
    return message;
  }
  return {};
}

}  // namespace tessera::fuzz
