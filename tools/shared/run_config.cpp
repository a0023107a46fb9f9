#include "tools/shared/run_config.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "tessera/error.h"
#include "tessera/output_file.h"
#include "tools/shared/nearest.h"

namespace tessera::tools {
namespace {

bool is_flag(const CLI::Option& option) { return option.get_expected_max() == 0; }

/// Keeps a # in quotes, which CLI11's reader would take for a comment.
std::string without_comment(const std::string& line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && c == '#') return line.substr(0, i);
    if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
  }
  return line;
}

/// Drops the byte order mark that editors put before the first line.
void remove_mark(const std::string& path, std::string& line) {
  if (line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff"))
    throw Error(path, "is UTF-16 text, expected UTF-8");
  if (line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
}

std::vector<CLI::ConfigItem> read_items(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  for (std::string line; std::getline(file, line);) {
    if (text.tellp() == 0) remove_mark(path, line);
    text << without_comment(line) << '\n';
  }
  if (!file.eof()) throw Error(path, "cannot be read");
  CLI::ConfigTOML reader;
  reader.comment('\0');
  return reader.from_config(text);
}

std::string unknown_key(const CLI::App& command, const std::string& key) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : command.get_options())
    if (option->get_configurable()) keys.push_back(option->get_single_name());
  const std::string meant = did_you_mean(key, keys);
  return fmt::format("unknown key '{}'{} are the options of `tessera {}` without dashes", key,
                     meant.empty() ? "; keys" : meant + " Keys", command.get_name());
}

void take(CLI::App& command, const std::string& path, const CLI::ConfigItem& item, bool again) {
  if (!item.parents.empty())
    throw Error(path, fmt::format("has a section '{}', expected keys only", item.parents.front()));
  CLI::Option* option = command.get_option_no_throw("--" + item.name);
  if (option == nullptr || !option->get_configurable())
    throw Error(path, unknown_key(command, item.name));
  if (again) throw Error(path, fmt::format("has duplicate key '{}'", item.name));
  if (option->count() > 0) return;
  const bool off = item.inputs == std::vector<std::string>{"false"};
  if (is_flag(*option) && !off && item.inputs != std::vector<std::string>{"true"})
    throw Error(path, fmt::format("{} is {}, expected true or false", item.name,
                                  CLI::detail::join(item.inputs, ", ")));
  if (is_flag(*option) && off) return;
  try {
    option->add_result(item.inputs);
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    throw Error(path, error.what());
  }
}

void read_config(CLI::App& command, const std::string& path) {
  std::set<std::string> names;
  for (const CLI::ConfigItem& item : read_items(path))
    take(command, path, item, !names.insert(item.name).second);
}

}  // namespace

void add_config_option(CLI::App& command) {
  command
      .add_option_function<std::string>(
          "--config", [&command](const std::string& path) { read_config(command, path); },
          "read options from this TOML file, e.g. epochs = 5; the command line overrides it")
      ->configurable(false);
}

std::vector<OptionValue> option_values(const CLI::App& command) {
  std::vector<OptionValue> options;
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_configurable()) continue;
    const bool given = option->count() > 0;
    const std::string standard = option->get_default_str();
    if (!given && (is_flag(*option) || standard.empty() || standard == "[]")) continue;
    OptionValue value{"--" + option->get_single_name(), {}, given};
    if (given && !is_flag(*option)) value.values = option->reduced_results();
    if (!given) value.values = {standard};
    options.push_back(std::move(value));
  }
  return options;
}

void write_config(const std::string& path, const std::vector<OptionValue>& options) {
  static const std::set<std::string> records = {"--report", "--log", "--trace", "--tensorboard"};
  std::string text;
  for (const OptionValue& option : options)
    if (!records.contains(option.name))
      text += option.name.substr(2) + " = " +
              (option.values.empty() ? "true" : CLI::detail::ini_join(option.values)) + "\n";
  write_file(path, text);
}

}  // namespace tessera::tools
