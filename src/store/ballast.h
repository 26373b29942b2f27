// A file that takes room and holds nothing: when the disk is full, it goes, and in its place what
// must be written fits: the blocks of a generation, and the list. So heads become blocks and the
// log is given back on a disk that somebody else has filled.
//
// It is as large as the heads say that the next cut may need, and not there while there is nothing
// to cut.
//
// The cut thread's; `bytes` from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "storage/storage.h"

namespace vivace {

class Ballast {
 public:
  Ballast(Storage& storage, const std::string& folder)
      : storage_(storage), path_(folder + "/ballast~") {}  // no tenant has such a name

  // Takes over what an earlier life of the process has left.
  Result<void> open();

  // Makes it at least that large; removes it for 0.
  Result<void> keep(uint64_t bytes);
  // Gives its room away; false when there was none.
  bool release();

  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  Storage& storage_;
  const std::string path_;
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace vivace
