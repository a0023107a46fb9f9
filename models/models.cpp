// The table of models, and networks from checkpoints.
#include "tessera/models.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/tutorial.h"
#include "tessera/error.h"

namespace tessera {
namespace {

struct Entry {
  std::string_view name;
  Model (*make)(ImageInput input, std::vector<std::string> classes);
};

constexpr Entry table[] = {{"tutorial", models::tutorial}};

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& entry : table) names.emplace_back(entry.name);
  return names;
}

Model make_model(std::string_view name, ImageInput input, std::vector<std::string> classes) {
  for (const Entry& entry : table) {
    if (entry.name != name) continue;
    Model model = entry.make(std::move(input), std::move(classes));
    model.name = name;
    return model;
  }
  throw Error("model", fmt::format("there is no model '{}'; there are: {}", name,
                                   fmt::join(model_names(), ", ")));
}

std::unique_ptr<Network> load_network(Device& device, const Checkpoint& checkpoint) {
  auto network = std::make_unique<Network>(
      device, make_model(checkpoint.model, checkpoint.input, checkpoint.classes));
  restore(checkpoint, *network);
  return network;
}

}  // namespace tessera
