// Columns that are told by others come back as they were: parents, links, resources, owners and
// values, in all the ways in which senders break the rule that they follow from.
#include <gmock/gmock.h>

#include "block/block_testing.h"

namespace vivace {
namespace {

std::vector<std::shared_ptr<const SentResource>> make_resources() {
  std::vector<std::shared_ptr<const SentResource>> out;
  for (const char* const service : {"front", "middle", "back"}) {
    auto resource = std::make_shared<SentResource>();
    resource->attributes = {{"service.name", {ValueType::string, 0, service}}};
    out.push_back(std::move(resource));
  }
  return out;
}

// A trace of a tree, each span a second after its parent, with all that senders do to parents.
std::vector<SentSpan> make_tree(uint64_t trace, uint64_t spans) {
  static const auto resources = make_resources();
  std::vector<SentSpan> out;
  for (uint64_t i = 0; i < spans; ++i) {
    SentSpan span = simple_span(trace, 1 + i, 1'000'000 + 1'000 * i);
    if (i > 0) span.parent_id = make_span_id(1 + mix64(i) % i);
    if (i % 11 == 3) span.parent_id = make_span_id(i + 3);      // comes later
    if (i % 13 == 5) span.parent_id = make_span_id(9'000 + i);  // is not there
    if (i % 17 == 7) span.parent_id = span.span_id;             // itself
    if (trace % 4 == 3 && i % 19 == 9) {
      span.span_id = make_span_id(i);  // shared with the one before
      span.kind = 2;
    }
    span.name = fmt::format("name {}", i % 7);
    span.resource = resources[i / 5 % 3];
    span.attributes = {{"of name", {ValueType::string, 0, fmt::format("value {}", i % 7 / 2)}}};
    if (i % 7 < 3) span.attributes.push_back({"number", {ValueType::integer, 400 + i % 7, {}}});
    if (i % 5 == 0) span.attributes.push_back({"twice", {ValueType::integer, i, {}}});
    if (i % 10 == 0) span.attributes.push_back({"twice", {ValueType::integer, i + 1, {}}});
    if (i % 4 == 1) {
      span.links.push_back({span.trace_id, make_span_id(1 + i / 2), "", {}, 0, 0});
      span.links.push_back({make_trace_id(7, i), make_span_id(i), "", {}, 0, 0});
    }
    out.push_back(std::move(span));
  }
  return out;
}

std::vector<SentSpan> make_trees() {
  std::vector<SentSpan> out;
  for (uint64_t trace = 1; trace <= 40; ++trace) {
    const auto tree = make_tree(trace, 1 + mix64(trace) % 120);
    out.insert(out.end(), tree.begin(), tree.end());
  }
  return out;
}

TEST(BlockCoded, ColumnsComeBack) {
  const auto spans = make_trees();
  const HeadPart head(head_of({spans}));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  std::vector<SentSpan> expected = spans;
  sort_canonically(expected);
  expect_same(expected, read_all(*block));
}

TEST(BlockCoded, ColumnsOfATraceOfSeveralRowGroupsComeBack) {
  const auto spans = make_tree(1, 70'000);
  const HeadPart head(head_of({spans}));
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  ASSERT_EQ(block->groups(), 2U);
  std::vector<SentSpan> expected = spans;
  sort_canonically(expected);
  expect_same(expected, read_all(*block));
}

// By row of the part: the id of the row that is said to be the parent, or 0.
std::vector<uint64_t> ids_of_parents(const Part& part, std::vector<uint64_t>& parent_ids) {
  Inspected inspected;
  std::vector<uint64_t> ids;
  std::vector<uint64_t> traces;
  std::vector<uint32_t> rows;
  for (uint32_t group = 0; group < part.groups(); ++group) {
    const auto read = [&](Field field) { return part.read(field, group, inspected).value(); };
    for (const Column column = read(Field::span_id); const Slice& slice : column.slices) {
      ids.insert(ids.end(), slice.longs, slice.longs + slice.count);
    }
    for (const Column column = read(Field::parent_id); const Slice& slice : column.slices) {
      parent_ids.insert(parent_ids.end(), slice.longs, slice.longs + slice.count);
    }
    for (const Column column = read(Field::trace); const Slice& slice : column.slices) {
      traces.insert(traces.end(), slice.words, slice.words + slice.count);
    }
    for (const Column column = read(Field::parent_row); const Slice& slice : column.slices) {
      rows.insert(rows.end(), slice.words, slice.words + slice.count);
    }
  }
  std::vector<uint64_t> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool has_row = rows[i] < kOtherRow;
    EXPECT_EQ(rows[i] == kNoRow, parent_ids.at(i) == 0);
    out.push_back(has_row ? ids.at(rows[i]) : 0);
    EXPECT_TRUE(!has_row || traces.at(rows[i]) == traces[i]);
  }
  return out;
}

void expect_parents(const Part& part) {
  std::vector<uint64_t> parent_ids;
  const std::vector<uint64_t> found = ids_of_parents(part, parent_ids);
  ASSERT_EQ(found.size(), parent_ids.size());
  size_t with_row = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i] == 0) continue;
    EXPECT_EQ(found[i], parent_ids[i]);
    ++with_row;
  }
  EXPECT_GT(with_row, found.size() / 2);
}

TEST(BlockCoded, ParentsAreRows) {
  const HeadPart head(head_of({make_trees()}));
  expect_parents(head);
  BlockDisk disk;
  const auto block = disk.write_and_open(head);
  ASSERT_NE(block, nullptr);
  expect_parents(*block);
}

TEST(BlockCoded, ParentsTakeLessThanTheirIds) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 8'000; ++i) {
    SentSpan span = simple_span(i / 40, mix64(i), i);
    if (i % 40 > 0) span.parent_id = make_span_id(mix64(i - 1));
    spans.push_back(std::move(span));
  }
  BlockDisk disk;
  const BlockSummary summary = disk.write(HeadPart(head_of({spans})));
  EXPECT_LT(summary.file_bytes, 8'000U * 12);
}

}  // namespace
}  // namespace vivace
