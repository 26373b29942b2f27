// compare() where there is much of everything: keys that each span has for itself, resources,
// names; all of it ends when the question does, and is charged to it.
#include "query/metrics_compare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "query/metrics_testing.h"
#include "query/part_set.h"

namespace vivace {
namespace {

using testing::HasSubstr;

// Past the deadline once it was looked at so many times.
class LateClock final : public Clock {
 public:
  int64_t unix_ns() const override { return 0; }
  int64_t steady_ns() const override { return ++looks; }
  mutable int64_t looks = 0;
};
constexpr int64_t kLooks = 20;

// Row groups alone, of which `compared` takes in each whole.
Result<void> add_all(const Snapshot& snapshot, const QueryControl& control) {
  const auto query = traceql::parse("{ } | compare({ name = `x` })");
  const MetricsAxis axis = *MetricsAxis::range(90 * kSecond, 100 * kSecond, 10 * kSecond, 10'000);
  metrics::Memory memory(64 << 20, control);
  auto compared = TRY(metrics::Compared::make(*query->metric->comparison, axis, {}, memory));
  PartSet parts({&snapshot, 1}, control);
  TraceFactsOf facts(parts, true);
  metrics::PickedRows rows;
  for (uint32_t part = 0; part < parts.size(); ++part) {
    for (uint32_t g = 0; g < parts.part(part).groups().size(); ++g) {
      const auto group = parts.group(part, g);
      CHECK_OK(rows.pick(*group, Bits(group->owners(Scope::span).count, true), axis));
      CHECK_OK(compared.add(*group, rows, &facts));
    }
  }
  return {};
}

void expect_in_time(const Snapshot& snapshot) {
  const LateClock clock;
  const QueryControl in_time{.maybe_clock = &clock};
  EXPECT_TRUE(add_all(snapshot, in_time));
  EXPECT_GT(clock.looks, 10 * kLooks);

  const LateClock late_clock;
  const QueryControl late{.maybe_clock = &late_clock, .deadline_steady_ns = kLooks};
  const auto added = add_all(snapshot, late);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::deadline_exceeded);
  EXPECT_EQ(late_clock.looks, kLooks + 1);
}

SentAttributes keys(const std::string& prefix, uint64_t count) {
  SentAttributes out;
  for (uint64_t i = 0; i < count; ++i) out.push_back({fmt::format("{}{}", prefix, i), text("v")});
  return out;
}

// Each has so many keys that no other has.
std::vector<SentSpan> strangers(uint64_t count, uint64_t keys_each) {
  std::vector<SentSpan> out;
  for (uint64_t k = 1; k <= count; ++k) {
    out.push_back(span_at(k, 100, 1, keys(fmt::format("{}_", k), keys_each)));
  }
  return out;
}

// Few enough to have columns, each of several spans.
SentAttributes one_of_many(uint64_t number) {
  return {{fmt::format("key{}", number % 400), text("v")}};
}

TEST(MetricsCompare, KeysOfSpansEndWithTheQuestion) {
  expect_in_time(snapshot_of({strangers(2'000, 4)}));
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 2'000; ++k) spans.push_back(span_at(k, 100, 1, one_of_many(k)));
  expect_in_time(snapshot_of({spans}));
}

TEST(MetricsCompare, KeysOfEventsAndLinksEndWithTheQuestion) {
  std::vector<SentSpan> with_events;
  std::vector<SentSpan> with_links;
  for (uint64_t k = 1; k <= 2'000; ++k) {
    with_events.push_back(span_at(k, 100));
    with_events.back().events.push_back(event_with(one_of_many(k)));
    with_links.push_back(span_at(k, 100));
    with_links.back().links.push_back(link_with(one_of_many(k)));
  }
  expect_in_time(snapshot_of({with_events}));
  expect_in_time(snapshot_of({with_links}));
}

// Every one of them may have every key.
TEST(MetricsCompare, KeysOfResourcesEndWithTheQuestion) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 2'000; ++k) {
    spans.push_back(span_at(k, 100));
    SentAttributes attributes = k == 1 ? keys("r", 500) : SentAttributes();
    attributes.push_back({"n", integer(static_cast<int64_t>(k))});
    spans.back().resource = resource_with(attributes);
    spans.back().scope = scope_with(k == 1 ? keys("s", 500) : SentAttributes());
  }
  expect_in_time(snapshot_of({spans}));
}

// The second part, which is looked at first, has more keys than are compared; those that were taken
// are counted in the first part too, columns or not.
TEST(MetricsCompare, KnownKeysCountWhereThereAreTooMany) {
  Parts parts(2);
  parts[1] = strangers(1'500, 3);
  for (uint64_t i = 0; i < 3; ++i) {
    const std::string last = fmt::format("9999_{}", i);
    parts[1].front().attributes.push_back({last, text("v")});
    parts[1].back().attributes.push_back({last, text("w")});
  }
  parts[0] = strangers(600, 3);
  for (SentSpan& span : parts[0]) {
    span.trace_id = make_trace_id(1, span.span_id.raw);
    for (SentAttribute& attribute : span.attributes) attribute.key += "_other";
    span.attributes.push_back({"9999_0", text("w")});
  }
  parts[0].back().attributes.push_back({"1_0", text("v")});  // in the overflow list
  const auto result = ask(snapshot_of(parts), {"{ } | compare({ name = `x` })", 90, 100, 10});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_THAT(result->incomplete, HasSubstr("more than 4096 attributes"));
  EXPECT_EQ(result->counted_spans, 2'100U);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline`, span.9999_0=`w`}"), 601);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline_total`, span.9999_0=`nil`}"), 602);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline`, span.9999_2=`w`}"), 1);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline`, span.1_0=`v`}"), 2);
  EXPECT_EQ(sum_of(result, "{__meta_type=`baseline`, span.1_0_other=`v`}"), 0);
}

// Resources with values of several types, twice, and without any.
TEST(MetricsCompare, ResourcesCountWithTheFirstOfTheirValues) {
  std::vector<SentSpan> spans;
  for (uint64_t k = 1; k <= 90; ++k) {
    spans.push_back(span_at(k, 100));
    SentAttributes attributes = {{"n", integer(static_cast<int64_t>(k))}};
    if (k % 3 > 0) attributes.push_back({"a", text("x")});
    if (k % 3 > 1) attributes.push_back({"a", integer(7)});
    if (k % 2 > 0) attributes.push_back({"b", k % 3 > 0 ? integer(1) : text("1")});
    spans.back().resource = resource_with(attributes);
  }
  MixedParts disk;
  for (const bool is_block : {false, true}) {
    const Snapshot snapshot = disk.snapshot({spans}, [&](size_t) { return is_block; });
    const auto result =
        ask(snapshot, {"{ resource.n > 30 } | compare({ resource.n <= 60 })", 90, 100, 10});
    EXPECT_EQ(sum_of(result, "{__meta_type=`selection`, resource.a=`x`}"), 20);
    EXPECT_EQ(sum_of(result, "{__meta_type=`selection`, resource.a=7}"), 0);
    EXPECT_EQ(sum_of(result, "{__meta_type=`baseline`, resource.b=1}"), 10);
    EXPECT_EQ(sum_of(result, "{__meta_type=`baseline`, resource.b=`1`}"), 5);
    EXPECT_EQ(sum_of(result, "{__meta_type=`baseline_total`, resource.b=`nil`}"), 15);
  }
}

// ------------------------------------------------------------------------------- memory

// What the question held at most.
int64_t peak_of(const std::vector<SentSpan>& spans, const std::string& text) {
  const Snapshot snapshot = snapshot_of({spans});
  const auto query = traceql::parse(text);
  auto question = plan_metrics(*query);
  question->axis = *MetricsAxis::range(90 * kSecond, 100 * kSecond, 10 * kSecond, 10'000);
  Metrics metrics;
  QueryBudget budget({.bytes_max = 256 << 20, .queries_max = 2}, metrics);
  QueryMemory memory(budget);
  const QueryControl control{.maybe_memory = &memory};
  const auto result = evaluate_metrics({&snapshot, 1}, *question, control);
  EXPECT_TRUE(result) << result.error().message;
  return memory.peak();
}

// Heads lend names and values, so that the lengths are those of what is kept.
TEST(MetricsCompare, NamesAreCharged) {
  const auto peak = [](size_t length) {
    std::vector<SentSpan> spans;
    for (uint64_t k = 1; k <= 1'000; ++k) {
      const std::string name = fmt::format("{:0{}}", k, length);
      spans.push_back(span_at(k, 100, 1, {{name, text("v")}}));
    }
    return peak_of(spans, "{ } | compare({ name = `x` }, 1)");
  };
  EXPECT_GT(peak(1'000) - peak(100), 6 * 1'000 * 900) << "half of it are labels of the answer";
}

TEST(MetricsCompare, TablesOfResourcesAreCharged) {
  constexpr int64_t kSpans = 20'000;
  const auto peak = [](int64_t resources, const std::string& by) {
    std::vector<SentSpan> spans;
    for (int64_t k = 0; k < kSpans; ++k) {
      spans.push_back(span_at(static_cast<uint64_t>(k + 1), 100));
      spans.back().resource = resource_with({{"a", text("v")}, {"n", integer(k % resources)}});
    }
    return peak_of(spans, fmt::format("{{ }} | rate() by ({})", by));
  };
  const int64_t table_bytes = kSpans * static_cast<int64_t>(sizeof(uint32_t));
  EXPECT_GE(peak(kSpans, "resource.a") - peak(1, "resource.a"), table_bytes - 4);
  EXPECT_GE(peak(kSpans, "resource.a, name") - peak(1, "resource.a, name"), table_bytes - 4);
}

}  // namespace
}  // namespace vivace
