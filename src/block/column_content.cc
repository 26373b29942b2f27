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
// in the list, in a byte at least; those of shapes are there already.
bool is_possible(const ContentForms& forms, uint32_t owners, size_t bytes_left,
                 const DecodedColumn& decoded) {
  if (forms.count == 0) return false;  // then there is no chunk
  switch (forms.owners) {
    case OwnerForm::dense:
      return forms.count == owners;
    case OwnerForm::bitmap:
      return forms.count <= owners;
    case OwnerForm::list:
      return forms.count <= bytes_left && forms.count <= kGroupValuesMax;
    case OwnerForm::shapes:
      return forms.count == decoded.owners.size();
  }
  return false;
}

template <class T>
void take_all(ByteReader& in, std::vector<T>& values, uint32_t count) {
  values.resize(count);
  take_numbers(in, std::span<T>(values));
}

template <class T>
void take_referring(ByteReader& in, const std::vector<uint32_t>& references,
                    std::vector<T>& values) {
  const auto count = static_cast<size_t>(std::ranges::count(references, 0U));
  std::vector<T> stored(count + 1);  // one may be looked at, and not used, behind the last
  take_numbers(in, std::span<T>(stored).first(count));
  values.resize(references.size());
  size_t next = 0;
  for (size_t i = 0; i < references.size(); ++i) {  // without decisions, which are random
    const T is_stored = references[i] == 0 ? 1 : 0;
    values[i] = stored[next] * is_stored;
    next += is_stored;
  }
}

void take_references(ByteReader& in, const ContentForms& forms, DecodedColumn& out) {
  take_all(in, out.references, forms.count);
  if (!in.ok()) return;
  if (forms.values == ValueForm::longs) return take_referring(in, out.references, out.longs);
  if (forms.values == ValueForm::words) return take_referring(in, out.references, out.words);
  in.set_failed();
}

void take_by_name(ByteReader& in, const ContentForms& forms, DecodedColumn& out) {
  const auto names = in.take<uint32_t>();
  if (names == 0 || names > in.left()) return in.set_failed();
  take_all(in, out.references, names);
  if (!in.ok()) return;
  if (forms.values == ValueForm::longs) return take_all(in, out.longs, names);
  if (forms.values == ValueForm::words || forms.values == ValueForm::codes) {
    return take_all(in, out.words, names);
  }
  in.set_failed();
}

void take_plain(ByteReader& in, ValueForm form, uint32_t count, DecodedColumn& out) {
  switch (form) {
    case ValueForm::none:
      return;
    case ValueForm::longs:
      return take_all(in, out.longs, count);
    case ValueForm::words:
    case ValueForm::codes:
      return take_all(in, out.words, count);
    case ValueForm::texts:
      out.texts.take(in, count);
      out.words.resize(count);
      std::iota(out.words.begin(), out.words.end(), 0U);
      return;
  }
  in.set_failed();
}

void take_values(ByteReader& in, const ContentForms& forms, DecodedColumn& out) {
  switch (forms.coding) {
    case Coding::plain:
      return take_plain(in, forms.values, forms.count, out);
    case Coding::references:
      return take_references(in, forms, out);
    case Coding::running:
      if (forms.values != ValueForm::longs) return in.set_failed();
      return take_all(in, out.longs, forms.count);
    case Coding::by_name:
      return take_by_name(in, forms, out);
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

template <class T>
void append_stored(std::string& out, std::span<const T> values, const ColumnCoding& coding,
                   const NumberOptions& options) {
  if (coding.coding != Coding::references) return append_numbers(out, values, options);
  std::vector<T> stored;
  for (size_t i = 0; i < values.size(); ++i) {
    if (coding.references[i] == 0) stored.push_back(values[i]);
  }
  append_numbers(out, std::span<const T>(stored), options);
}

void append_values(std::string& out, const ColumnValues& values, const ColumnCoding& coding,
                   const NumberOptions& options) {
  if (coding.coding == Coding::references) append_numbers(out, coding.references, options);
  if (coding.coding == Coding::by_name) {
    append_le(out, static_cast<uint32_t>(coding.references.size()));
    append_numbers(out, coding.references, {.byte_each = true});
  }
  const bool instead = !coding.words.empty() || !coding.longs.empty();
  if (values.form == ValueForm::longs) {
    append_stored(out, instead ? coding.longs : values.longs, coding, options);
  } else if (values.form == ValueForm::words || values.form == ValueForm::codes) {
    append_stored(out, instead ? coding.words : values.words, coding, options);
  } else if (values.form == ValueForm::texts) {
    append_texts(out, values.texts);
  }
}

}  // namespace

void append_column(std::string& out, std::vector<uint32_t>& cuts, const ColumnValues& values,
                   const ColumnCoding& coding) {
  const OwnerForm owners = coding.by_shapes ? OwnerForm::shapes : owner_form(values);
  append_le(out, values.count);
  out.push_back(static_cast<char>(owners));
  out.push_back(static_cast<char>(values.form));
  out.push_back(static_cast<char>(coding.coding));
  out.push_back(0);
  if (owners == OwnerForm::bitmap) append_bitmap(out, values.owners, values.owners_total);
  if (owners == OwnerForm::list) append_numbers(out, values.owners, {.byte_each = true});
  append_values(out, values, coding, {.maybe_cuts = &cuts});
}

ContentForms forms_of(std::string_view content) {
  ByteReader in(content);
  ContentForms out;
  out.count = in.take<uint32_t>();
  out.owners = static_cast<OwnerForm>(in.take<uint8_t>());
  out.values = static_cast<ValueForm>(in.take<uint8_t>());
  out.coding = static_cast<Coding>(in.take<uint8_t>());
  return out;
}

Result<void> take_column(std::string_view content, const ExpectedColumn& expected,
                         DecodedColumn& decoded) {
  ByteReader in(content);
  const ContentForms forms = forms_of(in.take_bytes(kContentHeaderBytes));
  const bool dense = forms.owners == OwnerForm::dense;
  if (!in.ok() || !is_possible(forms, expected.owners.count, in.left(), decoded) ||
      !is_expected(forms.values, expected.form) || (expected.dense && !dense)) {
    return fail(Code::corrupt, "not what the column holds");
  }
  if (!dense && forms.owners != OwnerForm::shapes) {
    decoded.owners.resize(forms.count);
    take_owners(in, forms.owners, expected.owners, decoded.owners);
  }
  if (in.ok() && expected.references_only) {
    if (forms.coding != Coding::references) return fail(Code::corrupt, "there are no references");
    take_all(in, decoded.references, forms.count);
    in.take_bytes(in.left());
  } else if (in.ok()) {
    take_values(in, forms, decoded);
  }
  if (!in.at_end()) return fail(Code::corrupt, "the content is cut short or too long");
  if (!are_within(decoded, forms.values, expected)) {
    return fail(Code::corrupt, "a value is out of range");
  }
  return {};
}

Column make_column(const ExpectedColumn& expected, const ContentForms& forms,
                   std::shared_ptr<const DecodedColumn> decoded) {
  Column column;
  const bool dense = forms.owners == OwnerForm::dense;
  column.slices.push_back({.count = forms.count,
                           .first_owner = expected.owners.first,
                           .owners = dense ? nullptr : decoded->owners.data(),
                           .words = decoded->words.empty() ? nullptr : decoded->words.data(),
                           .longs = decoded->longs.empty() ? nullptr : decoded->longs.data()});
  if (forms.values == ValueForm::texts) column.texts = &decoded->texts;
  if (forms.values == ValueForm::codes) column.texts = decoded->dictionary.get();
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
