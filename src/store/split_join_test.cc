// The join of heads with what is older, and what follows from it for snapshots, against sets of the
// sent spans: random traces torn over parts, spans sent again.
#include "store/split_join.h"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/row_reader.h"
#include "store/testing/stored_parts.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Spans = StoredParts::Spans;
using Parts = std::vector<Spans>;
using Key = std::tuple<TraceId, uint64_t, int32_t>;

Key key_of(const SentSpan& span) { return {span.trace_id, span.span_id.raw, span.kind}; }

// Traces that come up in several parts, and spans of older parts sent again.
Parts random_parts(RandomSpans& random, size_t count) {
  Parts parts(count);
  for (auto& part : parts) part = random.request(1 + random.number(200));
  for (size_t p = 1; p < parts.size(); ++p) {
    for (uint64_t left = random.number(30); left > 0; --left) {
      const Spans& from = parts[random.number(p)];
      parts[p].push_back(from[random.number(from.size())]);
    }
  }
  return parts;
}

SentSpan span(uint64_t trace, uint64_t id, uint64_t start_ns, uint64_t end_ns) {
  SentSpan out;
  out.trace_id = make_trace_id(0, trace);
  out.span_id = make_span_id(id);
  out.start_ns = start_ns;
  out.end_ns = end_ns;
  return out;
}

// What is in a part, repeats too.
std::multiset<Key> keys_of(const Part& part) {
  std::multiset<Key> out;
  Inspected inspected;
  RowReader reader(part, inspected);
  for (uint32_t row = 0; row < part.rows(); ++row) {
    const auto ordinal = static_cast<uint32_t>(reader.number(Field::trace, row).value());
    out.emplace(part.trace(ordinal, inspected).value().id,
                reader.number(Field::span_id, row).value(),
                static_cast<int32_t>(reader.number(Field::kind, row).value()));
  }
  return out;
}

std::vector<SplitTrace> splits_of(const Block& block) {
  Inspected inspected;
  return *block.splits(inspected).value();
}

// Every trace that is in several parts is called split, with times that hold all its spans.
void expect_split_traces_known(const Snapshot& snapshot, const Parts& sent, uint64_t seed) {
  struct Whole {
    uint32_t parts = 0;
    uint64_t start_ns = UINT64_MAX;
    uint64_t end_ns = 0;
  };
  std::map<TraceId, Whole> wholes;
  Inspected inspected;
  for (const auto& part : snapshot.parts) {
    for (uint32_t i = 0; i < part->traces(); ++i) {
      const TraceEntry entry = part->trace(i, inspected).value();
      Whole& whole = wholes[entry.id];
      ++whole.parts;
      whole.start_ns = std::min(whole.start_ns, entry.start_ns);
      whole.end_ns = std::max(whole.end_ns, entry.end_ns);
    }
  }
  uint32_t whole_ones = 0;
  for (const auto& [id, whole] : wholes) {
    ASSERT_TRUE(whole.parts < 2 || snapshot.splits->is_split(id)) << "seed " << seed;
    whole_ones += snapshot.splits->is_split(id) ? 0 : 1;
  }
  if (!sent.empty() && sent.front().size() > 50) {
    EXPECT_GT(whole_ones, 0U);
  }
  // A window that begins inside a split trace is reached into by it.
  for (const auto& [id, whole] : wholes) {
    if (whole.parts < 2 || whole.end_ns <= whole.start_ns) continue;
    const uint64_t duration_ns = whole.end_ns - whole.start_ns;
    const uint64_t middle_ns = whole.start_ns + duration_ns / 2 + duration_ns % 2;
    const auto reaching = snapshot.splits->reaching_into(middle_ns, UINT64_MAX).value();
    const auto found = std::ranges::find(reaching, id, &SplitTrace::id);
    ASSERT_NE(found, reaching.end()) << "seed " << seed;
    EXPECT_LE(found->start_ns, whole.start_ns);
    EXPECT_GE(found->end_ns, whole.end_ns);
  }
  EXPECT_THAT(snapshot.splits->reaching_into(0, UINT64_MAX).value(), IsEmpty());
}

// The rows of heads that repeat something, as SplitTraces says and as the sent spans say.
void expect_repeats_known(const Snapshot& snapshot, uint64_t seed) {
  std::set<Key> seen;
  for (size_t p = 0; p < snapshot.parts.size(); ++p) {
    const Part& part = *snapshot.parts[p];
    Inspected inspected;
    RowReader reader(part, inspected);
    std::vector<uint32_t> expected;
    for (uint32_t row = 0; row < part.rows(); ++row) {
      const auto ordinal = static_cast<uint32_t>(reader.number(Field::trace, row).value());
      const Key key{part.trace(ordinal, inspected).value().id,
                    reader.number(Field::span_id, row).value(),
                    static_cast<int32_t>(reader.number(Field::kind, row).value())};
      if (!seen.insert(key).second) expected.push_back(row);
    }
    EXPECT_EQ(*snapshot.splits->repeats(static_cast<uint32_t>(p)), expected) << "seed " << seed;
  }
}

TEST(SplitJoin, BlocksAndHeadsAgainstTheSentSpans) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    RandomSpans random(seed);
    const Parts parts = random_parts(random, 2 + random.number(5));
    StoredParts stored;
    const size_t blocks = random.number(parts.size() + 1);
    Budget no_room("splits", 0);
    for (Budget* maybe_splits : {static_cast<Budget*>(nullptr), &no_room}) {
      const Snapshot snapshot = stored.snapshot(parts, blocks, maybe_splits);
      expect_split_traces_known(snapshot, parts, seed);
      expect_repeats_known(snapshot, seed);
    }
    EXPECT_EQ(no_room.used(), 0);
  }
}

TEST(SplitJoin, BlocksHaveEachSpanOnce) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RandomSpans random(seed);
    const Parts parts = random_parts(random, 5);
    StoredParts stored;
    std::set<Key> sent;
    for (const Spans& spans : parts) {
      for (const SentSpan& span : spans) sent.insert(key_of(span));
    }
    std::multiset<Key> kept;
    for (const auto& block : stored.blocks_of(parts)) kept.merge(keys_of(*block));
    EXPECT_TRUE(std::ranges::equal(kept, sent)) << "seed " << seed;
  }
}

TEST(SplitJoin, ABlockOfRepeatsAloneIsNoBlock) {
  StoredParts stored;
  const Spans spans = {span(1, 1, 10, 20), span(2, 2, 30, 40)};
  const auto blocks = stored.blocks_of(Parts{spans, spans, {span(2, 2, 30, 40)}});
  EXPECT_EQ(blocks.size(), 1U);
}

TEST(SplitJoin, TheListTellsTheTimesOfTheWholeTrace) {
  StoredParts stored;
  const Parts parts = {{span(1, 1, 10, 20), span(2, 2, 30, 40)},
                       {span(1, 3, 50, 60), span(3, 4, 50, 60)},
                       // Trace 2: a copy with other times, which is left out, and a new span.
                       {span(2, 2, 5, 99), span(2, 5, 35, 45), span(1, 1, 1, 99)}};
  const auto blocks = stored.blocks_of(parts);
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_THAT(splits_of(*blocks[0]), IsEmpty());
  EXPECT_THAT(splits_of(*blocks[1]), ElementsAre(SplitTrace{make_trace_id(0, 1), 10, 60}));
  EXPECT_THAT(splits_of(*blocks[2]), ElementsAre(SplitTrace{make_trace_id(0, 2), 30, 45}));
}

TEST(SplitJoin, MergingForgetsWhatIsWholeAgain) {
  StoredParts stored;
  const auto blocks = stored.blocks_of(Parts{{span(1, 1, 10, 20), span(2, 2, 30, 40)},
                                             {span(1, 3, 50, 60), span(2, 4, 50, 60)},
                                             {span(2, 5, 70, 80), span(3, 6, 70, 80)}});
  const auto early = stored.merge({blocks[0], blocks[1]}, {blocks[2]});
  EXPECT_THAT(splits_of(*early), ElementsAre(SplitTrace{make_trace_id(0, 2), 30, 60}));
  const auto late = stored.merge({blocks[1], blocks[2]}, {blocks[0]});
  EXPECT_THAT(splits_of(*late), ElementsAre(SplitTrace{make_trace_id(0, 1), 10, 60},
                                            SplitTrace{make_trace_id(0, 2), 30, 80}));
  EXPECT_THAT(splits_of(*stored.merge(blocks, {})), IsEmpty());
}

// Whatever is merged, in whatever order: split traces stay known, and in the end there are none.
TEST(SplitJoin, RandomMerges) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RandomSpans random(seed);
    Parts parts = random_parts(random, 7);
    const Spans last = parts.back();
    parts.pop_back();
    StoredParts stored;
    StoredParts::BlockList blocks = stored.blocks_of(parts);
    const auto head = StoredParts::head_of(last);
    while (blocks.size() > 1) {
      const size_t first = random.number(blocks.size() - 1);
      const size_t count = 2 + random.number(blocks.size() - first - 1);
      const auto from = blocks.begin() + static_cast<ptrdiff_t>(first);
      StoredParts::BlockList merged(from, from + static_cast<ptrdiff_t>(count));
      StoredParts::BlockList others = blocks;
      others.erase(others.begin() + static_cast<ptrdiff_t>(first),
                   others.begin() + static_cast<ptrdiff_t>(first + count));
      const auto block = stored.merge(merged, others);
      blocks = others;
      blocks.insert(blocks.begin() + static_cast<ptrdiff_t>(first), block);
      expect_split_traces_known(StoredParts::snapshot_of(blocks, {head}), {}, seed);
      expect_split_traces_known(StoredParts::snapshot_of(blocks, {}), {}, seed);
    }
    EXPECT_THAT(splits_of(*blocks.front()), IsEmpty());
  }
}

std::vector<SplitTrace> splits_of(HeadJoin& join, const HeadPart& head, const OlderParts& older) {
  std::vector<SplitTrace> out;
  join.each_split(head, older, [&](const SplitTrace& trace) { out.push_back(trace); });
  return out;
}

// What is joined bit by bit, as questions come, is what is joined at once; be there room or not.
TEST(SplitJoin, BitByBit) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    RandomSpans random(seed);
    const bool has_room = seed % 2 == 0;
    const Parts older = random_parts(random, 3);
    StoredParts stored;
    const auto blocks = stored.blocks_of(older);
    auto head = std::make_shared<Head>();
    Budget budget("splits", has_room ? 1 << 20 : 0);
    HeadJoin join(&budget);
    Parts newer;
    for (int batch = 0; batch < 10; ++batch) {
      newer.push_back(random.request(1 + random.number(40)));
      for (uint64_t left = random.number(5); left > 0; --left) {
        const Spans& from = older[random.number(older.size())];
        newer.back().push_back(from[random.number(from.size())]);
      }
      StoredParts::append(*head, newer.back());
      const HeadPart part(head);
      if (random.chance(50)) join.splits(part, {.blocks = blocks});
      if (random.chance(30)) join.repeats(part, {.blocks = blocks});
      if (random.chance(30)) splits_of(join, part, {.blocks = blocks});
    }
    const HeadPart part(head);
    HeadJoin at_once;
    const CutJoin expected = at_once.at_cut(part, {.blocks = blocks});
    EXPECT_EQ(*join.repeats(part, {.blocks = blocks}), expected.left_out);
    const std::vector<SplitTrace> splits = splits_of(join, part, {.blocks = blocks});
    EXPECT_EQ(splits, splits_of(at_once, part, {.blocks = blocks}));
    const auto shown = join.splits(part, {.blocks = blocks});
    for (const SplitTrace& trace : splits) EXPECT_TRUE(shown->traces.may_have(trace.id.hash()));
    EXPECT_EQ(join.has_times(), has_room);
    EXPECT_GT(budget.used(), 0);
    const CutJoin got = join.at_cut(part, {.blocks = blocks});
    EXPECT_EQ(got.left_out, expected.left_out);
    EXPECT_EQ(got.splits, expected.splits);
    EXPECT_FALSE(expected.splits.empty());
  }
}

TEST(SplitJoin, MoreThanASliceOfTracesAndRows) {
  constexpr uint64_t kTraces = 70'000;
  Spans spans;
  for (uint64_t i = 1; i <= kTraces; ++i) spans.push_back(span(i, i, 10 * i, 10 * i + 5));
  StoredParts stored;
  const auto blocks = stored.blocks_of(Parts{spans});
  spans.push_back(span(kTraces, kTraces + 1, 1, 2));
  spans.push_back(span(kTraces + 1, 1, 1, 2));
  const auto head = StoredParts::head_of(spans);
  for (const int64_t room : {0, 64 << 20}) {
    Budget budget("splits", room);
    HeadJoin join(&budget);
    EXPECT_EQ(splits_of(join, *head, {.blocks = blocks}).size(), kTraces);
    const CutJoin cut = join.at_cut(*head, {.blocks = blocks});
    EXPECT_EQ(cut.left_out.size(), kTraces);
    EXPECT_TRUE(std::ranges::is_sorted(cut.left_out));
    EXPECT_THAT(cut.splits,
                ElementsAre(SplitTrace{make_trace_id(0, kTraces), 1, 10 * kTraces + 5}));
    EXPECT_EQ(join.has_times(), room > 0);
    EXPECT_LE(budget.used(), kTraces * (room > 0 ? 80 : 24)) << "with what the cut holds";
  }
}

// What is past retention is not there any more: what is sent again then is new.
TEST(SplitJoin, ACopyPastRetentionDoesNotCount) {
  StoredParts stored;
  const Spans spans = {span(1, 1, 10, 20)};
  const auto blocks = stored.blocks_of(Parts{spans});
  const auto head = StoredParts::head_of(spans);
  HeadJoin join;
  const CutJoin cut = join.at_cut(*head, {.blocks = blocks, .received_after_ns = 2});
  EXPECT_THAT(cut.left_out, IsEmpty());
}

// A damaged block is treated as not having what was asked for, and counted; it may heal.
TEST(SplitJoin, DamageIsCounted) {
  StoredParts stored;
  const Spans spans = {span(1, 1, 10, 20)};
  const auto blocks = stored.blocks_of(Parts{spans});
  const auto head = StoredParts::head_of({span(1, 1, 10, 20), span(2, 2, 30, 40)});
  const auto file = stored.disk().open(blocks.front()->path(), Storage::Open::existing);
  ASSERT_TRUE(file);
  std::string whole((*file)->size().value(), '\0');
  const ReadRange all{0, whole};
  ASSERT_TRUE((*file)->read({&all, 1}));
  const auto overwrite = [&](const std::string_view bytes) {
    ASSERT_TRUE((*file)->write(0, {&bytes, 1}));
  };
  overwrite(std::string(whole.size(), 'x'));
  HeadJoin join;
  EXPECT_THAT(splits_of(join, *head, {.blocks = blocks}), IsEmpty());
  EXPECT_GT(join.damaged(), 0U);
  overwrite(whole);
  EXPECT_THAT(join.at_cut(*head, {.blocks = blocks}).left_out, ElementsAre(0));
}

TEST(SplitJoin, ManyThreadsAsk) {
  RandomSpans random(5);
  const Parts older = random_parts(random, 3);
  StoredParts stored;
  const auto blocks = stored.blocks_of(older);
  const auto splits = BlockSplits::of(blocks, nullptr);
  auto head = std::make_shared<Head>();
  auto join = std::make_shared<HeadJoin>();
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (uint32_t rows = 0; rows < 500;) {
        const auto part = std::make_shared<const HeadPart>(head);
        const SplitTraces traces({.blocks = blocks, .of_blocks = splits, .heads = {{part, join}}});
        Inspected inspected;
        for (uint32_t t = 0; t < part->traces(); t += 7) traces.is_split(part->trace_id(t));
        const auto repeats = traces.repeats(static_cast<uint32_t>(blocks.size()));
        for (const uint32_t row : *repeats) rows = std::max(rows, row);
        rows = std::max(rows, part->rows());
      }
    });
  }
  while (head->rows() < 500) {
    Spans spans = random.request(20);
    spans.push_back(older[0][random.number(older[0].size())]);
    StoredParts::append(*head, spans);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace vivace
