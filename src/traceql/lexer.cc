// The lexer: see lexer.h for the two modes. Each method reads one sort of token, from `start_`, and
// leaves `at_` behind it.
#include "traceql/lexer.h"

#include <algorithm>
#include <array>

#include "traceql/number.h"
#include "traceql/utf8.h"

namespace vivace::traceql {
namespace {

constexpr auto kDotPrefixes = std::to_array<std::string_view>(
    {"span", "resource", "event", "link", "instrumentation", "parent"});
constexpr auto kColonPrefixes =
    std::to_array<std::string_view>({"span", "trace", "event", "link", "instrumentation"});

// Longest first: the first that fits is the token.
constexpr auto kSymbols = std::to_array<std::string_view>(
    {"!>>", "!<<", "&>>", "&<<", "!=", "!~", "=~", "<=", ">=", "<<", ">>", "&&",
     "||",  "!>",  "!<",  "&>",  "&<", "&~", "{",  "}",  "(",  ")",  ",",  "|",
     "=",   "<",   ">",   "~",   "!",  "+",  "-",  "*",  "/",  "%",  "^",  "."});

template <size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool in_word(char32_t c) {
  if (c >= 0x80) return !is_unicode_space(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool starts_word(char32_t c) { return in_word(c) && !(c >= '0' && c <= '9'); }

// Characters that may go on a duration after its first number.
bool in_duration(char32_t c) {
  constexpr std::u32string_view kLetters = U"nsumhµdwy.";
  return (c >= '0' && c <= '9') || kLetters.find(c) != std::u32string_view::npos;
}

// Where the characters that fit end.
template <class Fits>
size_t skip_while(std::string_view text, size_t at, Fits fits) {
  while (at < text.size()) {
    const Character c = character_at(text, at);
    if (!fits(c.code)) break;
    at += c.size;
  }
  return at;
}

int digit_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

// The escape after a backslash: what it stands for is appended, its size returned; 0 if it is none.
size_t append_escape(std::string& out, std::string_view text, char quote) {
  if (text.empty()) return 0;
  constexpr std::string_view kLetters = "abfnrtv\\";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
  if (const size_t simple = kLetters.find(text[0]); simple != std::string_view::npos) {
    out += kMeanings[simple];
    return 1;
  }
  if (text[0] == quote) {
    out += quote;
    return 1;
  }
  const bool octal = text[0] >= '0' && text[0] <= '7';
  const size_t digits = octal            ? 3
                        : text[0] == 'x' ? 2
                        : text[0] == 'u' ? 4
                        : text[0] == 'U' ? 8
                                         : 0;
  const size_t from = octal ? 0 : 1;
  if (digits == 0 || text.size() < from + digits) return 0;
  uint64_t code = 0;
  for (const char c : text.substr(from, digits)) {
    const int value = digit_value(c);
    if (value >= (octal ? 8 : 16)) return 0;
    code = code * (octal ? 8 : 16) + static_cast<uint64_t>(value);
  }
  if (digits <= 3) {
    if (code > 0xff) return 0;
    out += static_cast<char>(code);
  } else {
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    append_utf8(out, static_cast<char32_t>(code));
  }
  return from + digits;
}

}  // namespace

bool ends_name(char32_t c) {
  constexpr std::u32string_view kEnders = U"{}()=~!<>&|^,";
  return is_unicode_space(c) || kEnders.find(c) != std::u32string_view::npos;
}

Lexer::Lexer(std::string_view text) : text_(text) {
  const size_t invalid = first_invalid(text);
  const size_t nul = text.substr(0, invalid).find('\0');
  if (nul != std::string_view::npos) {
    bad_ = "invalid character NUL";
    text_ = text.substr(0, nul);
  } else if (invalid < text.size()) {
    bad_ = "invalid UTF-8 encoding";
    text_ = text.substr(0, invalid);
  }
  at_ = skip_byte_order_mark(text_);
}

Token Lexer::next() {
  if (failed_.kind == Tok::error) return failed_;
  if (mode_ != Mode::usual) return name();
  if (!skip_blanks()) return error("comment not terminated");
  start_ = at_;
  if (at_end()) return bad_.empty() ? token(Tok::end) : error({});
  const char c = peek();
  if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
  if (c == '"') return quoted();
  if (c == '`') return raw_string();
  if (c == '\'') return character();
  if (starts_word(character_at(text_, at_).code)) return word();
  return symbol();
}

bool Lexer::skip_blanks() {
  while (!at_end()) {
    start_ = at_;
    if (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      ++at_;
    } else if (peek() == '/' && peek(1) == '/') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (peek() == '/' && peek(1) == '*') {
      const size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) return false;
      at_ = end + 2;
    } else {
      return true;
    }
  }
  return true;
}

Token Lexer::word() {
  at_ = skip_while(text_, at_, in_word);
  const std::string_view text = text_.substr(start_, at_ - start_);
  if (peek() == '.' && contains(kDotPrefixes, text)) {
    ++at_;
    mode_ = text == "parent" ? Mode::name_or_scope : Mode::name;
    return token(Tok::prefix, std::string(text) + ".");
  }
  if (peek() == ':' && contains(kColonPrefixes, text)) {
    ++at_;
    return token(Tok::colon_prefix, std::string(text) + ":");
  }
  return token(is_keyword(text) ? Tok::word : Tok::identifier, std::string(text));
}

Token Lexer::name() {
  if (mode_ == Mode::name_or_scope) {
    mode_ = Mode::name;
    for (const std::string_view scope : {"span.", "resource."}) {
      if (!text_.substr(at_).starts_with(scope)) continue;
      at_ += scope.size();
      return token(Tok::prefix, std::string(scope));
    }
  }
  mode_ = Mode::usual;
  const size_t from = at_;
  std::string name;
  while (!at_end()) {
    if (peek() == '"') {
      if (!quoted_segment(name)) return failed_;
      continue;
    }
    const Character c = character_at(text_, at_);
    if (ends_name(c.code)) break;
    name.append(text_.substr(at_, c.size));
    at_ += c.size;
  }
  return at_ == from ? token(Tok::end_attribute) : token(Tok::name, std::move(name));
}

bool Lexer::quoted_segment(std::string& name) {
  ++at_;
  while (!at_end() && peek() != '"') {
    if (peek() == '\\') {
      ++at_;
      if (!at_end() && peek() != '"' && peek() != '\\') {
        error("invalid escape sequence");
        return false;
      }
      if (at_end()) break;
    }
    name += peek();
    ++at_;
  }
  if (at_end()) {
    error("unexpected EOF, expecting \"");
    return false;
  }
  ++at_;
  return true;
}

Token Lexer::number() {
  const NumberShape shape = shape_of_number(text_.substr(at_));
  const std::string_view text = text_.substr(at_, shape.size);
  auto value = read_number(text, shape.real);

  if (!value) return error(std::move(value).error());

  const size_t end = skip_while(text_, at_ + shape.size, in_duration);
  if (end > at_ + shape.size) {
    if (const auto duration = read_duration(text_.substr(at_, end - at_))) {
      at_ = end;
      Token result = token(Tok::duration);
      result.number = datum<Duration>(*duration);
      return result;
    }
  }
  at_ += shape.size;
  Token result = token(shape.real ? Tok::real : Tok::integer);
  result.number = *std::move(value);
  return result;
}

Token Lexer::quoted() {
  std::string value;
  ++at_;
  while (!at_end() && peek() != '"' && peek() != '\n') {
    if (peek() != '\\') {
      value += peek();
      ++at_;
      continue;
    }
    const size_t size = append_escape(value, text_.substr(at_ + 1), '"');
    if (size == 0) return error("invalid char escape");
    at_ += 1 + size;
  }
  if (peek() != '"') return error("literal not terminated");
  ++at_;
  return token(Tok::string, std::move(value));
}

Token Lexer::raw_string() {
  const size_t end = text_.find('`', at_ + 1);
  if (end == std::string_view::npos) {
    at_ = text_.size();
    return error("literal not terminated");
  }
  std::string value(text_.substr(at_ + 1, end - at_ - 1));
  std::erase(value, '\r');
  at_ = end + 1;
  return token(Tok::string, std::move(value));
}

// 'a' is read as a word, quotes and all, so that the message can name it.
Token Lexer::character() {
  std::string value;
  size_t characters = 0;
  ++at_;
  while (!at_end() && peek() != '\'' && peek() != '\n') {
    if (peek() == '\\') {
      const size_t size = append_escape(value, text_.substr(at_ + 1), '\'');
      if (size == 0) return error("invalid char escape");
      at_ += 1 + size;
    } else {
      at_ += character_at(text_, at_).size;
    }
    ++characters;
  }
  if (peek() != '\'') return error("literal not terminated");
  ++at_;
  if (characters != 1) return error("invalid char literal");
  return token(Tok::identifier, std::string(text_.substr(start_, at_ - start_)));
}

Token Lexer::symbol() {
  for (const std::string_view known : kSymbols) {
    if (!text_.substr(at_).starts_with(known)) continue;
    at_ += known.size();
    if (known == ".") mode_ = Mode::name;
    return token(known == "." ? Tok::prefix : Tok::symbol, std::string(known));
  }
  const size_t size = character_at(text_, at_).size;
  at_ += size;
  return token(Tok::identifier, std::string(text_.substr(start_, size)));
}

Token Lexer::token(Tok kind, std::string text) { return {kind, start_, std::move(text), {}}; }

Token Lexer::error(std::string message) {
  if (at_end() && !bad_.empty()) {  // what is missing may stand behind the bad byte
    message = bad_;
    start_ = text_.size();
  }
  failed_ = token(Tok::error, std::move(message));
  return failed_;
}

}  // namespace vivace::traceql
