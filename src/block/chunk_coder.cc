// What the columns of a row group say of one another. A coding is taken only where it saves, and
// only after it was seen to hold: sources may be wrong about their shapes, and must still come back
// as they were.
#include "block/chunk_coder.h"

#include <algorithm>

namespace vivace {
namespace {

constexpr uint32_t kFewRows = 48;      // are searched one by one
constexpr uint32_t kNameValues = 256;  // fewer are not worth a table of names

// Of a distance that is not 0.
uint32_t to_reference(int32_t distance) {
  return (static_cast<uint32_t>(distance) << 1) ^ static_cast<uint32_t>(distance >> 31);
}

bool is_constant(const ColumnValues& values) {
  const auto all_equal = [](auto run) {
    return std::ranges::all_of(run, [&](auto value) { return value == run[0]; });
  };
  return values.form == ValueForm::longs ? all_equal(values.longs) : all_equal(values.words);
}

}  // namespace

void ChunkCoder::describe(const BlockFooter& footer, std::span<const BlockTrace> traces) {
  footer_ = &footer;
  traces_ = traces;
  const size_t groups = footer.groups.size();
  parents_.resize(groups);
  names_.resize(groups);
  link_rows_.resize(groups);
}

template <class Visit>
void ChunkCoder::for_each_trace(uint32_t group, const Visit& visit) const {
  const BlockGroup& of = footer_->groups[group];
  const Range rows = of.of.rows;
  for (uint32_t i = of.traces.first; i < of.traces.end(); ++i) {
    const BlockTrace& trace = traces_[i];
    const uint32_t from = std::max(trace.first_row, rows.first);
    const uint32_t end = std::min(trace.first_row + trace.entry.spans, rows.end());
    visit(TraceRows{i, {from - rows.first, end - from}});
  }
}

void ChunkCoder::begin_trace(const uint64_t* ids, Range rows) {
  trace_ids_ = ids;
  trace_rows_ = rows;
  if (rows.count <= kFewRows) return;
  row_of_.clear();
  for (uint32_t row = rows.first; row < rows.end(); ++row) row_of_.try_emplace(ids[row], row);
}

std::optional<uint32_t> ChunkCoder::find(uint64_t id, uint32_t row) const {
  if (trace_rows_.count > kFewRows) {
    const auto found = row_of_.find(id);
    return found == row_of_.end() ? std::nullopt : std::optional(found->second);
  }
  for (uint32_t at = row; at > trace_rows_.first; --at) {
    if (trace_ids_[at - 1] == id) return at - 1;
  }
  for (uint32_t at = row; at < trace_rows_.end(); ++at) {
    if (trace_ids_[at] == id) return at;
  }
  return std::nullopt;
}

bool ChunkCoder::shares_ids() const {
  if (trace_rows_.count > kFewRows) return row_of_.size() < trace_rows_.count;
  for (uint32_t row = trace_rows_.first + 1; row < trace_rows_.end(); ++row) {
    const uint64_t* const end = trace_ids_ + row;
    if (std::find(trace_ids_ + trace_rows_.first, end, *end) != end) return true;
  }
  return false;
}

// References: the distance to the parent's row. A span that names itself is stored, and so are all
// of a trace in which spans share an id, because then ids alone say who the parent is.
ColumnCoding ChunkCoder::parents(uint32_t group, std::span<const uint64_t> parent_ids) {
  std::vector<uint32_t>& references = parents_[group];
  references.assign(parent_ids.size(), 0);
  const std::span<const uint64_t> ids = span_ids_;
  if (ids.size() != parent_ids.size()) return {};
  for_each_trace(group, [&](const TraceRows& trace) {
    begin_trace(ids.data(), trace.rows);
    if (shares_ids()) return;
    for (uint32_t row = trace.rows.first; row < trace.rows.end(); ++row) {
      if (parent_ids[row] == 0) continue;
      const auto parent = find(parent_ids[row], row);
      if (!parent || *parent == row) continue;
      references[row] = to_reference(static_cast<int32_t>(row) - static_cast<int32_t>(*parent));
    }
  });
  return {.coding = Coding::references, .references = references, .words = {}, .longs = {}};
}

ColumnCoding ChunkCoder::since_previous(uint32_t group, std::span<const uint64_t> starts) {
  longs_.resize(starts.size());
  for_each_trace(group, [&](const TraceRows& trace) {
    uint64_t before = traces_[trace.trace].entry.start_ns;
    for (uint32_t row = trace.rows.first; row < trace.rows.end(); ++row) {
      longs_[row] = starts[row] - before;
      before = starts[row];
    }
  });
  return {.coding = Coding::running, .references = {}, .words = {}, .longs = longs_};
}

// References: 1, where the parent's row comes before and has the same.
ColumnCoding ChunkCoder::as_parents(uint32_t group, std::span<const uint32_t> resources) {
  const std::vector<uint32_t>& parents = parents_[group];
  references_.assign(resources.size(), 0);
  size_t same = 0;
  for (uint32_t row = 0; row < resources.size(); ++row) {
    const uint32_t reference = parents[row];
    if (reference == 0 || (reference & 1) != 0) continue;
    if (resources[row - reference / 2] != resources[row]) continue;
    references_[row] = 1;
    ++same;
  }
  if (same * 4 < resources.size()) return {};
  return {.coding = Coding::references, .references = references_, .words = {}, .longs = {}};
}

// References: 1, where it is this half of the id of the link's own trace.
ColumnCoding ChunkCoder::own_trace(uint32_t group, Field field, std::span<const uint64_t> halves) {
  const BlockGroup& of = footer_->groups[group];
  references_.assign(halves.size(), 0);
  const size_t half = field == Field::link_trace_id_head ? 0 : 8;
  const uint32_t end = of.traces.end();
  uint32_t trace = of.traces.first;
  size_t same = 0;
  for (size_t i = 0; i < halves.size(); ++i) {
    const uint32_t row = link_rows_[group][i];
    while (trace + 1 < end && traces_[trace + 1].first_row <= row) ++trace;
    const auto own = load<uint64_t>(traces_[trace].entry.id.view().data() + half);
    references_[i] = own == halves[i] ? 1 : 0;
    same += references_[i];
  }
  if (same * 4 < halves.size()) return {};
  return {.coding = Coding::references, .references = references_, .words = {}, .longs = {}};
}

// References: the number of the row in its trace, as far as that is in the row group, plus 1.
ColumnCoding ChunkCoder::own_rows(uint32_t group, std::span<const uint64_t> span_ids) {
  references_.assign(span_ids.size(), 0);
  const std::vector<uint32_t>& rows = link_rows_[group];
  const uint32_t first = footer_->groups[group].of.rows.first;
  if (span_ids_.size() != footer_->groups[group].of.rows.count) return {};
  size_t found = 0;
  size_t i = 0;
  for_each_trace(group, [&](const TraceRows& trace) {
    if (i == rows.size() || rows[i] - first >= trace.rows.end()) return;
    begin_trace(span_ids_.data(), trace.rows);
    for (; i < rows.size() && rows[i] - first < trace.rows.end(); ++i) {
      const auto row = find(span_ids[i], rows[i] - first);
      if (!row) continue;
      references_[i] = *row - trace.rows.first + 1;
      ++found;
    }
  });
  if (found * 4 < span_ids.size()) return {};
  return {.coding = Coding::references, .references = references_, .words = {}, .longs = {}};
}

void ChunkCoder::remember_shapes(Scope owner, uint32_t group, std::span<const uint32_t> shapes) {
  OfOwner& of = shapes_[static_cast<size_t>(owner)];
  if (of.of_group.size() <= group) {
    of.of_group.resize(group + 1);
    of.counts.resize(group + 1);
  }
  of.of_group[group].assign(shapes);
  auto& counts = of.counts[group];
  if (!shapes.empty() && std::ranges::max(shapes) < 4 * shapes.size()) {
    words_.assign(size_t{std::ranges::max(shapes)} + 1, 0);
    for (const uint32_t shape : shapes) ++words_[shape];
    for (uint32_t shape = 0; shape < words_.size(); ++shape) {
      if (words_[shape] > 0) counts.emplace_back(shape, words_[shape]);
    }
    return;
  }
  words_.assign(shapes.begin(), shapes.end());
  std::ranges::sort(words_);
  for (const uint32_t shape : words_) {
    if (counts.empty() || counts.back().first != shape) counts.emplace_back(shape, 0);
    ++counts.back().second;
  }
}

void ChunkCoder::set_shapes(Scope owner, const Shapes& shapes) {
  shapes_[static_cast<size_t>(owner)].shapes = &shapes;
}

ColumnCoding ChunkCoder::field_coding(Field field, uint32_t group, const ColumnValues& values) {
  switch (field) {
    case Field::parent_id:
      return parents(group, values.longs);
    case Field::start_ns:
      return since_previous(group, values.longs);
    case Field::name:
      if (values.form == ValueForm::codes) names_[group].assign(values.words);
      return {};
    case Field::resource: {
      const ColumnCoding coding = as_parents(group, values.words);
      parents_[group] = {};  // nobody else asks
      return coding;
    }
    case Field::span_shape:
    case Field::event_shape:
    case Field::link_shape:
    case Field::resource_shape:
    case Field::scope_shape:
      remember_shapes(info(field).owner, group, values.words);
      return {};
    case Field::link_span:
      link_rows_[group].assign(values.words.begin(), values.words.end());
      return {};
    case Field::link_trace_id_head:
    case Field::link_trace_id_tail:
      return own_trace(group, field, values.longs);
    case Field::link_span_id:
      return own_rows(group, values.longs);
    default:
      return {};
  }
}

void ChunkCoder::count_column(Scope owner, uint32_t column) {
  const Shapes& shapes = *shapes_[static_cast<size_t>(owner)].shapes;
  const uint32_t edge = column - footer_->attribute_column(owner, 0);
  column_counts_.assign(shapes.size(), 0);
  for (uint32_t i = 1; i < shapes.size(); ++i) {
    const Shape shape = shapes[i];
    column_counts_[i] = column_counts_[shape.parent] + (shape.column == edge ? 1 : 0);
  }
}

// Each owner that is named has the column by its shape, as often as it is named; and there are as
// many values as the shapes say: then those are all.
bool ChunkCoder::are_those_of_shapes(Scope owner, uint32_t group, const ColumnValues& values) {
  const OfOwner& of = shapes_[static_cast<size_t>(owner)];
  if (of.shapes == nullptr || group >= of.of_group.size()) return false;
  uint64_t total = 0;
  for (const auto& [shape, owners] : of.counts[group]) {
    total += uint64_t{column_counts_[shape]} * owners;
  }
  if (total != values.count) return false;
  const NarrowWords& shapes = of.of_group[group];
  for (size_t i = 0; i < values.owners.size();) {
    const uint32_t each = values.owners[i];
    uint32_t left = column_counts_[shapes[each]];
    if (left == 0) return false;
    for (; left > 0; --left, ++i) {
      if (i == values.owners.size() || values.owners[i] != each) return false;
    }
  }
  return true;
}

// Whether spans of one name always have the same value. `references` become the names.
bool ChunkCoder::by_name(uint32_t group, const ColumnValues& values, ColumnCoding& out) {
  const NarrowWords& names = names_[group];
  const bool longs = values.form == ValueForm::longs;
  if (names.empty() || values.count < kNameValues || is_constant(values)) return false;
  references_.clear();
  longs_.clear();
  ++chunk_;
  for (uint32_t i = 0; i < values.count; ++i) {
    const uint32_t name = names[values.dense ? i : values.owners[i]];
    if (name >= seen_.size()) seen_.resize(name + 1);
    const uint64_t value = longs ? values.longs[i] : values.words[i];
    if (seen_[name] >> 32 == chunk_) {
      if (longs_[static_cast<uint32_t>(seen_[name])] != value) return false;
      continue;
    }
    if (references_.size() * 8 > values.count) return false;
    seen_[name] = uint64_t{chunk_} << 32 | references_.size();
    references_.push_back(name);
    longs_.push_back(value);
  }
  out.coding = Coding::by_name;
  out.references = references_;
  if (longs) {
    out.longs = longs_;
  } else {
    words_.assign(longs_.size(), 0);
    std::ranges::transform(longs_, words_.begin(), [](uint64_t v) { return uint32_t(v); });
    out.words = words_;
  }
  return true;
}

ColumnCoding ChunkCoder::attribute_coding(uint32_t column, uint32_t group,
                                          const ColumnValues& values) {
  Scope owner = Scope::link;
  for (const Scope each : kAllScopes) {
    if (column >= footer_->attribute_column(each, 0)) owner = each;
  }
  const OfOwner& of = shapes_[static_cast<size_t>(owner)];
  if (of.shapes == nullptr) return {};
  if (counted_ != column) count_column(owner, column);
  counted_ = column;
  ColumnCoding out;
  out.by_shapes = !values.dense && are_those_of_shapes(owner, group, values);
  const bool numbers = values.form != ValueForm::texts && values.form != ValueForm::none;
  if (owner == Scope::span && numbers) by_name(group, values, out);
  return out;
}

void ChunkCoder::append(std::string& out, std::vector<uint32_t>& cuts, uint32_t column,
                        uint32_t slot, const ColumnValues& values) {
  ColumnCoding coding;
  if (footer_ != nullptr && column < kFields) {
    coding = field_coding(static_cast<Field>(column), slot - group_slot(0), values);
  } else if (footer_ != nullptr && column >= kFirstAttributeColumn) {
    coding = attribute_coding(column, slot - group_slot(0), values);
  }
  append_column(out, cuts, values, coding);
}

}  // namespace vivace
