// Which owners a question of tags looks at. Events and links are picked by the row they belong to;
// resources and scopes gather over the row groups of a part and are told once, at its end.
#include "query/tags_scan.h"

#include <utility>

#include "query/tags_filter.h"

namespace vivace {
namespace {

class Scan {
 public:
  Scan(Snapshots snapshots, const TagQuestion& question, const QueryControl& control,
       TagVisitor& visitor)
      : snapshots_(snapshots),
        question_(question),
        control_(control),
        visitor_(visitor),
        wanted_(visitor.wanted()),
        filter_(question.filter) {}

  Result<TagScanned> run() {
    for (const Snapshot& snapshot : snapshots_) {
      received_after_ns_ = snapshot.received_after_ns;
      for (size_t i = snapshot.parts.size(); i-- > 0 && !visitor_.full();) {
        CHECK_OK(contained(scan_part(snapshot.parts[i])));
      }
    }
    return scanned_;
  }

 private:
  // Damage ends what it is in; other errors end the question.
  Result<void> contained(Result<void> result) {
    if (result || result.error().code != Code::corrupt) return result;
    ++scanned_.damaged;
    return {};
  }

  bool wants(Scope scope) const { return wanted_[static_cast<size_t>(scope)]; }

  bool is_asked(const RowGroup& group) const {
    return group.received_max_ns >= received_after_ns_ && group.start_min_ns <= question_.end_ns &&
           group.end_max_ns >= question_.start_ns;
  }

  Result<void> scan_part(const std::shared_ptr<const Part>& shared) {
    const Part& part = *shared;
    PartColumns columns(shared, scanned_.inspected);
    uint32_t asked = 0;
    for (uint32_t g = 0; g < part.groups(); ++g) asked += is_asked(part.group(g)) ? 1 : 0;
    if (asked == 0) return {};
    const bool whole = !filter_.filters() && asked == part.groups();
    resources_ = whole ? Picked::all({0, part.resources()}) : Picked::none({0, part.resources()});
    scopes_ = whole ? Picked::all({0, part.scopes()}) : Picked::none({0, part.scopes()});
    if (whole && visitor_.takes_whole_parts()) {
      CHECK_OK(visit_whole(part));
    } else {
      for (uint32_t g = part.groups(); g-- > 0 && !visitor_.full();) {
        CHECK_OK(control_.check());
        if (is_asked(part.group(g))) CHECK_OK(contained(scan_group(columns, g)));
      }
    }
    CHECK_OK(tell(part, Scope::resource, 0, resources_));
    CHECK_OK(tell(part, Scope::scope, 0, scopes_));
    return visitor_.leave(part, scanned_.inspected);
  }

  Result<void> visit_whole(const Part& part) {
    CHECK_OK(control_.check());
    CHECK_OK(tell(part, Scope::span, kAllGroups, Picked::all({0, part.rows()})));
    // How many events and links there are matters to nobody here.
    CHECK_OK(tell(part, Scope::event, kAllGroups, Picked::all({0, UINT32_MAX})));
    return tell(part, Scope::link, kAllGroups, Picked::all({0, UINT32_MAX}));
  }

  Result<void> scan_group(PartColumns& columns, uint32_t group) {
    const Part& part = columns.part();
    const RowGroup extent = part.group(group);
    Picked rows = Picked::all(extent.rows);
    if (filter_.filters()) {
      GroupColumns group_columns(columns, group);
      rows = Picked::of(extent.rows, TRY(filter_.rows(group_columns, nullptr)));
    }
    if (!rows.any()) return {};
    CHECK_OK(tell(part, Scope::span, group, rows));
    CHECK_OK(tell_children(part, group, {Scope::event, Field::event_span, extent.events}, rows));
    CHECK_OK(tell_children(part, group, {Scope::link, Field::link_span, extent.links}, rows));
    if (wants(Scope::resource)) CHECK_OK(gather(part, group, Field::resource, rows, resources_));
    if (wants(Scope::scope)) CHECK_OK(gather(part, group, Field::scope, rows, scopes_));
    return {};
  }

  Result<void> tell(const Part& part, Scope scope, uint32_t group, const Picked& picked) {
    if (!wants(scope) || !picked.any() || visitor_.full()) return {};
    return contained(visitor_.visit({&part, scope, group, picked}, scanned_.inspected));
  }

  struct Children {
    Scope scope;
    Field row;  // of each of them
    Range all;  // in the row group
  };
  Result<void> tell_children(const Part& part, uint32_t group, const Children& children,
                             const Picked& rows) {
    if (!wants(children.scope) || children.all.count == 0) return {};
    if (rows.is_all()) return tell(part, children.scope, group, Picked::all(children.all));
    Picked picked = Picked::none(children.all);
    const Column column = TRY(part.read(children.row, group, scanned_.inspected));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (rows.has(slice.words[i])) picked.add(slice.owner(i));
      }
    }
    return tell(part, children.scope, group, picked);
  }

  // Adds the numbers that stand in `field` at the rows.
  Result<void> gather(const Part& part, uint32_t group, Field field, const Picked& rows,
                      Picked& out) {
    if (out.is_all()) return {};
    const Column column = TRY(part.read(field, group, scanned_.inspected));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (rows.is_all() || rows.has(slice.owner(i))) out.add(slice.words[i]);
      }
    }
    return {};
  }

  const Snapshots snapshots_;
  int64_t received_after_ns_ = 0;  // of the snapshot at hand
  const TagQuestion& question_;
  const QueryControl& control_;
  TagVisitor& visitor_;
  const ScopeSet wanted_;
  TagRowFilter filter_;
  TagScanned scanned_;
  Picked resources_ = Picked::none({});
  Picked scopes_ = Picked::none({});
};

}  // namespace

Result<TagScanned> scan_tags(Snapshots snapshots, const TagQuestion& question,
                             const QueryControl& control, TagVisitor& visitor) {
  return Scan(snapshots, question, control, visitor).run();
}

}  // namespace vivace
