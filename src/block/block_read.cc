// Columns of a block: find the chunk, check it, decode it into memory of its own. What a column
// must look like is known beforehand (its owners, its form, what its words are indices of), so that
// whoever uses it can trust it. Fields that are not stored are made of the trace table and footer.
#include <algorithm>

#include <fmt/format.h>

#include "block/block_asked.h"
#include "block/block_cached.h"

namespace vivace {
namespace {

ValueForm value_form(FieldForm form) {
  switch (form) {
    case FieldForm::words:
      return ValueForm::words;
    case FieldForm::longs:
      return ValueForm::longs;
    case FieldForm::texts:
      break;
  }
  return ValueForm::texts;
}

ValueForm value_form(ValueType type) {
  if (type == ValueType::empty) return ValueForm::none;
  return is_text(type) ? ValueForm::texts : ValueForm::longs;
}

}  // namespace

Range Block::owners_in(Scope owner, uint32_t group) const {
  switch (owner) {
    case Scope::resource:
      return {0, resources()};
    case Scope::scope:
      return {0, scopes()};
    case Scope::span:
      return footer_->groups[group].of.rows;
    case Scope::event:
      return footer_->groups[group].of.events;
    case Scope::link:
      break;
  }
  return footer_->groups[group].of.links;
}

uint32_t Block::slot_of(Scope owner, uint32_t group) {
  return group_slot(has_row_groups(owner) ? group : 0);
}

// Where a chunk lies, in words.
Error Block::at(Error error, uint32_t column, uint32_t slot) const {
  if (error.message.starts_with("block ")) return error;  // it says so already
  std::string place = fmt::format("column {}", column);
  if (column < kFields) place = fmt::format("field {}", column);
  if (column == kTraceColumn) place = "trace table";
  if (column >= kFirstAttributeColumn) {
    place = fmt::format("attribute column {}", column - kFirstAttributeColumn);
  }
  if (column >= kSectionPlace) place = fmt::format("section {}", column - kSectionPlace);
  const std::string piece = column >= kSectionPlace   ? fmt::format("page {}", slot)
                            : slot == kDictionarySlot ? "dictionary"
                                                      : fmt::format("row group {}", slot - 1);
  return std::move(error).in(fmt::format("block {}: {}, {}", path_, place, piece));
}

Error Block::at(Error error, const Asked& asked) const {
  return at(std::move(error), asked.column, asked.slot);
}

Result<ContentForms> Block::read_stored(const Asked& asked, DecodedColumn& out,
                                        Inspected& inspected) const {
  const std::string content = TRY(read_chunk(asked.column, asked.slot, inspected));
  if (content.empty() && asked.expected.dense) {
    return std::unexpected(at({Code::corrupt, "a chunk is missing"}, asked));
  }
  if (content.empty()) return ContentForms();
  const ContentForms forms = forms_of(content);
  if (asked.expected.form == ValueForm::texts && forms.values == ValueForm::codes) {
    out.dictionary = TRY(dictionary(asked.column, inspected));
  }
  if (forms.owners == OwnerForm::shapes) {
    auto owners = owners_of_shapes(asked, inspected);
    if (!owners) return std::unexpected(at(std::move(owners).error(), asked));
    out.owners = *std::move(owners);
  }
  const auto taken = take_column(content, asked.expected, out);
  if (!taken) return std::unexpected(at(taken.error(), asked));
  return forms;
}

Result<Column> Block::read_column(const Asked& asked, Inspected& inspected) const {
  const ExpectedColumn& expected = asked.expected;
  const bool texts = expected.form == ValueForm::texts;
  if (expected.owners.count == 0) return empty_column(texts);
  auto decoded = std::make_shared<DecodedColumn>();
  const ContentForms forms = TRY(read_stored(asked, *decoded, inspected));
  if (forms.count == 0) return empty_column(texts);
  if (forms.coding != Coding::plain) {
    auto filled = fill_in(asked, forms.coding, *decoded, inspected);
    if (!filled) return std::unexpected(at(std::move(filled).error(), asked));
  }
  return make_column(expected, forms, std::move(decoded));
}

Block::Asked Block::asked_for(Field field, uint32_t group) const {
  return {.column = field_column(field),
          .slot = slot_of(info(field).owner, group),
          .expected = expected(field, group),
          .group = group};
}

ExpectedColumn Block::expected(Field field, uint32_t group) const {
  const FieldInfo of = info(field);
  ExpectedColumn out{owners_in(of.owner, group), of.dense, value_form(of.form)};
  switch (field) {
    case Field::resource:
      out.words_below = resources();
      break;
    case Field::scope:
      out.words_below = scopes();
      break;
    case Field::span_shape:
    case Field::event_shape:
    case Field::link_shape:
    case Field::resource_shape:
    case Field::scope_shape:
      out.words_below = footer_->shapes[static_cast<size_t>(of.owner)];
      break;
    case Field::event_span:
    case Field::link_span:
      out.words_from = footer_->groups[group].of.rows.first;
      out.words_below = footer_->groups[group].of.rows.end();
      break;
    default:
      break;
  }
  return out;
}

Result<Column> Block::read(Field field, uint32_t group, Inspected& inspected) const {
  if (field == Field::trace) return trace_column(group, inspected);
  if (field == Field::received_ns) return received_column(group);
  if (field == Field::parent_row) return neighbour(field, group, inspected);
  const Asked asked = asked_for(field, group);
  Column column = TRY(read_column(asked, inspected));
  const bool ascends = field == Field::event_span || field == Field::link_span;
  for (const Slice& slice : column.slices) {
    if (!ascends || std::is_sorted(slice.words, slice.words + slice.count)) continue;
    return std::unexpected(at({Code::corrupt, "not in order"}, asked));
  }
  return column;
}

Result<Column> Block::trace_column(uint32_t group, Inspected& inspected) const {
  const auto table = TRY(trace_table(group, inspected));
  const Range rows = footer_->groups[group].of.rows;
  auto decoded = std::make_shared<DecodedColumn>();
  decoded->words.reserve(rows.count);
  uint32_t ordinal = table->first_trace;
  for (const BlockTrace& trace : table->traces) {
    const uint32_t from = std::max(trace.first_row, rows.first);
    const uint32_t end = std::min(trace.first_row + trace.entry.spans, rows.end());
    decoded->words.insert(decoded->words.end(), end - from, ordinal++);
  }
  Column column;
  column.slices.push_back(
      {.count = rows.count, .first_owner = rows.first, .words = decoded->words.data()});
  column.keep = std::move(decoded);
  return column;
}

Column Block::received_column(uint32_t group) const {
  const RowGroup& of = footer_->groups[group].of;
  auto decoded = std::make_shared<DecodedColumn>();
  decoded->longs.assign(of.rows.count, static_cast<uint64_t>(of.received_max_ns));
  Column column;
  column.slices.push_back(
      {.count = of.rows.count, .first_owner = of.rows.first, .longs = decoded->longs.data()});
  column.keep = std::move(decoded);
  return column;
}

Result<Column> Block::read_attribute(Scope owner, uint32_t column, uint32_t group,
                                     Inspected& inspected) const {
  const ExpectedColumn expected{owners_in(owner, group), false,
                                value_form(this->column(owner, column).type)};
  return read_column({.column = footer_->attribute_column(owner, column),
                      .slot = slot_of(owner, group),
                      .expected = expected,
                      .group = group,
                      .is_attribute = true,
                      .owner = owner,
                      .attribute = column},
                     inspected);
}

// Keys name the owners; the other pieces stand side by side with them, texts with those values that
// are texts.
Result<Overflow> Block::read_overflow(Scope owner, uint32_t group, Inspected& inspected) const {
  const uint32_t slot = slot_of(owner, group);
  const auto piece = [&](OverflowPiece which, const ExpectedColumn& expected) {
    return read_column({.column = overflow_column(owner, which),
                        .slot = slot,
                        .expected = expected,
                        .group = group},
                       inspected);
  };
  Overflow out;
  out.keys = TRY(piece(OverflowPiece::keys, {owners_in(owner, group), false, ValueForm::texts}));
  if (out.keys.slices.empty()) {
    out.types = empty_column(false);
    out.values = empty_column(true);
    return out;
  }
  const Slice& keys = out.keys.slices.front();
  const Range all{0, keys.count};
  out.types = TRY(piece(OverflowPiece::types, {all, true, ValueForm::words, kValueTypes}));
  out.values = TRY(piece(OverflowPiece::values, {all, true, ValueForm::longs}));
  const std::span<const uint32_t> types(out.types.slices.front().words, keys.count);
  const auto texts = static_cast<uint32_t>(std::ranges::count_if(
      types, [](uint32_t type) { return is_text(static_cast<ValueType>(type)); }));
  Column codes = TRY(piece(OverflowPiece::texts, {{0, texts}, true, ValueForm::texts}));
  return join_overflow(std::move(out), codes);
}

// Puts the codes of texts in their places among the values, and the owners everywhere.
Overflow Block::join_overflow(Overflow overflow, const Column& codes) {
  struct Joined {
    std::vector<uint64_t> values;
    std::shared_ptr<const void> keys;
    std::shared_ptr<const void> texts;
  };
  const Slice& keys = overflow.keys.slices.front();
  Slice& types = overflow.types.slices.front();
  Slice& values = overflow.values.slices.front();
  auto joined = std::make_shared<Joined>();
  joined->values.assign(values.longs, values.longs + values.count);
  uint32_t text = 0;
  for (uint32_t i = 0; i < values.count; ++i) {
    if (!is_text(static_cast<ValueType>(types.words[i]))) continue;
    joined->values[i] = codes.slices.front().words[text++];
  }
  joined->keys = overflow.keys.keep;
  joined->texts = codes.keep;
  values.longs = joined->values.data();
  for (Slice* slice : {&types, &values}) {
    slice->owners = keys.owners;
    slice->first_owner = keys.first_owner;
  }
  overflow.values.texts = codes.texts;
  overflow.values.keep = std::move(joined);
  struct Types {
    std::shared_ptr<const void> types;
    std::shared_ptr<const void> keys;
  };
  overflow.types.keep = std::make_shared<Types>(Types{overflow.types.keep, overflow.keys.keep});
  return overflow;
}

}  // namespace vivace
