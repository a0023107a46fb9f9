// Threads and drivers do not survive a fork: what has some knows the process that it was made in.
#pragma once

#include <string_view>

namespace tessera {

class HomeProcess {
 public:
  HomeProcess();
  /// Whether this is the process that made the object, and no child that was forked since.
  bool is_here() const { return forks_ == forks; }
  /// Throws Error `[where] what was used before this process was forked ...` in such a child.
  void check(std::string_view where, std::string_view what) const {
    if (!is_here()) fail(where, what);
  }

 private:
  [[noreturn]] static void fail(std::string_view where, std::string_view what);

  static unsigned forks;  ///< from the first process to this one, since there are such objects
  unsigned forks_;
};

}  // namespace tessera
