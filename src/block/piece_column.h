// One column of all sources, as a row group of the block needs it: the pieces that the group has
// owners of are read, the values of its owners gathered in their order, and pieces that no longer
// matter let go. Heads stay as they are in memory; of a source in order, whose pieces come one
// after the other, a few decoded ones are kept.
//
//   PieceColumn column(order, [&](const Piece& piece) { return read(piece); });
//   GroupValues values;
//   CHECK_OK(column.gather(group, ValueForm::longs, values));
//
// A dense piece is copied from by number; in a sparse one a bitmap of its owners and the running
// count of its bits lead from owners to values. Runs of the order become runs of values.
//
// For the writer of blocks; one thread.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "block/owner_order.h"

namespace vivace {

// May return a column without slices.
using ReadPiece = std::function<Result<Column>(const Piece&)>;
// A field as the sources have it; they must outlive it.
ReadPiece field_reader(const BlockSources& sources, Field field);

struct GroupValues {
  bool dense = false;            // each owner once; else they are named
  std::vector<uint32_t> owners;  // offsets in the row group, ascending
  uint32_t count = 0;
  std::vector<uint32_t> words;
  std::vector<uint64_t> longs;
  std::vector<std::string_view> texts;  // good until the next group
};

class PieceColumn {
 public:
  // The order must outlive this.
  PieceColumn(const OwnerOrder& order, ReadPiece read);
  ~PieceColumn();
  PieceColumn(const PieceColumn&) = delete;
  PieceColumn& operator=(const PieceColumn&) = delete;

  // Of words, longs, texts (as views) or none. Row groups are best asked for in ascending order.
  Result<void> gather(uint32_t group, ValueForm form, GroupValues& out);
  // The same of a column that must be dense: else Code::corrupt.
  Result<void> gather_all(uint32_t group, ValueForm form, GroupValues& out);

 private:
  struct Loaded;
  struct Stretch;

  Result<void> enter(const OwnerOrder::Group& group);
  Result<void> load(uint32_t piece);
  void let_go(const OwnerOrder::Group& group);
  bool are_dense(const OwnerOrder::Group& group) const;
  void place_runs(const OwnerOrder::Group& group, GroupValues& out);
  void place_picks(const OwnerOrder::Group& group, GroupValues& out);
  bool are_indexed(const OwnerOrder::Group& group) const;
  template <class T>
  void pick_values(const OwnerOrder::Group& group, GroupValues& out, std::vector<T>& values) const;
  template <class T>
  void copy(std::vector<T>& out) const;
  template <class T>
  void copy_dense(const OwnerOrder::Group& group, std::vector<T>& out) const;
  void copy_texts(GroupValues& out) const;

  const OwnerOrder& order_;
  const OwnerSpace& space_;
  ReadPiece read_;
  std::vector<std::unique_ptr<Loaded>> loaded_;  // by piece; null: not there
  std::vector<uint32_t> owned_;                  // loaded ones that take memory, oldest first
  std::vector<Stretch> stretches_;               // values of the group, side by side in a piece
};

// Reads numbers of single owners, wherever they are. The first error is latched.
template <class T>
class PieceValues {
 public:
  PieceValues(const OwnerSpace& space, ReadPiece read)
      : space_(space), read_(std::move(read)), pages_(space.pages()) {}

  T operator[](uint32_t number) {
    const T* const page = pages_[number / kPageOwners];
    return page != nullptr ? page[number % kPageOwners] : load(number);
  }
  Result<void> verdict() const {
    if (error_.message.empty()) return {};
    return std::unexpected(error_);
  }

 private:
  struct Kept {
    uint32_t piece = 0;
    Column column;
    std::vector<T> copy;  // if the values were not side by side
  };
  T load(uint32_t number);
  void show(const Piece& piece, const T* values);

  const OwnerSpace& space_;
  ReadPiece read_;
  std::vector<const T*> pages_;
  std::vector<std::unique_ptr<Kept>> borrowed_;
  std::vector<std::unique_ptr<Kept>> owned_;  // oldest first
  Error error_;
};

}  // namespace vivace
