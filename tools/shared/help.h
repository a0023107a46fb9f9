// The layout of `--help`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace tessera::tools {

/// CLI11's layout, wrapped at 80 characters.
class Help : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;

 private:
  std::string row(const std::string& left, const std::string& meaning) const;
};

}  // namespace tessera::tools
