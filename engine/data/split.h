// The validation split of custom data sets, and hashes to recognize the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/data.h"

namespace tessera::data {

/// Returns a 64-bit hash of bytes, equal on all machines: mixes in each little-endian 8-byte word
/// with an exclusive or, a product and a shift, then applies the mixing of splitmix64.
std::uint64_t content_hash(std::span<const std::uint8_t> bytes);
/// Returns the hash of each file, read on all processors. An unreadable file counts as empty; its
/// decoder reports it.
std::vector<std::uint64_t> content_hashes(const std::vector<std::string>& paths);
/// Returns the hash of each image of so many bytes.
std::vector<std::uint64_t> content_hashes(std::span<const std::uint8_t> pixels, std::size_t bytes);

/// Returns the hash of an image with its label.
std::uint64_t labeled_hash(std::uint64_t hash, std::int32_t label);

/// Returns the samples of a part, in order. Each image has a place, a number from 0 to 2^53 from
/// its hash and `options.seed`. It is a validation image if its place is below the cutoff of its
/// class: `options.cutoffs`, else `options.held_out` times 2^53. Other images therefore do not
/// affect it. A class with several images has at least one in each part unless the share is 0 or 1:
/// its cutoff moves just past its lowest place, or to its highest; a single image is for training.
/// Equal images of a class are numbered, and each number has its own place. Sets `contents.cutoffs`
/// and `contents.divided`. With SplitRule::by_order the choice is choose_by_order's. Throws Error
/// when the share is not 0 to 1.
std::vector<std::size_t> choose_part(DataContents& contents, std::size_t classes, Split split,
                                     const DatasetOptions& options);

/// The rule of checkpoints without a fingerprint: a share of each class in a random order by the
/// seed, at least one of several images. An added image changes the choice of others.
std::vector<std::size_t> choose_by_order(std::span<const std::int32_t> labels, Split split,
                                         double held_out, std::uint64_t seed);

}  // namespace tessera::data
