// `${...}` in a file's text; see expand_env.h for the forms. An expression is cut out first (up to
// its closing brace, past inner ones), then read as name, operator, operands; operands are expanded
// by the same function, at most kDepthMax deep. The result is bounded like a file. Called once at
// start by config.cc, and later whenever the per-tenant overrides file is read.
#include "config/expand_env.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include "config/values.h"
#include "config/yaml.h"

namespace vivace::config {
namespace {

constexpr int kDepthMax = 16;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

char upper(char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); }
char lower(char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); }

bool in_class(std::string_view set, char c) {
  const bool negated = set.starts_with('!') || set.starts_with('^');
  if (negated) set.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      found = found || (set[i] <= c && c <= set[i + 2]);
      i += 2;
    } else {
      found = found || set[i] == c;
    }
  }
  return found != negated;
}

// The length of the glob's first element if it matches `c`, else 0.
size_t match_one(std::string_view glob, char c) {
  if (glob.front() == '?') return 1;
  if (glob.front() == '\\' && glob.size() > 1) return glob[1] == c ? 2 : 0;
  const size_t close = glob.front() == '[' ? glob.find(']', 2) : glob.npos;
  if (close != glob.npos) return in_class(glob.substr(1, close - 1), c) ? close + 1 : 0;
  return glob.front() == c ? 1 : 0;
}

// Does the glob (* ? [a-z] \x) match the whole text? A star that fails is retried one byte further.
bool matches(std::string_view glob, std::string_view text) {
  size_t g = 0;
  size_t t = 0;
  size_t star = glob.npos;
  size_t star_text = 0;
  while (t < text.size() || g < glob.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_text = t;
      continue;
    }
    const size_t taken =
        g < glob.size() && t < text.size() ? match_one(glob.substr(g), text[t]) : 0;
    if (taken > 0) {
      g += taken;
      ++t;
    } else if (star != glob.npos && star_text < text.size()) {
      g = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return true;
}

std::string without_front(const std::string& value, std::string_view glob, bool longest) {
  const std::string_view all = value;
  for (size_t i = 0; i <= all.size(); ++i) {
    const size_t length = longest ? all.size() - i : i;
    if (matches(glob, all.substr(0, length))) return value.substr(length);
  }
  return value;
}

std::string without_end(const std::string& value, std::string_view glob, bool longest) {
  const std::string_view all = value;
  for (size_t i = 0; i <= all.size(); ++i) {
    const size_t length = longest ? all.size() - i : i;
    if (matches(glob, all.substr(all.size() - length))) return value.substr(0, all.size() - length);
  }
  return value;
}

std::string replaced(const std::string& value, const std::string& from, const std::string& to,
                     bool all) {
  if (from.empty()) return value;
  std::string out;
  size_t at = 0;
  while (true) {
    const size_t found = value.find(from, at);
    if (found == value.npos || out.size() > kYamlBytesMax) break;
    out.append(value, at, found - at);
    out += to;
    at = found + from.size();
    if (!all) break;
  }
  return out.append(value, at);
}

class Expander {
 public:
  explicit Expander(const Environment& environment) : environment_(environment) {}

  // `nested`: the text is an operand, where a backslash escapes.
  Result<std::string> expand(std::string_view text, bool nested) {
    if (++depth_ > kDepthMax) return fail(Code::invalid_argument, "nested too deeply");
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (out.size() > kYamlBytesMax) return fail(Code::too_large, "the result is too large");
      const char next = i + 1 < text.size() ? text[i + 1] : '\0';
      if (nested && text[i] == '\\' && (next == '}' || next == '/' || next == '\\')) {
        out += next;
        ++i;
      } else if (text[i] != '$' || (next != '$' && next != '{')) {
        out += text[i];
      } else if (next == '$') {
        out += '$';
        ++i;
      } else {
        const size_t end = closing_brace(text, i + 2);
        if (depth_ == 1) at_ = i;
        if (end == text.npos) return fail(Code::invalid_argument, "${ without a closing }");
        out += TRY(expression(text.substr(i + 2, end - i - 2)));
        i = end;
      }
    }
    --depth_;
    return out;
  }

  size_t at() const { return at_; }  // where the expression in work starts

 private:
  static size_t closing_brace(std::string_view text, size_t at) {
    for (int open = 1; at < text.size(); ++at) {
      if (text[at] == '\\') {
        ++at;
      } else if (text[at] == '$' && at + 1 < text.size() && text[at + 1] == '{') {
        ++open;
        ++at;
      } else if (text[at] == '}' && --open == 0) {
        return at;
      }
    }
    return text.npos;
  }

  Result<std::string> expression(std::string_view body) {
    const std::string_view whole = body;
    const bool length = body.starts_with('#');
    if (length) body.remove_prefix(1);
    size_t end = 0;
    while (end < body.size() && is_name(body[end])) ++end;
    const std::string value = environment_(std::string(body.substr(0, end)));
    const std::string_view rest = body.substr(end);
    if (end == 0 || (length && !rest.empty())) return malformed(whole);
    if (length) return std::to_string(value.size());
    if (rest.empty()) return value;
    return operate(whole, value, rest);
  }

  Result<std::string> operate(std::string_view whole, std::string value, std::string_view rest) {
    const char op = rest.front();
    const bool doubled = rest.size() > 1 && rest[1] == op;
    const std::string_view operand = rest.substr(doubled ? 2 : 1);
    switch (op) {
      case '-':
      case '=':
        return value.empty() ? expand(rest.substr(1), true) : value;
      case ':':
        if (rest.starts_with(":-") || rest.starts_with(":=")) {
          return value.empty() ? expand(rest.substr(2), true) : value;
        }
        return part(whole, value, rest.substr(1));
      case '^':
      case ',':
        if (!operand.empty()) return malformed(whole);
        for (size_t i = 0; i < (doubled ? value.size() : std::min<size_t>(1, value.size())); ++i) {
          value[i] = op == '^' ? upper(value[i]) : lower(value[i]);
        }
        return value;
      case '#':
        return without_front(value, TRY(expand(operand, true)), doubled);
      case '%':
        return without_end(value, TRY(expand(operand, true)), doubled);
      case '/':
        return replace(whole, value, operand, doubled);
      default:
        return malformed(whole);
    }
  }

  static Result<std::string> part(std::string_view whole, const std::string& value,
                                  std::string_view numbers) {
    const size_t colon = numbers.find(':');
    const auto from = parse_integer(numbers.substr(0, colon));
    const auto length = colon == numbers.npos
                            ? std::optional<int64_t>(static_cast<int64_t>(value.size()))
                            : parse_integer(numbers.substr(colon + 1));
    if (!from || !length || *from < 0 || *length < 0) return malformed(whole);
    const auto start = std::min(static_cast<size_t>(*from), value.size());
    return value.substr(start, static_cast<size_t>(*length));
  }

  Result<std::string> replace(std::string_view whole, const std::string& value,
                              std::string_view operands, bool all) {
    size_t slash = 0;
    while (slash < operands.size() && operands[slash] != '/') {
      slash += operands[slash] == '\\' ? 2 : 1;
    }
    if (slash >= operands.size()) return malformed(whole);
    const std::string from = TRY(expand(operands.substr(0, slash), true));
    return replaced(value, from, TRY(expand(operands.substr(slash + 1), true)), all);
  }

  static std::unexpected<Error> malformed(std::string_view body) {
    return fail(
        Code::invalid_argument,
        fmt::format("${{{}}} is not an expression that can be expanded", body.substr(0, 60)));
  }

  const Environment& environment_;
  int depth_ = 0;
  size_t at_ = 0;
};

}  // namespace

std::string environment_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::string() : std::string(value);
}

Result<std::string> expand_env(std::string_view text, const Environment& environment) {
  Expander expander(environment);
  auto out = expander.expand(text, false);
  if (out) return out;
  const auto line = 1 + std::ranges::count(text.substr(0, expander.at()), '\n');
  return std::unexpected(std::move(out).error().in(fmt::format("line {}", line)));
}

}  // namespace vivace::config
