// Damage between the parts of a store: the block list, flipped bit by bit. All blocks still answer,
// whatever becomes of the list that names them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

class DamageTest : public StoreTest {};

TEST_F(DamageTest, EveryBitOfTheBlockListIsFoundAndCostsNothing) {
  options_.check_period_ms = 1;
  options_.generation_bytes_max = 4 << 20;
  start();
  std::vector<SentSpan> sent;
  for (int i = 0; i < 2; ++i) {
    const std::vector<SentSpan> spans = random_.request(4);
    ASSERT_TRUE(append_and_wait(spans));
    sent.insert(sent.end(), spans.begin(), spans.end());
    clock_.advance(options_.generation_age_max_ns);
    wait_until([&] { return metric(*metrics_, "tempodb_blocklist_length") == i + 1; });
  }
  store_.reset();
  const std::string path = options_.blocks_folder + "/blocks.list";
  const std::string list = disk_->durable(path);
  size_t made_anew = 0;
  for (size_t bit = 0; bit < list.size() * 8; ++bit) {
    SCOPED_TRACE(fmt::format("bit {} of byte {}", bit % 8, bit / 8));
    std::string changed = list;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    disk_->set_durable(path, changed);
    disk_->set_durable(path + ".damaged", "");
    ASSERT_EQ(start().blocks, 2U);
    expect_distinct_spans(sent);
    ASSERT_EQ(metric(*metrics_, "vivace_damaged_blocks"), 0);
    made_anew += disk_->durable(path + ".damaged") == changed ? 1 : 0;
    store_.reset();
    ASSERT_FALSE(HasFailure());
  }
  fmt::print("{} bits flipped: the list was made anew {} times\n", list.size() * 8, made_anew);
  EXPECT_GE(made_anew, list.size() * 8 - 40);  // hexadecimal digits have two cases
}

}  // namespace
}  // namespace vivace
