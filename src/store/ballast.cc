// Allocated, never written, never synced: what a crash takes of it is made again. Runs on the cut
// thread.
#include "store/ballast.h"

#include "base/log.h"

namespace vivace {

Result<void> Ballast::open() {
  const auto file = storage_.open(path_, Storage::Open::existing);
  if (!file && file.error().code == Code::not_found) return {};
  if (!file) return std::unexpected(file.error());
  bytes_ = TRY((*file)->size());
  return {};
}

Result<void> Ballast::keep(uint64_t bytes) {
  if (bytes == 0) {
    (void)release();
    return {};
  }
  if (bytes <= bytes_) return {};
  const auto file = TRY(storage_.open(path_, Storage::Open::create));
  if (auto grown = file->allocate(bytes); !grown) {
    if (bytes_ == 0) (void)storage_.remove(path_);  // what it got of that
    return grown;
  }
  bytes_ = bytes;
  return {};
}

bool Ballast::release() {
  if (bytes_ == 0) return false;
  if (auto removed = storage_.remove(path_); !removed) {
    log::error("the ballast could not be removed", {{"err", removed.error().message}});
    return false;
  }
  bytes_ = 0;
  return true;
}

}  // namespace vivace
