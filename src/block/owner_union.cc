// Each resource or scope is read back and written into a string, by whose 128-bit hash equal ones
// are found. Of a single source they are distinct already.
#include "block/owner_union.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/bytes.h"
#include "base/hash.h"
#include "model/row_reader.h"

namespace vivace {
namespace {

class Identity {
 public:
  Identity(const Part& part, Scope owner) : reader_(part, uncounted_), owner_(owner) {}

  Result<Hash128> of(uint32_t number) {
    bytes_.clear();
    if (owner_ == Scope::resource) {
      CHECK_OK(reader_.read_resource(number, resource_));
      add(resource_.schema_url);
      append_le(bytes_, resource_.dropped_attributes);
      add(resource_.attributes);
    } else {
      CHECK_OK(reader_.read_scope(number, scope_));
      add(scope_.name);
      add(scope_.version);
      add(scope_.schema_url);
      append_le(bytes_, scope_.dropped_attributes);
      add(scope_.attributes);
    }
    return hash128(bytes_, kProcessSeed);
  }

 private:
  void add(std::string_view text) {
    append_le(bytes_, static_cast<uint64_t>(text.size()));
    bytes_ += text;
  }
  void add(const std::vector<AttributeView>& attributes) {
    for (const AttributeView& attribute : attributes) {
      add(attribute.key);
      bytes_.push_back(static_cast<char>(attribute.value.type));
      append_le(bytes_, attribute.value.bits);
      add(attribute.value.text);
    }
  }

  Inspected uncounted_;
  RowReader reader_;
  Scope owner_;
  std::string bytes_;
  ResourceView resource_;
  ScopeView scope_;
};

}  // namespace

Result<std::vector<bool>> OwnerUnion::used(uint32_t source, const OwnerOrder& rows) const {
  const Part& part = sources_->part(source);
  const uint32_t count = owner_ == Scope::resource ? part.resources() : part.scopes();
  if (rows.has_whole_source(source)) return std::vector<bool>(count, true);
  std::vector<bool> out(count);
  const Field field = owner_ == Scope::resource ? Field::resource : Field::scope;
  for (const Piece& piece : rows.space().of_source(source)) {
    Inspected uncounted;
    const Column column = TRY(part.read(field, piece.group, uncounted));
    for (const Slice& slice : column.slices) {
      for (uint32_t i = 0; i < slice.count; ++i) {
        if (rows.placed(piece.number(slice.owner(i))) == OwnerOrder::kNowhere) continue;
        if (slice.words[i] >= count) return fail(Code::corrupt, "an owner that is not there");
        out[slice.words[i]] = true;
      }
    }
  }
  return out;
}

Result<OwnerUnion> OwnerUnion::make(const BlockSources& sources, Scope owner,
                                    const OwnerOrder& rows) {
  OwnerUnion out(sources, owner);
  const OwnerSpace& space = sources.space(owner);
  out.placed_.assign(space.end(), OwnerOrder::kNowhere);
  boost::unordered_flat_map<Hash128, uint32_t, TakeHash> known;
  uint32_t next = 0;
  for (const Piece& piece : space.pieces()) {
    const std::vector<bool> used = TRY(out.used(piece.source, rows));
    Identity identity(sources.part(piece.source), owner);
    for (uint32_t i = 0; i < piece.owners.count; ++i) {
      if (!used[i]) continue;
      uint32_t place = next;
      if (sources.count() > 1) {
        place = known.try_emplace(TRY(identity.of(i)), next).first->second;
      }
      out.placed_[piece.number(i)] = place;
      if (place != next) continue;
      out.order_.append(piece.number(i), 1);
      ++next;
    }
  }
  if (next > 0) out.order_.end_group();
  out.order_.finish();
  return out;
}

Result<Column> OwnerUnion::read(const Piece& rows) const {
  const Field field = owner_ == Scope::resource ? Field::resource : Field::scope;
  Inspected uncounted;
  Column column = TRY(sources_->part(rows.source).read(field, rows.group, uncounted));
  const std::span<const Piece> of = sources_->space(owner_).of_source(rows.source);
  if (of.empty()) return fail(Code::corrupt, "an owner that is not there");
  auto words = std::make_shared<std::vector<uint32_t>>();
  words->reserve(rows.owners.count);
  for (Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      if (slice.words[i] >= of[0].owners.count) {
        return fail(Code::corrupt, "an owner that is not there");
      }
      words->push_back(placed_[of[0].number(slice.words[i])]);
    }
    if (words->size() > rows.owners.count) return fail(Code::corrupt, "a source has gaps");
    slice.words = words->data() + words->size() - slice.count;
  }
  column.keep = std::move(words);
  return column;
}

ReadPiece OwnerUnion::numbers() const {
  return [this](const Piece& rows) { return read(rows); };
}

}  // namespace vivace
