// Rows first: everything else follows from which of them are there. Resources and scopes come
// before attributes, which are counted over those that are left.
#include "block/block_plan.h"

namespace vivace {

const OwnerOrder& BlockPlan::order(Scope owner) const {
  switch (owner) {
    case Scope::resource:
      return resources_->order();
    case Scope::scope:
      return scopes_->order();
    case Scope::span:
      return rows_.rows;
    case Scope::event:
      return events_;
    case Scope::link:
      break;
  }
  return links_;
}

ReadPiece BlockPlan::field(Field field) {
  switch (field) {
    case Field::resource:
      return resources_->numbers();
    case Field::scope:
      return scopes_->numbers();
    case Field::span_shape:
    case Field::event_shape:
    case Field::link_shape:
    case Field::resource_shape:
    case Field::scope_shape:
      return attributes(info(field).owner).owner_shapes();
    default:
      return field_reader(sources_, field);
  }
}

Result<std::unique_ptr<BlockPlan>> BlockPlan::make(const BlockContent& content) {
  std::unique_ptr<BlockPlan> plan(new BlockPlan(TRY(BlockSources::open(content))));
  const BlockSources& sources = plan->sources_;
  plan->rows_ = TRY(order_rows(sources));
  const OwnerOrder& rows = plan->rows_.rows;
  plan->events_ = TRY(order_children(sources, Scope::event, rows));
  plan->links_ = TRY(order_children(sources, Scope::link, rows));
  plan->resources_ =
      std::make_unique<OwnerUnion>(TRY(OwnerUnion::make(sources, Scope::resource, rows)));
  plan->scopes_ = std::make_unique<OwnerUnion>(TRY(OwnerUnion::make(sources, Scope::scope, rows)));
  for (const Scope owner : kAllScopes) {
    plan->attributes_[static_cast<size_t>(owner)] =
        TRY(AttributeUnion::make(sources, owner, plan->order(owner)));
  }
  for (uint32_t i = 0; i < plan->rows_.groups.size(); ++i) {
    plan->rows_.groups[i].of.events = plan->events_.group(i).owners;
    plan->rows_.groups[i].of.links = plan->links_.group(i).owners;
  }
  return plan;
}

}  // namespace vivace
