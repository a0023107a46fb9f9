#include "tools/shared/data_options.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "tessera/error.h"
#include "tools/commands.h"
#include "tools/shared/image_size.h"
#include "tools/shared/standard_streams.h"

namespace tessera::tools {

CLI::Option* DataOptions::add(CLI::App& command) {
  command.add_option("--data-dir", directory,
                     "folder of a built-in data set (default: the variable TESSERA_DATA, or the "
                     "folder of Debian's package)");
  command
      .add_option("--data-memory", memory_mib,
                  "MiB of decoded images to keep; image files beyond this are decoded again each "
                  "time, arrays and tables (npy:, csv:) beyond it are refused if they are "
                  "compressed to less than a quarter")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30));
  command.add_flag("--skip-bad", skip_bad,
                   "skip images that cannot be read; they are named and counted");
  command
      .add_option("--max-image-pixels", max_image_pixels,
                  "refuse larger image files; decoding uses at most 6 bytes for each of these "
                  "pixels, on all threads together")
      ->check(at_least<std::int64_t>(1));
  return command
      .add_option(
          "--data", name,
          fmt::format("{}, or your own images: folder:DIR (PNG, JPEG, WebP, TIFF, BMP, GIF, PGM "
                      "and PPM files, one folder for each class), npy:DIR (x.npy and y.npy), "
                      "csv:FILE, or the path alone",
                      fmt::join(dataset_names(), ", ")))
      ->transform(CLI::Validator(
          [](std::string& text) {
            text = full_dataset_name(text);
            return std::string();
          },
          ""));
}

CLI::Option* add_crop_option(CLI::App& command, std::string& crop) {
  return command
      .add_option(
          "--crop", crop,
          "center: scale the shorter side of an image file to the model's size and crop the "
          "center; none: squash the image (default: as the model was trained, else none)")
      ->check(CLI::IsMember({"center", "none"}));
}

std::vector<CLI::Option*> DataOptions::add_shape(CLI::App& command) {
  CLI::Option* shape =
      add_size_option(command, size, "for folder: the size the model was published for");
  return {shape, add_crop_option(command, crop),
          command
              .add_option("--channels", channels,
                          "channels of images of folder: and csv: (1: gray; 0: the default, 3), "
                          "and of npy: if the shape leaves them open")
              ->check(CLI::Range(0, 1 << 16)),
          command
              .add_option("--held-out", held_out,
                          "validation split of your own images: the share of each class, chosen by "
                          "--seed; not used if there are folders train and val, or test")
              ->check(CLI::Range(0.0, 1.0))};
}

std::string DataOptions::label() const {
  if (!is_own_dataset(name)) return name;
  std::error_code error;
  const std::filesystem::path path(name.substr(name.find(':') + 1));
  const auto whole = std::filesystem::absolute(path, error).lexically_normal();
  const auto last = whole.has_filename() ? whole : whole.parent_path();
  // A folder has no extension: "pets-0.5" and "pets-0.25" are two.
  const bool is_file = std::filesystem::is_regular_file(last, error);
  return (is_file ? last.stem() : last.filename()).string();
}

DatasetOptions DataOptions::options(const std::array<std::int64_t, 2>& side) const {
  DatasetOptions options;
  options.directory = directory;
  options.held_out = held_out;
  options.skip_bad = skip_bad;
  options.memory = memory_mib << 20;
  options.max_image_pixels = max_image_pixels;
  if (!crop.empty()) options.crop = crop_of(crop);
  const bool is_folder = name.starts_with("folder:"), is_npy = name.starts_with("npy:");
  if (!is_folder && !name.starts_with("csv:") && (!size.empty() || (channels > 0 && !is_npy)))
    throw Error("data", fmt::format("images of {} already have a size, expected no --size{}", name,
                                    is_npy ? "" : " and no --channels"));
  const auto [height, width] = parse_size(size);
  options.height = height > 0 || !is_folder ? height : side[0];
  options.width = width > 0 || !is_folder ? width : side[1];
  options.channels = channels > 0 || !is_folder ? channels : 3;
  return options;
}

std::size_t report_skipped(std::initializer_list<const ImageDataset*> datasets) {
  std::vector<std::string> notes;
  std::size_t count = 0;
  for (const ImageDataset* dataset : datasets) {
    for (const std::string& line : dataset->notes())
      if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
    for (const std::string& line : dataset->skipped()) {
      print_note("skipped: " + line);
      ++count;
    }
  }
  for (const std::string& line : notes) print_note("note: " + line);
  return count;
}

std::string skipped_text(std::size_t count) {
  return count > 0 ? fmt::format(", {} skipped", count) : "";
}

}  // namespace tessera::tools
