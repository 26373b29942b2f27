// Every trace is looked up once a part, every resource as well.
#include "query/tags_roots.h"

namespace vivace {
namespace {

constexpr std::string_view kServiceName = "service.name";

}  // namespace

Result<void> RootTexts::visit(const TagOwners& owners) {
  if (maybe_part_ != &owners.columns) {
    maybe_part_ = &owners.columns;
    const uint32_t count = options_.filtered ? owners.part().traces() : owners.part().resources();
    seen_ = Picked::none({0, count});
  }
  return options_.filtered ? add_traces(owners) : add_orphans(owners);
}

Result<void> RootTexts::leave(PartColumns&) {
  maybe_part_ = nullptr;
  return {};
}

Result<void> RootTexts::add_traces(const TagOwners& owners) {
  const Column traces = TRY(owners.part().read(Field::trace, owners.group, owners.inspected()));
  for (ColumnCursor at(traces); !at.done() && !out_.full(); at.next()) {
    const auto ordinal = static_cast<uint32_t>(at.value());
    if (!owners.picked.has(at.owner()) || !seen_.add(ordinal)) continue;
    CHECK_OK(control_.check());
    const TraceFacts* facts = TRY(facts_.facts(owners.columns, ordinal));
    add(options_.services ? facts->root_service : facts->root_name);
  }
  return {};
}

Result<void> RootTexts::add_orphans(const TagOwners& owners) {
  const Part& part = owners.part();
  const Column parents = TRY(part.read(Field::parent_id, owners.group, owners.inspected()));
  Picked roots = Picked::none(owners.picked.range());
  for (ColumnCursor at(parents); !at.done(); at.next()) {
    if (at.value() == 0 && owners.picked.has(at.owner())) roots.add(at.owner());
  }
  if (!roots.any()) return {};
  if (!options_.services) {
    Column names = TRY(part.read(Field::name, owners.group, owners.inspected()));
    return names_.each_text(std::move(names), roots, [&](std::string_view text) { add(text); });
  }
  GroupColumns group(owners.columns, owners.group);
  const Column resources = TRY(part.read(Field::resource, owners.group, owners.inspected()));
  for (ColumnCursor at(resources); !at.done() && !out_.full(); at.next()) {
    const auto resource = static_cast<uint32_t>(at.value());
    if (!roots.has(at.owner()) || !seen_.add(resource)) continue;
    const auto service = TRY(group.value(Scope::resource, kServiceName, resource));
    if (service && service->type == ValueType::string) add(service->text);
  }
  return {};
}

}  // namespace vivace
