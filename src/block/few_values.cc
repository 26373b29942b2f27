// Gives up early: most columns with many values show it in their first piece. What was read until
// then is read again by whoever writes the column.
#include "block/few_values.h"

#include <algorithm>
#include <functional>

#include "block/merge_runs.h"

namespace vivace {
namespace {

constexpr uint64_t kFewShare = 16;  // one owner in so many has a value
constexpr uint64_t kManyShare = 4;  // in what was seen so far

}  // namespace

bool FewValues::add(const Piece& piece, const Column& column, TextCodes* codes) {
  if (codes != nullptr) codes->use(piece.source, column);
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      const uint32_t placed = order_.placed(piece.number(slice.owner(i)));
      if (placed == OwnerOrder::kNowhere) continue;
      sorted_.push_back(uint64_t{placed} << 32 | sorted_.size());
      if (slice.longs != nullptr) longs_.push_back(slice.longs[i]);
      if (slice.words == nullptr) continue;
      if (codes == nullptr) {
        words_.push_back(slice.words[i]);
      } else {
        if (!codes->add(piece.source, slice.words[i])) return false;
        words_.push_back(codes->number(piece.source, slice.words[i]));
      }
    }
  }
  return true;
}

Result<bool> FewValues::collect(const ReadPiece& read, ValueForm form, TextCodes* codes) {
  const uint64_t most = order_.size() / kFewShare;
  uint64_t seen = 0;
  uint64_t values = 0;
  for (const Piece& piece : order_.space().pieces()) {
    const Column column = TRY(read(piece));
    seen += piece.owners.count;
    for (const Slice& slice : column.slices) values += slice.count;
    if (values > most || values * kManyShare > seen) return false;
    if (!add(piece, column, codes)) return false;
  }
  merge_runs(sorted_, std::less<>());
  if (form != ValueForm::texts) return true;
  codes->finish();
  for (uint32_t& word : words_) word = codes->place(word);
  return true;
}

void FewValues::gather(uint32_t group, GroupValues& out) {
  const Range owners = order_.group(group).owners;
  out.owners.clear();
  out.words.clear();
  out.longs.clear();
  for (; next_ < sorted_.size(); ++next_) {
    const auto owner = static_cast<uint32_t>(sorted_[next_] >> 32);
    if (owner >= owners.end()) break;
    const auto value = static_cast<uint32_t>(sorted_[next_]);
    out.owners.push_back(owner - owners.first);
    if (!words_.empty()) out.words.push_back(words_[value]);
    if (!longs_.empty()) out.longs.push_back(longs_[value]);
  }
  out.count = static_cast<uint32_t>(out.owners.size());
  out.dense =
      out.count == owners.count && std::ranges::adjacent_find(out.owners) == out.owners.end();
}

}  // namespace vivace
