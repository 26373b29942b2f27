// Where each column of a part lies in a head. All chunked arrays have their chunks' ends at the
// same places, so a sparse column's owners and values, or an overflow list's three columns, fall
// into the same slices. Everything looked at here was complete before the published count that
// covers it was released; sparse columns may have grown since, and are cut at their owners.
#include "head/head_part.h"

#include <algorithm>
#include <tuple>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

namespace vivace {
namespace {

void point_to(Slice& slice, const uint32_t* values) { slice.words = values; }
void point_to(Slice& slice, const uint64_t* values) { slice.longs = values; }

template <class T>
Column dense(const Chunked<T>& values, Range owners, const Texts* texts = nullptr) {
  Column out{.slices = {}, .texts = texts, .keep = nullptr};
  for (uint32_t at = owners.first; at < owners.end(); at += out.slices.back().count) {
    const std::span<const T> run = values.run(at, owners.end());
    Slice& slice = out.slices.emplace_back();
    slice.count = static_cast<uint32_t>(run.size());
    slice.first_owner = at;
    point_to(slice, run.data());
  }
  return out;
}

// The places of a sparse column that belong to a range of owners.
Range places(const Chunked<uint32_t>& owners, Range range) {
  const uint32_t size = owners.size();
  const uint32_t first = lower_bound(owners, size, range.first);
  return {first, lower_bound(owners, size, range.end(), first) - first};
}

// Slices without values.
Column owners_at(const Chunked<uint32_t>& owners, Range places) {
  Column out;
  for (uint32_t at = places.first; at < places.end(); at += out.slices.back().count) {
    const std::span<const uint32_t> run = owners.run(at, places.end());
    Slice& slice = out.slices.emplace_back();
    slice.count = static_cast<uint32_t>(run.size());
    slice.owners = run.data();
  }
  return out;
}

template <class T>
void add_values(Column& column, const Chunked<T>& values, Range places) {
  uint32_t at = places.first;
  for (Slice& slice : column.slices) {
    point_to(slice, &values[at]);
    at += slice.count;
  }
}

template <class T>
T load_bound(const T& bound) {
  return std::atomic_ref(const_cast<T&>(bound)).load(std::memory_order_relaxed);
}

}  // namespace

HeadPart::HeadPart(std::shared_ptr<const Head> head)
    : head_(std::move(head)),
      published_(head_->published()),
      resources_(head_->resource_attributes_.rows()),
      scopes_(head_->scope_attributes_.rows()) {
  for (const Scope owner :
       {Scope::resource, Scope::scope, Scope::span, Scope::event, Scope::link}) {
    columns_[static_cast<size_t>(owner)] = table(owner).columns();
  }
}

const AttributeTable& HeadPart::table(Scope owner) const {
  switch (owner) {
    case Scope::resource:
      return head_->resource_attributes_;
    case Scope::scope:
      return head_->scope_attributes_;
    case Scope::span:
      return head_->span_attributes_;
    case Scope::event:
      return head_->event_attributes_;
    case Scope::link:
      return head_->link_attributes_;
  }
  ASSERT(false);
}

HeadPart::AttributeCounts HeadPart::attribute_counts() const {
  AttributeCounts out;
  for (const Scope owner :
       {Scope::resource, Scope::scope, Scope::span, Scope::event, Scope::link}) {
    const AttributeTable& of = table(owner);
    for (uint32_t i = 0; i < of.columns(); ++i) out.all += of.column(i).rows.size();
    out.overflowed += of.overflows().rows.size();
  }
  out.all += out.overflowed;
  return out;
}

uint32_t HeadPart::columns(Scope owner) const { return columns_[static_cast<size_t>(owner)]; }

AttributeName HeadPart::column(Scope owner, uint32_t column) const {
  ASSERT(column < columns(owner));
  const AttributeColumn& of = table(owner).column(column);
  return {.key = of.key, .type = of.type};
}

uint32_t HeadPart::groups() const { return rows() == 0 ? 0 : Head::group_of(rows() - 1) + 1; }

Range HeadPart::rows_of(uint32_t group) const {
  const uint32_t first = group == 0 ? 0 : Head::kFirstGroupRows + (group - 1) * Head::kGroupRows;
  ASSERT(first <= rows());
  const uint32_t rows_max = group == 0 ? Head::kFirstGroupRows : Head::kGroupRows;
  return {first, std::min(rows_max, rows() - first)};
}

Range HeadPart::owners_of(Scope owner, uint32_t group) const {
  switch (owner) {
    case Scope::resource:
      return {0, resources_};
    case Scope::scope:
      return {0, scopes_};
    case Scope::span:
      return rows_of(group);
    case Scope::event:
      return places(head_->event_row_, rows_of(group));
    case Scope::link:
      return places(head_->link_row_, rows_of(group));
  }
  ASSERT(false);
}

RowGroup HeadPart::group(uint32_t group) const {
  ASSERT(group < groups());
  const Head::Bounds& bounds = head_->bounds_[group];
  return {.rows = rows_of(group),
          .events = owners_of(Scope::event, group),
          .links = owners_of(Scope::link, group),
          .start_min_ns = load_bound(bounds.start_min_ns),
          .end_max_ns = load_bound(bounds.end_max_ns),
          .received_max_ns = load_bound(bounds.received_max_ns)};
}

Column HeadPart::rare(const Head::RareColumn& column, Range owners) const {
  const Range range = places(column.rows, owners);
  Column out = owners_at(column.rows, range);
  add_values(out, column.values, range);
  return out;
}

Column HeadPart::rare_text(const Head::RareColumn& column, Range owners) const {
  Column out = rare(column, owners);
  out.texts = &head_->texts_;
  return out;
}

Column HeadPart::received(Range rows) const {
  const Chunked<uint32_t>& first_rows = head_->batch_row_;
  const uint32_t batches = first_rows.size();
  std::vector<uint64_t> values;
  values.reserve(rows.count);
  // The batch of the first row is the last one that does not begin behind it.
  uint32_t batch = rows.count == 0 ? 0 : lower_bound(first_rows, batches, rows.first + 1) - 1;
  while (values.size() < rows.count) {
    const uint32_t end = batch + 1 < batches ? first_rows[batch + 1] : rows.end();
    const auto received_ns = static_cast<uint64_t>(head_->batch_received_ns_[batch]);
    values.resize(std::min(end, rows.end()) - rows.first, received_ns);
    ++batch;
  }
  auto keep = std::make_shared<const std::vector<uint64_t>>(std::move(values));
  Column out;
  out.slices.push_back({.count = rows.count, .first_owner = rows.first, .longs = keep->data()});
  out.keep = std::move(keep);
  return out;
}

// Looks all spans of the row group up in a table made for it: about 50 ns a span.
Column HeadPart::parent_rows(Range rows) const {
  const Head& head = *head_;
  using TraceSpan = std::pair<uint32_t, uint64_t>;
  boost::unordered_flat_map<TraceSpan, uint32_t> row_of(rows.count);
  boost::unordered_flat_set<uint32_t> sharing;  // traces in which spans share an id
  for (uint32_t row = rows.first; row < rows.end(); ++row) {
    const uint32_t trace = head.trace_[row];
    if (!row_of.try_emplace({trace, head.span_id_[row]}, row).second) sharing.insert(trace);
  }
  auto keep = std::make_shared<std::vector<uint32_t>>(rows.count, kNoRow);
  for (uint32_t row = rows.first; row < rows.end(); ++row) {
    if (head.parent_id_[row] == 0) continue;
    const auto parent = row_of.find({head.trace_[row], head.parent_id_[row]});
    const bool found =
        parent != row_of.end() && parent->second != row && !sharing.contains(head.trace_[row]);
    (*keep)[row - rows.first] = found ? parent->second : kOtherRow;
  }
  Column out;
  out.slices.push_back({.count = rows.count, .first_owner = rows.first, .words = keep->data()});
  out.keep = std::move(keep);
  return out;
}

Result<Column> HeadPart::read(Field field, uint32_t group, Inspected&) const {
  const Head& head = *head_;
  const Range owners = owners_of(info(field).owner, group);
  switch (field) {
    case Field::trace:
      return dense(head.trace_, owners);
    case Field::span_id:
      return dense(head.span_id_, owners);
    case Field::parent_id:
      return dense(head.parent_id_, owners);
    case Field::start_ns:
      return dense(head.start_ns_, owners);
    case Field::duration_ns:
      return dense(head.duration_ns_, owners);
    case Field::name:
      return dense(head.name_, owners, &head.texts_);
    case Field::kind:
      return dense(head.kind_, owners);
    case Field::status_code:
      return dense(head.status_code_, owners);
    case Field::resource:
      return dense(head.resources_, owners);
    case Field::scope:
      return dense(head.scopes_, owners);
    case Field::received_ns:
      return received(owners);
    case Field::parent_row:
      return parent_rows(owners);
    case Field::status_message:
      return rare_text(head.status_message_, owners);
    case Field::trace_state:
      return rare_text(head.trace_state_, owners);
    case Field::flags:
      return rare(head.flags_, owners);
    case Field::dropped_attributes:
      return rare(head.dropped_attributes_, owners);
    case Field::dropped_events:
      return rare(head.dropped_events_, owners);
    case Field::dropped_links:
      return rare(head.dropped_links_, owners);
    case Field::event_span:
      return dense(head.event_row_, owners);
    case Field::event_time_ns:
      return dense(head.event_time_ns_, owners);
    case Field::event_name:
      return dense(head.event_name_, owners, &head.texts_);
    case Field::event_dropped_attributes:
      return rare(head.event_dropped_, owners);
    case Field::link_span:
      return dense(head.link_row_, owners);
    case Field::link_trace_id_head:
      return dense(head.link_trace_id_head_, owners);
    case Field::link_trace_id_tail:
      return dense(head.link_trace_id_tail_, owners);
    case Field::link_span_id:
      return dense(head.link_span_id_, owners);
    case Field::link_trace_state:
      return rare_text(head.link_trace_state_, owners);
    case Field::link_flags:
      return rare(head.link_flags_, owners);
    case Field::link_dropped_attributes:
      return rare(head.link_dropped_, owners);
    case Field::resource_schema_url:
      return rare_text(head.resource_schema_, owners);
    case Field::resource_dropped_attributes:
      return rare(head.resource_dropped_, owners);
    case Field::scope_name:
      return rare_text(head.scope_name_, owners);
    case Field::scope_version:
      return rare_text(head.scope_version_, owners);
    case Field::scope_schema_url:
      return rare_text(head.scope_schema_, owners);
    case Field::scope_dropped_attributes:
      return rare(head.scope_dropped_, owners);
    case Field::span_shape:
    case Field::event_shape:
    case Field::link_shape:
    case Field::resource_shape:
    case Field::scope_shape:
      return dense(table(info(field).owner).owner_shapes(), owners);
  }
  ASSERT(false);
}

Result<Column> HeadPart::read_attribute(Scope owner, uint32_t column, uint32_t group,
                                        Inspected&) const {
  ASSERT(column < columns(owner));
  const AttributeColumn& of = table(owner).column(column);
  const Range range = places(of.rows, owners_of(owner, group));
  Column out = owners_at(of.rows, range);
  if (is_text(of.type)) {
    add_values(out, of.codes, range);
    out.texts = &of.dictionary;
  } else if (of.type != ValueType::empty) {
    add_values(out, of.numbers, range);
  }
  return out;
}

Result<Overflow> HeadPart::read_overflow(Scope owner, uint32_t group, Inspected&) const {
  const AttributeTable::Overflows& of = table(owner).overflows();
  const Range range = places(of.rows, owners_of(owner, group));
  Overflow out;
  out.keys = out.types = out.values = owners_at(of.rows, range);
  add_values(out.keys, of.keys, range);
  out.keys.texts = &of.names;
  add_values(out.values, of.values, range);
  out.values.texts = &of.texts;
  auto types = std::make_shared<std::vector<uint32_t>>();
  for (uint32_t at = range.first; at < range.end(); ++at) types->push_back(of.types[at]);
  const uint32_t* at = types->data();
  for (Slice& slice : out.types.slices) {
    slice.words = at;
    at += slice.count;
  }
  out.types.keep = std::move(types);
  return out;
}

Result<std::shared_ptr<const Shapes>> HeadPart::shapes(Scope owner, Inspected&) const {
  return std::shared_ptr<const Shapes>(head_, &table(owner).shapes());
}

// Ordinals are given in the order of rows: those below the published count have published rows.
Result<std::optional<uint32_t>> HeadPart::find_trace(const TraceId& id, Inspected&) const {
  const std::optional<uint32_t> found = head_->traces_.find(id);
  return found && *found < traces() ? found : std::nullopt;
}

Result<void> HeadPart::trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows, Inspected&) const {
  ASSERT(ordinal < traces());
  const auto before = static_cast<ptrdiff_t>(rows.size());
  for (uint32_t row = head_->traces_.newest(ordinal); row != TraceIndex::kNoRow;
       row = head_->previous_[row]) {
    if (row < this->rows()) rows.push_back(row);
  }
  std::reverse(rows.begin() + before, rows.end());
  return {};
}

Result<TraceEntry> HeadPart::trace(uint32_t ordinal, Inspected& inspected) const {
  std::vector<uint32_t> rows;
  CHECK_OK(trace_rows(ordinal, rows, inspected));
  const Head& head = *head_;
  const auto order = [&head](uint32_t row) {
    return std::tuple(head.start_ns_[row], SpanId{head.span_id_[row]},
                      static_cast<int32_t>(head.kind_[row]));
  };
  TraceEntry out{.id = head.traces_.id(ordinal),
                 .spans = static_cast<uint32_t>(rows.size()),
                 .start_ns = UINT64_MAX,
                 .end_ns = 0,
                 .root = std::nullopt};
  for (const uint32_t row : rows) {
    out.start_ns = std::min(out.start_ns, head.start_ns_[row]);
    out.end_ns = std::max(out.end_ns, head.start_ns_[row] + head.duration_ns_[row]);
    if (head.parent_id_[row] != 0) continue;
    if (!out.root || order(row) > order(*out.root)) out.root = row;
  }
  return out;
}

}  // namespace vivace
