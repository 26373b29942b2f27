// Names: from the schema where a whole part is asked, else from the shapes of the owners. A shape
// is climbed up to the first node that was climbed before, so that each node of the trie is looked
// at once a part.
#include <algorithm>
#include <optional>

#include "query/tags.h"
#include "query/tags_texts.h"

namespace vivace {
namespace {

Field shape_field(Scope scope) {
  switch (scope) {
    case Scope::resource:
      return Field::resource_shape;
    case Scope::scope:
      return Field::scope_shape;
    case Scope::span:
      return Field::span_shape;
    case Scope::event:
      return Field::event_shape;
    case Scope::link:
      return Field::link_shape;
  }
  ASSERT(false);
}

class Names final : public TagVisitor {
 public:
  Names(ScopeSet wanted, const TagQuestion& question, const QueryControl& control)
      : wanted_(wanted), room_(question, control) {
    for (List& list : lists_) list.count_left = room_.count;
  }

  ScopeSet wanted() const override { return wanted_; }
  bool takes_whole_parts() const override { return true; }
  bool full() const override {
    if (room_.bytes_full) return true;
    for (size_t i = 0; i < kScopes; ++i) {
      if (wanted_[i] && lists_[i].count_left > 0) return false;
    }
    return true;
  }

  Result<void> visit(const TagOwners& owners) override {
    const bool per_part = owners.scope == Scope::resource || owners.scope == Scope::scope;
    if (owners.group == kAllGroups || (per_part && owners.picked.is_all())) {
      return add_schema(owners);
    }
    return add_shapes(owners);
  }

  Result<void> leave(PartColumns&) override {
    for (List& list : lists_) list.climb = Climb();
    return {};
  }

  // Whether there was memory for all of it.
  Result<void> check_memory() const {
    return room_.refusal ? Result<void>(std::unexpected(*room_.refusal)) : Result<void>();
  }
  std::vector<std::string> take(size_t scope) {
    std::vector<std::string> out = lists_[scope].texts.take();
    std::ranges::sort(out);
    return out;
  }

 private:
  struct Climb {  // of the part at hand
    std::shared_ptr<const Shapes> shapes;
    std::vector<bool> nodes;
    std::vector<bool> columns;
    bool overflows = false;  // some owner has attributes there
  };
  struct List {
    DistinctTexts texts;
    uint64_t count_left = 0;
    Climb climb;
  };

  List& list(Scope scope) { return lists_[static_cast<size_t>(scope)]; }
  void add(Scope scope, std::string_view name) {
    if (!name.empty()) list(scope).texts.add(name, list(scope).count_left, room_);
  }

  Result<void> add_schema(const TagOwners& owners) {
    const Part& part = owners.part();
    const uint32_t columns = part.columns(owners.scope);
    for (uint32_t c = 0; c < columns; ++c) add(owners.scope, part.column(owners.scope, c).key);
    const uint32_t groups = owners.group == kAllGroups ? part.groups() : 1;
    for (uint32_t g = groups; g-- > 0 && !full();) {
      CHECK_OK(add_overflow({owners.columns, owners.scope, g, owners.picked}));
    }
    return {};
  }

  Result<void> add_shapes(const TagOwners& owners) {
    const Part& part = owners.part();
    Climb& climb = list(owners.scope).climb;
    if (climb.shapes == nullptr) {
      climb.shapes = TRY(part.shapes(owners.scope, owners.inspected()));
      climb.nodes.resize(climb.shapes->size());
      climb.columns.resize(part.columns(owners.scope));
    }
    const Column column =
        TRY(part.read(shape_field(owners.scope), owners.group, owners.inspected()));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (slice.words[i] >= climb.nodes.size()) return fail(Code::corrupt, "no such shape");
        if (climb.nodes[slice.words[i]] || !owners.picked.has(slice.owner(i))) continue;
        CHECK_OK(climb_from(slice.words[i], owners));
      }
    }
    if (climb.overflows) CHECK_OK(add_overflow(owners));
    return {};
  }

  Result<void> climb_from(uint32_t node, const TagOwners& owners) {
    Climb& climb = list(owners.scope).climb;
    for (; node != 0 && !climb.nodes[node];) {
      climb.nodes[node] = true;
      const Shape shape = (*climb.shapes)[node];
      if (shape.column == kOverflowColumn) {
        climb.overflows = true;
      } else if (shape.column >= climb.columns.size()) {
        return fail(Code::corrupt, "a shape names no column");
      } else if (!climb.columns[shape.column]) {
        climb.columns[shape.column] = true;
        add(owners.scope, owners.part().column(owners.scope, shape.column).key);
      }
      if (shape.parent >= climb.nodes.size()) return fail(Code::corrupt, "no such shape");
      node = shape.parent;
    }
    climb.nodes[node] = true;
    return {};
  }

  Result<void> add_overflow(const TagOwners& owners) {
    const Overflow overflow =
        TRY(owners.part().read_overflow(owners.scope, owners.group, owners.inspected()));
    return keys_.each_text(overflow.keys, owners.picked,
                           [&](std::string_view key) { add(owners.scope, key); });
  }

  const ScopeSet wanted_;
  TagRoom room_;
  std::array<List, kScopes> lists_;
  SeenCodes keys_;
};

}  // namespace

Result<TagNames> tag_names(Snapshots snapshots, ScopeSet scopes, const TagQuestion& question,
                           const QueryControl& control) {
  Names names(scopes, question, control);
  PartSet parts(snapshots, control);
  CHECK_OK(scan_tags(parts, question, control, names));
  CHECK_OK(names.check_memory());
  TagNames out{.names = {}, .inspected = parts.inspected(), .damaged = parts.damaged()};
  for (size_t i = 0; i < kScopes; ++i) out.names[i] = names.take(i);
  return out;
}

}  // namespace vivace
