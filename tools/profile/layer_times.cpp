#include "tools/profile/layer_times.h"

#include <algorithm>
#include <map>

namespace tessera::tools {
namespace {

constexpr std::int64_t warm_up_steps = 2, measured_steps = 3;

/// A batch that is split into micro-batches has its layers in several executables.
void add(std::map<std::string, LayerTime>& layers, Executable& executable) {
  for (const ProfileRow& row :
       rows_by_node(executable, executable.take_records(), measured_steps)) {
    LayerTime& layer = layers[row.name];
    layer.name = row.name;
    layer.seconds += row.seconds / static_cast<double>(measured_steps);
    if (row.node == no_node) continue;
    const NodeChoice& choice = executable.choices().at(static_cast<std::size_t>(row.node));
    layer.how = choice.op + " " + choice.algorithm;
  }
}

}  // namespace

std::vector<LayerTime> layer_times(const ImageClassifier& network, const TrainerOptions& options,
                                   const ImageDataset& dataset, std::int64_t batch) {
  Device& device = network.device();
  ImageClassifier copy(device, network.model());
  Trainer trainer(copy, options);
  Loader loader(dataset, {.batch = std::min(batch, dataset.size())});
  const Batch& images = *loader.next();
  for (std::int64_t i = 0; i < warm_up_steps; ++i) trainer.step(images);
  device.set_profiling(true);
  for (std::int64_t i = 0; i < measured_steps; ++i) trainer.step(images);
  device.set_profiling(false);

  std::map<std::string, LayerTime> layers;
  for (Executable* executable : trainer.executables()) add(layers, *executable);
  std::vector<LayerTime> times;
  for (auto& [name, layer] : layers) times.push_back(std::move(layer));
  std::stable_sort(times.begin(), times.end(),
                   [](const LayerTime& a, const LayerTime& b) { return a.seconds > b.seconds; });
  return times;
}

}  // namespace tessera::tools
