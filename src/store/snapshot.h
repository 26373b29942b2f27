// What one question sees: the heads of a tenant, each with what it had published when the question
// was asked, and its blocks. Immutable; keeps what it names alive, but not the store, which must
// outlive it. Taking one costs a short lock.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/columns.h"
#include "store/split_traces.h"

namespace vivace {

struct Snapshot {
  std::vector<std::shared_ptr<const Part>> parts;  // oldest first: blocks, then heads
  std::shared_ptr<const SplitTraces> splits;       // null: any trace may be in several parts
  // Row groups whose received_max_ns is below are past retention: to be skipped.
  int64_t received_after_ns = 0;
  uint32_t damaged_parts = 0;  // blocks that cannot be opened: answers are partial
};

}  // namespace vivace
