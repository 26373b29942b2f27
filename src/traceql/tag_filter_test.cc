// What the forgiving reader makes of whole, half typed and hopeless filters.
#include "traceql/tag_filter.h"

#include <gtest/gtest.h>

namespace vivace::traceql {
namespace {

std::string filter_of(const std::string& text) {
  const auto filter = read_tag_filter(text);
  if (!filter) return "error: " + filter.error().message;
  std::string result;
  for (const auto& alternative : filter->alternatives) {
    if (!result.empty()) result += " or ";
    for (size_t i = 0; i < alternative.size(); ++i) {
      const TagCondition& condition = alternative[i];
      if (i > 0) result += ", ";
      result.append(canonical(condition.attribute)).append(" ").append(text_of(condition.op));
      result.append(" ").append(datum_text(condition.value));
    }
  }
  return result;
}

TEST(TagFilter, WholeFilters) {
  EXPECT_EQ(filter_of("{ .a = 1 && 5 < span.b && nil != .c }"), ".a = 1, span.b > 5, .c != nil");
  EXPECT_EQ(filter_of("{ .a = 1 && (.b = 2 || .c =~ `x`) }"),
            ".a = 1, .b = 2 or .a = 1, .c =~ `x`");
  EXPECT_EQ(filter_of("{ .a = 1 } | rate() by(.b)"), ".a = 1");
  EXPECT_EQ(filter_of("{ .a = 1 && .b + 1 = 2 }"), ".a = 1");
}

TEST(TagFilter, HalfTypedFilters) {
  EXPECT_EQ(filter_of("{ .q = 1 && .r = }"), ".q = 1");
  EXPECT_EQ(filter_of("{ .q = 1 && .r ="), ".q = 1");
  EXPECT_EQ(filter_of("{ .q = 1"), ".q = 1");
  EXPECT_EQ(filter_of("{ name = && .q = 1 }"), ".q = 1");
  EXPECT_EQ(filter_of("{ (.a = && .b = ) && .c = 1 }"), ".c = 1");
  EXPECT_EQ(filter_of("{ .q = 1 && .r =~ } | rate()"), ".q = 1");
}

TEST(TagFilter, NoFilter) {
  for (const char* text : {"", " ", "{}", "{ true }", "{ .a }", "{ name }",
                           "{ .a = 1 } && { .b = 2 }", "{ .a = 1 || .b }", "{ .a = 1 || .b = }",
                           "{ .a = \"x", "by(.a)", "count() > 1", "{ status = 1 }", "{ .a = 1 && }",
                           "{ .a = 1 && (.b = 2", "{ parent.a = 1 }", "nonsense", "}", "\xff"}) {
    EXPECT_EQ(filter_of(text), "") << text;
  }
}

TEST(TagFilter, AlternativesAreLimited) {
  std::string text = "{ .a = 0";
  for (int i = 1; i < 100; ++i) text += " || .a = " + std::to_string(i);
  EXPECT_EQ(read_tag_filter(text + " }")->alternatives.size(), 100u);
  EXPECT_EQ(filter_of(text + " || .b = 1 }"), "error: filter has more than 100 alternatives");
  EXPECT_EQ(filter_of("{ " + std::string(200'000, ' ') + " }").substr(0, 6), "error:");
}

TEST(TagFilter, ConditionsAreLimited) {
  std::string text = "{ .a = 0";
  for (int i = 1; i < 2'000; ++i) text += " && .a = 1";
  EXPECT_EQ(read_tag_filter(text + " }")->alternatives.front().size(), 2'000u);
  EXPECT_EQ(filter_of(text + " && .b = 1 }"), "error: filter has more than 2000 conditions");
  EXPECT_EQ(filter_of(text + " || .b = 1 }"), "error: filter has more than 2000 conditions");
  std::string many = "{ (.a = 0";
  for (int i = 1; i < 50; ++i) many += " || .a = 1";
  many += ")";
  for (int i = 0; i < 40; ++i) many += " && .b = 1";
  EXPECT_EQ(filter_of(many + " }"), "error: filter has more than 2000 conditions");
}

}  // namespace
}  // namespace vivace::traceql
