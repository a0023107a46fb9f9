// Threads and drivers do not survive a fork, so their owners remember the process that created
// them.
#pragma once

#include <string_view>

namespace tessera {

class HomeProcess {
 public:
  HomeProcess();
  /// Whether this is the process that created the object, not a forked child.
  bool is_here() const { return forks_ == forks; }
  /// Throws Error `[where] what was created before this process was forked ...` in a forked child.
  void check(std::string_view where, std::string_view what) const {
    if (!is_here()) fail(where, what);
  }

 private:
  [[noreturn]] static void fail(std::string_view where, std::string_view what);

  static unsigned forks;  ///< forks between the first process with such objects and this one
  unsigned forks_;
};

}  // namespace tessera
