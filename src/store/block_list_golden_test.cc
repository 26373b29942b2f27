// A block list that an earlier program wrote says today what it said then.
// tests/golden/blocks_01.list was written by version 1 of the format; it is made by
//
//   VIVACE_WRITE_GOLDEN=1 build/release/store_test --gtest_filter='BlockListGolden.*'
//
// which is right only for as long as no released program has written the version.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/hash.h"
#include "base/testing/golden.h"
#include "storage/fault_storage.h"
#include "store/block_list.h"

namespace vivace {
namespace {

constexpr char kName[] = "blocks_01.list";

// Numbers as large as they get, tenants of every character, numbers of blocks with gaps.
const BlockList kSaid{
    .replay_from = 18'446'744'073'709'551'608U,
    .next_number = 18'446'744'073'709'551'615U,
    .blocks = {{1, "single-tenant", 81'293, 1'377, 1'790'000'000'000'000'000},
               {2, "single-tenant", 60'122, 1'003, 1'790'000'060'000'000'000},
               {9, "a!-_.*'()b", 1, 0, -5},
               {18'446'744'073'709'551'614U, "Z9", 536'870'912, 16'777'214, INT64_MAX}},
};

Result<BlockList> read_list(const std::string& text) {
  FaultStorage disk;
  disk.set_durable("/disk/blocks.list", text);
  return read_block_list(disk, "/disk");
}

TEST(BlockListGolden, OfVersionOneSaysWhatItSaid) {
  if (golden::is_to_be_written()) {
    FaultStorage disk;
    ASSERT_TRUE(write_block_list(disk, "/disk", kSaid));
    golden::write(kName, disk.durable("/disk/blocks.list"));
  }
  const auto list = read_list(golden::read(kName));
  ASSERT_TRUE(list) << list.error().message;
  EXPECT_EQ(*list, kSaid);
}

TEST(BlockListGolden, OfANewerVersionIsRefusedByName) {
  std::string text = golden::read(kName);
  const std::string version = "version 1\n";
  ASSERT_NE(text.find(version), std::string::npos);
  text.replace(text.find(version), version.size(), "version 2\n");
  text.resize(text.rfind("xxh3 "));
  text += fmt::format("xxh3 {:016x}\n", hash64(text));
  const auto list = read_list(text);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, Code::unimplemented);
  EXPECT_EQ(list.error().message, "the block list has version 2; this program reads up to 1");
}

}  // namespace
}  // namespace vivace
