// UTF-8 (RFC 3629), one character at a time, as the lexer and the printer need it. Columns of
// errors count characters, and names may hold any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vivace::traceql {

struct Character {
  char32_t code = 0;
  size_t size = 0;  // bytes; 0: no valid character starts here
};

// `at` is inside the text. Overlong forms, surrogates and what lies past U+10FFFF are not valid.
Character character_at(std::string_view text, size_t at);

// Where the first byte stands that is no part of a valid character; the size if all is well.
size_t first_invalid(std::string_view text);

void append_utf8(std::string& out, char32_t code);  // for a valid code point

bool is_unicode_space(char32_t code);

}  // namespace vivace::traceql
