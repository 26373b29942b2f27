// Cuts the text of a query into tokens, one at a time. It has two modes. In the usual one, blanks
// and comments separate tokens, and the longest operator wins. After `.`, `span.` and their like it
// reads a name: everything up to white space or one of `{ } ( ) = ~ ! < > & | ^ ,`, with quoted
// segments that may hold anything. So `.a-1` is one name and `.a - 1` is a subtraction.
//
// After an error token the lexer gives the same again. It reads the text, which must outlive it.
#pragma once

#include <string>
#include <string_view>

#include "traceql/token.h"

namespace vivace::traceql {

// Whether this character ends a name that is not quoted.
bool ends_name(char32_t c);

class Lexer {
 public:
  explicit Lexer(std::string_view text);

  Token next();

 private:
  enum class Mode : uint8_t { usual, name, name_or_scope };

  bool skip_blanks();  // false: an open comment, at `start_`
  Token word();
  Token name();
  bool quoted_segment(std::string& name);
  Token number();
  Token quoted();
  Token raw_string();
  Token character();
  Token symbol();

  Token token(Tok kind, std::string text = {});
  Token error(std::string message);
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool at_end() const { return at_ >= text_.size(); }

  std::string_view text_;  // up to the first bad byte
  std::string_view bad_;   // what is wrong with that byte; empty if there is none
  size_t at_ = 0;
  size_t start_ = 0;  // of the token under way
  Mode mode_ = Mode::usual;
  Token failed_;
};

}  // namespace vivace::traceql
