// Which images of a data set of one's own are held out for testing, and what is kept of them to
// know the data again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/data.h"

namespace tessera::data {

/// 64 bits of bytes: each word of eight, the first byte the lowest, is taken in by an exclusive or,
/// a product and a shift; the mixing of splitmix64 ends it. Equal everywhere.
std::uint64_t content_hash(std::span<const std::uint8_t> bytes);
/// Of the bytes of each file, read on all processors. A file that cannot be read counts as empty:
/// whoever decodes it reports it.
std::vector<std::uint64_t> content_hashes(const std::vector<std::string>& paths);
/// Of each image of so many bytes.
std::vector<std::uint64_t> content_hashes(std::span<const std::uint8_t> pixels, std::size_t bytes);

/// A hash of an image with its label.
std::uint64_t labeled_hash(std::uint64_t hash, std::int32_t label);

/// The samples of a part, in order. An image is for testing where its place, a number from 0 to
/// 2^53 that its hash and `options.seed` decide, lies below the cutoff of its
/// class: that of `options.cutoffs`, else the share `options.held_out` of 2^53. So no other image
/// moves it. A class with several images has at least one on each side unless the share is 0 or 1:
/// its cutoff moves just past its lowest place, or to its highest; a single image is for training.
/// Equal images of a class are numbered, and each number has a place of its own. Sets
/// `contents.cutoffs` and `contents.divided`. With SplitRule::by_order the choice is
/// choose_by_order's. Throws Error when the share is not 0 to 1.
std::vector<std::size_t> choose_part(DataContents& contents, std::size_t classes, Split split,
                                     const DatasetOptions& options);

/// The rule of checkpoints without a fingerprint: of each class a share of the order that the seed
/// draws, at least one of several. An image added moves others.
std::vector<std::size_t> choose_by_order(std::span<const std::int32_t> labels, Split split,
                                         double held_out, std::uint64_t seed);

}  // namespace tessera::data
