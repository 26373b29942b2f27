// The exact text: what it looks like, and that it reads back where that is not obvious.
#include <gtest/gtest.h>

#include "traceql/testing/dump.h"
#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

std::string text_of(const std::string& text) {
  const auto query = parse(text);
  if (!query) return query.error().text();
  const std::string printed = to_text(*query);
  const auto again = parse(printed);
  if (!again) return printed + ": " + again.error().text();
  EXPECT_EQ(testing::dump(*again), testing::dump(*query)) << printed;
  return printed;
}

TEST(ExactText, HasNoNeedlessParentheses) {
  EXPECT_EQ(text_of("{((.a = 1) && ((.b)) || .c) && (.d || .e)}"),
            "{ .a = 1 && .b || .c && (.d || .e) }");
  EXPECT_EQ(text_of("{ (.a * (-.b)) * .c = (-1) ^ .d }"), "{ .a * (-.b) * .c = (-1) ^ .d }");
  EXPECT_EQ(text_of("{ .a ^ (.b ^ .c) = (.a ^ .b) ^ .c }"), "{ .a ^ .b ^ .c = (.a ^ .b) ^ .c }");
  EXPECT_EQ(text_of("{ (.a - .b) - (.c - .d) = 0 }"), "{ .a - .b - (.c - .d) = 0 }");
  EXPECT_EQ(text_of("{ !(.a = nil) && (nil != .b) }"), "{ !(.a = nil) && .b != nil }");
  EXPECT_EQ(text_of("(({ .a }) && { .b }) >> ({ .c } || { .d })"),
            "({ .a } && { .b }) >> ({ .c } || { .d })");
}

TEST(ExactText, Pipelines) {
  EXPECT_EQ(text_of("{}|by(.a)|coalesce()|avg(.b+1)>-1.5|select(.a,name)"),
            "{ true } | by(.a) | coalesce() | avg(.b+1) > -1.5 | select(.a, name)");
  EXPECT_EQ(text_of("{}|rate()by(.a,.b)|topk(5)>100ms with(a=1,b=`x`)"),
            "{ true } | rate() by(.a, .b) | topk(5) > 0.1 with(a=1, b=`x`)");
  EXPECT_EQ(text_of("{}|quantile_over_time(duration,.9999999,1)"),
            "{ true } | quantile_over_time(duration, 0.9999999, 1.0)");
  EXPECT_EQ(text_of("{}|compare({.a},10,5,7)"), "{ true } | compare({ .a }, 10, 5, 7)");
}

// Where a plain spanset comes first among pipelines, a parenthesis before it would change its
// meaning.
TEST(ExactText, PipelinesAsOperands) {
  EXPECT_EQ(text_of("({.a}|{.b}) && ({.c}) >> ({.d}|{.e})"),
            "({ .a } | { .b }) && ({ .c }) >> ({ .d } | { .e })");
  EXPECT_EQ(text_of("({.a}|{.b}) && ({.c}) >> ({.d}|{.e}) ~ ({.f} && {.g})"),
            "({ .a } | { .b }) && ({ .c }) >> ({ .d } | { .e }) ~ ({ .f } && { .g })");
  EXPECT_EQ(text_of("({.a}|{.b}) && (({.c}|{.d}) || ({.e}))"),
            "({ .a } | { .b }) && (({ .c } | { .d }) || ({ .e }))");
  EXPECT_EQ(text_of("(({.a}|{.b}) && ({.c}|{.d})) > (count() > 1)"),
            "(({ .a } | { .b }) && ({ .c } | { .d })) > (count() > 1)");
  EXPECT_EQ(text_of("((({.a}|{.b}) > ({.c})) && ({.d} | count() > 2)) || (({.e}))"),
            "({ .a } | { .b }) > ({ .c }) && ({ .d } | count() > 2) || ({ .e })");
}

TEST(ExactText, ValuesAndNames) {
  EXPECT_EQ(text_of("{ .a = \"x`y\\n\" }"), "{ .a = \"x`y\\x0a\" }");
  EXPECT_EQ(text_of("{ .a = \"\\xff\\\\\" }"), "{ .a = \"\\xff\\\\\" }");
  EXPECT_EQ(text_of("{ .a = minInt && .b = 1. / 0. }"), "{ .a = minInt && .b = (1.0 / 0.0) }");
  EXPECT_EQ(text_of("{ .a = -1.0 / 0. || .a = 0. / 0. }"),
            "{ .a = (1.0 / -0.0) || .a = (0.0 / 0.0) }");
  EXPECT_EQ(text_of("{ .\"3\" = 1 && span.\"q\\\"\\\\\" && event.\"\" }"),
            "{ .\"3\" = 1 && span.\"q\\\"\\\\\" && event.\"\" }");
  EXPECT_EQ(text_of("{ } | rate() by(parent.x, parent.\"span.y\", parent.span.z)"),
            "{ true } | rate() by(parent.x, parent.\"span.y\", parent.span.z)");
}

}  // namespace
}  // namespace vivace::traceql
