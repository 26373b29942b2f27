// A pattern of `=~` and `!~`: RE2's syntax, matched against the whole value, where `.` matches a
// line feed too. RE2 works in linear time and bounded memory, so a pattern from outside is safe to
// run.
//
// Compile once a query and share: matches() may be called from many threads.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace vivace::traceql {

class Regex {
 public:
  // invalid_argument, with RE2's reason, for what is no pattern or needs too much memory.
  static Result<Regex> compile(std::string_view pattern);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  bool matches(std::string_view value) const;

 private:
  explicit Regex(std::unique_ptr<re2::RE2> compiled);
  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace vivace::traceql
