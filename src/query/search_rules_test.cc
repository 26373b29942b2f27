// Search beyond the filter: windows, retention, when it stops, damage, deadlines, what is shown.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "query/part_set.h"
#include "query/testing/ask_search.h"
#include "query/testing/mixed_parts.h"
#include "query/testing/naive.h"
#include "store/testing/stored_parts.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kStart = 1'700'000'000 * kSecond;

// A span of one second, that many seconds after the start.
SentSpan span(uint64_t trace, uint64_t id, uint64_t at_s) {
  SentSpan out;
  out.trace_id = make_trace_id(0, trace);
  out.span_id = make_span_id(id);
  out.parent_id = make_span_id(1);
  out.name = fmt::format("span {}", id);
  out.start_ns = kStart + at_s * kSecond;
  out.end_ns = out.start_ns + kSecond;
  return out;
}

// A part of whose row groups one cannot be read.
class DamagedPart final : public Part {
 public:
  DamagedPart(std::shared_ptr<const Part> part, uint32_t damaged)
      : part_(std::move(part)), damaged_(damaged) {}

  uint32_t rows() const override { return part_->rows(); }
  uint32_t traces() const override { return part_->traces(); }
  uint32_t resources() const override { return part_->resources(); }
  uint32_t scopes() const override { return part_->scopes(); }
  uint32_t groups() const override { return part_->groups(); }
  RowGroup group(uint32_t group) const override { return part_->group(group); }
  uint32_t columns(Scope owner) const override { return part_->columns(owner); }
  AttributeName column(Scope owner, uint32_t column) const override {
    return part_->column(owner, column);
  }
  Result<Column> read(Field field, uint32_t group, Inspected& inspected) const override {
    if (group == damaged_ && info(field).owner == Scope::span) return fail(Code::corrupt, "torn");
    return part_->read(field, group, inspected);
  }
  Result<Column> read_attribute(Scope owner, uint32_t column, uint32_t group,
                                Inspected& inspected) const override {
    return part_->read_attribute(owner, column, group, inspected);
  }
  Result<Overflow> read_overflow(Scope owner, uint32_t group, Inspected& inspected) const override {
    return part_->read_overflow(owner, group, inspected);
  }
  Result<std::shared_ptr<const Shapes>> shapes(Scope owner, Inspected& inspected) const override {
    return part_->shapes(owner, inspected);
  }
  Result<std::optional<uint32_t>> find_trace(const TraceId& id,
                                             Inspected& inspected) const override {
    return part_->find_trace(id, inspected);
  }
  Result<TraceEntry> trace(uint32_t ordinal, Inspected& inspected) const override {
    return part_->trace(ordinal, inspected);
  }
  Result<void> trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                          Inspected& inspected) const override {
    return part_->trace_rows(ordinal, rows, inspected);
  }

 private:
  std::shared_ptr<const Part> part_;
  uint32_t damaged_;
};

TEST(SearchRules, WindowIsOnTheWholeTrace) {
  // Trace 1: from 0 to 1 and from 50 to 51, in two parts; trace 2 from 20 to 21.
  MixedParts disk;
  const Snapshot snapshot = disk.snapshot({{span(1, 2, 0), span(2, 3, 20)}, {span(1, 4, 50)}},
                                          [](size_t p) { return p == 0; });
  const auto in_window = [&](uint64_t from_s, uint64_t to_s, const char* filter = "{}") {
    return traces_of(ask(snapshot, filter, [&](SearchQuestion& question) {
      question.start_ns = kStart + from_s * kSecond;
      question.end_ns = kStart + to_s * kSecond;
    }));
  };
  EXPECT_THAT(in_window(0, 100), ElementsAre(2, 1));
  EXPECT_THAT(in_window(30, 40), ElementsAre(1));  // between its spans
  EXPECT_THAT(in_window(51, 60), ElementsAre(1));
  EXPECT_THAT(in_window(52, 60), IsEmpty());
  EXPECT_THAT(in_window(21, 22), ElementsAre(2, 1));
  EXPECT_THAT(in_window(51, 60, "{ name = \"span 2\" }"),
              ElementsAre(1));  // it is in the other part
}

// Of late parts too: every other one is a day or so after the one before, and its traces reach
// back.
TEST(SearchRules, RandomWindows) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    RandomSpans random(seed);
    const bool are_late = random.chance(50);
    Parts parts(4);
    for (auto& part : parts) {
      const auto p = static_cast<uint64_t>(&part - parts.data());
      for (int i = 0; i < 60; ++i) {
        const uint64_t id = p * 100 + static_cast<uint64_t>(i);
        SentSpan one =
            span(1 + random.number(80), 2 + id, (are_late ? 2'000 * p : 0) + random.number(500));
        one.end_ns = one.start_ns + random.number(60 * kSecond);
        part.push_back(std::move(one));
        if (p > 0 && random.chance(10)) part.push_back(parts[p - 1][random.number(60)]);
      }
    }
    MixedParts disk;
    StoredParts stored;
    const Snapshot snapshot = random.chance(70)
                                  ? stored.snapshot(parts, random.number(parts.size() + 1))
                                  : disk.snapshot(parts, [&](size_t) { return random.chance(50); });
    const auto query = traceql::parse("{ duration > 10s }");
    const auto traces = naive::traces_of(parts);
    const auto matches =
        naive::search(traces, std::get<traceql::Spanset>(query->pipeline.stages.front())
                                  .get_if<traceql::Filter>()
                                  ->condition);
    for (int i = 0; i < 20; ++i) {
      const uint64_t from = kStart + random.number((are_late ? 7'000 : 500) * kSecond);
      const uint64_t to = from + random.number((random.chance(50) ? 2'000 : 100) * kSecond);
      const size_t limit = random.chance(30) ? 1 + random.number(5) : 1'000;
      std::vector<uint64_t> expected;
      for (const naive::Match& match : matches) {
        if (match.trace->start_ns > to || match.trace->end_ns < from) continue;
        if (expected.size() == limit) break;
        expected.push_back(std::byteswap(load<uint64_t>(match.trace->id.bytes.data() + 8)));
      }
      const auto found = ask(snapshot, "{ duration > 10s }", [&](SearchQuestion& question) {
        question.start_ns = from;
        question.end_ns = to;
        question.limit = static_cast<uint32_t>(limit);
      });
      ASSERT_EQ(traces_of(found), expected) << "seed " << seed;
    }
  }
}

// A row group outside the window is looked at for split traces alone, and only if one reaches in.
TEST(SearchRules, RowGroupsOutsideTheWindowArePassedOver) {
  const Parts parts = {{span(1, 2, 0), span(2, 3, 1)}, {span(3, 4, 5'000)}, {span(3, 5, 9'000)}};
  StoredParts stored;
  const Snapshot snapshot = stored.snapshot(parts, 3);
  const auto in_window = [&](uint64_t from_s, uint64_t to_s) {
    return ask(snapshot, "{ name = \"span 4\" }", [&](SearchQuestion& question) {
      question.start_ns = kStart + from_s * kSecond;
      question.end_ns = kStart + to_s * kSecond;
    });
  };
  auto result = in_window(9'000, 9'500);  // its match lies outside, in the second part
  EXPECT_THAT(traces_of(result), ElementsAre(3));
  EXPECT_EQ(result->inspected_spans, 2U);
  EXPECT_EQ(result->groups, 1U);
  result = in_window(7'000, 7'500);  // between its parts
  EXPECT_THAT(traces_of(result), ElementsAre(3));
  EXPECT_EQ(result->groups, 0U);
  result = in_window(0, 100);
  EXPECT_THAT(traces_of(result), IsEmpty());
  EXPECT_EQ(result->inspected_spans, 2U);
}

// What is evaluated over bitmaps, without gathering traces, leaves out repeats and split traces.
TEST(SearchRules, RowsOfSplitTracesAndRepeats) {
  const Parts parts = {{span(1, 2, 0), span(2, 3, 1)},
                       {span(2, 4, 3), span(3, 5, 4)},
                       {span(3, 5, 4), span(4, 6, 5), span(3, 7, 6), span(2, 3, 1)}};
  StoredParts stored;
  const Snapshot snapshot = stored.snapshot(parts, 1);
  PartSet set({&snapshot, 1});
  const auto split = [&](uint32_t part) {
    std::vector<uint32_t> rows;
    set.split_rows(part, 0)->each([&](uint32_t row) { rows.push_back(row); });
    return rows;
  };
  EXPECT_THAT(split(0), ElementsAre(1));
  EXPECT_THAT(split(1), ElementsAre(0, 1));
  EXPECT_THAT(split(2), ElementsAre(0, 2, 3));
  Bits rows(4, true);
  set.leave_out_repeats(2, 0, rows);
  std::vector<uint32_t> kept;
  rows.each([&](uint32_t row) { kept.push_back(row); });
  EXPECT_THAT(kept, ElementsAre(1, 2));
}

TEST(SearchRules, WhatIsPastRetentionIsNotThere) {
  Snapshot snapshot = snapshot_of({{span(1, 2, 0), span(2, 3, 5)}});
  auto head = std::make_shared<Head>();
  const std::vector<SentSpan> later = {span(1, 4, 10)};
  auto batch = decode_otlp(to_otlp(later), {});
  head->append(**batch, 1'000);
  snapshot.parts.push_back(std::make_shared<HeadPart>(std::move(head)));
  EXPECT_THAT(traces_of(ask(snapshot, "{}")), ElementsAre(2, 1));
  snapshot.received_after_ns = 500;
  const auto result = ask(snapshot, "{}");
  EXPECT_THAT(traces_of(result), ElementsAre(1));
  EXPECT_EQ(result->traces.front().start_ns, kStart + 10 * kSecond);
  EXPECT_EQ(result->traces.front().sets.front().matched, 1U);
  EXPECT_THAT(traces_of(ask(snapshot, "{ traceDuration > 1s }")), IsEmpty());
}

TEST(SearchRules, StopsWhenNothingNewerIsLeft) {
  Parts parts;
  for (uint64_t p = 0; p < 10; ++p) {
    parts.push_back({span(p + 1, 2, 100 * p), span(p + 1, 3, 100 * p + 1)});
  }
  const Snapshot snapshot = snapshot_of(parts);
  const auto some = ask(snapshot, "{}", [](SearchQuestion& question) { question.limit = 2; });
  EXPECT_THAT(traces_of(some), ElementsAre(10, 9));
  EXPECT_LT(some->inspected_spans, 10U);
  EXPECT_EQ(some->groups, 10U);
  const auto all = ask(snapshot, "{}");
  EXPECT_EQ(all->inspected_spans, 20U);
  const auto never = ask(snapshot, "{ false }");
  EXPECT_THAT(traces_of(never), IsEmpty());
  EXPECT_EQ(never->inspected_spans, 0U);
}

TEST(SearchRules, ARepeatThatDiffersDoesNotCount) {
  SentSpan first = span(1, 2, 0);
  SentSpan again = first;
  again.name = "changed";
  const Snapshot snapshot = snapshot_of({{first, span(1, 3, 1)}, {again}});
  EXPECT_THAT(traces_of(ask(snapshot, "{ name = \"changed\" }")), IsEmpty());
  const auto all = ask(snapshot, "{}");
  EXPECT_EQ(all->traces.front().sets.front().matched, 2U);
}

TEST(SearchRules, DamageCostsTheRowGroup) {
  Snapshot snapshot = snapshot_of({{span(1, 2, 0)}, {span(2, 3, 5)}, {span(3, 4, 9)}});
  snapshot.parts[1] = std::make_shared<DamagedPart>(snapshot.parts[1], 0);
  const auto result = ask(snapshot, "{ name =~ \"span.*\" }");
  EXPECT_THAT(traces_of(result), ElementsAre(3, 1));
  EXPECT_EQ(result->damaged, 1U);
  // Half a trace is better than none.
  snapshot = snapshot_of({{span(1, 2, 0)}, {span(1, 3, 5)}});
  snapshot.parts[1] = std::make_shared<DamagedPart>(snapshot.parts[1], 0);
  const auto half = ask(snapshot, "{ name =~ \"span.*\" }");
  EXPECT_THAT(traces_of(half), ElementsAre(1));
  EXPECT_EQ(half->traces.front().sets.front().matched, 1U);
  EXPECT_EQ(half->damaged, 1U);
}

TEST(SearchRules, EndsWhenItIsTold) {
  const Snapshot snapshot = snapshot_of({{span(1, 2, 0)}});
  std::stop_source source;
  source.request_stop();
  const auto stopped = ask(snapshot, "{}", QueryControl{.stop = source.get_token()});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  ManualClock clock;
  const QueryControl control{.maybe_clock = &clock, .deadline_steady_ns = 100};
  EXPECT_TRUE(ask(snapshot, "{}", control));
  clock.advance(1'000);
  const auto late = ask(snapshot, "{}", control);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::deadline_exceeded);
}

TEST(SearchRules, FiltersInARow) {
  const Snapshot snapshot = snapshot_of({{span(1, 2, 0), span(1, 3, 5), span(2, 4, 9)}});
  const auto result = ask(snapshot, "{ name != \"span 2\" } | { duration = 1s } | select(name)");
  EXPECT_THAT(traces_of(result), ElementsAre(2, 1));
  EXPECT_EQ(result->traces.back().sets.front().matched, 1U);
  EXPECT_EQ(result->traces.back().sets.front().spans.front().name, "span 3");
  EXPECT_THAT(traces_of(ask(snapshot, "({ name = \"span 2\" })")), ElementsAre(1));
}

TEST(SearchRules, ConditionsElsewhereInTheTrace) {
  const Snapshot snapshot =
      snapshot_of({{span(1, 2, 0), span(2, 4, 9)}, {span(1, 3, 5), span(2, 5, 8)}});
  const std::string two = "{ name = \"span 2\" } && { name = \"span 3\" }";
  EXPECT_THAT(traces_of(ask(snapshot, two)), ElementsAre(1));
  EXPECT_THAT(traces_of(ask(snapshot, two + " && { name = \"span 5\" }")), IsEmpty());
}

}  // namespace
}  // namespace vivace
