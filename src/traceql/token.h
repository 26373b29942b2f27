// The words of the language. A scope and its dot (`span.`) are one token, as are a scope and its
// colon (`span:`); the name after a dot is a token of its own, read under rules of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "traceql/datum.h"

namespace vivace::traceql {

enum class Tok : uint8_t {
  end,            // of the query
  error,          // `text` says what the lexer did not like
  identifier,     // a word that is no key word, or a character that starts nothing
  string,         // `text` is what it means
  integer,        // `number` is an int64_t
  real,           // ... a double
  duration,       // ... a Duration
  name,           // of an attribute, `text` without quotes
  end_attribute,  // no name where one must stand
  word,           // a key word
  prefix,         // `span.` `.` `parent.`
  colon_prefix,   // `span:` `trace:`
  symbol,         // operators and brackets
};

struct Token {
  Tok kind = Tok::end;
  // Where an error at this token points to, in bytes. For all parts of an attribute, its start.
  size_t at = 0;
  std::string text;  // for end, integer, real, duration: empty
  Datum number;
};

bool is_keyword(std::string_view word);

// Where the text begins: a leading byte order mark is no part of it.
size_t skip_byte_order_mark(std::string_view text);

// How a message calls the token: its text, or STRING, INTEGER, ..., $end.
std::string_view shown(const Token& token);

// 1-based; columns count characters from the last line feed.
struct Position {
  int line = 1;
  int column = 1;
};
Position position_of(std::string_view text, size_t at);

}  // namespace vivace::traceql
