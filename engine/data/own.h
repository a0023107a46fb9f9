// Images of one's own: which files a data set is made of, and what is held out for testing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/data.h"

namespace tessera::data {

/// See load_dataset.
std::unique_ptr<Dataset> load_own(std::string_view name, Split split,
                                  const DatasetOptions& options);

/// The samples of a part, in order: of each class the share `held_out`, and at least one of several
/// unless the share is 0, is for testing. Equal seeds choose equal samples everywhere.
std::vector<std::size_t> choose_part(std::span<const std::int32_t> labels, Split split,
                                     double held_out, std::uint64_t seed);

}  // namespace tessera::data
