// A row of the model table: a name and the function that appends the model to a graph. One file per
// model family returns its rows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tessera/models.h"

namespace tessera::models {

struct Architecture {
  ModelInfo info;
  /// Images f32 [N,H,W,C] to logits f32 [N,classes] ([N,H,W,classes] for one class per pixel).
  /// Parameters have the names of torchvision's state_dict if it has the model.
  std::function<Var(Var x, std::int64_t classes, const ModelOptions& options)> build;
  /// If it is not 0, images must be square and are padded to this many rows and columns.
  std::int64_t padded_to = 0;
};

std::vector<Architecture> alexnets();
std::vector<Architecture> densenets();
std::vector<Architecture> efficientnets();
std::vector<Architecture> googlenets();
std::vector<Architecture> lenets();
std::vector<Architecture> mobilenets();
std::vector<Architecture> resnets();
std::vector<Architecture> squeezenets();
std::vector<Architecture> tutorials();
std::vector<Architecture> unets();
std::vector<Architecture> vggs();
std::vector<Architecture> vits();

}  // namespace tessera::models
