// Tags as text, and what each of them asks for. The texts are logfmt as Go's reader takes it; the
// conditions are trees of the language made by hand, because keys and values are the client's words
// and would have to be quoted otherwise. Called by search.cc, on its thread.
#include "api/legacy_search.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include <fmt/format.h>

#include "traceql/regex.h"

namespace vivace::api {
namespace {

using traceql::Attribute;
using traceql::Datum;
using traceql::FieldExpr;
using traceql::Intrinsic;
using traceql::Op;

// Found by a part of their text.
constexpr auto kByPart = std::to_array<std::string_view>(
    {"service.name", "cluster", "namespace", "pod", "container", "k8s.cluster.name",
     "k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "http.method", "http.url"});

std::unexpected<Error> bad(std::string_view what, size_t at) {
  return fail(Code::invalid_argument, fmt::format("invalid tags: {} at pos {}", what, at + 1));
}

class TagReader {
 public:
  explicit TagReader(std::string_view text) : text_(text) {}

  Result<Tags> run() {
    Tags out;
    while (skip_blanks()) {
      std::string key = TRY(read_key());
      std::string value;
      if (at_ < text_.size() && text_[at_] == '=') {
        ++at_;
        value = TRY(read_value());
      }
      if (std::ranges::find(out, key, &Tags::value_type::first) != out.end()) {
        return fail(Code::invalid_argument,
                    fmt::format("invalid tags: tag {} has been set twice", key));
      }
      out.emplace_back(std::move(key), std::move(value));
    }
    return out;
  }

 private:
  static bool is_blank(char c) { return static_cast<unsigned char>(c) <= ' '; }

  bool skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    return at_ < text_.size();
  }

  Result<std::string> read_key() {
    const size_t begin = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) && text_[at_] != '=') {
      if (text_[at_] == '"') return bad("unexpected '\"'", at_);
      ++at_;
    }
    if (at_ == begin) return bad("unexpected '='", at_);
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> read_value() {
    if (at_ < text_.size() && text_[at_] == '"') return read_quoted();
    const size_t begin = at_;
    while (at_ < text_.size() && !is_blank(text_[at_])) {
      if (text_[at_] == '"' || text_[at_] == '=') {
        return bad(fmt::format("unexpected '{}'", text_[at_]), at_);
      }
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  Result<std::string> read_quoted() {
    const size_t begin = at_++;
    std::string out;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    if (at_ >= text_.size()) return bad("unterminated quoted value", begin);
    ++at_;
    if (at_ < text_.size() && !is_blank(text_[at_])) {
      return bad(fmt::format("unexpected '{}'", text_[at_]), at_);
    }
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
};

FieldExpr leaf(auto node) { return {.node = std::move(node)}; }

FieldExpr binary(Op op, FieldExpr lhs, FieldExpr rhs) {
  const int height = std::max(lhs.height, rhs.height) + 1;
  return {.node = traceql::Binary{op, std::make_unique<FieldExpr>(std::move(lhs)),
                                  std::make_unique<FieldExpr>(std::move(rhs))},
          .height = height};
}

FieldExpr of_span_or_resource(std::string_view key, Op op, const Datum& value) {
  const auto in = [&](traceql::Scope scope) {
    return binary(op, leaf(Attribute{.scope = scope, .name = std::string(key)}), leaf(value));
  };
  return binary(Op::either, in(traceql::Scope::span), in(traceql::Scope::resource));
}

FieldExpr of_intrinsic(Intrinsic intrinsic, Op op, const Datum& value) {
  return binary(op, leaf(Attribute{.intrinsic = intrinsic}), leaf(value));
}

// A pattern that matches texts with this part.
std::string part_pattern(std::string_view part) {
  std::string out = ".*";
  for (const char c : part) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       static_cast<unsigned char>(c) >= 0x80;
    if (c == '\0') {
      out += "\\x00";
    } else {
      if (!plain) out += '\\';
      out += c;
    }
  }
  return out + ".*";
}

FieldExpr of_status(std::string_view word) {
  using traceql::Status;
  for (const Status status : {Status::error, Status::ok, Status::unset}) {
    if (traceql::status_text(status) == word) {
      return of_intrinsic(Intrinsic::status, Op::equal, traceql::datum(status));
    }
  }
  return leaf(traceql::datum<bool>(false));
}

}  // namespace

Result<Tags> parse_tags(std::string_view text) { return TagReader(text).run(); }

Result<FieldExpr> tag_condition(std::string_view key, std::string_view value) {
  const Datum text = traceql::datum(std::string(value));
  const Datum pattern = traceql::datum(part_pattern(value));
  const bool is_pattern = traceql::Regex::compile(pattern.as<std::string>()).has_value();
  const auto by_part = [&](Intrinsic intrinsic) -> Result<FieldExpr> {
    if (!is_pattern) return fail(Code::invalid_argument, "invalid tags: not UTF-8");
    return of_intrinsic(intrinsic, Op::matches, pattern);
  };
  if (key == "name") return by_part(Intrinsic::name);
  if (key == "root.name") return by_part(Intrinsic::root_name);
  if (key == "root.service.name") return by_part(Intrinsic::root_service);
  if (key == "status.code") return of_status(value);
  if (key == "error" && value == "true") return of_status("error");
  if (std::ranges::find(kByPart, key) != kByPart.end()) {
    if (!is_pattern) return fail(Code::invalid_argument, "invalid tags: not UTF-8");
    return of_span_or_resource(key, Op::matches, pattern);
  }
  if (key == "http.status_code") {
    int64_t code = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), code);
    if (failed == std::errc() && end == value.data() + value.size()) {
      return of_span_or_resource(key, Op::equal, traceql::datum(code));
    }
  }
  return of_span_or_resource(key, Op::equal, text);
}

}  // namespace vivace::api
