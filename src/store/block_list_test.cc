// The block list as text: what is written is read back, and nothing that is cut, changed or newer
// passes for a list. And as a file: a crash at any step leaves the old list or the new one.
#include "store/block_list.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "storage/fault_storage.h"

namespace vivace {
namespace {

const BlockList kList{
    .replay_from = 12288,
    .next_number = 9,
    .blocks = {{1, "single-tenant", 81293, 1377, 1'700'000'000'000'000'000},
               {8, "a!-_.*'()b", 1, 0, -5}},
};

TEST(BlockList, ReadsBackWhatItWrote) {
  for (const BlockList& list : {BlockList(), kList}) {
    const auto read = parse_block_list(to_text(list));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, list);
  }
}

TEST(BlockList, EveryCutIsSeen) {
  const std::string text = to_text(kList);
  for (size_t size = 0; size + 1 < text.size(); ++size) {  // the last line end may be missing
    const auto read = parse_block_list(text.substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, Code::corrupt);
  }
}

TEST(BlockList, EveryFlippedBitIsSeen) {
  const std::string text = to_text(kList);
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto read = parse_block_list(changed);
      if (read) {
        ASSERT_EQ(*read, kList) << i << " " << bit;  // hexadecimal digits have two cases
      } else {
        ASSERT_EQ(read.error().code, Code::corrupt);
      }
    }
  }
}

TEST(BlockList, ANewerVersionIsNoDamage) {
  std::string text = "vivace block list, version 2\nwhatever\n";
  text += fmt::format("xxh3 {:016x}\n", hash64(text));
  const auto read = parse_block_list(text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::unimplemented);
  EXPECT_EQ(read.error().message, "the block list has version 2; this program reads up to 1");
}

TEST(BlockList, AnyCrashLeavesTheOldOneOrTheNewOne) {
  BlockList next = kList;
  next.replay_from = 99'999;
  for (uint64_t at = 0;; ++at) {
    for (const auto unsynced : {FaultStorage::Unsynced::dropped, FaultStorage::Unsynced::kept,
                                FaultStorage::Unsynced::torn}) {
      FaultStorage disk(at);
      ASSERT_TRUE(write_block_list(disk, "/disk", kList));
      disk.crash_at(at);
      const bool written = write_block_list(disk, "/disk", next).has_value();
      if (written) {
        EXPECT_GT(at, 3U);
        return;
      }
      disk.restart(unsynced);
      const auto read = read_block_list(disk, "/disk");
      ASSERT_TRUE(read) << at << ": " << read.error().message;
      EXPECT_TRUE(*read == kList || *read == next) << at;
    }
  }
}

TEST(BlockList, AFolderWithoutOneSaysSo) {
  FaultStorage disk;
  const auto read = read_block_list(disk, "/disk");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::not_found);
}

}  // namespace
}  // namespace vivace
