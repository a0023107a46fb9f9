// Data sets of labeled images: built-in ones, and your own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/dataset.h"
#include "tessera/export.h"

namespace tessera {

/// What a data set was made of: to know it again, and to hold out the same images.
struct DataContents {
  /// Of each image's file or pixels, in order. Of a part that is a share of some files, those of
  /// both parts.
  std::vector<std::uint64_t> hashes;
  std::vector<std::int32_t> labels;   ///< as many
  bool divided = false;               ///< the part is a share of these images
  std::vector<std::int64_t> cutoffs;  ///< of such: see DatasetOptions
};

/// Labeled images of one size, as bytes, channels last: samples of "image" u8 [H,W,C] and "label"
/// i32 [].
class TESSERA_API ImageDataset : public Dataset {
 public:
  /// Rows of each image.
  virtual std::int64_t height() const = 0;
  /// Columns of each image.
  virtual std::int64_t width() const = 0;
  /// Channels of each pixel.
  virtual std::int64_t channels() const = 0;
  /// Class names; a label is an index into them.
  virtual const std::vector<std::string>& classes() const = 0;
  /// Copies the height*width*channels bytes of a sample and returns its label.
  virtual std::int32_t read(std::int64_t index, std::span<std::uint8_t> pixels) const = 0;

  /// The file that a sample was read from, where each has its own.
  virtual std::string file_of(std::int64_t) const { return {}; }
  /// What was left out (DatasetOptions::skip_bad): a line for each.
  virtual std::vector<std::string> skipped() const { return {}; }
  /// What the user should know of where the images come from, such as files of other types that are
  /// ignored: a line for each.
  virtual std::vector<std::string> notes() const { return {}; }

  /// Of all images, in order. Reads them, unless an implementation knows better.
  virtual std::vector<std::int32_t> labels() const;
  /// Returns the contents of the data set, or none if unknown. May read all images.
  virtual DataContents contents() const { return {}; }

  std::vector<SampleSpec> inputs() const final;
  void read_sample(std::int64_t index, std::span<const std::span<std::byte>> tensors) const final;

  /// Bytes of one image.
  std::int64_t image_bytes() const { return height() * width() * channels(); }
};

enum class Split : std::uint8_t { train, test };

/// "mnist", "fashion-mnist", "cifar10", "cifar100".
TESSERA_API const std::vector<std::string>& dataset_names();
/// Reads a whole data set into memory. Its files are looked for in `directory`, or if that is
/// empty in the environment variable TESSERA_DATA and in the Debian package's folder, each time
/// directly and in a subfolder with the data set's name. Throws Error that names the missing,
/// truncated or mismatched file.
TESSERA_API std::unique_ptr<ImageDataset> load_dataset(std::string_view name, Split split,
                                                       const std::string& directory = {});

/// How an image file becomes an image of the size that a model takes.
enum class Crop : std::uint8_t {
  none,    ///< rows and columns are scaled apart: an image of another shape is squashed
  center,  ///< both are scaled by one factor, the smallest that fills the size; the center is cut
};
/// "none" or "center".
TESSERA_API std::string to_string(Crop crop);
/// The inverse of to_string. Throws Error that lists the names.
TESSERA_API Crop crop_of(const std::string& name);

/// Pixels of an image file, at which Pillow's default limit is too: 2^30 / 6.
constexpr std::int64_t default_max_image_pixels = 178'956'970;
/// How the validation split is chosen.
enum class SplitRule : std::uint8_t {
  by_content,  ///< by a hash of each image's file or pixels: no image moves another
  by_order,    ///< by the order of all images, as checkpoints without a fingerprint had it
};

/// How your own images are read.
struct DatasetOptions {
  std::string directory = {};  ///< of a built-in data set
  /// Image files are scaled and converted to this size. Rows of CSV files: 0 if the file has it.
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;
  std::vector<std::string> classes = {};  ///< those of a model; none: what the data has
  double held_out = 0.1;   ///< share of each class that is for testing, where the data says nothing
  std::uint64_t seed = 0;  ///< of the choice of that share
  SplitRule split_rule = SplitRule::by_content;
  /// By class, of DataContents: the choice of an earlier run, for data that may have changed since.
  std::vector<std::int64_t> cutoffs = {};
  bool skip_bad = false;  ///< skip images that cannot be read
  /// Bytes of decoded images to keep in memory. Image files beyond it are decoded again each time;
  /// arrays and tables beyond it are refused, unless their files have a quarter of their size.
  std::int64_t memory = std::int64_t{1} << 30;
  Crop crop = Crop::none;  ///< of image files
  /// Image files of more pixels are refused. All threads together use at most 6 bytes for each of
  /// these pixels, 1 GiB by default, and at least 64 MiB, to decode.
  std::int64_t max_image_pixels = default_max_image_pixels;
};

/// Also loads your own images: "folder:DIR" has image files in one folder for each class,
/// "npy:DIR" the arrays x.npy and y.npy, and "csv:FILE" rows of a label and pixels. docs/data.md
/// says how files are found. Image files are all decoded here once, so that a damaged one is known
/// before training; those for which there is no memory are decoded again each time. Throws Error
/// that names the file.
TESSERA_API std::unique_ptr<ImageDataset> load_dataset(std::string_view name, Split split,
                                                       const DatasetOptions& options);
/// "folder:DIR", "npy:DIR" or "csv:FILE".
TESSERA_API bool is_own_dataset(std::string_view name);
/// The full name of a data set: "folder:", "npy:" or "csv:" is put before the path of a folder or a
/// CSV file that exists, other names stay. Throws Error that lists the names where there is neither
/// a data set nor a file of that name.
TESSERA_API std::string full_dataset_name(const std::string& name);
/// Image files (PNG, JPEG, WebP, TIFF, BMP, GIF, PBM, PGM, PPM), all with label 0.
TESSERA_API std::unique_ptr<ImageDataset> load_pictures(std::vector<std::string> paths,
                                                        const DatasetOptions& options);
/// The image files of a folder.
struct FoundImages {
  std::vector<std::string> paths;  ///< in order
  std::string passed_over;  ///< names other and hidden files, in a line; empty: there is none
};
/// Finds the image files in a folder and its subfolders, by their names. Throws Error that names a
/// folder that cannot be read.
TESSERA_API FoundImages find_images(const std::string& folder);

/// Returns a batch of images [size,H,W,C] of this size and their labels [size], as an ImageDataset
/// gives it. Throws Error if the numbers of bytes and labels do not fit.
TESSERA_API Batch image_batch(const Shape& image, std::span<const std::uint8_t> pixels,
                              std::span<const std::int32_t> labels);

/// Names of classes, one in each line of a file. Throws Error when there are none.
TESSERA_API std::vector<std::string> read_class_names(const std::string& path);

}  // namespace tessera
