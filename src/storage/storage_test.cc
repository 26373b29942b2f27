// The same promises on the real disk and on the disk in memory, and what the latter forgets when it
// loses power.
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/counted_storage.h"
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
  ASSERT_TRUE(storage.make_folders(root + "/b"));
  ASSERT_TRUE(storage.link(root + "/a/g", root + "/b/g"));
  EXPECT_EQ(storage.link(root + "/a/g", root + "/b/g").error().code, Code::io);
  EXPECT_EQ(storage.link(root + "/a/none", root + "/b/h").error().code, Code::not_found);
  ASSERT_TRUE(storage.sync_directory(root + "/b"));
  ASSERT_TRUE(storage.remove(root + "/a/g"));
  EXPECT_EQ(storage.open(root + "/b/g", Storage::Open::existing).value()->size().value(), 20U);
  const auto entries = storage.entries(root).value();
  ASSERT_GE(entries.size(), 1U);
  EXPECT_EQ(entries.back().name, "b");
  EXPECT_TRUE(entries.back().is_folder);
  EXPECT_FALSE(storage.entries(root + "/b").value()[0].is_folder);
  EXPECT_GE(storage.entries(root + "/b").value()[0].bytes, 20U);
  EXPECT_EQ(storage.entries(root + "/none").error().code, Code::not_found);
  EXPECT_EQ(bytes_below(storage, root).value(), storage.entries(root + "/b").value()[0].bytes);
  EXPECT_EQ(bytes_below(storage, root + "/none").value(), 0U);
  EXPECT_EQ(storage.remove_folder(root + "/b").error().code, Code::io);
  ASSERT_TRUE(storage.remove(root + "/b/g"));
  EXPECT_TRUE(storage.remove_folder(root + "/b"));
  EXPECT_FALSE(storage.space(root).value().read_only);
  EXPECT_GT(storage.space(root).value().free_bytes, 0U);
  EXPECT_GE(storage.space(root).value().capacity_bytes, storage.space(root).value().free_bytes);
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

TEST(CountedStorage, ObeysTheSeamAndCounts) {
  FaultStorage below;
  CountedStorage storage(below);
  obeys_the_seam(storage, "/disk");
  using Kind = CountedStorage::Kind;
  EXPECT_EQ(storage.written_bytes(Kind::other), 11U);
  ASSERT_TRUE(write(*storage.open("/d/wal-000001.seg", Storage::Open::create).value(), 0, "12"));
  ASSERT_TRUE(write(*storage.open("/d/1.block", Storage::Open::create).value(), 5, "123"));
  EXPECT_EQ(storage.written_bytes(Kind::wal), 2U);
  EXPECT_EQ(storage.written_bytes(Kind::block), 3U);
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
  EXPECT_EQ(file->allocate(10).error().code, Code::limit);
  EXPECT_EQ(disk.open("/d/g", Storage::Open::create).error().code, Code::limit);
  EXPECT_EQ(disk.space("/d").value().free_bytes, 0U);
}

TEST(FaultStorage, HasACapacity) {
  FaultStorage disk;
  disk.set_capacity(1000);
  auto file = disk.open("/d/f", Storage::Open::create).value();
  ASSERT_TRUE(write(*file, 0, std::string(600, 'x')));
  ASSERT_TRUE(disk.link("/d/f", "/d/g"));
  EXPECT_EQ(disk.used_bytes(), 600U) << "two names, one file";
  EXPECT_EQ(disk.space("/d").value().free_bytes, 400U);
  EXPECT_EQ(write(*file, 600, std::string(401, 'x')).error().code, Code::limit);
  EXPECT_TRUE(write(*file, 0, std::string(600, 'y'))) << "what does not grow needs no room";
  EXPECT_TRUE(write(*file, 600, std::string(400, 'x')));
  ASSERT_TRUE(disk.remove("/d/f"));
  EXPECT_EQ(disk.space("/d").value().free_bytes, 0U);
  ASSERT_TRUE(disk.remove("/d/g"));
  EXPECT_EQ(disk.space("/d").value().free_bytes, 1000U);
}

TEST(FaultStorage, FailsTheCallsItIsTold) {
  using Call = FaultStorage::Call;
  FaultStorage disk;
  auto file = disk.open("/d/f", Storage::Open::create).value();
  auto other = disk.open("/d/g", Storage::Open::create).value();
  disk.fail_calls(Call::write, "/f", 2);
  EXPECT_EQ(write(*file, 0, "x").error().code, Code::io);
  EXPECT_TRUE(write(*other, 0, "x"));
  EXPECT_FALSE(write(*file, 0, "x"));
  EXPECT_TRUE(write(*file, 0, "x"));
  disk.fail_calls(Call::read, "", 1);
  char byte = 0;
  const ReadRange range{0, {&byte, 1}};
  EXPECT_EQ(file->read({&range, 1}).error().code, Code::io);
  EXPECT_TRUE(file->read({&range, 1}));
  disk.fail_calls(Call::rename, "", 1);
  EXPECT_FALSE(disk.rename("/d/f", "/d/h"));
  EXPECT_TRUE(disk.rename("/d/f", "/d/h"));
  disk.fail_calls(Call::sync_folder, "/d", 1);
  EXPECT_FALSE(disk.sync_directory("/d"));
}

TEST(FaultStorage, TurnsReadOnly) {
  FaultStorage disk;
  auto file = disk.open("/d/f", Storage::Open::create).value();
  ASSERT_TRUE(write(*file, 0, "x"));
  disk.set_read_only(true);
  EXPECT_TRUE(disk.space("/d").value().read_only);
  EXPECT_EQ(write(*file, 0, "y").error().code, Code::io);
  EXPECT_FALSE(disk.open("/d/g", Storage::Open::create));
  EXPECT_FALSE(disk.remove("/d/f"));
  EXPECT_FALSE(disk.lock("/d"));
  EXPECT_EQ(read_all(*file), "x");
  disk.set_read_only(false);
  EXPECT_TRUE(write(*file, 0, "y"));
}

}  // namespace
}  // namespace vivace
