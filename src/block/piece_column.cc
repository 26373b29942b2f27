// Gathering has two steps: where the group's values lie (stretches of neighbours in a piece), then
// one loop over them for the type of value.
#include "block/piece_column.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace vivace {
namespace {

template <class T>
const T* values_of(const Slice& slice) {
  if constexpr (sizeof(T) == 4) {
    return slice.words;
  } else {
    return slice.longs;
  }
}

// The values of all slices side by side: as they lie, or copied.
template <class T>
const T* joined(const std::vector<Slice>& slices, std::vector<T>& copy) {
  if (slices.empty() || values_of<T>(slices[0]) == nullptr) return nullptr;
  bool apart = false;
  size_t count = slices[0].count;
  for (size_t i = 1; i < slices.size(); ++i) {
    apart |= values_of<T>(slices[i]) != values_of<T>(slices[i - 1]) + slices[i - 1].count;
    count += slices[i].count;
  }
  if (!apart) return values_of<T>(slices[0]);
  copy.reserve(count);
  for (const Slice& slice : slices) {
    const T* const values = values_of<T>(slice);
    copy.insert(copy.end(), values, values + slice.count);
  }
  return copy.data();
}

}  // namespace

ReadPiece field_reader(const BlockSources& sources, Field field) {
  return [&sources, field](const Piece& piece) {
    Inspected uncounted;
    return sources.part(piece.source).read(field, piece.group, uncounted);
  };
}

// A piece in memory.
struct PieceColumn::Loaded {
  Column column;
  bool dense = false;
  const uint32_t* words = nullptr;
  const uint64_t* longs = nullptr;
  std::vector<uint32_t> words_copy;
  std::vector<uint64_t> longs_copy;
  // Sparse: the owner of each value, and where in them the last run was.
  const uint32_t* owners = nullptr;
  std::vector<uint32_t> owners_copy;
  uint32_t count = 0;  // of values
  uint32_t at = 0;
  // From the first time that owners are picked one by one: which have values, how many before each
  // word of the bitmap do, and, if some have several, where each one's begin.
  std::vector<uint64_t> marks;
  std::vector<uint32_t> before;
  std::vector<uint32_t> starts;
  // Of a source that is not in order, whose owners are picked one by one: by owner the number of
  // its value plus 1, or 0.
  std::vector<uint16_t> value_of;

  explicit Loaded(Column from) : column(std::move(from)) {}
  void index(const Piece& piece);
  void join_owners();
  void mark(const Range& of);
  bool is_empty() const { return column.slices.empty(); }
  uint32_t seek(uint32_t owner);

  template <class T>
  const T* values() const {
    if constexpr (sizeof(T) == 4) {
      return words;
    } else {
      return longs;
    }
  }
  bool has(uint32_t local) const { return (marks[local / 64] >> local % 64 & 1) != 0; }
  // Owners below this one that have values.
  uint32_t rank(uint32_t local) const {
    const uint64_t below = (1ULL << local % 64) - 1;
    return before[local / 64] + static_cast<uint32_t>(std::popcount(marks[local / 64] & below));
  }
};

struct PieceColumn::Stretch {
  const Loaded* from = nullptr;
  uint32_t first = 0;  // value
  uint32_t count = 0;
};

void PieceColumn::Loaded::index(const Piece& piece) {
  std::erase_if(column.slices, [](const Slice& slice) { return slice.count == 0; });
  words = joined(column.slices, words_copy);
  longs = joined(column.slices, longs_copy);
  bool named = false;
  for (const Slice& slice : column.slices) {
    named |= slice.owners != nullptr || slice.first_owner != piece.owners.first + count;
    count += slice.count;
  }
  dense = !named && count == piece.owners.count;
  if (dense || is_empty()) return;
  join_owners();
  ASSERT(owners[0] >= piece.owners.first && owners[count - 1] < piece.owners.end());
  const bool repeats = std::adjacent_find(owners, owners + count) != owners + count;
  dense = count == piece.owners.count && !repeats;
  if (dense || piece.in_order) return;
  if (repeats || count >= UINT16_MAX) return mark(piece.owners);
  value_of.resize(piece.owners.count);
  for (uint32_t i = 0; i < count; ++i) {
    value_of[owners[i] - piece.owners.first] = static_cast<uint16_t>(i + 1);
  }
}

void PieceColumn::Loaded::join_owners() {
  owners = column.slices[0].owners;
  bool apart = owners == nullptr;
  uint32_t passed = 0;
  for (const Slice& slice : column.slices) {
    apart = apart || slice.owners != owners + passed;
    passed += slice.count;
  }
  if (!apart) return;
  owners_copy.reserve(count);
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) owners_copy.push_back(slice.owner(i));
  }
  owners = owners_copy.data();
}

void PieceColumn::Loaded::mark(const Range& of) {
  if (!marks.empty() || is_empty()) return;
  marks.resize(of.count / 64 + 1);
  bool repeats = false;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t local = owners[i] - of.first;
    marks[local / 64] |= 1ULL << local % 64;
    repeats |= i > 0 && owners[i] == owners[i - 1];
  }
  before.reserve(marks.size());
  uint32_t marked = 0;
  for (const uint64_t word : marks) {
    before.push_back(marked);
    marked += static_cast<uint32_t>(std::popcount(word));
  }
  if (!repeats) return;
  starts.reserve(marked + 1);
  for (uint32_t i = 0; i < count; ++i) {
    if (i == 0 || owners[i] != owners[i - 1]) starts.push_back(i);
  }
  starts.push_back(count);
}

// The first value of this owner or a later one: mostly near the last one that was asked for.
uint32_t PieceColumn::Loaded::seek(uint32_t owner) {
  if (at > 0 && owners[at - 1] >= owner) at = 0;
  uint32_t step = 1;
  while (at + step < count && owners[at + step] < owner) {
    at += step;
    step *= 2;
  }
  const uint32_t* const end = owners + std::min(at + step, count);
  at = static_cast<uint32_t>(std::lower_bound(owners + at, end, owner) - owners);
  return at;
}

PieceColumn::PieceColumn(const OwnerOrder& order, ReadPiece read)
    : order_(order),
      space_(order.space()),
      read_(std::move(read)),
      loaded_(space_.pieces().size()) {}

PieceColumn::~PieceColumn() = default;

Result<void> PieceColumn::load(uint32_t piece) {
  const Piece& of = space_.pieces()[piece];
  auto loaded = std::make_unique<Loaded>(TRY(read_(of)));
  loaded->index(of);
  loaded_[piece] = std::move(loaded);
  if (of.in_order) owned_.push_back(piece);
  return {};
}

// Two pieces of each source, beside those of the group.
void PieceColumn::let_go(const OwnerOrder::Group& group) {
  const size_t most = 2 * (size_t{space_.pieces().back().source} + 1) + group.pieces.size();
  if (owned_.size() <= most) return;
  size_t over = owned_.size() - most;
  std::erase_if(owned_, [&](uint32_t piece) {
    if (over == 0 || std::ranges::count(group.pieces, piece) > 0) return false;
    loaded_[piece].reset();
    --over;
    return true;
  });
}

Result<void> PieceColumn::enter(const OwnerOrder::Group& group) {
  for (const uint32_t piece : group.pieces) {
    if (loaded_[piece] == nullptr) CHECK_OK(load(piece));
  }
  if (!owned_.empty()) let_go(group);
  return {};
}

bool PieceColumn::are_dense(const OwnerOrder::Group& group) const {
  return std::ranges::all_of(group.pieces, [&](uint32_t piece) { return loaded_[piece]->dense; });
}

void PieceColumn::place_runs(const OwnerOrder::Group& group, GroupValues& out) {
  uint32_t offset = 0;  // in the row group
  for (const OwnerRun& run : group.runs) {
    const uint32_t place = space_.piece_at(run.first);
    const Piece& piece = space_.pieces()[place];
    Loaded& from = *loaded_[place];
    const uint32_t local = run.first - piece.first;
    const size_t before = out.owners.size();
    if (from.dense) {
      out.owners.resize(before + run.count);
      std::iota(out.owners.begin() + static_cast<ptrdiff_t>(before), out.owners.end(), offset);
      stretches_.push_back({&from, local, run.count});
    } else if (!from.is_empty()) {
      const uint32_t owner = piece.owners.first + local;
      const uint32_t first = from.seek(owner);
      const uint32_t end = from.seek(owner + run.count);
      out.owners.resize(before + (end - first));
      uint32_t* const to = out.owners.data() + before;
      for (uint32_t i = 0; i < end - first; ++i) to[i] = from.owners[first + i] - owner + offset;
      if (end > first) stretches_.push_back({&from, first, end - first});
    }
    offset += run.count;
  }
}

void PieceColumn::place_picks(const OwnerOrder::Group& group, GroupValues& out) {
  const std::vector<Piece>& pieces = space_.pieces();
  for (uint32_t i = 0; i < group.picks.size(); ++i) {
    const uint32_t piece = space_.piece_at(group.picks[i]);
    Loaded& from = *loaded_[piece];
    const uint32_t local = group.picks[i] - pieces[piece].first;
    if (from.is_empty()) continue;
    if (from.dense) {
      out.owners.push_back(i);
      stretches_.push_back({&from, local, 1});
      continue;
    }
    from.mark(pieces[piece].owners);
    if (!from.has(local)) continue;
    const uint32_t rank = from.rank(local);
    const uint32_t first = from.starts.empty() ? rank : from.starts[rank];
    const uint32_t count = from.starts.empty() ? 1 : from.starts[rank + 1] - first;
    out.owners.insert(out.owners.end(), count, i);
    stretches_.push_back({&from, first, count});
  }
}

// Whether `pick_values` can do it.
bool PieceColumn::are_indexed(const OwnerOrder::Group& group) const {
  return !group.in_runs && std::ranges::all_of(group.pieces, [&](uint32_t piece) {
    const Loaded& of = *loaded_[piece];
    return of.dense || of.is_empty() || !of.value_of.empty();
  });
}

// Owners and values of picks in one loop without decisions.
template <class T>
void PieceColumn::pick_values(const OwnerOrder::Group& group, GroupValues& out,
                              std::vector<T>& values) const {
  out.owners.resize(group.owners.count);
  values.resize(group.owners.count);
  uint32_t first = 0;
  uint32_t count = 0;
  const Loaded* from = nullptr;
  const T* from_values = nullptr;
  uint32_t taken = 0;
  for (uint32_t i = 0; i < group.picks.size(); ++i) {
    uint32_t local = group.picks[i] - first;
    if (local >= count) {
      const uint32_t piece = space_.piece_at(group.picks[i]);
      first = space_.pieces()[piece].first;
      count = space_.pieces()[piece].owners.count;
      local = group.picks[i] - first;
      from = loaded_[piece].get();
      from_values = from->values<T>();
    }
    if (from->is_empty()) continue;
    const uint32_t value = from->dense ? local + 1 : from->value_of[local];
    const uint32_t has = value != 0 ? 1 : 0;
    out.owners[taken] = i;
    values[taken] = from_values[value - has];
    taken += has;
  }
  out.owners.resize(taken);
  values.resize(taken);
}

template <class T>
void PieceColumn::copy(std::vector<T>& out) const {
  for (const Stretch& stretch : stretches_) {
    const T* const values = stretch.from->values<T>();
    if (stretch.count == 1) {
      out.push_back(values[stretch.first]);
    } else {
      out.insert(out.end(), values + stretch.first, values + stretch.first + stretch.count);
    }
  }
}

template <class T>
void PieceColumn::copy_dense(const OwnerOrder::Group& group, std::vector<T>& out) const {
  out.resize(group.owners.count);
  const std::vector<Piece>& pieces = space_.pieces();
  const auto values_in = [&](uint32_t piece) { return loaded_[piece]->template values<T>(); };
  T* to = out.data();
  for (const OwnerRun& run : group.runs) {
    const uint32_t piece = space_.piece_at(run.first);
    const T* const from = values_in(piece) + (run.first - pieces[piece].first);
    std::memcpy(to, from, run.count * sizeof(T));
    to += run.count;
  }
  uint32_t piece = UINT32_MAX;
  uint32_t first = 0;
  uint32_t count = 0;
  const T* values = nullptr;
  for (const uint32_t pick : group.picks) {
    if (pick - first >= count) {
      piece = space_.piece_at(pick);
      first = pieces[piece].first;
      count = pieces[piece].owners.count;
      values = values_in(piece);
    }
    *to++ = values[pick - first];
  }
}

void PieceColumn::copy_texts(GroupValues& out) const {
  for (const Stretch& stretch : stretches_) {
    const Texts& texts = *stretch.from->column.texts;
    for (uint32_t i = 0; i < stretch.count; ++i) {
      out.texts.push_back(texts[stretch.from->words[stretch.first + i]]);
    }
  }
}

Result<void> PieceColumn::gather(uint32_t group, ValueForm form, GroupValues& out) {
  const OwnerOrder::Group& of = order_.group(group);
  out.owners.clear();
  out.words.clear();
  out.longs.clear();
  out.texts.clear();
  stretches_.clear();
  CHECK_OK(enter(of));
  out.dense = of.owners.count > 0 && are_dense(of);
  const bool words = form == ValueForm::words || form == ValueForm::codes;
  if (out.dense && (words || form == ValueForm::longs)) {
    out.count = of.owners.count;
    if (words) {
      copy_dense(of, out.words);
    } else {
      copy_dense(of, out.longs);
    }
    return {};
  }
  if (words && are_indexed(of)) {
    pick_values(of, out, out.words);
  } else if (form == ValueForm::longs && are_indexed(of)) {
    pick_values(of, out, out.longs);
  } else {
    place_runs(of, out);
    place_picks(of, out);
    if (words) copy(out.words);
    if (form == ValueForm::longs) copy(out.longs);
    if (form == ValueForm::texts) copy_texts(out);
  }
  out.count = static_cast<uint32_t>(out.owners.size());
  out.dense =
      out.count == of.owners.count && std::ranges::adjacent_find(out.owners) == out.owners.end();
  return {};
}

Result<void> PieceColumn::gather_all(uint32_t group, ValueForm form, GroupValues& out) {
  CHECK_OK(gather(group, form, out));
  if (!out.dense && order_.group(group).owners.count > 0) {
    return fail(Code::corrupt, "a source has gaps");
  }
  return {};
}

// ------------------------------------------------------------------------------- single owners

template <class T>
void PieceValues<T>::show(const Piece& piece, const T* values) {
  for (uint32_t at = 0; at < piece.owners.count; at += kPageOwners) {
    pages_[(piece.first + at) / kPageOwners] = values == nullptr ? nullptr : values + at;
  }
}

template <class T>
T PieceValues<T>::load(uint32_t number) {
  const uint32_t place = space_.piece_at(number);
  const Piece& piece = space_.pieces()[place];
  auto column = read_(piece);
  uint32_t count = 0;
  for (const Slice& slice : column ? column->slices : std::vector<Slice>()) {
    if (values_of<T>(slice) != nullptr && slice.owners == nullptr) count += slice.count;
  }
  if (count != piece.owners.count) {
    if (error_.message.empty()) {
      error_ = column ? Error{Code::corrupt, "a source has gaps"} : std::move(column).error();
    }
    return 0;
  }
  auto kept = std::make_unique<Kept>();
  kept->piece = place;
  kept->column = *std::move(column);
  const T* const values = joined(kept->column.slices, kept->copy);
  show(piece, values);
  const T found = values[number - piece.first];
  if (!piece.in_order) {
    borrowed_.push_back(std::move(kept));
    return found;
  }
  owned_.push_back(std::move(kept));
  if (owned_.size() > 3 * (size_t{space_.pieces().back().source} + 1)) {
    show(space_.pieces()[owned_.front()->piece], nullptr);
    owned_.erase(owned_.begin());
  }
  return found;
}

template class PieceValues<uint32_t>;
template class PieceValues<uint64_t>;

}  // namespace vivace
