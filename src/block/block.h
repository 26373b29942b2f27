// A block on disk as a part: opening reads the footer alone; everything else is read when it is
// asked for, by ranged reads, and checked before it is believed. FORMAT.md draws the bytes.
//
//   auto block = TRY(Block::open(storage, path, cache));
//   auto names = TRY(block->read(Field::name, group, inspected));
//
// Any thread; reads block on the disk, without a lock. What was decoded belongs to the Column; what
// is used again and again lies in the cache. Errors: Code::corrupt names file and place, and is
// contained to what was asked for; Code::io. A file of a later format is Code::unimplemented from
// `open`: not damage.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "block/block_cache.h"
#include "block/block_writer.h"
#include "model/columns.h"
#include "storage/storage.h"

namespace vivace {

struct BlockFooter;
struct BlockDirectory;
struct ContentForms;
struct DecodedColumn;
struct ExpectedColumn;
struct FirstFingerprints;
struct TraceTable;
enum class Coding : uint8_t;
class FilterPage;
class ReadAhead;
class TextList;

class Block final : public Part {
 public:
  // Storage and cache must outlive the block. Code::not_found when there is no such file.
  static Result<std::shared_ptr<Block>> open(Storage& storage, const std::string& path,
                                             BlockCache& cache);
  ~Block() override;

  const BlockIdentity& identity() const;
  const BlockSummary& summary() const;
  const std::string& path() const { return path_; }
  // Memory that it takes as long as it is open.
  int64_t memory_bytes() const;

  // Unlinks the file when the last reference goes: snapshots that hold the block can still read it.
  void remove_when_unused() { remove_.store(true, std::memory_order_relaxed); }

  uint32_t rows() const override;
  uint32_t traces() const override;
  uint32_t resources() const override;
  uint32_t scopes() const override;
  uint32_t groups() const override;
  RowGroup group(uint32_t group) const override;
  bool is_in_order() const override { return true; }
  std::optional<int64_t> received_min_ns() const override { return summary().received_min_ns; }
  uint32_t columns(Scope owner) const override;
  AttributeName column(Scope owner, uint32_t column) const override;
  Result<Column> read(Field field, uint32_t group, Inspected& inspected) const override;
  Result<Column> read_attribute(Scope owner, uint32_t column, uint32_t group,
                                Inspected& inspected) const override;
  Result<Overflow> read_overflow(Scope owner, uint32_t group, Inspected& inspected) const override;
  Result<std::shared_ptr<const Shapes>> shapes(Scope owner, Inspected& inspected) const override;
  Result<bool> may_hold(Scope owner, std::string_view key, uint32_t group,
                        const WantedValue& wanted, Inspected& inspected) const override;
  Result<bool> may_hold(Field field, uint32_t group, const WantedValue& wanted,
                        Inspected& inspected) const override;
  Result<std::optional<uint32_t>> find_trace(const TraceId& id,
                                             Inspected& inspected) const override;
  void may_find(std::span<const TraceId> ids, std::vector<uint32_t>& places,
                Inspected& inspected) const override;
  Result<TraceEntry> trace(uint32_t ordinal, Inspected& inspected) const override;
  Result<TraceRuns> trace_runs(uint32_t group, Inspected& inspected) const override;
  Result<void> trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                          Inspected& inspected) const override;

  // Whether `find_trace` may find it: false is certain, true is wrong for about one absent trace in
  // 200. A look into one page of a filter (16 KiB at the most), which is kept in the cache.
  Result<bool> may_have(const TraceId& id, Inspected& inspected) const;
  // For many at once: appends the places of those it may have. `fingerprints` (layout.h) ascend.
  Result<void> may_have(std::span<const uint64_t> fingerprints, std::vector<uint32_t>& places,
                        Inspected& inspected) const;
  // The traces that other blocks have spans of too, ascending by id; as `write_block` was told.
  // Kept in the cache.
  Result<std::shared_ptr<const std::vector<SplitTrace>>> splits(Inspected& inspected) const;

 private:
  struct Asked;  // a column's chunk, and what is known of it

  Block(Storage& storage, std::string path, BlockCache& cache);

  Result<std::string> read_range(uint64_t offset, uint64_t bytes) const;
  Result<BlockFooter> read_end() const;
  Result<std::string> read_section(uint16_t kind, Inspected& inspected) const;
  Result<std::string> read_chunk(uint32_t column, uint32_t slot, Inspected& inspected) const;

  // From the cache, or made by `make`. In block_cached.h.
  template <class T, class Make>
  Result<std::shared_ptr<const T>> cached(uint32_t column, uint32_t slot, Inspected& inspected,
                                          const Make& make) const;
  Result<std::shared_ptr<const BlockDirectory>> directory() const;
  Result<std::shared_ptr<const TextList>> dictionary(uint32_t column, Inspected& inspected) const;
  Result<std::shared_ptr<const TraceTable>> trace_table(uint32_t group, Inspected& inspected) const;
  Result<std::shared_ptr<const FirstFingerprints>> first_fingerprints(Inspected& inspected) const;
  Result<bool> find_in_page(uint32_t page, uint64_t above_first, std::vector<uint32_t>& ordinals,
                            Inspected& inspected) const;
  Result<std::shared_ptr<const FilterPage>> filter_page_at(uint32_t page,
                                                           Inspected& inspected) const;
  uint32_t group_of_trace(uint32_t ordinal) const;

  // block_statistics.cc
  struct Statistic;
  Result<bool> may_overflow(Scope owner, std::string_view key, uint32_t group,
                            Inspected& inspected) const;
  Result<bool> filter_may_have(uint32_t column, uint32_t group, std::string_view text,
                               Inspected& inspected) const;
  Result<std::optional<Statistic>> statistic(uint32_t column, uint32_t group,
                                             Inspected& inspected) const;
  Result<bool> may_hold_number(ValueType type, const Statistic& statistic,
                               const WantedValue& wanted) const;
  Result<bool> may_hold_text(uint32_t column, uint32_t group, const Statistic& statistic,
                             const WantedValue& wanted, Inspected& inspected) const;

  ExpectedColumn expected(Field field, uint32_t group) const;
  Asked asked_for(Field field, uint32_t group) const;
  // As it is stored; without values, where there is no chunk.
  Result<ContentForms> read_stored(const Asked& asked, DecodedColumn& out,
                                   Inspected& inspected) const;
  Result<Column> read_column(const Asked& asked, Inspected& inspected) const;

  // block_coded.cc: what chunks leave to other columns.
  Result<Column> neighbour(Field field, uint32_t group, Inspected& inspected) const;
  Result<std::vector<uint32_t>> owners_of_shapes(const Asked& asked, Inspected& inspected) const;
  Result<Column> parent_rows(uint32_t group, Inspected& inspected) const;
  Result<void> fill_in(const Asked& asked, Coding coding, DecodedColumn& decoded,
                       Inspected& inspected) const;
  Result<void> add_up(uint32_t group, std::vector<uint64_t>& values, Inspected& inspected) const;
  Result<void> fill_in_parents(uint32_t group, DecodedColumn& decoded, Inspected& inspected) const;
  Result<void> fill_in_resources(uint32_t group, DecodedColumn& decoded,
                                 Inspected& inspected) const;
  Result<void> fill_in_links(const Asked& asked, DecodedColumn& decoded,
                             Inspected& inspected) const;
  Result<void> fill_in_by_name(const Asked& asked, DecodedColumn& decoded,
                               Inspected& inspected) const;
  template <class T>
  Result<void> spread(const std::vector<uint32_t>& place_of, const Column& names,
                      const DecodedColumn& decoded, std::vector<T>& values) const;

  Result<Column> trace_column(uint32_t group, Inspected& inspected) const;
  Column received_column(uint32_t group) const;
  static Overflow join_overflow(Overflow overflow, const Column& codes);
  Range owners_in(Scope owner, uint32_t group) const;
  static uint32_t slot_of(Scope owner, uint32_t group);
  Error at(Error error, uint32_t column, uint32_t slot) const;
  Error at(Error error, const Asked& asked) const;

  Storage& storage_;
  const std::string path_;
  BlockCache& cache_;
  const uint64_t cache_number_;
  std::unique_ptr<File> file_;
  std::unique_ptr<const BlockFooter> footer_;
  std::unique_ptr<ReadAhead> ahead_;
  std::atomic<bool> remove_{false};
};

}  // namespace vivace
