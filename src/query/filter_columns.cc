// Tests on whole columns. Values of resources and scopes are judged once a part and spread over the
// rows by their numbers; what all spans of a trace share, once a trace.
#include <algorithm>

#include "query/filter_node.h"
#include "query/stored_values.h"

namespace vivace {
namespace {

using traceql::Datum;
using traceql::Intrinsic;

// Whether `bits` has it, for numbers that come from columns.
bool has(const Bits& bits, uint64_t number) {
  return number < bits.size() && bits.test(static_cast<uint32_t>(number));
}

// Calls take(i, number) for the values of a dense column of numbers; i counts from the first owner.
template <class Take>
void each_number(const Column& column, uint32_t first, Take take) {
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      take(slice.owner(i) - first, number_at(slice, i));
    }
  }
}

// Sets the bits of those owners whose number is in `numbers`.
void spread(const Column& column, uint32_t first, const Bits& numbers, Bits& out) {
  for (const Slice& slice : column.slices) {
    if (slice.words == nullptr) continue;
    const uint32_t at = slice.first_owner - first;
    if (slice.owners != nullptr || at > out.size() || slice.count > out.size() - at) continue;
    const auto test = [&, words = slice.words](uint32_t i) { return has(numbers, words[i]); };
    out.set_run(at, slice.count, test);
  }
}

Field span_of(Scope belonging) {
  return belonging == Scope::event ? Field::event_span : Field::link_span;
}

}  // namespace

// ------------------------------------------------------------------------------- attributes

bool FilterRun::is_ruled_out(const FilterNode& node, Scope owner) {
  const auto wanted = node.predicate->wanted();
  if (!wanted) return false;
  const PartColumns& part = group_.part();
  const auto may =
      part.part().may_hold(owner, node.attribute.name, group_.group(), *wanted, part.inspected());
  return may && !*may;
}

bool FilterRun::is_ruled_out(Field field, const Predicate& predicate) {
  const auto wanted = predicate.wanted();
  if (!wanted) return false;
  const PartColumns& part = group_.part();
  const auto may = part.part().may_hold(field, group_.group(), *wanted, part.inspected());
  return may && !*may;
}

Result<Bits> FilterRun::attribute_bits(FilterNode& node, Scope owner) {
  const Range owners = group_.owners(owner);
  Bits out(owners.count);
  if (is_ruled_out(node, owner)) return out;
  KeyColumns* key = TRY(group_.attribute(owner, node.attribute.name));
  for (const TypedColumn& column : key->columns) {
    node.predicate->mark(column, owners.first, group_.part().serial(), out);
  }
  if (out.none()) return out;
  for (const FirstValue& first : *TRY(group_.repeated(owner, *key))) {
    const uint32_t i = first.owner - owners.first;
    if (i < out.size()) out.assign(i, (*node.predicate)(first.value));
  }
  return out;
}

Result<const Bits*> FilterRun::table_bits(FilterNode& node, Scope table) {
  const uint64_t serial = group_.part().serial();
  if (node.kept.serial != serial) node.kept = {.serial = serial, .table = {}, .traces = {}};
  if (!node.kept.table) node.kept.table = TRY(attribute_bits(node, table));
  return &*node.kept.table;
}

Result<Bits> FilterRun::table_rows(FilterNode& node, Scope table) {
  const Bits& passing = *TRY(table_bits(node, table));
  const Range rows = group_.owners(Scope::span);
  Bits out(rows.count);
  if (passing.none()) return out;
  const Field number = table == Scope::resource ? Field::resource : Field::scope;
  spread(TRY(group_.field(number))->column, rows.first, passing, out);
  return out;
}

// The span's value, or the resource's where the span has none.
Result<Bits> FilterRun::unscoped_bits(FilterNode& node) {
  Bits of_spans = TRY(attribute_bits(node, Scope::span));
  Bits of_resources = TRY(table_rows(node, Scope::resource));
  if (of_resources.none()) return of_spans;
  const Range rows = group_.owners(Scope::span);
  Bits present(rows.count);
  KeyColumns* key = TRY(group_.attribute(Scope::span, node.attribute.name));
  Predicate any = Predicate::present();
  for (const TypedColumn& column : key->columns) {
    any.mark(column, rows.first, group_.part().serial(), present);
  }
  if (!key->columns.empty()) {
    for (const FirstValue& first : *TRY(group_.repeated(Scope::span, *key))) {
      const uint32_t i = first.owner - rows.first;
      if (i < present.size()) present.assign(i, any(first.value));
    }
  }
  return of_spans |= of_resources -= present;
}

// ------------------------------------------------------------------------------- intrinsics

Result<Bits> FilterRun::intrinsic_bits(FilterNode& node, const Bits& mask) {
  Predicate& predicate = *node.predicate;
  switch (node.attribute.intrinsic) {
    case Intrinsic::name:
      return text_bits(Field::name, predicate, true);
    case Intrinsic::status_message:
      return text_bits(Field::status_message, predicate, false);
    case Intrinsic::event_name:
      return text_bits(Field::event_name, predicate, true);
    case Intrinsic::status:
    case Intrinsic::kind:
      return enum_bits(node);
    case Intrinsic::duration:
      return duration_bits(predicate);
    case Intrinsic::span_id:
      return id_bits(Field::span_id, predicate, mask);
    case Intrinsic::parent_id:
      return id_bits(Field::parent_id, predicate, mask);
    case Intrinsic::link_span_id:
      return id_bits(Field::link_span_id, predicate, mask);
    case Intrinsic::link_trace_id:
      return link_trace_bits(predicate, mask);
    case Intrinsic::event_time_since_start:
      return since_start_bits(predicate);
    case Intrinsic::instrumentation_name:
      return scope_text_bits(Field::scope_name, predicate);
    case Intrinsic::instrumentation_version:
      return scope_text_bits(Field::scope_version, predicate);
    case Intrinsic::child_count:
    case Intrinsic::nested_set_left:
    case Intrinsic::nested_set_right:
    case Intrinsic::nested_set_parent:
      return tree_bits(node, mask);
    default:
      return trace_bits(node, mask);
  }
}

// Owners without a text have the empty one.
Result<Bits> FilterRun::text_bits(Field field, Predicate& predicate, bool dense) {
  const Range owners = group_.owners(info(field).owner);
  Bits out(owners.count);
  if ((dense || !predicate.text("")) && is_ruled_out(field, predicate)) return out;
  const TypedColumn* column = TRY(group_.field(field));
  const uint64_t serial = group_.part().serial();
  predicate.mark(*column, owners.first, serial, out);
  if (dense || !predicate.text("")) return out;
  Bits present(owners.count);
  Predicate::present().mark(*column, owners.first, serial, present);
  return out |= Bits(owners.count, true) - present;
}

Result<Bits> FilterRun::scope_text_bits(Field field, Predicate& predicate) {
  const Bits scopes = TRY(text_bits(field, predicate, false));
  const Range rows = group_.owners(Scope::span);
  Bits out(rows.count);
  if (!scopes.none()) {
    spread(TRY(group_.field(Field::scope))->column, rows.first, scopes, out);
  }
  return out;
}

Result<Bits> FilterRun::enum_bits(FilterNode& node) {
  const bool status = node.attribute.intrinsic == Intrinsic::status;
  constexpr uint32_t kKnown = 6;  // more than either has; what is above counts as 0
  Bits passing(kKnown);
  for (uint32_t number = 0; number < kKnown; ++number) {
    const Datum value = status ? datum(to_status(number)) : datum(to_kind(number));
    passing.assign(number, (*node.predicate)(value));
  }
  const Range rows = group_.owners(Scope::span);
  Bits out(rows.count);
  if (passing.none()) return out;
  const TypedColumn* column = TRY(group_.field(status ? Field::status_code : Field::kind));
  for (const Slice& slice : column->column.slices) {
    if (slice.words == nullptr) continue;
    out.set_run(slice.first_owner - rows.first, slice.count, [&](uint32_t i) {
      return passing.test(slice.words[i] < kKnown ? slice.words[i] : 0);
    });
  }
  return out;
}

Result<Bits> FilterRun::duration_bits(Predicate& predicate) {
  const Range rows = group_.owners(Scope::span);
  Bits out(rows.count);
  if (is_ruled_out(Field::duration_ns, predicate)) return out;
  predicate.mark(*TRY(group_.field(Field::duration_ns)), rows.first, group_.part().serial(), out);
  return out;
}

Result<Bits> FilterRun::id_bits(Field field, Predicate& predicate, const Bits& mask) {
  const TypedColumn* column = TRY(group_.field(field));
  Bits out(mask.size());
  each_number(column->column, group_.owners(info(field).owner).first,
              [&](uint32_t i, uint64_t raw) {
                if (has(mask, i) && predicate.text(hex_of(SpanId{raw}))) out.set(i);
              });
  return out;
}

Result<Bits> FilterRun::link_trace_bits(Predicate& predicate, const Bits& mask) {
  const uint32_t first = group_.owners(Scope::link).first;
  const TypedColumn* heads = TRY(group_.field(Field::link_trace_id_head));
  const TypedColumn* tails = TRY(group_.field(Field::link_trace_id_tail));
  std::vector<TraceId> ids(mask.size());
  each_number(heads->column, first, [&](uint32_t i, uint64_t head) {
    if (i < ids.size()) store(ids[i].bytes.data(), head);
  });
  each_number(tails->column, first, [&](uint32_t i, uint64_t tail) {
    if (i < ids.size()) store(ids[i].bytes.data() + 8, tail);
  });
  Bits out(mask.size());
  mask.each([&](uint32_t i) {
    if (predicate.text(ids[i].is_zero() ? std::string() : hex_of(ids[i]))) out.set(i);
  });
  return out;
}

Result<Bits> FilterRun::since_start_bits(Predicate& predicate) {
  const Range rows = group_.owners(Scope::span);
  const Range events = group_.owners(Scope::event);
  std::vector<uint64_t> starts(rows.count);
  std::vector<uint64_t> times(events.count);
  const auto copy_to = [](std::vector<uint64_t>& to) {
    return [&](uint32_t i, uint64_t number) {
      if (i < to.size()) to[i] = number;
    };
  };
  each_number(TRY(group_.field(Field::start_ns))->column, rows.first, copy_to(starts));
  each_number(TRY(group_.field(Field::event_time_ns))->column, events.first, copy_to(times));
  Bits out(events.count);
  each_number(TRY(group_.field(Field::event_span))->column, events.first,
              [&](uint32_t i, uint64_t row) {
                const uint64_t span = row - rows.first;
                if (i >= times.size() || span >= starts.size()) return;
                if (predicate.integer(static_cast<int64_t>(times[i] - starts[span]))) out.set(i);
              });
  return out;
}

// Each trace is looked up once a part, and only if it is still in question.
Result<Bits> FilterRun::trace_bits(FilterNode& node, const Bits& mask) {
  if (node.attribute.intrinsic == Intrinsic::trace_duration) {
    ASSERT(maybe_traces_ != nullptr);
    std::vector<int64_t> durations(mask.size());
    CHECK_OK(maybe_traces_->durations(group_, mask, durations));
    Bits out(mask.size());
    mask.each([&](uint32_t i) {
      if (node.predicate->integer(durations[i])) out.set(i);
    });
    return out;
  }
  PartColumns& part = group_.part();
  if (node.kept.serial != part.serial()) {
    node.kept = {.serial = part.serial(), .table = {}, .traces = {}};
  }
  const Range rows = group_.owners(Scope::span);
  std::vector<uint32_t> ordinals(rows.count);
  each_number(TRY(group_.field(Field::trace))->column, rows.first,
              [&](uint32_t i, uint64_t ordinal) {
                if (i < ordinals.size()) ordinals[i] = static_cast<uint32_t>(ordinal);
              });
  Bits out(mask.size());
  Result<void> result;
  mask.each([&](uint32_t i) {
    if (!result) return;
    const auto [known, fresh] = node.kept.traces.try_emplace(ordinals[i], false);
    if (fresh) {
      const auto seen = row_value(
          node.attribute, {.group = &group_, .maybe_traces = maybe_traces_, .row = rows.first + i});
      if (!seen) {
        node.kept.traces.erase(known);
        result = std::unexpected(seen.error());
        return;
      }
      known->second = (*node.predicate)(seen->value);
    }
    if (known->second) out.set(i);
  });
  CHECK_OK(std::move(result));
  return out;
}

Result<Bits> FilterRun::tree_bits(FilterNode& node, const Bits& mask) {
  ASSERT(maybe_traces_ != nullptr);
  const auto wanted = node.predicate->wanted();
  if (node.attribute.intrinsic == Intrinsic::nested_set_parent && wanted && !wanted->text &&
      wanted->high <= 0 && !node.predicate->integer(0)) {  // only roots are below zero
    if (!node.predicate->integer(-1)) return Bits(mask.size());
    return mask & TRY(maybe_traces_->roots(group_));
  }
  const auto numbers = TRY(maybe_traces_->numbers(group_));
  Bits out(mask.size());
  mask.each([&](uint32_t i) {
    if (node.predicate->integer(number_of(node.attribute.intrinsic, numbers[i]))) out.set(i);
  });
  return out;
}

// ------------------------------------------------------------------------------- events and links

Result<Bits> FilterRun::to_spans(Scope domain, const Bits& bits) {
  const Range rows = group_.owners(Scope::span);
  Bits out(rows.count);
  if (bits.none()) return out;
  each_number(TRY(group_.field(span_of(domain)))->column, group_.owners(domain).first,
              [&](uint32_t i, uint64_t row) {
                const uint64_t span = row - rows.first;
                if (span < out.size() && has(bits, i)) out.set(static_cast<uint32_t>(span));
              });
  return out;
}

Result<Bits> FilterRun::from_spans(Scope domain, const Bits& bits) {
  const Range owners = group_.owners(domain);
  const uint32_t first_row = group_.owners(Scope::span).first;
  Bits out(owners.count);
  if (bits.none() || owners.count == 0) return out;
  each_number(TRY(group_.field(span_of(domain)))->column, owners.first,
              [&](uint32_t i, uint64_t row) {
                if (i < out.size() && has(bits, row - first_row)) out.set(i);
              });
  return out;
}

Result<Bits> FilterRun::owning_spans(Scope domain) {
  return to_spans(domain, Bits(group_.owners(domain).count, true));
}

}  // namespace vivace
