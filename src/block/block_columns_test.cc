// A block keeps the promises of model/columns.h: row groups of whole traces, dense and sparse
// columns, numbers in range; and holds what is large, odd or rare.
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "block/block_testing.h"
#include "block/layout.h"

namespace vivace {
namespace {

using testing::ElementsAre;

SentAttribute text_attribute(std::string key, std::string text) {
  return {std::move(key), {ValueType::string, 0, std::move(text)}};
}

SentAttribute number_attribute(std::string key, int64_t number) {
  return {std::move(key), {ValueType::integer, static_cast<uint64_t>(number), {}}};
}

void expect_column(const FieldInfo& form, Range owners, const Column& column) {
  uint32_t count = 0;
  int64_t last = int64_t{owners.first} - 1;
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint32_t owner = slice.owner(i);
      EXPECT_GE(owner, owners.first);
      EXPECT_LT(owner, owners.end());
      if (form.dense) {
        EXPECT_EQ(owner, last + 1);
      } else {
        EXPECT_GE(owner, last);
      }
      last = owner;
      if (form.form == FieldForm::longs) {
        ASSERT_NE(slice.longs, nullptr);
      } else {
        ASSERT_NE(slice.words, nullptr);
      }
      if (form.form == FieldForm::texts) {
        ASSERT_LT(slice.words[i], column.texts->size());
        (void)(*column.texts)[slice.words[i]];
      }
    }
    count += slice.count;
  }
  if (form.dense) {
    EXPECT_EQ(count, owners.count);
  }
  EXPECT_EQ(column.texts != nullptr, form.form == FieldForm::texts);
}

Range owners_of_group(const Part& part, Scope owner, uint32_t group) {
  const RowGroup of = part.group(group);
  switch (owner) {
    case Scope::resource:
      return {0, part.resources()};
    case Scope::scope:
      return {0, part.scopes()};
    case Scope::span:
      return of.rows;
    case Scope::event:
      return of.events;
    case Scope::link:
      break;
  }
  return of.links;
}

void expect_group(const Part& part, uint32_t group) {
  Inspected inspected;
  for (size_t i = 0; i < kFields; ++i) {
    const auto field = static_cast<Field>(i);
    const auto column = part.read(field, group, inspected);
    ASSERT_TRUE(column) << column.error().message;
    expect_column(info(field), owners_of_group(part, info(field).owner, group), *column);
  }
  for (const Scope owner : kAllScopes) {
    const Range owners = owners_of_group(part, owner, group);
    for (uint32_t i = 0; i < part.columns(owner); ++i) {
      const auto column = part.read_attribute(owner, i, group, inspected);
      ASSERT_TRUE(column) << column.error().message;
      const ValueType type = part.column(owner, i).type;
      if (type == ValueType::empty) continue;
      const FieldForm form = is_text(type) ? FieldForm::texts : FieldForm::longs;
      expect_column({owner, form, false}, owners, *column);
    }
  }
}

// Ranges follow each other; times are those of the rows; traces are whole and in order.
void expect_invariants(const Part& part) {
  Inspected inspected;
  RowGroup last;
  uint32_t last_trace = 0;
  for (uint32_t g = 0; g < part.groups(); ++g) {
    const RowGroup group = part.group(g);
    EXPECT_EQ(group.rows.first, last.rows.end());
    EXPECT_EQ(group.events.first, last.events.end());
    EXPECT_EQ(group.links.first, last.links.end());
    EXPECT_GT(group.rows.count, 0U);
    EXPECT_LE(group.rows.count, kGroupRowsMax);
    last = group;
    expect_group(part, g);
    const Column traces = part.read(Field::trace, g, inspected).value();
    const Column starts = part.read(Field::start_ns, g, inspected).value();
    uint64_t start_min_ns = UINT64_MAX;
    for (uint32_t i = 0; i < group.rows.count; ++i) {
      const uint32_t trace = traces.slices.at(0).words[i];
      EXPECT_TRUE(trace == last_trace || trace == last_trace + 1);
      last_trace = trace;
      start_min_ns = std::min(start_min_ns, starts.slices.at(0).longs[i]);
    }
    EXPECT_EQ(group.start_min_ns, start_min_ns);
    EXPECT_GE(group.end_max_ns, group.start_min_ns);
  }
  EXPECT_EQ(last.rows.end(), part.rows());
  EXPECT_EQ(last_trace + 1, part.traces());
}

std::vector<std::vector<SentSpan>> in_requests(const std::vector<SentSpan>& spans, size_t size) {
  std::vector<std::vector<SentSpan>> out;
  for (size_t at = 0; at < spans.size(); at += size) {
    const auto from = spans.begin() + static_cast<ptrdiff_t>(at);
    out.emplace_back(from, from + static_cast<ptrdiff_t>(std::min(size, spans.size() - at)));
  }
  return out;
}

void expect_round_trip(std::vector<SentSpan> spans) {
  const HeadPart head(head_of(in_requests(spans, 5'000)));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  sort_canonically(spans);
  expect_same(spans, read_all(*block));
  expect_invariants(*block);
}

TEST(BlockColumns, KeepTheirPromisesForRandomSpans) {
  RandomSpans random(61);
  std::vector<std::vector<SentSpan>> requests;
  for (int i = 0; i < 60; ++i) requests.push_back(random.request(1 + random.number(60)));
  BlockDisk disk;
  const auto block = disk.write_and_open(HeadPart(head_of(requests)));
  ASSERT_NE(block, nullptr);
  expect_invariants(*block);
}

TEST(BlockColumns, FillRowGroupsWithWholeTraces) {
  std::vector<SentSpan> spans;
  std::mt19937_64 random(62);
  for (uint64_t trace = 1; trace <= 9'000; ++trace) {
    for (uint64_t i = 0; i < 1 + trace % 9; ++i) {
      SentSpan span = simple_span(trace, trace * 16 + i, 1'000'000 + random() % 1'000'000);
      if (random() % 20 == 0) span.attributes.push_back(number_attribute("rare", int64_t(i)));
      if (random() % 2 == 0) span.attributes.push_back(text_attribute("often", "value"));
      if (random() % 50 == 0) span.events.push_back({span.start_ns, "event", {}, 0});
      if (i > 0) span.parent_id = make_span_id(trace * 16);
      spans.push_back(std::move(span));
    }
  }
  std::ranges::shuffle(spans, random);
  const HeadPart head(head_of(in_requests(spans, 3'000)));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->groups(), 3U);  // 45,000 rows
  EXPECT_LE(block->group(0).rows.count, kGroupRows);
  expect_invariants(*block);
  sort_canonically(spans);
  expect_same(spans, read_all(*block));
}

TEST(BlockColumns, GiveATraceBeyondOneRowGroupSeveralOfItsOwn) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 70'000; ++i) spans.push_back(simple_span(2, i, 500 + i % 1'000));
  for (uint64_t i = 1; i <= 20'000; ++i) spans.push_back(simple_span(3, 100'000 + i, 600));
  spans.push_back(simple_span(1, 200'001, 5));
  spans.push_back(simple_span(4, 200'002, 900));
  const HeadPart head(head_of(in_requests(spans, 10'000)));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  ASSERT_EQ(block->groups(), 5U);
  EXPECT_EQ(block->group(0).rows.count, 1U);
  EXPECT_EQ(block->group(1).rows.count, kGroupRowsMax);
  EXPECT_EQ(block->group(2).rows.count, 70'000U - kGroupRowsMax);
  EXPECT_EQ(block->group(3).rows.count, 20'000U);
  expect_invariants(*block);
  Inspected inspected;
  EXPECT_EQ(block->find_trace(make_trace_id(0, 2), inspected).value(), 1U);
  EXPECT_EQ(block->trace(1, inspected).value().spans, 70'000U);
  EXPECT_EQ(block->find_trace(make_trace_id(0, 4), inspected).value(), 3U);
  std::vector<uint32_t> rows;
  ASSERT_TRUE(block->trace_rows(1, rows, inspected));
  EXPECT_EQ(rows.size(), 70'000U);
  EXPECT_EQ(rows.back(), 70'000U);
  sort_canonically(spans);
  expect_same(spans, read_all(*block));
}

TEST(BlockColumns, HoldMoreKeysThanColumns) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 1'500; ++i) {
    SentSpan span = simple_span(1 + i % 40, i + 1, 1'000 + i * 7 % 13);
    span.attributes = {text_attribute(fmt::format("text {}", i), fmt::format("value {}", i % 9)),
                       number_attribute(fmt::format("number {}", i), -int64_t(i)),
                       text_attribute("often", "x"), number_attribute("often", 1)};
    if (i % 3 == 0) span.attributes.push_back({"nothing", {}});
    if (i % 5 == 0) {
      const uint64_t again = i > 1'300 ? i - 100 : i;
      span.attributes.push_back(text_attribute(fmt::format("text {}", again), ""));
      span.attributes.push_back(
          {fmt::format("text {}", again), {ValueType::bytes, 0, std::string("\xff\x00", 2)}});
    }
    span.events.push_back({i, "event", span.attributes, 0});
    spans.push_back(std::move(span));
  }
  const HeadPart head(head_of(in_requests(spans, 100)));
  EXPECT_EQ(head.columns(Scope::span), kAttributeColumnsMax);
  expect_round_trip(std::move(spans));
}

TEST(BlockColumns, HoldOverflowsOfEmptyValuesAlone) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 1'200; ++i) {
    SentSpan span = simple_span(i + 1, i + 1);
    span.attributes = {{fmt::format("key {}", i), {}}};
    spans.push_back(std::move(span));
  }
  expect_round_trip(std::move(spans));
}

TEST(BlockColumns, HoldTheSameKeyManyTimes) {
  SentSpan one = simple_span(1, 1);
  for (int64_t i = 0; i < 3'000; ++i) one.attributes.push_back(number_attribute("same", 7));
  std::vector<SentSpan> spans{one, simple_span(1, 2), simple_span(2, 3)};
  spans[1].attributes = {text_attribute("same", "a"), text_attribute("same", "b"),
                         number_attribute("same", 9), text_attribute("same", "a")};
  expect_round_trip(std::move(spans));
}

TEST(BlockColumns, HoldAnyTime) {
  std::vector<SentSpan> spans;
  const uint64_t times[] = {0, 1, 16'725'225'600'000'000'000U, UINT64_MAX, UINT64_MAX - 1};
  uint64_t id = 0;
  for (const uint64_t start : times) {
    for (const uint64_t end : times) {
      SentSpan span = simple_span(1 + id % 7, id + 1, start);
      ++id;
      span.end_ns = end;
      span.events.push_back({end, "event", {}, 0});
      spans.push_back(std::move(span));
    }
  }
  expect_round_trip(std::move(spans));
}

TEST(BlockColumns, HoldMoreNewTextsThanADictionary) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 70'000; ++i) {
    SentSpan span = simple_span(1 + i / 10, i + 1, 1'000 + i);
    span.attributes = {text_attribute("new", fmt::format("request {:x}", mix64(i)))};
    if (i % 2 == 0) span.name = fmt::format("GET /item/{}", i);
    if (i % 16 == 0) span.attributes.push_back(text_attribute("long", std::string(300, char(i))));
    spans.push_back(std::move(span));
  }
  spans[7].attributes[0].value.text = "";
  spans[8].attributes[0].value.text = std::string(200'000, 'z');
  expect_round_trip(std::move(spans));
}

TEST(BlockColumns, HoldBytesThatAreNotUtf8) {
  SentSpan span = simple_span(1, 1);
  span.name = "\xc3(\xff";
  span.attributes = {text_attribute("\xfekey", std::string("\x00\xff\xed\xa0\x80", 5)),
                     {"bytes", {ValueType::bytes, 0, std::string(1'000, '\xf0')}}};
  expect_round_trip({span});
}

TEST(BlockColumns, HaveTheLatestReceiveTimeOfTheirRowGroup) {
  const HeadPart head(
      head_of({{simple_span(1, 1, 10)}, {simple_span(2, 2, 20)}, {simple_span(1, 3, 30)}}));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  Inspected inspected;
  const Column received = block->read(Field::received_ns, 0, inspected).value();
  const Slice& slice = received.slices.at(0);
  EXPECT_THAT(std::vector<uint64_t>(slice.longs, slice.longs + slice.count),
              ElementsAre(3'000, 3'000, 3'000));
  EXPECT_EQ(block->group(0).received_max_ns, 3'000);
}

TEST(BlockColumns, CountWhatTheyRead) {
  const HeadPart head(head_of({{simple_span(1, 1), simple_span(2, 2)}}));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  Inspected first;
  ASSERT_TRUE(block->read(Field::name, 0, first));
  EXPECT_GT(first.bytes, 0U);
  Inspected again;
  ASSERT_TRUE(block->read(Field::name, 0, again));
  EXPECT_EQ(first.bytes, again.bytes);  // though the dictionary came from the cache
}

TEST(BlockColumns, DoNotDependOnTheOrderOfArrival) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 500; ++i) {
    SentSpan span = simple_span(1 + i % 50, i + 1, 1'000 + i);
    span.name = fmt::format("name {}", i * 7 % 11);
    spans.push_back(std::move(span));
  }
  BlockDisk disk;
  disk.write(HeadPart(head_of({spans})), "/blocks/1", 1);
  std::ranges::reverse(spans);
  disk.write(HeadPart(head_of({spans})), "/blocks/2", 1);
  EXPECT_EQ(disk.storage.durable("/blocks/1"), disk.storage.durable("/blocks/2"));
}

}  // namespace
}  // namespace vivace
