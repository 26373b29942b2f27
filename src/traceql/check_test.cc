// Checks and arithmetic beyond what the case file has, and the text of values.
#include <limits>

#include <gtest/gtest.h>

#include "traceql/compute.h"
#include "traceql/regex.h"
#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

std::string error_of(const std::string& text) {
  const auto query = parse(text);
  return query ? "valid" : query.error().text();
}

std::string computed(Op op, const Datum& a, const Datum& b) {
  const auto result = compute(op, a, b);
  return result ? datum_text(*result) : std::string(result.error());
}

TEST(Check, ParentIsRefused) {
  EXPECT_EQ(error_of("{ parent.span.x = 1 }"), "parent not yet supported");
  EXPECT_EQ(error_of("{ parent = nil }"), "intrinsic (parent) not yet supported");
  EXPECT_EQ(error_of("{ } | by(parent.x)"), "parent not yet supported");
  EXPECT_EQ(error_of("{ } | rate() by(parent)"), "valid");
}

TEST(Check, MetricArguments) {
  EXPECT_EQ(error_of("{ } | quantile_over_time(duration, 1.5)"),
            "quantile must be between 0 and 1: 1.5");
  EXPECT_EQ(error_of("{ } | compare({ .a }, 5, 0, 10)"),
            "compare() timestamps must be positive integer unix nanoseconds");
  EXPECT_EQ(error_of("{ } | compare({ 1 })"),
            "span filter field expressions must resolve to a boolean: { 1 }");
  EXPECT_EQ(error_of("{ } | rate() | bottomk(0)"), "limit must be greater than 0");
}

TEST(Check, InnermostMistakeFirst) {
  EXPECT_EQ(error_of("{ (1 + \"a\" = 1) + 2 }"),
            "binary operations must operate on the same type: 1 + `a`");
  EXPECT_EQ(error_of("sum(3) = min(14)"),
            "aggregate field expressions must reference the span: sum(3)");
  EXPECT_EQ(error_of("({ \"a\" } | { }) && ({ 1 })"),
            "span filter field expressions must resolve to a boolean: { `a` }");
}

TEST(Check, NilTestsOfWhatIsAlwaysThere) {
  EXPECT_EQ(error_of("{ span:childCount = nil }"),
            "span:childCount=nil is not valid because intrinsics cannot be nil");
  EXPECT_EQ(error_of("{ .service.name = nil }"), "valid");
  EXPECT_EQ(error_of("{ resource.service.name != nil }"), "valid");
}

TEST(Compute, IntegersWrapAndTruncate) {
  const auto i = [](int64_t value) { return datum<int64_t>(value); };
  EXPECT_EQ(computed(Op::divide, i(-3), i(2)), "-1");
  EXPECT_EQ(computed(Op::modulo, i(-8), i(3)), "-2");
  EXPECT_EQ(computed(Op::divide, i(kMin), i(-1)), std::to_string(kMin));
  EXPECT_EQ(computed(Op::modulo, i(kMin), i(-1)), "0");
  EXPECT_EQ(computed(Op::subtract, i(kMin), i(1)), "9223372036854775807");
  EXPECT_EQ(computed(Op::divide, i(1), i(0)), "division by zero");
  EXPECT_EQ(computed(Op::modulo, i(1), i(0)), "modulo by zero");
  EXPECT_EQ(computed(Op::power, i(2), i(3)), "8");
  EXPECT_EQ(computed(Op::power, i(2), i(-1)), "0");
  EXPECT_EQ(computed(Op::power, i(10), i(30)), std::to_string(kMin));
  EXPECT_EQ(computed(Op::power, i(0), i(-1)), std::to_string(kMin));
}

TEST(Compute, MixedNumbersAreReal) {
  const Datum second = datum<Duration>({1'000'000'000});
  EXPECT_EQ(computed(Op::add, second, datum<int64_t>(1)), "1.000000001e+09");
  EXPECT_EQ(computed(Op::divide, datum<double>(1), datum<int64_t>(0)), "+Inf");
  EXPECT_EQ(computed(Op::equal, second, datum<int64_t>(1'000'000'000)), "true");
  EXPECT_EQ(computed(Op::less, datum<int64_t>(1), datum<double>(1.5)), "true");
}

TEST(Compute, TypesThatDoNotMeetAreNeitherEqualNorDifferent) {
  const Datum text = datum<std::string>("1");
  const Datum one = datum<int64_t>(1);
  EXPECT_EQ(computed(Op::equal, text, one), "false");
  EXPECT_EQ(computed(Op::not_equal, text, one), "false");
  EXPECT_EQ(computed(Op::not_equal, Datum(), one), "false");
  EXPECT_EQ(computed(Op::not_equal, Datum(), Datum()), "false");
  EXPECT_EQ(computed(Op::less, datum<std::string>(""), text), "true");
  EXPECT_EQ(computed(Op::greater, datum<std::string>("\xff"), datum<std::string>("z")), "true");
  EXPECT_EQ(computed(Op::add, text, one), "arithmetic on a value that is no number");
}

TEST(Regex, MatchesTheWholeValue) {
  const auto regex = Regex::compile("bl|r.d");
  ASSERT_TRUE(regex);
  EXPECT_TRUE(regex->matches("bl"));
  EXPECT_TRUE(regex->matches("r\nd"));
  EXPECT_FALSE(regex->matches("blue"));
  EXPECT_FALSE(Regex::compile("("));
}

TEST(DatumText, Reals) {
  EXPECT_EQ(datum_text(datum<double>(1)), "1.0");
  EXPECT_EQ(datum_text(datum<double>(123456.5)), "123456.5");
  EXPECT_EQ(datum_text(datum<double>(1234567)), "1.234567e+06");
  EXPECT_EQ(datum_text(datum<double>(1e9)), "1e+09");
  EXPECT_EQ(datum_text(datum<double>(0.0001)), "0.0001");
  EXPECT_EQ(datum_text(datum<double>(0.00001)), "1e-05");
  EXPECT_EQ(datum_text(datum<double>(-0.0)), "-0.0");
  EXPECT_EQ(datum_text(datum<double>(1e-300)), "1e-300");
  EXPECT_EQ(datum_text(datum<double>(100)), "100.0");
}

TEST(DatumText, DurationsAndArrays) {
  EXPECT_EQ(duration_text({0}), "0s");
  EXPECT_EQ(duration_text({-1'500}), "-1.5µs");
  EXPECT_EQ(duration_text({90'000'000'000}), "1m30s");
  EXPECT_EQ(duration_text({3'600'000'000'000}), "1h0m0s");
  EXPECT_EQ(duration_text({kMin}), "-2562047h47m16.854775808s");
  EXPECT_EQ(datum_text(datum<std::vector<int64_t>>({1, 2})), "[1, 2]");
  EXPECT_EQ(datum_text(datum<std::vector<std::string>>({"a", "b"})), "[`a`, `b`]");
  EXPECT_EQ(datum_text(datum<std::vector<bool>>({true, false})), "[true, false]");
}

TEST(NeverMatches, SeesConstantFilters) {
  for (const char* text : {"{ false }", "{ 1 = 2 }", "{ false } && { }", "{ false } | rate()",
                           "{ } >> { false }", "{ false } || { false }"}) {
    EXPECT_TRUE(never_matches(parse(text)->pipeline)) << text;
  }
  for (const char* text : {"{ }", "{ false } || { }", "{ false } !> { }", "{ .a }"}) {
    EXPECT_FALSE(never_matches(parse(text)->pipeline)) << text;
  }
}

}  // namespace
}  // namespace vivace::traceql
