// Text on its way to people.
#include "tessera/text.h"

#include <doctest/doctest.h>

#include "tessera/error.h"

namespace tessera::tests {

TEST_CASE("characters of UTF-8 are told from other bytes") {
  for (const char* good : {"", "a", "\xc3\x84", "\xe4\xbd\xa0", "\xf0\x9f\x98\x80", "\xed\x9f\xbf"})
    CHECK(is_utf8(good));
  // Cut short, a byte that begins none, overlong, a surrogate, beyond the last.
  for (const char* bad : {"\xc3", "\xe4\xbd", "\xc4pfel", "\x80", "\xc0\xaf", "\xe0\x80\xaf",
                          "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"})
    CHECK_FALSE(is_utf8(bad));
  CHECK(utf8_character("\xe4\xbd\xa0x") == 3);
  CHECK(utf8_character("") == 0);
}

TEST_CASE("text for a terminal is one line without commands") {
  CHECK(printable("caf\xc3\xa9 \\n 100%") == "caf\xc3\xa9 \\n 100%");
  CHECK(printable("a\nb\rc\td") == "a\\nb\\rc\\td");
  CHECK(printable("\x1b[31mred\x07\x7f") == "\\x1b[31mred\\x07\\x7f");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable("\xc4pfel") == "\\xc4pfel");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\u009b31m");  // the CSI of 8-bit terminals
  CHECK(printable("\xe2\x80\xae"
                  "gnp") == "\\u202egnp");  // writes backwards
  CHECK(printable("\xef\xbb\xbf"
                  "cat") == "\\ufeffcat");  // a byte order mark
  CHECK(printable(printable("\x1b\n\xff")) == printable("\x1b\n\xff"));
}

TEST_CASE("messages of errors are safe to print") {
  CHECK(std::string(Error("a\x1b.png", "is\nbad").what()) == "[a\\x1b.png] is\\nbad");
  CHECK(std::string(Error("\xff").what()) == "\\xff");
}

}  // namespace tessera::tests
