// What a block rules out without reading a column is never there; and what it may rule out, it
// does.
#include <gmock/gmock.h>

#include "block/block_testing.h"
#include "block/layout.h"

namespace vivace {
namespace {

// Four row groups: what they hold rises with them.
std::vector<SentSpan> make_spans() {
  std::vector<SentSpan> out;
  for (uint64_t i = 0; i < 60'000; ++i) {
    SentSpan span = simple_span(1 + i / 100, i + 1, 1'000'000 + i);
    span.end_ns = span.start_ns + 1'000 + i / 16'384;
    span.name = fmt::format("name {:05}", i / 10'000);
    span.attributes = {{"whole", {ValueType::integer, i, {}}},
                       {"below zero", {ValueType::integer, 0 - i, {}}},
                       {"real", {ValueType::real, std::bit_cast<uint64_t>(double(i) / 2), {}}},
                       {"unique", {ValueType::string, 0, fmt::format("{:016x}", mix64(i))}},
                       {"few", {ValueType::string, 0, fmt::format("few {:05}", i / 1'000)}}};
    if (i < 100) span.attributes.push_back({"early", {ValueType::integer, 1, {}}});
    if (i < 100) span.attributes.push_back({"whole", {ValueType::string, 0, "a text"}});
    out.push_back(std::move(span));
  }
  return out;
}

class BlockStatistics : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    disk_ = new BlockDisk;
    disk_->write(HeadPart(head_of({make_spans()})));
    block_ = (held_ = disk_->open()).get();
  }
  static void TearDownTestSuite() {
    held_.reset();
    delete disk_;
  }
  // In which row groups it may be.
  static std::string groups_with(std::string_view key, const WantedValue& wanted) {
    std::string out;
    Inspected inspected;
    for (uint32_t group = 0; group < block_->groups(); ++group) {
      const bool may = block_->may_hold(Scope::span, key, group, wanted, inspected).value();
      out += may ? "y" : "-";
    }
    return out;
  }
  static std::string groups_with(Field field, const WantedValue& wanted) {
    std::string out;
    Inspected inspected;
    for (uint32_t group = 0; group < block_->groups(); ++group) {
      out += block_->may_hold(field, group, wanted, inspected).value() ? "y" : "-";
    }
    return out;
  }

  static BlockDisk* disk_;
  static Block* block_;
  static std::shared_ptr<Block> held_;
};
BlockDisk* BlockStatistics::disk_ = nullptr;
Block* BlockStatistics::block_ = nullptr;
std::shared_ptr<Block> BlockStatistics::held_;

TEST_F(BlockStatistics, RuleOutNumbers) {
  ASSERT_EQ(block_->groups(), 4U);
  EXPECT_EQ(groups_with("whole", {.low = 5, .high = 5}), "y---");
  EXPECT_EQ(groups_with("whole", {.low = 59'999, .high = 1e300}), "---y");
  EXPECT_EQ(groups_with("whole", {.low = 70'000, .high = 80'000}), "----");
  EXPECT_EQ(groups_with("below zero", {.low = -3, .high = 90}), "y---");
  EXPECT_EQ(groups_with("real", {.low = 29'000, .high = 29'001}), "---y");
  EXPECT_EQ(groups_with("early", {.low = 1, .high = 1}), "y---");
  EXPECT_EQ(groups_with("nowhere", {.low = 1, .high = 1}), "----");
  EXPECT_EQ(groups_with(Field::duration_ns, {.low = 1'003, .high = 5'000}), "---y");
}

TEST_F(BlockStatistics, RuleOutTexts) {
  EXPECT_EQ(groups_with("few", {.text = "few 00000"}), "y---");
  EXPECT_EQ(groups_with("few", {.text = "few 00059"}), "---y");
  EXPECT_EQ(groups_with("few", {.text = "no such text"}), "----");
  EXPECT_EQ(groups_with("whole", {.text = "a text"}), "y---");
  EXPECT_EQ(groups_with(Field::name, {.text = "name 00000"}), "y---");
  EXPECT_EQ(groups_with(Field::name, {.text = "no such name"}), "----");
  EXPECT_EQ(groups_with(Field::status_message, {.text = "message"}), "----");
}

TEST_F(BlockStatistics, RuleOutTextsWithoutADictionary) {
  EXPECT_EQ(groups_with("unique", {.text = fmt::format("{:016x}", mix64(0))})[0], 'y');
  EXPECT_EQ(groups_with("unique", {.text = fmt::format("{:016x}", mix64(59'999))})[3], 'y');
  int wrong = 0;
  for (uint64_t i = 100'000; i < 100'250; ++i) {
    const std::string groups = groups_with("unique", {.text = fmt::format("{:016x}", mix64(i))});
    wrong += static_cast<int>(std::ranges::count(groups, 'y'));
  }
  EXPECT_LT(wrong, 100);  // 3 in 100 are expected
}

TEST(BlockGroups, OfClocksThatAreOffStandApart) {
  constexpr uint64_t kNow = 1'790'000'000'000'000'000;
  constexpr uint64_t kTenYears = 315'360'000'000'000'000;
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 100; ++i) spans.push_back(simple_span(1 + i, 1 + i, kNow + i));
  spans.push_back(simple_span(200, 1, 0));
  spans.push_back(simple_span(201, 1, kNow - kTenYears));
  spans.push_back(simple_span(202, 1, kNow + kTenYears));
  BlockDisk disk;
  const auto block = disk.write_and_open(HeadPart(head_of({spans})));
  ASSERT_NE(block, nullptr);
  ASSERT_EQ(block->groups(), 4U);
  EXPECT_EQ(block->group(2).start_min_ns, kNow);
  EXPECT_EQ(block->group(2).end_max_ns, kNow + 109);
}

TEST(BlockGroups, OfManyClocksThatAreOffAreNotMany) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 5'000; ++i) {
    spans.push_back(simple_span(1 + i, 1 + i, i * 7'200'000'000'000));
  }
  BlockDisk disk;
  const auto block = disk.write_and_open(HeadPart(head_of({spans})));
  ASSERT_NE(block, nullptr);
  EXPECT_LE(block->groups(), 66U);
}

TEST_F(BlockStatistics, OfTheOwnersThatKnowNoRowGroupsAreUnknown) {
  Inspected inspected;
  EXPECT_TRUE(block_->may_hold(Scope::resource, "any", 0, {.text = "x"}, inspected).value());
}

TEST(BlockOverflow, RulesOutKeysThatNoListHas) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < 2'000; ++i) {
    SentSpan span = simple_span(1 + i, 1 + i, 1'000'000 + i);
    span.attributes = {{fmt::format("key {:05}", i), {ValueType::string, 0, "x"}}};
    spans.push_back(std::move(span));
  }
  BlockDisk disk;
  const auto block = disk.write_and_open(HeadPart(head_of({spans})));
  ASSERT_NE(block, nullptr);
  ASSERT_EQ(block->columns(Scope::span), kAttributeColumnsMax);
  Inspected inspected;
  const auto may_hold = [&](std::string_view key) {
    return block->may_hold(Scope::span, key, 0, {.text = "x"}, inspected).value();
  };
  for (uint64_t i = 0; i < 2'000; ++i) EXPECT_TRUE(may_hold(fmt::format("key {:05}", i))) << i;
  EXPECT_FALSE(may_hold("key"));
  EXPECT_FALSE(may_hold("another key"));
}

}  // namespace
}  // namespace vivace
