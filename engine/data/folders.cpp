#include "engine/data/folders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>

#include "engine/base/ascii.h"
#include "engine/data/picture.h"
#include "tessera/data.h"
#include "tessera/error.h"
#include "tessera/text.h"

namespace tessera {
namespace data {
namespace {

namespace fs = std::filesystem;

/// Whether a folder belongs to an operating system or another program.
bool is_hidden(const std::string& name) {
  constexpr std::string_view known[] = {"__macosx",
                                        "thumbs.db",
                                        "desktop.ini",
                                        "@eadir",
                                        "$recycle.bin",
                                        "lost+found",
                                        "system volume information"};
  return name.starts_with('.') ||
         std::find(std::begin(known), std::end(known), ascii_lower(name)) != std::end(known);
}

bool has_image_name(const fs::path& path) {
  const auto known = picture_extensions();
  return std::find(known.begin(), known.end(), ascii_lower(path.extension().string())) !=
         known.end();
}

struct Entry {
  fs::path path;
  bool is_folder = false;

  std::string name() const { return path.filename().string(); }
};

/// Returns the entries of a folder, sorted by name.
std::vector<Entry> entries_of(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code ignored;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
      entries.push_back({entry.path(), entry.is_directory(ignored)});
  } catch (const fs::filesystem_error& error) {
    throw InvalidFile(folder.string(), "cannot be read: " + error.code().message());
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.path < b.path; });
  return entries;
}

std::string counted(const std::vector<std::string>& names, const char* one, const char* several) {
  constexpr std::size_t most = 5;
  const auto shown = names.begin() + static_cast<std::ptrdiff_t>(std::min(most, names.size()));
  return fmt::format("{} {}: {}{}", names.size(), names.size() == 1 ? one : several,
                     fmt::join(names.begin(), shown, ", "), names.size() > most ? ", ..." : "");
}

/// The names of ignored entries.
struct PassedOver {
  std::vector<std::string> others, hidden;

  void add(const Entry& entry) {
    (is_hidden(entry.name()) ? hidden : others).push_back(entry.name());
  }
  std::string line() const {
    std::vector<std::string> parts;
    if (!others.empty())
      parts.push_back(counted(others, "file of another type", "files of other types"));
    if (!hidden.empty())
      parts.push_back(counted(hidden, "hidden or system entry", "hidden or system entries"));
    return parts.empty() ? "" : fmt::format("ignored {}", fmt::join(parts, "; "));
  }
};

/// Finds the image files in a folder and its subfolders. Enters each folder once, regardless of
/// links.
class Search {
 public:
  explicit Search(PassedOver& passed_over) : passed_over_(passed_over) {}

  std::vector<std::string> find(const fs::path& folder) {
    enter(folder);
    std::sort(paths_.begin(), paths_.end());
    return std::move(paths_);
  }

 private:
  void enter(const fs::path& folder) {
    std::error_code ignored;
    if (!entered_.insert(fs::canonical(folder, ignored)).second) return;
    for (const Entry& entry : entries_of(folder)) {
      if (is_hidden(entry.name()))
        passed_over_.add(entry);
      else if (entry.is_folder)
        enter(entry.path);
      else if (has_image_name(entry.path))
        paths_.push_back(entry.path.string());
      else
        passed_over_.add(entry);
    }
  }

  PassedOver& passed_over_;
  std::set<fs::path> entered_;
  std::vector<std::string> paths_;
};

/// Returns the class folders in order. Throws Error if there are none, or if a model file cannot
/// store a name.
std::vector<Entry> class_folders(const std::string& folder, PassedOver& passed_over) {
  std::vector<Entry> classes;
  std::size_t images = 0;
  for (const Entry& entry : entries_of(folder)) {
    if (entry.is_folder && !is_hidden(entry.name())) {
      classes.push_back(entry);
    } else {
      passed_over.add(entry);
      images += !entry.is_folder && has_image_name(entry.path);
    }
  }
  if (classes.empty())
    throw InvalidFile(folder,
                      fmt::format("has no folders, expected one per class{}",
                                  images > 0 ? fmt::format("; found {} image files", images) : ""));
  for (const Entry& entry : classes)
    if (!is_utf8(entry.name()))
      throw Error(folder,
                  fmt::format("the folder '{}' has a name that is not UTF-8; rename it, for "
                              "example with convmv -f latin1 -t utf8 --notest -r FOLDER",
                              entry.name()));
  return classes;
}

enum class Role : std::uint8_t { none, train, validation, test };

Role role_of(const std::string& name) {
  constexpr struct {
    std::string_view name;
    Role role;
  } known[] = {{"train", Role::train},           {"training", Role::train},
               {"val", Role::validation},        {"valid", Role::validation},
               {"validation", Role::validation}, {"test", Role::test},
               {"testing", Role::test}};
  for (const auto& part : known)
    if (ascii_lower(name) == part.name) return part.role;
  return Role::none;
}

/// Throws Error if the folders are parts of a data set instead of classes.
void check_no_lone_parts(const std::string& folder, const std::vector<Entry>& classes) {
  std::vector<std::string> names;
  for (const Entry& entry : classes)
    if (role_of(entry.name()) != Role::none) names.push_back(entry.name());
  if (names.size() == classes.size())
    throw InvalidFile(
        folder, fmt::format("has no folders but {}, expected train and val (or valid, validation, "
                            "test), or a folder for each class",
                            fmt::join(names, ", ")));
}

}  // namespace

PictureFiles find_classes(const std::string& folder, std::vector<std::string>& classes) {
  PassedOver passed_over;
  const std::vector<Entry> folders = class_folders(folder, passed_over);
  check_no_lone_parts(folder, folders);
  if (classes.empty())
    for (const Entry& entry : folders) classes.push_back(entry.name());
  PictureFiles files;
  std::vector<std::string> unknown, empty;
  for (const Entry& entry : folders) {
    const auto found = std::find(classes.begin(), classes.end(), entry.name());
    if (found == classes.end()) unknown.push_back(entry.name());
    std::vector<std::string> paths = Search(passed_over).find(entry.path);
    if (paths.empty()) empty.push_back(entry.name());
    files.labels.insert(files.labels.end(), paths.size(),
                        static_cast<std::int32_t>(found - classes.begin()));
    std::move(paths.begin(), paths.end(), std::back_inserter(files.paths));
  }
  if (!unknown.empty())
    throw InvalidFile(folder, fmt::format("has folders of unknown classes: {}; the classes are {}",
                                          fmt::join(unknown, ", "), fmt::join(classes, ", ")));
  const std::string line = passed_over.line();
  if (!empty.empty())
    throw InvalidFile(folder, fmt::format("has no images of class {}, expected {} files{}",
                                          fmt::join(empty, ", "), picture_formats,
                                          line.empty() ? "" : "; " + line));
  if (!line.empty()) files.notes.push_back(fmt::format("[{}] {}", folder, line));
  return files;
}

std::optional<Parts> find_parts(const fs::path& folder, const std::string& suffix) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return {};
  fs::path found[4];
  std::vector<std::string> others;
  for (const Entry& entry : entries_of(folder)) {
    const std::string name = suffix.empty() ? entry.name() : entry.path.stem().string();
    const bool fits = suffix.empty() ? entry.is_folder && !is_hidden(name)
                                     : ascii_lower(entry.path.extension().string()) == suffix;
    if (!fits) continue;
    const Role role = role_of(name);
    fs::path& part = found[static_cast<std::size_t>(role)];
    if (role == Role::none)
      others.push_back(entry.name());
    else if (!part.empty())
      throw InvalidFile(folder.string(), fmt::format("has both {} and {}, expected one of them",
                                                     part.filename().string(), entry.name()));
    else
      part = entry.path;
  }
  const auto& [none, train, validation, test] = found;
  if (train.empty() || (validation.empty() && test.empty())) return {};
  Parts parts{train, validation.empty() ? test : validation, {}};
  if (!validation.empty() && !test.empty())
    parts.notes.push_back(
        fmt::format("[{}] {} is used for validation; {} is not used, measure a trained model on it "
                    "with `tessera eval --data`",
                    folder.string(), validation.filename().string(), test.string()));
  if (!others.empty())
    parts.notes.push_back(
        fmt::format("[{}] ignored beside the parts: {}", folder.string(), fmt::join(others, ", ")));
  return parts;
}

}  // namespace data

FoundImages find_images(const std::string& folder) {
  data::PassedOver passed_over;
  std::vector<std::string> paths = data::Search(passed_over).find(folder);
  const std::string line = passed_over.line();
  return {std::move(paths), line.empty() ? "" : fmt::format("[{}] {}", folder, line)};
}

}  // namespace tessera
