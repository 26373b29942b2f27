// The walk that names and values of tags share: over the parts of a snapshot and their row groups,
// newest first, skipping what is past retention or outside the window, running the filter, and
// telling a visitor which owners are to be looked at.
//
//   part 1: group 1: spans 4 9, events 2      -> owners(span), owners(event)
//           group 0: no span passes           -> nothing
//           resources 0 3 of those spans      -> owners(resource)
//   part 0: ...
//
// Called by tag_names and tag_values, on their thread.
#pragma once

#include <cstdint>
#include <utility>

#include "query/bits.h"
#include "query/part_set.h"
#include "query/tags.h"

namespace vivace {

// Some numbers of a range.
class Picked {
 public:
  static Picked all(Range range) { return Picked(range, {}, true); }
  static Picked none(Range range) { return Picked(range, Bits(range.count), false); }
  // Bit i is the number first + i.
  static Picked of(Range range, Bits bits) { return Picked(range, std::move(bits), false); }

  bool is_all() const { return all_; }
  bool has(uint32_t number) const {
    const uint32_t at = number - range_.first;
    return at < range_.count && (all_ || bits_.test(at));
  }
  // False if it was there, or is out of range. Not for all of a range.
  bool add(uint32_t number) {
    const uint32_t at = number - range_.first;
    if (at >= range_.count || bits_.test(at)) return false;
    bits_.set(at);
    return true;
  }
  bool any() const { return all_ ? range_.count > 0 : !bits_.none(); }
  Range range() const { return range_; }

 private:
  Picked(Range range, Bits bits, bool all) : range_(range), all_(all), bits_(std::move(bits)) {}

  Range range_;
  bool all_;
  Bits bits_;
};

constexpr uint32_t kAllGroups = UINT32_MAX;

// Owners of one kind in one row group, or in the whole part: kAllGroups for spans, events and links
// (if the visitor takes that), 0 for resources and scopes.
struct TagOwners {
  PartColumns& columns;  // of the part
  Scope scope;
  uint32_t group;
  const Picked& picked;

  const Part& part() const { return columns.part(); }
  Inspected& inspected() const { return columns.inspected(); }
};

class TagVisitor {
 public:
  virtual ~TagVisitor() = default;
  virtual ScopeSet wanted() const = 0;
  // Whether it takes all owners of a part at once, where all are asked for.
  virtual bool takes_whole_parts() const { return false; }
  virtual bool full() const = 0;  // then the scan ends
  virtual Result<void> visit(const TagOwners& owners) = 0;
  // After the last owners of a part.
  virtual Result<void> leave(PartColumns&) { return {}; }
};

Result<void> scan_tags(PartSet& parts, const TagQuestion& question, const QueryControl& control,
                       TagVisitor& visitor);

}  // namespace vivace
