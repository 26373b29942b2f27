// Names of root spans, or of their services, of the traces that picked spans are in.
//
// With a filter, each trace is looked up, whole, in all parts: the root is the one that a search
// for it goes by. Without one, every span without a parent counts, which costs two columns; a trace
// that has several of them then gives the names of all.
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
      : control_(control), options_(options), out_(out), facts_(parts, true) {}

  ScopeSet wanted() const override { return ScopeSet().set(static_cast<size_t>(Scope::span)); }
  bool full() const override { return out_.full(); }
  Result<void> visit(const TagOwners& owners) override;
  Result<void> leave(PartColumns& columns) override;

 private:
  Result<void> add_traces(const TagOwners& owners);
  Result<void> add_orphans(const TagOwners& owners);
  void add(std::string_view text) {
    if (!text.empty()) out_.add_text(TagType::string, text);
  }

  const QueryControl& control_;
  const Options options_;
  TagList& out_;
  TraceFactsOf facts_;
  const PartColumns* maybe_part_ = nullptr;  // the one at hand
  Picked seen_ = Picked::none({});           // traces of it that were looked up, or resources
  SeenCodes names_;
};

}  // namespace vivace
