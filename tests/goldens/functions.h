// Functions that append several ops, by the names the goldens have for them.
#pragma once

#include <string>
#include <vector>

#include "tessera/attributes.h"
#include "tessera/graph.h"

namespace tessera {

bool is_function(const std::string& name);
std::vector<Var> apply(const std::string& name, const std::vector<Var>& inputs,
                       const Attributes& attributes);

}  // namespace tessera
