// TraceQL: any text is either a query or an error that says why and where. What was read prints to
// text that reads back to the same tree, but for the depth that parentheses around 1.0 / 0.0 may
// add.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "traceql/tag_filter.h"
#include "traceql/testing/dump.h"
#include "traceql/traceql.h"

using vivace::traceql::ErrorKind;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto filter = vivace::traceql::read_tag_filter(text);
  ASSERT(filter || filter.error().kind == ErrorKind::limit);

  const auto query = vivace::traceql::parse_unchecked(text);
  if (!query) {
    const auto& error = query.error();
    const bool has_place = error.line >= 1 && error.column >= 1;
    ASSERT(!error.message.empty() && (has_place || text.empty() || error.kind == ErrorKind::limit));
    return 0;
  }

  const auto again = vivace::traceql::parse_unchecked(vivace::traceql::to_text(*query));
  ASSERT(again || again.error().kind == ErrorKind::limit);
  if (again) {
    ASSERT(vivace::traceql::testing::dump(*again) == vivace::traceql::testing::dump(*query));
  }

  const auto checked = vivace::traceql::check(*query);
  ASSERT(checked || !checked.error().message.empty());
  ASSERT(!vivace::traceql::canonical(*query).empty());
  return 0;
}
