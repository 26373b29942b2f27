// What one question sees: the heads of a tenant with the number of rows that were published when it
// was asked. Immutable; keeps what it names alive. Taking one costs a short lock.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "head/head.h"

namespace vivace {

struct Snapshot {
  struct HeadPart {
    std::shared_ptr<const Head> head;
    uint32_t rows = 0;
  };
  std::vector<HeadPart> heads;  // oldest first
};

}  // namespace vivace
