// A head as a part: columns hold what rows were sent with, row by row and owner by owner, and end
// where the head's rows ended when the part was made.
#include "head/head_part.h"

#include <algorithm>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/read_part.h"

namespace vivace {
namespace {

constexpr uint32_t kFirstGroup = 16'368;
constexpr uint32_t kOtherGroup = 16'384;

SentSpan simple(uint64_t trace, uint64_t id) {
  SentSpan span;
  span.trace_id = make_trace_id(0, trace);
  span.span_id = make_span_id(id);
  return span;
}

class HeadPartTest : public testing::Test {
 protected:
  void append(std::vector<SentSpan> spans, int64_t received_ns = 1) {
    head_->append(**decode_otlp(to_otlp(spans), {}), received_ns);
    for (SentSpan& span : spans) sent_.push_back(std::move(span));
  }
  // Small ones, so that row groups fill.
  void append_many(uint32_t count, int64_t received_ns = 1) {
    std::vector<SentSpan> spans;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t id = sent_.size() + i + 1;
      spans.push_back(simple(1 + id / 3, id));
      spans.back().start_ns = 1000 + id;
      spans.back().end_ns = 2000 + id;
      if (id % 7 == 0) spans.back().flags = static_cast<uint32_t>(id);
      if (id % 11 == 0) spans.back().events.resize(id % 3);
      if (id % 5 == 0) spans.back().attributes = {{"five", {ValueType::integer, id, {}}}};
      if (id % 5 == 0) spans.back().attributes.push_back({"five", {ValueType::integer, 1, {}}});
    }
    append(std::move(spans), received_ns);
  }
  HeadPart part() const { return HeadPart(head_); }

  std::shared_ptr<Head> head_ = std::make_shared<Head>();
  std::vector<SentSpan> sent_;
  Inspected inspected_;
};

// All values of a column with their owners.
using Pairs = std::vector<std::pair<uint32_t, uint64_t>>;
Pairs pairs_of(const Column& column) {
  Pairs out;
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint64_t value = slice.words != nullptr ? slice.words[i] : slice.longs[i];
      out.emplace_back(slice.owner(i), value);
    }
  }
  return out;
}

TEST_F(HeadPartTest, IsEmptyOverAnEmptyHead) {
  const HeadPart part = this->part();
  append_many(10);
  EXPECT_EQ(part.rows() + part.traces() + part.groups() + part.resources() + part.scopes(), 0U);
  EXPECT_EQ(part.columns(Scope::span), 0U);
  EXPECT_EQ(part.find_trace(make_trace_id(0, 1), inspected_).value(), std::nullopt);
}

TEST_F(HeadPartTest, HasRowGroupsThatFollowTheChunks) {
  struct Case {
    uint32_t rows;
    std::vector<Range> groups;
  };
  const std::vector<Case> cases = {
      {1, {{0, 1}}},
      {kFirstGroup - 1, {{0, kFirstGroup - 1}}},
      {kFirstGroup, {{0, kFirstGroup}}},
      {kFirstGroup + 1, {{0, kFirstGroup}, {kFirstGroup, 1}}},
      {kFirstGroup + kOtherGroup, {{0, kFirstGroup}, {kFirstGroup, kOtherGroup}}},
      {kFirstGroup + kOtherGroup + 9,
       {{0, kFirstGroup}, {kFirstGroup, kOtherGroup}, {kFirstGroup + kOtherGroup, 9}}}};
  for (const Case& one : cases) {
    append_many(one.rows - static_cast<uint32_t>(sent_.size()));
    const HeadPart part = this->part();
    ASSERT_EQ(part.rows(), one.rows);
    ASSERT_EQ(part.groups(), one.groups.size()) << one.rows;
    for (uint32_t g = 0; g < part.groups(); ++g) {
      EXPECT_EQ(part.group(g).rows.first, one.groups[g].first);
      EXPECT_EQ(part.group(g).rows.count, one.groups[g].count);
      EXPECT_EQ(group_of(part, part.group(g).rows.first), g);
      EXPECT_EQ(group_of(part, part.group(g).rows.end() - 1), g);
    }
  }
}

TEST_F(HeadPartTest, HasDenseColumnsInOnePieceBehindTheFirstGroup) {
  append_many(40'000);
  const HeadPart part = this->part();
  for (uint32_t g = 0; g < part.groups(); ++g) {
    const Column column = part.read(Field::start_ns, g, inspected_).value();
    EXPECT_EQ(column.slices.size(), g == 0 ? 10U : 1U);
    EXPECT_EQ(column.keep, nullptr) << "nothing is copied";
    const Pairs pairs = pairs_of(column);
    const Range rows = part.group(g).rows;
    ASSERT_EQ(pairs.size(), rows.count);
    for (uint32_t i = 0; i < rows.count; ++i) {
      const uint32_t row = rows.first + i;
      ASSERT_EQ(pairs[i], (std::pair<uint32_t, uint64_t>{row, sent_[row].start_ns}));
    }
  }
}

TEST_F(HeadPartTest, HasSparseColumnsOfTheOwnersOfOneGroup) {
  append_many(40'000);
  const HeadPart part = this->part();
  append_many(10'000);  // too late
  ASSERT_EQ(part.columns(Scope::span), 1U);
  uint32_t events_before = 0;
  for (uint32_t g = 0; g < part.groups(); ++g) {
    const RowGroup group = part.group(g);
    Pairs flags;
    Pairs fives;
    Pairs event_spans;
    for (uint32_t row = group.rows.first; row < group.rows.end(); ++row) {
      const SentSpan& span = sent_[row];
      if (span.flags != 0) flags.emplace_back(row, span.flags);
      for (const auto& five : span.attributes) fives.emplace_back(row, five.value.bits);
      for (size_t e = 0; e < span.events.size(); ++e) {
        event_spans.emplace_back(events_before + event_spans.size(), row);
      }
    }
    EXPECT_EQ(pairs_of(part.read(Field::flags, g, inspected_).value()), flags);
    EXPECT_EQ(pairs_of(part.read_attribute(Scope::span, 0, g, inspected_).value()), fives);
    EXPECT_EQ(pairs_of(part.read(Field::event_span, g, inspected_).value()), event_spans);
    EXPECT_EQ(group.events.first, events_before);
    EXPECT_EQ(group.events.count, event_spans.size());
    EXPECT_EQ(group.links.count, 0U);
    events_before += group.events.count;
  }
}

TEST_F(HeadPartTest, KnowsWhenItsSpansCame) {
  EXPECT_GT(head_->received_min_ns(), head_->received_max_ns()) << "none came";
  std::vector<int64_t> received;
  const auto append_at = [&](uint32_t count, int64_t at) {
    append_many(count, at);
    received.insert(received.end(), count, at);
  };
  append_at(100, 50);
  append_at(kFirstGroup - 150, 70);  // later batches may have come earlier
  append_at(100, 60);
  append_at(1, 20);
  head_->append(**decode_otlp(to_otlp(std::vector{sent_[0]}), {}), 1000);  // a repeat: not there
  EXPECT_EQ(head_->received_min_ns(), 20);
  EXPECT_EQ(head_->received_max_ns(), 70);
  const HeadPart part = this->part();
  append_many(5, 90);
  EXPECT_EQ(part.group(0).received_max_ns, 70);
  EXPECT_GE(part.group(1).received_max_ns, 60);
  Pairs pairs;
  for (uint32_t g = 0; g < part.groups(); ++g) {
    for (const auto& pair : pairs_of(part.read(Field::received_ns, g, inspected_).value())) {
      pairs.push_back(pair);
    }
  }
  ASSERT_EQ(pairs.size(), received.size());
  for (uint32_t row = 0; row < pairs.size(); ++row) {
    ASSERT_EQ(pairs[row], (std::pair{row, static_cast<uint64_t>(received[row])}));
  }
}

TEST_F(HeadPartTest, BoundsTheTimesOfARowGroup) {
  SentSpan span = simple(1, 1);
  span.start_ns = 500;
  span.end_ns = 400;  // a broken clock
  append({span});
  EXPECT_EQ(part().group(0).start_min_ns, 500U);
  EXPECT_EQ(part().group(0).end_max_ns, 500U);
  span.span_id = make_span_id(2);
  span.start_ns = 100;
  span.end_ns = 900;
  append({span});
  EXPECT_EQ(part().group(0).start_min_ns, 100U);
  EXPECT_EQ(part().group(0).end_max_ns, 900U);
  append_many(kFirstGroup);
  EXPECT_EQ(part().group(1).start_min_ns, sent_[kFirstGroup].start_ns);
  EXPECT_EQ(part().group(1).end_max_ns, sent_.back().end_ns);
}

TEST_F(HeadPartTest, FindsTracesAndTheirRoots) {
  RandomSpans random(111);
  for (int i = 0; i < 30; ++i) append(random.request(20));
  const HeadPart part = this->part();
  const auto rows_before = static_cast<uint32_t>(sent_.size());
  for (int i = 0; i < 10; ++i) append(random.request(20));  // too late
  struct Expected {
    std::vector<uint32_t> rows;
    uint64_t start_ns = UINT64_MAX;
    uint64_t end_ns = 0;
    std::vector<std::tuple<uint64_t, SpanId, int32_t, uint32_t>> roots;
  };
  std::map<TraceId, Expected> traces;
  for (uint32_t row = 0; row < rows_before; ++row) {
    const SentSpan& span = sent_[row];
    Expected& trace = traces[span.trace_id];
    trace.rows.push_back(row);
    trace.start_ns = std::min(trace.start_ns, span.start_ns);
    trace.end_ns = std::max(trace.end_ns, span.end_ns);
    if (!span.parent_id.is_zero()) continue;
    trace.roots.emplace_back(span.start_ns, span.span_id, span.kind, row);
  }
  ASSERT_EQ(part.traces(), traces.size());
  PartReader reader(part);
  for (uint32_t ordinal = 0; ordinal < part.traces(); ++ordinal) {
    const TraceEntry entry = part.trace(ordinal, inspected_).value();
    const Expected& expected = traces.at(entry.id);
    EXPECT_EQ(part.find_trace(entry.id, inspected_).value(), ordinal);
    EXPECT_EQ(reader.rows_of(entry.id), expected.rows);
    EXPECT_EQ(entry.spans, expected.rows.size());
    EXPECT_EQ(entry.start_ns, expected.start_ns);
    EXPECT_EQ(entry.end_ns, expected.end_ns);
    EXPECT_EQ(entry.root.has_value(), !expected.roots.empty());
    if (entry.root) {
      EXPECT_EQ(*entry.root, std::get<3>(*std::ranges::max_element(expected.roots)));
    }
    for (const uint32_t row : expected.rows) EXPECT_EQ(reader.word(Field::trace, row), ordinal);
  }
  for (size_t row = rows_before; row < sent_.size(); ++row) {
    const TraceId& id = sent_[row].trace_id;
    EXPECT_EQ(part.find_trace(id, inspected_).value().has_value(), traces.contains(id));
  }
}

TEST_F(HeadPartTest, KeepsItsHeadAlive) {
  append_many(10);
  const HeadPart part = this->part();
  const auto shapes = part.shapes(Scope::span, inspected_).value();
  head_.reset();
  EXPECT_EQ(difference(PartReader(part).span(3), sent_[3]), "");
  EXPECT_EQ(shapes->size(), 3U);
}

// Parts are made and scanned while the head grows: each holds its own rows, whole.
TEST_F(HeadPartTest, StaysAsItWasWhileTheHeadGrows) {
  constexpr uint32_t kRows = 60'000;
  constexpr uint32_t kBatch = 500;
  const auto scan = [this] {
    Inspected inspected;
    for (uint32_t rows = 0; rows < kRows;) {
      const HeadPart part(head_);
      rows = part.rows();
      ASSERT_EQ(rows % kBatch, 0U);
      uint64_t flagged = 0;
      uint64_t seen = 0;
      for (uint32_t g = 0; g < part.groups(); ++g) {
        const RowGroup group = part.group(g);
        for (const auto& [row, start_ns] : pairs_of(*part.read(Field::start_ns, g, inspected))) {
          ASSERT_EQ(row, seen++);
          ASSERT_EQ(start_ns, 1001 + row);
          ASSERT_GE(start_ns, group.start_min_ns);
          ASSERT_LE(start_ns + 1000, group.end_max_ns);
        }
        for (const auto& [row, flags] : pairs_of(*part.read(Field::flags, g, inspected))) {
          ASSERT_EQ(flags, row + 1);
          ++flagged;
        }
      }
      ASSERT_EQ(seen, rows);
      ASSERT_EQ(flagged, rows / 7);
      ASSERT_EQ(part.traces(), rows == 0 ? 0 : rows / 3 + 1);
    }
  };
  std::thread first(scan);
  std::thread second(scan);
  while (sent_.size() < kRows) append_many(kBatch);
  first.join();
  second.join();
}

}  // namespace
}  // namespace vivace
