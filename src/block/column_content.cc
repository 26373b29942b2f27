// Both directions of a column's content. What is read is checked so that whoever uses the column
// can use its words as indices: owners lie in the row group and ascend, codes in the dictionary.
#include "block/column_content.h"

#include <algorithm>
#include <bit>
#include <numeric>

namespace vivace {
namespace {

constexpr size_t kContentHeaderBytes = 8;

bool repeats(std::span<const uint32_t> ascending) {
  return std::adjacent_find(ascending.begin(), ascending.end()) != ascending.end();
}

void append_bitmap(std::string& out, std::span<const uint32_t> owners, uint32_t total) {
  const size_t at = out.size();
  out.resize(at + (total + 7) / 8);
  for (const uint32_t owner : owners) {
    char& byte = out[at + owner / 8];
    byte = static_cast<char>(byte | (1 << owner % 8));
  }
}

OwnerForm owner_form(const ColumnValues& values) {
  if (values.dense) return OwnerForm::dense;
  const size_t width = values.owners_total <= 256 ? 1 : values.owners_total <= 65'536 ? 2 : 4;
  const size_t bitmap_bytes = (values.owners_total + 7) / 8;
  return bitmap_bytes < width * values.count && !repeats(values.owners) ? OwnerForm::bitmap
                                                                        : OwnerForm::list;
}

void take_bitmap(ByteReader& in, std::span<uint32_t> owners, uint32_t total) {
  const std::string_view bits = in.take_bytes((total + 7) / 8);
  size_t count = 0;
  for (size_t at = 0; at < bits.size(); ++at) {
    for (uint32_t left = static_cast<uint8_t>(bits[at]); left != 0; left &= left - 1) {
      const auto owner =
          static_cast<uint32_t>(at * 8) + static_cast<uint32_t>(std::countr_zero(left));
      if (count == owners.size() || owner >= total) return in.set_failed();
      owners[count++] = owner;
    }
  }
  if (count != owners.size()) in.set_failed();
}

// Turns offsets into numbers of owners.
void take_owners(ByteReader& in, OwnerForm form, Range range, std::span<uint32_t> owners) {
  if (form == OwnerForm::bitmap) {
    take_bitmap(in, owners, range.count);
  } else {
    take_numbers(in, owners);
    if (!in.ok() || !std::ranges::is_sorted(owners) || owners.back() >= range.count) {
      return in.set_failed();
    }
  }
  for (uint32_t& owner : owners) owner += range.first;
}

// Before memory is taken for so many values: an owner may have any number of them, but each stands
// in the list, in a byte at least.
bool is_possible(OwnerForm form, uint32_t count, uint32_t owners, size_t bytes_left) {
  if (count == 0) return false;  // then there is no chunk
  if (form == OwnerForm::dense) return count == owners;
  if (form == OwnerForm::bitmap) return count <= owners;
  return form == OwnerForm::list && count <= bytes_left && count <= kGroupValuesMax;
}

void take_values(ByteReader& in, ValueForm form, uint32_t count, DecodedColumn& out) {
  switch (form) {
    case ValueForm::none:
      return;
    case ValueForm::longs:
      out.longs.resize(count);
      return take_numbers(in, std::span<uint64_t>(out.longs));
    case ValueForm::words:
    case ValueForm::codes:
      out.words.resize(count);
      return take_numbers(in, std::span<uint32_t>(out.words));
    case ValueForm::texts:
      out.texts.take(in, count);
      out.words.resize(count);
      std::iota(out.words.begin(), out.words.end(), 0U);
      return;
  }
  in.set_failed();
}

bool are_within(const DecodedColumn& decoded, ValueForm form, const ExpectedColumn& expected) {
  uint64_t from = expected.words_from;
  uint64_t below = expected.words_below;
  if (form == ValueForm::codes) {
    if (decoded.dictionary == nullptr) return false;
    from = 0;
    below = decoded.dictionary->size();
  } else if (form != ValueForm::words) {
    return true;
  }
  uint32_t low = UINT32_MAX;
  uint32_t high = 0;
  for (const uint32_t word : decoded.words) {
    low = std::min(low, word);
    high = std::max(high, word);
  }
  return low >= from && high < below;
}

bool is_expected(ValueForm form, ValueForm expected) {
  return form == expected || (form == ValueForm::codes && expected == ValueForm::texts);
}

class NoTexts final : public Texts {
 public:
  uint32_t size() const override { return 0; }
  std::string_view operator[](uint32_t) const override { return {}; }
};

}  // namespace

void append_column(std::string& out, const ColumnValues& values) {
  const OwnerForm owners = owner_form(values);
  append_le(out, values.count);
  out.push_back(static_cast<char>(owners));
  out.push_back(static_cast<char>(values.form));
  append_le<uint16_t>(out, 0);
  if (owners == OwnerForm::bitmap) append_bitmap(out, values.owners, values.owners_total);
  if (owners == OwnerForm::list) append_numbers(out, values.owners, 1);
  if (values.form == ValueForm::longs) append_numbers(out, values.longs);
  if (values.form == ValueForm::words || values.form == ValueForm::codes) {
    append_numbers(out, values.words);
  }
  if (values.form == ValueForm::texts) append_texts(out, values.texts);
}

bool holds_codes(std::string_view content) {
  return content.size() >= kContentHeaderBytes &&
         static_cast<ValueForm>(content[5]) == ValueForm::codes;
}

Result<Column> take_column(std::string_view content, const ExpectedColumn& expected,
                           std::shared_ptr<DecodedColumn> decoded) {
  ByteReader in(content);
  const auto count = in.take<uint32_t>();
  const auto owners = static_cast<OwnerForm>(in.take<uint8_t>());
  const auto form = static_cast<ValueForm>(in.take<uint8_t>());
  in.take<uint16_t>();
  const bool dense = owners == OwnerForm::dense;
  if (!in.ok() || !is_possible(owners, count, expected.owners.count, in.left()) ||
      !is_expected(form, expected.form) || (expected.dense && !dense)) {
    return fail(Code::corrupt, "not what the column holds");
  }
  if (!dense) {
    decoded->owners.resize(count);
    take_owners(in, owners, expected.owners, decoded->owners);
  }
  if (in.ok()) take_values(in, form, count, *decoded);
  if (!in.at_end()) return fail(Code::corrupt, "the content is cut short or too long");
  if (!are_within(*decoded, form, expected)) return fail(Code::corrupt, "a value is out of range");
  Column column;
  column.slices.push_back({.count = count,
                           .first_owner = expected.owners.first,
                           .owners = dense ? nullptr : decoded->owners.data(),
                           .words = decoded->words.empty() ? nullptr : decoded->words.data(),
                           .longs = decoded->longs.empty() ? nullptr : decoded->longs.data()});
  if (form == ValueForm::texts) column.texts = &decoded->texts;
  if (form == ValueForm::codes) column.texts = decoded->dictionary.get();
  column.keep = std::move(decoded);
  return column;
}

Column empty_column(bool texts) {
  static const NoTexts no_texts;
  Column column;
  if (texts) column.texts = &no_texts;
  return column;
}

}  // namespace vivace
