// Two generators of queries against the parser and the printer. Token soup must end in a tree or an
// error that says where; trees, grown the way the parser grows them, must print to text that reads
// back to themselves. A failure prints its seed; one round with that seed repeats it.
#include <random>

#include <gtest/gtest.h>

#include "traceql/fold.h"
#include "traceql/testing/dump.h"
#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

constexpr uint64_t kSeeds = 20'000;

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(engine_); }
  bool one_in(int n) { return below(n) == 0; }
  template <class T, size_t N>
  const T& one_of(const T (&items)[N]) {
    return items[below(static_cast<int>(N))];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr const char* kWords[] = {
    "{",          "}",       "{ }",      "(",       ")",        "|",
    "&&",         "||",      "=",        "!=",      "<",        ">=",
    ">>",         "!>",      "&~",       "~",       "!~",       "=~",
    "+",          "-",       "*",        "/",       "%",        "^",
    "!",          ",",       ".a",       "span.b",  "parent.c", "event:",
    "name",       "span:id", ".",        "nil",     "true",     "error",
    "server",     "1",       "0",        "1.5",     "2h",       "\"x\"",
    "`y`",        "\"",      "'",        "count()", "count",    "avg",
    "max(.a)",    "by(.a)",  "by",       "select",  "(.a)",     "with",
    "coalesce()", "rate()",  "compare(", "topk(5)", "(a=1)",    "quantile_over_time(.a, .5)",
    "//",         "/*",      "\xff",     "minInt",  "foo",      "{ .a } > { .b }",
    "\n",         "> 1",     "| rate()", "duration"};

std::string soup(Random& random) {
  std::string text = random.one_in(2) ? "{ " : "";
  const int words = 1 + random.below(12);
  for (int i = 0; i < words; ++i) {
    text += random.one_of(kWords);
    if (!random.one_in(4)) text += ' ';
  }
  if (random.one_in(2)) text += " }";
  return text;
}

// Grows trees from the leaves, folding as the parser does.
class Trees {
 public:
  explicit Trees(Random& random) : random_(random) {}

  Query query() {
    Query query;
    query.pipeline.stages.emplace_back(spanset(3));
    for (int more = random_.below(3); more > 0; --more) query.pipeline.stages.push_back(stage());
    if (random_.one_in(3)) query.metric = metric();
    if (query.metric && random_.one_in(2)) {
      const double value = literal_real();
      query.second_stages.push_back(
          {SecondStage::Function::compare, 0, Op::less, std::isfinite(value) ? value : 1});
    }
    if (random_.one_in(3)) query.hints.push_back({"hint", unsigned_literal()});
    return query;
  }

  FieldExpr field(int depth) {
    if (depth == 0 || random_.one_in(5)) {
      return {.node = random_.one_in(3) ? FieldExpr{.node = literal()}.node
                                        : FieldExpr{.node = attribute()}.node};
    }
    if (random_.one_in(5))
      return fold_unary(random_.one_in(2) ? Op::negate : Op::invert, field(depth - 1));
    if (random_.one_in(6)) return fold_nil_test(random_.one_in(2), field(depth - 1));
    FieldExpr lhs = field(depth - 1);
    const auto op = static_cast<Op>(random_.below(static_cast<int>(Op::either) + 1));
    return fold_binary(op, std::move(lhs), field(depth - 1));
  }

 private:
  Stage stage() {
    switch (random_.below(5)) {
      case 0:
        return GroupBy{field(2)};
      case 1:
        return Select{{attribute(), attribute()}};
      case 2:
        return Coalesce();
      case 3:
        return ScalarFilter{Op::greater,
                            {.node = Aggregate{Aggregate::Function::avg, field(2)}},
                            {.node = datum<double>(random_.below(100) / 8.0 - 5)}};
      default:
        return spanset(2);
    }
  }

  Spanset spanset(int depth) {
    if (depth == 0 || random_.one_in(3)) return {.node = Filter{field(4)}};
    const auto relation = static_cast<Relation>(random_.below(7));
    const bool has_forms = relation > Relation::either;
    const auto form = has_forms ? static_cast<Form>(random_.below(3)) : Form::plain;
    auto lhs = std::make_unique<Spanset>(spanset(depth - 1));
    auto rhs = std::make_unique<Spanset>(spanset(depth - 1));
    return {.node = Operation{{relation, form}, std::move(lhs), std::move(rhs)}};
  }

  Metric metric() {
    if (random_.one_in(4)) {
      Comparison comparison{.selection = field(2), .top = random_.below(20)};
      if (random_.one_in(2)) comparison.window = {random_.below(9), random_.below(9)};
      return {.function = Metric::Function::compare, .comparison = std::move(comparison)};
    }
    Metric metric{.function = Metric::Function::quantile_over_time};
    metric.of = attribute();
    metric.quantiles = {random_.below(1'000'000) / 1e6, 1};
    if (random_.one_in(2)) metric.by = {attribute(), attribute()};
    return metric;
  }

  Attribute attribute() {
    if (random_.one_in(4)) return {.intrinsic = static_cast<Intrinsic>(1 + random_.below(22))};
    constexpr const char* kNames[] = {"a", "a.b", "3",  "a-1", "a b",    "{=}", "q\"q",     "b\\s",
                                      "",  "ñ日", ".x", "//",  "span.x", "5s",  "\xc2\xa0", "a\nb"};
    return {.scope = static_cast<Scope>(random_.below(6)), .name = random_.one_of(kNames)};
  }

  double literal_real() {
    constexpr double kReals[] = {0.0, 1.5, 1e9, 1e-7, 123456.5, 0.1, 1e300, 5e-324};
    return random_.one_in(2) ? -random_.one_of(kReals) : random_.one_of(kReals);
  }

  Datum unsigned_literal() {
    using std::string_literals::operator""s;
    switch (random_.below(6)) {
      case 0: {
        static const std::string kTexts[] = {"",    "a`b",     "\r",    "\xff\"\\",
                                             "\0"s, "é\nline", "`\x01", "日`"};
        return datum<std::string>(random_.one_of(kTexts));
      }
      case 1:
        return datum<bool>(random_.one_in(2));
      case 2:
        return datum<Status>(static_cast<Status>(random_.below(3)));
      case 3:
        return datum<Kind>(static_cast<Kind>(random_.below(6)));
      case 4:
        return datum<int64_t>(std::numeric_limits<int64_t>::min());
      default:
        return datum<double>(std::abs(literal_real()));
    }
  }

  Datum literal() {
    constexpr int64_t kIntegers[] = {
        0, 1, -1, 42, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()};
    switch (random_.below(4)) {
      case 0:
        return datum<int64_t>(random_.one_of(kIntegers));
      case 1:
        return datum<double>(literal_real());
      case 2: {  // the smallest has no text, as in the other numbers
        const int64_t ns = std::max(random_.one_of(kIntegers), -kIntegers[5]);
        return datum<Duration>({ns});
      }
      default:
        return unsigned_literal();
    }
  }

  Random& random_;
};

void expect_reads_back(const Query& query) {
  const std::string text = to_text(query);
  const auto again = parse_unchecked(text);
  ASSERT_TRUE(again) << text << "\n" << again.error().text();
  EXPECT_EQ(testing::dump(*again), testing::dump(query)) << text;
}

TEST(Random, TokenSoupIsReadOrRefused) {
  int valid = 0;
  for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Random random(seed);
    const std::string text = soup(random);
    const auto query = parse_unchecked(text);
    if (query) {
      ++valid;
      expect_reads_back(*query);
      const auto checked = check(*query);
      EXPECT_TRUE(checked || !checked.error().message.empty());
    } else {
      EXPECT_FALSE(query.error().message.empty());
      EXPECT_GE(query.error().line, 1);
      EXPECT_GE(query.error().column, 1);
    }
  }
  EXPECT_GT(valid, 100);
}

TEST(Random, TreesReadBack) {
  for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Random random(seed);
    const Query query = Trees(random).query();
    expect_reads_back(query);
    EXPECT_FALSE(canonical(query).empty());
  }
}

// Parentheses are where they must be and nowhere else: an expression reads the same when it is read
// from its exact text, from its canonical one, and from one with parentheses around every operand.
TEST(Random, ParenthesesDoNotChangeTrees) {
  for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Random random(seed);
    Query query;
    query.pipeline.stages.emplace_back(Spanset{.node = Filter{Trees(random).field(5)}});
    const auto again = parse_unchecked("(( " + to_text(query) + "))");
    ASSERT_TRUE(again) << to_text(query);
    EXPECT_EQ(testing::dump(*again), testing::dump(query));
  }
}

}  // namespace
}  // namespace vivace::traceql
