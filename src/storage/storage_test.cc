// The same promises on the real disk and on the disk in memory, and what the latter forgets when it
// loses power.
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/fault_storage.h"
#include "storage/local_storage.h"

namespace vivace {
namespace {

using Unsynced = FaultStorage::Unsynced;

std::string read_all(File& file) {
  std::string bytes(file.size().value(), '\0');
  const ReadRange whole{0, bytes};
  EXPECT_TRUE(file.read({&whole, 1}));
  return bytes;
}

Result<void> write(File& file, uint64_t offset, std::string_view bytes) {
  return file.write(offset, {&bytes, 1});
}

void obeys_the_seam(Storage& storage, const std::string& root) {
  ASSERT_TRUE(storage.make_folders(root + "/a"));
  EXPECT_EQ(storage.open(root + "/a/f", Storage::Open::existing).error().code, Code::not_found);
  auto file = storage.open(root + "/a/f", Storage::Open::create).value();
  const std::string_view parts[] = {"hello ", "", "world"};
  ASSERT_TRUE(file->write(2, parts));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(read_all(*file), std::string_view("\0\0hello world", 13));
  ASSERT_TRUE(file->allocate(20));
  EXPECT_EQ(file->size().value(), 20U);
  char late[8];
  const ReadRange past{15, late};
  EXPECT_EQ(file->read({&past, 1}).error().code, Code::corrupt);
  ASSERT_TRUE(storage.rename(root + "/a/f", root + "/a/g"));
  ASSERT_TRUE(storage.sync_directory(root + "/a"));
  EXPECT_THAT(storage.list(root + "/a").value(), testing::ElementsAre("g"));
  ASSERT_TRUE(storage.remove(root + "/a/g"));
  EXPECT_THAT(storage.list(root + "/a").value(), testing::IsEmpty());
}

TEST(LocalStorage, ObeysTheSeam) {
  char folder[] = "/tmp/vivace-storage-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  LocalStorage storage;
  obeys_the_seam(storage, folder);
  auto held = storage.lock(folder);
  ASSERT_TRUE(held);
  EXPECT_EQ(storage.lock(folder).error().code, Code::unavailable);
  held->reset();
  EXPECT_TRUE(storage.lock(folder));
  EXPECT_EQ(storage.open("/proc/none", Storage::Open::create).error().code, Code::not_found);
  std::filesystem::remove_all(folder);
}

TEST(FaultStorage, ObeysTheSeam) {
  FaultStorage storage;
  obeys_the_seam(storage, "/disk");
}

TEST(FaultStorage, ForgetsWhatWasNotSynced) {
  FaultStorage disk;
  auto file = disk.open("/d/f", Storage::Open::create).value();
  ASSERT_TRUE(disk.sync_directory("/d"));
  ASSERT_TRUE(write(*file, 0, "old"));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(write(*file, 0, "new and longer"));
  disk.crash_now();
  EXPECT_FALSE(write(*file, 0, "late"));
  EXPECT_FALSE(disk.list("/d"));
  disk.restart(Unsynced::dropped);
  EXPECT_FALSE(file->sync()) << "a file of an earlier life stays dead";
  EXPECT_EQ(read_all(*disk.open("/d/f", Storage::Open::existing).value()), "old");
}

TEST(FaultStorage, ForgetsNamesWhoseFolderWasNotSynced) {
  FaultStorage disk;
  ASSERT_TRUE(disk.open("/d/f", Storage::Open::create));
  disk.restart(Unsynced::dropped);
  EXPECT_THAT(disk.list("/d").value(), testing::IsEmpty());
}

TEST(FaultStorage, TornWritesComeBackBySector) {
  FaultStorage disk(7);
  auto file = disk.open("/d/f", Storage::Open::create).value();
  ASSERT_TRUE(disk.sync_directory("/d"));
  const std::string before(64 * 512, 'a');
  ASSERT_TRUE(write(*file, 0, before));
  ASSERT_TRUE(file->sync());
  ASSERT_TRUE(write(*file, 0, std::string(64 * 512, 'b')));
  disk.restart(Unsynced::torn);
  const std::string after = read_all(*disk.open("/d/f", Storage::Open::existing).value());
  EXPECT_THAT(after, testing::AllOf(testing::HasSubstr("a"), testing::HasSubstr("b")));
  for (size_t s = 0; s < 64; ++s) {
    EXPECT_EQ(after.substr(s * 512, 512), std::string(512, after[s * 512]));
  }
}

TEST(FaultStorage, CrashesAtTheGivenChange) {
  FaultStorage disk;
  auto file = disk.open("/d/f", Storage::Open::create).value();
  disk.crash_at(1);
  EXPECT_TRUE(write(*file, 0, "x"));
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(disk.crashed());
}

TEST(FaultStorage, FailedSyncDropsTheBytes) {
  FaultStorage disk;
  auto file = disk.open("/d/f", Storage::Open::create).value();
  ASSERT_TRUE(write(*file, 0, "x"));
  disk.fail_syncs(1);
  EXPECT_FALSE(file->sync());
  EXPECT_EQ(file->size().value(), 0U);
  EXPECT_TRUE(file->sync());
  disk.set_full(true);
  EXPECT_FALSE(file->allocate(10));
  EXPECT_FALSE(disk.open("/d/g", Storage::Open::create));
}

}  // namespace
}  // namespace vivace
