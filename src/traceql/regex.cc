// The one place that knows RE2, and the options under which the language runs it: a dot matches
// line feeds, nothing is logged, memory is RE2's default of 8 MiB a pattern.
#include "traceql/regex.h"

#include <string>

#include <re2/re2.h>

namespace vivace::traceql {

Regex::Regex(std::unique_ptr<re2::RE2> compiled) : compiled_(std::move(compiled)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  auto compiled =
      std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (!compiled->ok()) return fail(Code::invalid_argument, compiled->error());
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view value) const {
  return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *compiled_);
}

}  // namespace vivace::traceql
