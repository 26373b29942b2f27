// Which owners a question of tags looks at. Events and links are picked by the row they belong to;
// resources and scopes gather over the row groups of a part and are told once, at its end.
#include "query/tags_scan.h"

#include <optional>
#include <utility>

#include "query/tags_filter.h"

namespace vivace {
namespace {

class Scan {
 public:
  Scan(PartSet& parts, const TagQuestion& question, const QueryControl& control,
       TagVisitor& visitor)
      : parts_(parts),
        question_(question),
        control_(control),
        visitor_(visitor),
        wanted_(visitor.wanted()),
        filter_(question.filter) {
    if (filter_.needs_traces()) facts_.emplace(parts, filter_.names_roots());
  }

  Result<void> run() {
    for (part_ = parts_.size(); part_-- > 0 && !visitor_.full();) {
      CHECK_OK(contained(scan_part(parts_.part(part_)), 0));
    }
    return {};
  }

 private:
  // Damage costs what it is in; other errors end the question.
  Result<void> contained(Result<void> result, uint32_t group) {
    if (result || !parts_.contain(result.error(), part_, group)) return result;
    return {};
  }

  bool wants(Scope scope) const { return wanted_[static_cast<size_t>(scope)]; }

  bool is_asked(const PartColumns& part, uint32_t number) const {
    const RowGroup& group = part.groups()[number];
    return !parts_.is_hidden(part_, number) && group.start_min_ns <= question_.end_ns &&
           group.end_max_ns >= question_.start_ns;
  }

  Result<void> scan_part(PartColumns& columns) {
    const Part& part = columns.part();
    uint32_t asked = 0;
    for (uint32_t g = 0; g < part.groups(); ++g) asked += is_asked(columns, g) ? 1 : 0;
    if (asked == 0) return {};
    const bool whole = !filter_.filters() && asked == part.groups();
    resources_ = whole ? Picked::all({0, part.resources()}) : Picked::none({0, part.resources()});
    scopes_ = whole ? Picked::all({0, part.scopes()}) : Picked::none({0, part.scopes()});
    if (whole && visitor_.takes_whole_parts()) {
      CHECK_OK(visit_whole(columns));
    } else {
      for (uint32_t g = part.groups(); g-- > 0 && !visitor_.full();) {
        CHECK_OK(control_.check());
        if (is_asked(columns, g)) CHECK_OK(contained(scan_group(columns, g), g));
      }
    }
    CHECK_OK(tell(columns, Scope::resource, 0, resources_));
    CHECK_OK(tell(columns, Scope::scope, 0, scopes_));
    return visitor_.leave(columns);
  }

  Result<void> visit_whole(PartColumns& columns) {
    CHECK_OK(control_.check());
    CHECK_OK(tell(columns, Scope::span, kAllGroups, Picked::all({0, columns.part().rows()})));
    // How many events and links there are matters to nobody here.
    CHECK_OK(tell(columns, Scope::event, kAllGroups, Picked::all({0, UINT32_MAX})));
    return tell(columns, Scope::link, kAllGroups, Picked::all({0, UINT32_MAX}));
  }

  Result<void> scan_group(PartColumns& columns, uint32_t group) {
    const RowGroup extent = columns.groups()[group];
    Picked rows = Picked::all(extent.rows);
    if (filter_.filters()) {
      const auto read = parts_.group(part_, group);
      rows = Picked::of(extent.rows, TRY(filter_.rows(*read, facts_ ? &*facts_ : nullptr)));
    }
    if (!rows.any()) return {};
    CHECK_OK(tell(columns, Scope::span, group, rows));
    CHECK_OK(tell_children(columns, group, {Scope::event, Field::event_span, extent.events}, rows));
    CHECK_OK(tell_children(columns, group, {Scope::link, Field::link_span, extent.links}, rows));
    if (wants(Scope::resource)) CHECK_OK(gather(columns, group, rows, resources_));
    if (wants(Scope::scope)) CHECK_OK(gather(columns, group, rows, scopes_));
    return {};
  }

  Result<void> tell(PartColumns& columns, Scope scope, uint32_t group, const Picked& picked) {
    if (!wants(scope) || !picked.any() || visitor_.full()) return {};
    const uint32_t damaged_group = group == kAllGroups ? 0 : group;
    return contained(visitor_.visit({columns, scope, group, picked}), damaged_group);
  }

  struct Children {
    Scope scope;
    Field row;  // of each of them
    Range all;  // in the row group
  };
  Result<void> tell_children(PartColumns& columns, uint32_t group, const Children& children,
                             const Picked& rows) {
    if (!wants(children.scope) || children.all.count == 0) return {};
    if (rows.is_all()) return tell(columns, children.scope, group, Picked::all(children.all));
    Picked picked = Picked::none(children.all);
    const Column column = TRY(columns.part().read(children.row, group, columns.inspected()));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (rows.has(slice.words[i])) picked.add(slice.owner(i));
      }
    }
    return tell(columns, children.scope, group, picked);
  }

  // Adds the resources, or the scopes, of the rows.
  Result<void> gather(PartColumns& columns, uint32_t group, const Picked& rows, Picked& out) {
    if (out.is_all()) return {};
    const Field field = &out == &resources_ ? Field::resource : Field::scope;
    const Column column = TRY(columns.part().read(field, group, columns.inspected()));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (rows.is_all() || rows.has(slice.owner(i))) out.add(slice.words[i]);
      }
    }
    return {};
  }

  PartSet& parts_;
  const TagQuestion& question_;
  const QueryControl& control_;
  TagVisitor& visitor_;
  const ScopeSet wanted_;
  TagRowFilter filter_;
  std::optional<TraceFactsOf> facts_;
  uint32_t part_ = 0;  // the one at hand
  Picked resources_ = Picked::none({});
  Picked scopes_ = Picked::none({});
};

}  // namespace

Result<void> scan_tags(PartSet& parts, const TagQuestion& question, const QueryControl& control,
                       TagVisitor& visitor) {
  return Scan(parts, question, control, visitor).run();
}

}  // namespace vivace
