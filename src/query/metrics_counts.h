// How many rows of each resource start in each second, by row group of a block, remembered from one
// metrics query to the next: what counts spans by attributes of resources reads no rows then.
//
//   ResourceCounts cache(8 << 20);
//   auto known = cache.find(part);            // of all row groups, those that nobody counted null
//   cache.add(part, counted);                 // once a query and part
//
// Blocks do not change, so that an entry is right as long as its block lives; it is found by the
// block's address and believed if it is still the same block. What was used longest ago goes first.
// Any thread; the lock is held for map operations alone.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "model/columns.h"
#include "query/group_columns.h"

namespace vivace {

class ResourceCounts {
 public:
  struct Count {
    uint32_t resource = 0;
    uint32_t rows = 0;
    uint64_t second = 0;  // they start in (second - 1, second]
  };
  using OfGroup = std::vector<Count>;
  using OfPart = std::vector<std::shared_ptr<const OfGroup>>;  // by row group

  explicit ResourceCounts(int64_t bytes_max) : bytes_max_(bytes_max) {}

  // Null: nothing is known.
  std::shared_ptr<const OfPart> find(const std::shared_ptr<const Part>& part);
  // Takes the place of what was known of the part.
  void add(const std::shared_ptr<const Part>& part, OfPart counts);
  int64_t bytes() const;
  int64_t bytes_max() const { return bytes_max_; }

 private:
  struct Entry {
    std::weak_ptr<const Part> part;
    const Part* address = nullptr;
    std::shared_ptr<const OfPart> counts;
    int64_t bytes = 0;
  };

  const int64_t bytes_max_;
  mutable std::mutex mutex_;  // guards all below
  int64_t bytes_ = 0;
  std::list<Entry> entries_;  // the last used first
};

// Counts the rows of a row group. Null where its times reach over too many seconds.
Result<std::shared_ptr<const ResourceCounts::OfGroup>> count_resources(GroupColumns& group);

}  // namespace vivace
