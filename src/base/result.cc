// Names of codes, and the end of the process on a broken invariant: a line on stderr and a core
// file, because going on with wrong state could lose what was acked.
#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace vivace {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::unauthenticated:
      return "unauthenticated";
    case Code::not_found:
      return "not_found";
    case Code::too_large:
      return "too_large";
    case Code::corrupt:
      return "corrupt";
    case Code::io:
      return "io";
    case Code::limit:
      return "limit";
    case Code::cancelled:
      return "cancelled";
    case Code::deadline_exceeded:
      return "deadline_exceeded";
    case Code::unavailable:
      return "unavailable";
    case Code::unimplemented:
      return "unimplemented";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expression);
  std::abort();
}

}  // namespace vivace
