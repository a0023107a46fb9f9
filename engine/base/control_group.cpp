#include "engine/base/control_group.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>
#include <vector>

namespace tessera {
namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool contains(const std::vector<std::string_view>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// Returns the numbers at the start of a file, independent of the locale.
std::vector<std::int64_t> numbers_of(const std::string& path) {
  std::vector<std::int64_t> numbers;
  for (const std::string& line : lines_of(path))
    for (const std::string_view word : split(line, ' ')) {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
      if (error != std::errc{} || end != word.data() + word.size()) return numbers;
      numbers.push_back(number);
    }
  return numbers;
}

/// A mounted hierarchy of groups: its mount point, and the group that is the root there.
struct Mount {
  std::string folder, root;
};

/// Finds the hierarchy of a version 1 controller, or of version 2 if `controller` is empty. A line
/// of mountinfo is "id parent device root folder options fields... - type source options"
/// (proc(5)).
std::optional<Mount> find_mount(const std::string& root, std::string_view controller) {
  for (const std::string& line : lines_of(root + "/proc/self/mountinfo")) {
    const auto fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 5 || fields.end() - dash < 4) continue;
    const bool found = controller.empty()
                           ? dash[1] == "cgroup2"
                           : dash[1] == "cgroup" && contains(split(dash[3], ','), controller);
    if (found) return Mount{root + std::string(fields[4]), std::string(fields[3])};
  }
  return {};
}

/// Returns the group of this process. A line of the file is "number:controllers:path" (cgroups(7)).
std::optional<std::string> find_group(const std::string& root, std::string_view controller) {
  for (const std::string& line : lines_of(root + "/proc/self/cgroup")) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    if (controller.empty() ? fields[1].empty() : contains(split(fields[1], ','), controller))
      return line.substr(static_cast<std::size_t>(fields[2].data() - line.data()));
  }
  return {};
}

/// Returns the visible folders of the group and its parents. In a container the path of the group
/// may be outside of the mount; the mount is then the group.
std::vector<std::string> folders(const std::string& root, std::string_view controller) {
  const auto mount = find_mount(root, controller);
  auto group = find_group(root, controller);
  if (!mount || !group) return {};
  if (mount->root != "/" && group->starts_with(mount->root)) group->erase(0, mount->root.size());
  std::vector<std::string> found;
  for (std::string path = *group; !path.empty() && path != "/";
       path.erase(std::min(path.rfind('/'), path.size())))
    found.push_back(mount->folder + path);
  found.push_back(mount->folder);
  return found;
}

/// Lowers the limit to the number if that is above 0.
template <typename T>
void limit(std::optional<T>& least, T number) {
  if (number > 0 && (!least || number < *least)) least = number;
}

void limit_processors(GroupLimits& limits, const std::vector<std::int64_t>& quota_and_period) {
  if (quota_and_period.size() == 2 && quota_and_period[1] > 0)
    limit(limits.processors,
          static_cast<double>(quota_and_period[0]) / static_cast<double>(quota_and_period[1]));
}

}  // namespace

GroupLimits read_group_limits(const std::string& root) {
  GroupLimits limits;
  const auto limit_memory = [&](const std::string& file) {
    const auto numbers = numbers_of(file);
    if (!numbers.empty() && numbers[0] > 0)
      limit(limits.memory_bytes, static_cast<std::uint64_t>(numbers[0]));
  };
  for (const std::string& folder : folders(root, "memory"))
    limit_memory(folder + "/memory.limit_in_bytes");
  for (const std::string& folder : folders(root, "cpu")) {
    auto numbers = numbers_of(folder + "/cpu.cfs_quota_us");
    const auto period = numbers_of(folder + "/cpu.cfs_period_us");
    numbers.insert(numbers.end(), period.begin(), period.end());
    limit_processors(limits, numbers);
  }
  for (const std::string& folder : folders(root, {})) {
    limit_memory(folder + "/memory.max");
    limit_processors(limits, numbers_of(folder + "/cpu.max"));
  }
  return limits;
}

}  // namespace tessera
