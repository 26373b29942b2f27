// Files that count what they write; the name tells the kind. Called like the storage below, and
// from the same threads.
#include "storage/counted_storage.h"

namespace vivace {
namespace {

CountedStorage::Kind kind_of(const std::string& path) {
  if (path.ends_with(".seg")) return CountedStorage::Kind::wal;
  if (path.ends_with(".block")) return CountedStorage::Kind::block;
  return CountedStorage::Kind::other;
}

class CountedFile final : public File {
 public:
  CountedFile(std::unique_ptr<File> below, std::atomic<uint64_t>& written)
      : below_(std::move(below)), written_(written) {}

  Result<void> write(uint64_t offset, std::span<const std::string_view> parts) override {
    uint64_t bytes = 0;
    for (const std::string_view part : parts) bytes += part.size();
    written_.fetch_add(bytes, std::memory_order_relaxed);
    return below_->write(offset, parts);
  }
  Result<void> sync() override { return below_->sync(); }
  Result<void> allocate(uint64_t bytes) override { return below_->allocate(bytes); }
  Result<void> read(std::span<const ReadRange> ranges) const override {
    return below_->read(ranges);
  }
  void will_read(uint64_t offset, uint64_t bytes) const override {
    below_->will_read(offset, bytes);
  }
  Result<uint64_t> size() const override { return below_->size(); }

 private:
  std::unique_ptr<File> below_;
  std::atomic<uint64_t>& written_;
};

}  // namespace

Result<std::unique_ptr<File>> CountedStorage::open(const std::string& path, Open mode) {
  auto file = TRY(below_.open(path, mode));
  return std::make_unique<CountedFile>(std::move(file),
                                       written_[static_cast<size_t>(kind_of(path))]);
}

}  // namespace vivace
