// Names of root spans, or of their services, of the traces that picked spans are in.
//
// Every span without a parent (nor one by a link) names its trace here; a trace that has several of
// them gives the names of all. Where a filter picks, a trace without such a span in the part at
// hand is looked up in the others, one by one; without a filter those parts have their turn anyway.
//
// Private to tags_values.cc.
#pragma once

#include "query/tags_lists.h"

namespace vivace {

class RootTexts final : public TagVisitor {
 public:
  struct Options {
    bool services = false;  // else names
    bool filtered = false;
  };
  RootTexts(PartSet& parts, const QueryControl& control, Options options, TagList& out)
      : parts_(parts), control_(control), options_(options), out_(out), facts_(parts, true) {}

  ScopeSet wanted() const override { return ScopeSet().set(static_cast<size_t>(Scope::span)); }
  bool full() const override { return out_.full(); }
  Result<void> visit(const TagOwners& owners) override;
  Result<void> leave(PartColumns& columns) override;

 private:
  void enter(PartColumns& columns);
  Result<void> add_roots_of_traces(PartColumns& columns, uint32_t group);
  Result<void> add_from_elsewhere(PartColumns& columns);
  Result<void> add_roots(PartColumns& columns, uint32_t group, const Picked& roots);
  void add(std::string_view text) {
    if (!text.empty()) out_.add_text(TagType::string, text);
  }

  PartSet& parts_;
  const QueryControl& control_;
  const Options options_;
  TagList& out_;
  TraceFactsOf facts_;
  SeenCodes names_;
  // Of the part at hand.
  const PartColumns* maybe_part_ = nullptr;
  Picked traces_ = Picked::none({});     // with a filter: those with picked spans
  Picked rooted_ = Picked::none({});     // and of these, with a root span here
  Picked resources_ = Picked::none({});  // whose service was added
};

}  // namespace vivace
