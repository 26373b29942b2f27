// One column of the source, whole and flat, in the order of the source: what can be picked from at
// random. A few bytes a value, for as long as this one column is written.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/columns.h"

namespace vivace {

// Texts of several row groups: where each has its own, their codes are moved behind one another.
class FlatTexts {
 public:
  // What to add to codes into `texts`.
  uint32_t add(const Texts& texts);
  uint32_t size() const { return size_; }
  std::string_view operator[](uint32_t code) const;

 private:
  struct Run {
    uint32_t first = 0;
    const Texts* texts = nullptr;
  };
  std::vector<Run> runs_;
  uint32_t size_ = 0;
};

struct FlatColumn {
  uint32_t count = 0;
  bool dense = true;             // owner i has value i
  std::vector<uint32_t> owners;  // ascending, of the source; empty if dense
  std::vector<uint32_t> words;
  std::vector<uint64_t> longs;
  FlatTexts texts;
  std::vector<std::shared_ptr<const void>> keep;

  void append(Column column);
  // After the last: there are so many owners.
  void finish(uint32_t owners_total);

 private:
  void append_owners(const Slice& slice);
};

Result<FlatColumn> flatten(const Part& source, Field field);
Result<FlatColumn> flatten_attribute(const Part& source, Scope owner, uint32_t column);

// Of a field that is dense; anything else is Code::corrupt.
Result<std::vector<uint32_t>> flat_words(const Part& source, Field field);
Result<std::vector<uint64_t>> flat_longs(const Part& source, Field field);

uint32_t owners_of(const Part& source, Scope owner);
// Row groups as far as this kind of owner knows them.
uint32_t groups_of(const Part& source, Scope owner);

}  // namespace vivace
