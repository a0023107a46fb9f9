// Which name was meant by one that is spelt wrong.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::tools {

/// "; did you mean 'epochs'?" of the name that is spelt most like the word; nothing where none has
/// half of its letters. `prefix`: what stands before names.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names,
                         const std::string& prefix = {});

}  // namespace tessera::tools
