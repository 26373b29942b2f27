// The filter of a tag look-up: `q` of the tag names and tag values calls, which comes from an
// editor and may be half typed. So this reader forgives. Comparisons without a right side are cut
// out, a missing `}` is added, and what makes no filter even then means "no filter":
//
//   { .q = 1 && .r = }                      .q = 1
//   { .a = 1 && (.b = 2 || name =           nothing: the parenthesis stays open
//   { .a = 1 && (.b = 2 || .c = 3) }        .a = 1 and .b = 2, or .a = 1 and .c = 3
//
// Called by the handlers of those calls; any thread.
#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "traceql/traceql.h"

namespace vivace::traceql {

// `attribute op value`; a nil value stands for `= nil` and `!= nil`.
struct TagCondition {
  Attribute attribute;
  Op op = Op::equal;
  Datum value;
};

// A span passes if all conditions of any alternative hold. Without alternatives every span passes.
// Parts that are no simple condition (arithmetic, `!`) are taken for true; an alternative that has
// nothing else makes the whole filter void.
struct TagFilter {
  std::vector<std::vector<TagCondition>> alternatives;
};

constexpr size_t kAlternativesMax = 100;
constexpr size_t kConditionsMax = 2'000;  // of all alternatives

// Fails only where there are more alternatives or conditions than that, or the text is too long.
std::expected<TagFilter, QueryError> read_tag_filter(std::string_view text,
                                                     const Limits& limits = {});

}  // namespace vivace::traceql
