// The grammar where it surprises, positions of errors, and the limits.
#include <gtest/gtest.h>

#include "traceql/testing/dump.h"
#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

std::string canonical_of(const std::string& text) {
  const auto query = parse(text);
  return query ? canonical(*query) : query.error().text();
}

// The condition of a query that is one filter.
std::string condition_of(const std::string& expression) {
  const std::string text = canonical_of("{" + expression + "}");
  return text.size() > 4 ? text.substr(2, text.size() - 4) : text;
}

std::string error_of(const std::string& text) {
  const auto query = parse(text);
  return query ? "valid: " + canonical(*query) : query.error().text();
}

std::string repeat(std::string_view text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

TEST(Parser, OneLevelForAndAndOr) {
  EXPECT_EQ(condition_of(".a || .b && .c"), "(.a || .b) && .c");
  EXPECT_EQ(condition_of(".a && .b || .c"), "(.a && .b) || .c");
  EXPECT_EQ(canonical_of("{.a} && {.b} >> {.c}"), "({ .a }) && (({ .b }) >> ({ .c }))");
  EXPECT_EQ(canonical_of("{.a} > {.b} ~ {.c}"), "(({ .a }) > ({ .b })) ~ ({ .c })");
}

TEST(Parser, PrefixOperatorsTakeWhatBindsTighter) {
  EXPECT_EQ(condition_of("!.a = .b"), "(!.a) = .b");
  EXPECT_EQ(condition_of("-.a + .b"), "(-.a) + .b");
  EXPECT_EQ(condition_of("-.a * .b"), "-(.a * .b)");
  EXPECT_EQ(condition_of(".a - -.b + .c"), "(.a - (-.b)) + .c");
  EXPECT_EQ(condition_of(".x ^ -.a * .b + .c"), "(.x ^ (-(.a * .b))) + .c");
  EXPECT_EQ(condition_of("!-.a * .b = .c"), "(!(-(.a * .b))) = .c");
}

TEST(Parser, PowersGroupFromTheRightAndFold) {
  EXPECT_EQ(condition_of(".a ^ .b ^ .c"), ".a ^ (.b ^ .c)");
  EXPECT_EQ(condition_of(".a = 2 ^ 3 ^ 2"), ".a = 512");
  EXPECT_EQ(condition_of(".a = 2 ^ 3"), ".a = 8");
}

TEST(Parser, NilTests) {
  EXPECT_EQ(condition_of("nil != .a"), ".a != nil");
  EXPECT_EQ(condition_of(".a + .b = nil && .c"), "((.a + .b) = nil) && .c");
  EXPECT_EQ(condition_of("nil = .a + 1 && .b"), "((.a + 1) = nil) && .b");
  EXPECT_EQ(condition_of("nil = nil"), "false");
  EXPECT_EQ(condition_of("nil != nil"), "false");
  EXPECT_EQ(condition_of("1 != nil"), "true");
  EXPECT_EQ(condition_of("nil = \"nil\""), "false");
}

TEST(Parser, FoldsOnlyWhatPassesTheCheckAndComputes) {
  EXPECT_EQ(condition_of(".a = 1 + 2 * 3"), ".a = 7");
  EXPECT_EQ(condition_of("1 % 0 = 1"), "(1 % 0) = 1");
  EXPECT_EQ(condition_of("1 / 0 = 1"), "(1 / 0) = 1");
  EXPECT_EQ(error_of("{ \"x\" =~ \"(\" }"), "invalid regex: `(`");
}

TEST(Parser, NamesRunToTheirEnd) {
  EXPECT_EQ(condition_of(".a-1"), ".a-1");
  EXPECT_EQ(condition_of(".a - 1 = 2"), "(.a - 1) = 2");
  EXPECT_EQ(condition_of(".a//b"), ".a//b");
  EXPECT_EQ(condition_of("span.\"a \\\"b\\\\\"c"), "span.\"a \"b\\c\"");
  EXPECT_EQ(condition_of("span.3x"), "span.3x");
  EXPECT_EQ(condition_of("span.resource.x"), "span.resource.x");
  EXPECT_EQ(condition_of(".\"\" = 1"), ". = 1");
  EXPECT_EQ(error_of("{ .\"a }"), "parse error at line 1, col 3: unexpected EOF, expecting \"");
  EXPECT_EQ(error_of("{ .\"a\\n\" }"), "parse error at line 1, col 3: invalid escape sequence");
}

TEST(Parser, LastHintsCount) {
  const auto query = parse("{ } with(a=1, b=minInt) with(c=`x`, d=1h)");
  ASSERT_TRUE(query);
  ASSERT_EQ(query->hints.size(), 2u);
  EXPECT_EQ(query->hints[0].name, "c");
  EXPECT_EQ(query->hints[1].value.as<Duration>().ns, 3'600'000'000'000);
}

TEST(Parser, MetricsKeepTheirArguments) {
  const auto query = parse("{ } | compare({ .a }, 5, 10, 20)");
  ASSERT_TRUE(query);
  ASSERT_TRUE(query->metric && query->metric->comparison && query->metric->comparison->window);
  EXPECT_EQ(query->metric->comparison->top, 5);
  EXPECT_EQ(query->metric->comparison->window->start_ns, 10);
  EXPECT_EQ(query->metric->comparison->window->end_ns, 20);

  const auto staged = parse("{ } | rate() by(.a) | topk(5) >= 100ms | bottomk(2)");
  ASSERT_TRUE(staged);
  ASSERT_EQ(staged->second_stages.size(), 3u);
  EXPECT_EQ(staged->second_stages[0].limit, 5);
  EXPECT_EQ(staged->second_stages[1].op, Op::greater_equal);
  EXPECT_DOUBLE_EQ(staged->second_stages[1].value, 0.1);
}

TEST(Parser, WrappedPipelines) {
  EXPECT_EQ(canonical_of("({ .a } | { .b }) && ({ .c })"), "({ .a }|{ .b }) && ({ .c })");
  EXPECT_EQ(canonical_of("(({ .a } | { .b }))"), "{ .a }|{ .b }");
  EXPECT_EQ(canonical_of("({ .a }) | count() > 1"), "{ .a }|(count()) > 1");
  EXPECT_EQ(canonical_of("((count()) > 1) ~ (by(.a))"), "((count()) > 1) ~ (by(.a))");
  EXPECT_EQ(error_of("({ .a }) && ({ .b } | { .c })"),
            "parse error at line 1, col 21: syntax error: unexpected |");
  EXPECT_EQ(error_of("({ .a } | { .b }) && (count())"),
            "parse error at line 1, col 30: syntax error: unexpected )");
  EXPECT_EQ(error_of("({ .a } | { .b }"),
            "parse error at line 1, col 17: syntax error: unexpected $end, expecting ) or |");
  EXPECT_EQ(error_of("({ .a } | rate())"),
            "parse error at line 1, col 11: syntax error: unexpected rate");
}

// What dashboards send.
TEST(Parser, QueriesOfClients) {
  for (const char* text : {
           "({true && .a = 1} &>> { status = error }) || ({true && .a = 1}) | select(status, "
           "resource.service.name, name, nestedSetParent, nestedSetLeft, nestedSetRight)",
           "{nestedSetParent<0 && true} | compare({status = error}, 10)",
           "{true} | compare({duration >= 1s && duration <= 2s}, 10, 1700000000000000000, "
           "1700000060000000000)",
           "{true} | compare({})",
           "{kind=server && status=error && resource.x != nil} | rate() by(resource.x) "
           "with(sample=true)",
           "{(span.http.method=\"GET\" || span.http.method=\"PUT\") && duration>100ms && "
           "duration<1s}",
           "{true} | quantile_over_time(duration, .5, .9) by(.a)",
       }) {
    EXPECT_TRUE(parse(text)) << text;
  }
}

TEST(Parser, PositionsCountLinesAndCharacters) {
  EXPECT_EQ(error_of(""), "parse error : syntax error: unexpected $end");
  EXPECT_EQ(error_of("  "), "parse error at line 1, col 3: syntax error: unexpected $end");
  EXPECT_EQ(error_of("{ .a = \"ñ日\" ! }"),
            "parse error at line 1, col 13: syntax error: unexpected !");
  EXPECT_EQ(error_of("{\n  .a = \n  && }"),
            "parse error at line 3, col 3: syntax error: unexpected &&");
  EXPECT_EQ(error_of("\xef\xbb\xbf{ = }"),
            "parse error at line 1, col 3: syntax error: unexpected =");
}

TEST(Parser, BadBytesAreNamed) {
  using std::string_literals::operator""s;
  EXPECT_EQ(error_of("{ .a = \0 }"s), "parse error at line 1, col 8: invalid character NUL");
  EXPECT_EQ(error_of("{ .a\xff }"), "parse error at line 1, col 5: invalid UTF-8 encoding");
  EXPECT_EQ(error_of("{ .a = \"x\xc3\" }"),
            "parse error at line 1, col 10: invalid UTF-8 encoding");
  EXPECT_EQ(error_of("{ = \xff"), "parse error at line 1, col 3: syntax error: unexpected =");
}

// -------------------------------------------------------------------------------------- limits

TEST(ParserLimits, DeepNestingIsAnError) {
  for (const std::string opening : {"{(", "{ .a && (", "{!", "{-", "(", "{.a ^ ", "{ } && (",
                                    "min((", "{ } | (", "{ nil = ", "({ } | count() > 1) && ("}) {
    const std::string_view repeated = std::string_view(opening).substr(opening[0] == '{' ? 1 : 0);
    const std::string text = opening + repeat(repeated, 100'000);
    const auto query = parse(text, {.length_max = 10'000'000, .tokens_max = 10'000'000});
    EXPECT_FALSE(query) << opening;
  }
  const auto query = parse("{" + repeat("(", 100'000) + "1 = 1" + repeat(")", 100'000) + "}",
                           {.length_max = 1'000'000, .tokens_max = 1'000'000});
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().kind, ErrorKind::limit);
  EXPECT_EQ(query.error().message, "query is nested more than 500 levels deep");
  EXPECT_EQ(
      parse("{" + repeat("(", 400) + "1 = 1" + repeat(")", 400) + "}")->pipeline.stages.size(), 1u);
}

TEST(ParserLimits, ChainsMayBeLong) {
  for (const std::string link : {".a || ", ".a + ", ".a = 1 && ", ".a * "}) {
    const auto query = parse("{ " + repeat(link, 4'000) + ".a }");
    ASSERT_TRUE(query) << query.error().text();
    const auto again = parse(to_text(*query));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(testing::dump(*again), testing::dump(*query));
  }
  const auto spansets = parse(repeat("{} >> ", 4'000) + "{}");
  ASSERT_TRUE(spansets);
  EXPECT_EQ(testing::dump(*parse(to_text(*spansets))), testing::dump(*spansets));

  const auto query = parse("{ " + repeat(".a || ", 5'000) + ".a }");
  ASSERT_FALSE(query);
  EXPECT_EQ(query.error().message, "query has more than 4096 operators in a row");
}

TEST(ParserLimits, LengthAndWords) {
  const auto longest = parse("{ .a = `" + std::string(128 * 1024 - 11, 'x') + "` }");
  ASSERT_TRUE(longest);
  const auto longer = parse("{ .a = `" + std::string(128 * 1024 - 10, 'x') + "` }");
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().text(),
            "TraceQL expression exceeds the configured maximum size of 131072 bytes, reduce the "
            "query expression size or contact your system administrator");
  const auto wordy = parse("{ } | select(" + repeat(".,", 100) + ".a)", {.tokens_max = 50});
  ASSERT_FALSE(wordy);
  const auto list = parse("{ } | select(" + repeat(".a,", 100) + ".a)", {.tokens_max = 50});
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().kind, ErrorKind::limit);
}

}  // namespace
}  // namespace vivace::traceql
