// Two columns say which spans are roots, and of which traces; only traces whose root is elsewhere
// cost a look each.
#include "query/tags_roots.h"

namespace vivace {
namespace {

constexpr std::string_view kServiceName = "service.name";

Result<Column> read(PartColumns& columns, Field field, uint32_t group) {
  return columns.part().read(field, group, columns.inspected());
}

// The rows of a group without a parent, be it by a link.
Result<Picked> rows_without_parent(PartSet& parts, PartColumns& columns, uint32_t group) {
  const uint32_t part = parts.number_of(columns);
  const bool has_links = columns.groups()[group].links.count > 0;
  const Column parents = TRY(read(columns, Field::parent_id, group));
  Picked out = Picked::none(columns.groups()[group].rows);
  for (ColumnCursor at(parents); !at.done(); at.next()) {
    if (at.value() != 0) continue;
    if (has_links && TRY(parts.is_child_by_link({.part = part, .row = at.owner()}))) continue;
    out.add(at.owner());
  }
  return out;
}

}  // namespace

void RootTexts::enter(PartColumns& columns) {
  if (maybe_part_ == &columns) return;
  maybe_part_ = &columns;
  const Part& part = columns.part();
  const Range traces{0, options_.filtered ? part.traces() : 0};
  traces_ = Picked::none(traces);
  rooted_ = Picked::none(traces);
  resources_ = Picked::none({0, part.resources()});
}

Result<void> RootTexts::visit(const TagOwners& owners) {
  enter(owners.columns);
  if (options_.filtered) {
    const Column traces = TRY(read(owners.columns, Field::trace, owners.group));
    for (ColumnCursor at(traces); !at.done(); at.next()) {
      if (owners.picked.has(at.owner())) traces_.add(static_cast<uint32_t>(at.value()));
    }
    return {};
  }
  return add_roots(owners.columns, owners.group,
                   TRY(rows_without_parent(parts_, owners.columns, owners.group)));
}

Result<void> RootTexts::leave(PartColumns& columns) {
  enter(columns);
  maybe_part_ = nullptr;
  if (!traces_.any()) return {};
  const uint32_t part = parts_.number_of(columns);
  for (uint32_t g = columns.part().groups(); g-- > 0 && !out_.full();) {
    CHECK_OK(control_.check());
    if (parts_.is_hidden(part, g)) continue;
    const auto added = add_roots_of_traces(columns, g);
    if (!added && !parts_.contain(added.error(), part, g)) return added;
  }
  return add_from_elsewhere(columns);
}

Result<void> RootTexts::add_roots_of_traces(PartColumns& columns, uint32_t group) {
  const Picked rows = TRY(rows_without_parent(parts_, columns, group));
  if (!rows.any()) return {};
  Picked roots = Picked::none(rows.range());
  const Column traces = TRY(read(columns, Field::trace, group));
  for (ColumnCursor at(traces); !at.done(); at.next()) {
    const auto trace = static_cast<uint32_t>(at.value());
    if (!rows.has(at.owner()) || !traces_.has(trace)) continue;
    roots.add(at.owner());
    rooted_.add(trace);
  }
  return add_roots(columns, group, roots);
}

Result<void> RootTexts::add_from_elsewhere(PartColumns& columns) {
  const Range traces = traces_.range();
  for (uint32_t trace = traces.first; trace < traces.end() && !out_.full(); ++trace) {
    if (!traces_.has(trace) || rooted_.has(trace)) continue;
    CHECK_OK(control_.check());
    const TraceFacts* facts = TRY(facts_.facts(columns, trace));
    add(options_.services ? facts->root_service : facts->root_name);
  }
  return {};
}

Result<void> RootTexts::add_roots(PartColumns& columns, uint32_t group, const Picked& roots) {
  if (!roots.any()) return {};
  if (!options_.services) {
    return names_.each_text(TRY(read(columns, Field::name, group)), roots,
                            [&](std::string_view text) { add(text); });
  }
  GroupColumns of_group(columns, group);
  const Column resources = TRY(read(columns, Field::resource, group));
  for (ColumnCursor at(resources); !at.done() && !out_.full(); at.next()) {
    const auto resource = static_cast<uint32_t>(at.value());
    if (!roots.has(at.owner()) || !resources_.add(resource)) continue;
    const auto service = TRY(of_group.value(Scope::resource, kServiceName, resource));
    if (service && service->type == ValueType::string) add(service->text);
  }
  return {};
}

}  // namespace vivace
