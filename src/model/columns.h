// What evaluators and writers of blocks see of stored spans: a *part* (one head or one block) is a
// table of rows in row groups, and is read column by column, one row group at a time.
//
//   part  -> row group 0: rows 0-16383    -> field start_ns:   one number a row
//            row group 1: rows 16384-...     field name:       one code a row, texts by code
//            ...                             attribute 7 of spans (http.method:string):
//                                              owners 3 4 9 ..., codes 0 0 1 ...
//
// Rows, events and links are numbered through the whole part; a row group has a range of each.
// Resources and scopes are tables of the part, equal ones stored once; spans carry their numbers.
//
// OWNERS. A column belongs to one kind of owner (Scope): spans, events, links, resources or
// instrumentation scopes. Its values stand by ascending owner. A *dense* column has one value for
// each owner of the row group; a *sparse* one names its owners, and an owner stands twice when it
// has the key twice. Columns of resources and scopes do not know row groups: the same whole column
// whichever group is named.
//
// TRACES are numbered through the part as well (their *ordinal*). In a block, the rows of a trace
// are contiguous, in canonical order, and ordinals ascend with the rows; a trace that fills several
// row groups is in each of them. In a head, rows come as they were received.
//
// SHAPES. What attributes an owner has, in the order that they were sent, is its shape: a node of a
// trie whose edges are columns. Node 0 is the owner without attributes.
//
// Everything is immutable and may be used from any thread. What a Column points to lives as long as
// the Column and its Part do. Errors: Code::corrupt for damage, which is contained to what was
// asked for; Code::io.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/batch.h"
#include "model/ids.h"
#include "model/value.h"

namespace vivace {

// What a question cost; each read adds to it.
struct Inspected {
  uint64_t bytes = 0;  // that were read from blocks, as stored; cached ones too. 0 for heads.
};

// Texts by code. Several codes may have equal texts.
class Texts {
 public:
  virtual ~Texts() = default;
  virtual uint32_t size() const = 0;
  virtual std::string_view operator[](uint32_t code) const = 0;
};

// Values that lie side by side in memory. `words` are 32-bit: codes into the column's texts, or
// numbers; `longs` are 64-bit. One of the two, or neither where being there is all (ValueType::
// empty).
struct Slice {
  uint32_t count = 0;
  uint32_t first_owner = 0;          // without `owners`: this one and those after it
  const uint32_t* owners = nullptr;  // ascending
  const uint32_t* words = nullptr;
  const uint64_t* longs = nullptr;

  uint32_t owner(uint32_t i) const { return owners == nullptr ? first_owner + i : owners[i]; }
};

// The values of one column in one row group.
struct Column {
  std::vector<Slice> slices;
  const Texts* texts = nullptr;      // null: the values are numbers
  std::shared_ptr<const void> keep;  // what the slices and texts point to, if not the part itself
};

// The columns that every part has.
enum class Field : uint8_t {
  // Of spans, dense.
  trace,        // words: ordinal of the trace
  span_id,      // longs: SpanId::raw
  parent_id,    // longs: the same; 0: none
  start_ns,     // longs
  duration_ns,  // longs: end - start, wrapping
  name,         // texts
  kind,         // words: an int32 of OTLP
  status_code,  // words: the same
  resource,     // words: number of the resource
  scope,        // words: number of the scope
  received_ns,  // longs: when the spans came; in a block, when the last of the row group came
  span_shape,   // words
  // Of spans, sparse: only where there is something.
  status_message,      // texts
  trace_state,         // texts
  flags,               // words
  dropped_attributes,  // words
  dropped_events,      // words
  dropped_links,       // words
  // Of events, dense; then sparse.
  event_span,     // words: row
  event_time_ns,  // longs
  event_name,     // texts
  event_shape,    // words
  event_dropped_attributes,
  // Of links, dense; then sparse.
  link_span,           // words: row
  link_trace_id_head,  // longs: bytes 0-7 of the trace id, loaded little-endian
  link_trace_id_tail,  // longs: bytes 8-15
  link_span_id,        // longs
  link_shape,          // words
  link_trace_state,    // texts
  link_flags,          // words
  link_dropped_attributes,
  // Of resources, dense; then sparse.
  resource_shape,
  resource_schema_url,  // texts
  resource_dropped_attributes,
  // Of scopes, dense; then sparse.
  scope_shape,
  scope_name,  // texts, as the next two
  scope_version,
  scope_schema_url,
  scope_dropped_attributes,
  // Of spans, dense; told by others.
  parent_row,  // words: the row of the parent; kNoRow for a root, kOtherRow for what is known by id
};
constexpr size_t kFields = static_cast<size_t>(Field::parent_row) + 1;
constexpr uint32_t kNoRow = UINT32_MAX;
// There is a parent id, but no row for it: nobody in the row group has the id, or it is the span's
// own. Where spans of a trace share an id, it stands for all of the trace's parents in that row
// group, because then ids alone tell whose child a span is.
constexpr uint32_t kOtherRow = UINT32_MAX - 1;

enum class FieldForm : uint8_t { words, longs, texts };
struct FieldInfo {
  Scope owner;
  FieldForm form;
  bool dense;
};
FieldInfo info(Field field);

// A run of rows, events, links or owners.
struct Range {
  uint32_t first = 0;
  uint32_t count = 0;
  uint32_t end() const { return first + count; }
};

struct RowGroup {
  Range rows;
  Range events;
  Range links;
  uint64_t start_min_ns = 0;    // of its spans
  uint64_t end_max_ns = 0;      // of its spans; no start is later, though an end may be earlier
  int64_t received_max_ns = 0;  // when the last of its spans came
};

struct TraceEntry {
  TraceId id;
  uint32_t spans = 0;
  uint64_t start_ns = 0;         // the earliest start
  uint64_t end_ns = 0;           // the latest end
  std::optional<uint32_t> root;  // row of the last span, in canonical order, without a parent
};

// The traces of a row group of a part in order, side by side.
struct TraceRun {
  TraceEntry entry;
  uint32_t first_row = 0;  // entry.spans rows, the last of which may lie in later row groups
};
struct TraceRuns {
  uint32_t first_ordinal = 0;
  std::span<const TraceRun> runs;
  std::shared_ptr<const void> keep;
};

// One column of attributes.
struct AttributeName {
  std::string_view key;
  ValueType type = ValueType::empty;
};

// A node of the trie of shapes. Going up from an owner's node names its columns from the last to
// the first; kOverflowColumn stands for the next of its values in the overflow list.
struct Shape {
  uint32_t parent = 0;
  uint32_t column = 0;
  uint32_t depth = 0;  // number of attributes
};
constexpr uint32_t kOverflowColumn = UINT32_MAX;

class Shapes {
 public:
  virtual ~Shapes() = default;
  virtual uint32_t size() const = 0;
  virtual Shape operator[](uint32_t shape) const = 0;
};

// Attributes whose keys came when all columns were taken; a value stands in all three columns at
// the same place, by ascending owner, in the order they were sent.
struct Overflow {
  Column keys;    // texts
  Column types;   // words: ValueType
  Column values;  // longs: bits, or for text types a code into its texts
};

// What a condition wants of a value: a number from `low` to `high` (an integer counts as the real
// that is nearest), or exactly a text.
struct WantedValue {
  std::optional<std::string_view> text = {};
  double low = 0;
  double high = 0;
};

class Part {
 public:
  virtual ~Part() = default;

  virtual uint32_t rows() const = 0;
  virtual uint32_t traces() const = 0;
  virtual uint32_t resources() const = 0;
  virtual uint32_t scopes() const = 0;

  // Row groups hold at most 65,536 rows.
  virtual uint32_t groups() const = 0;
  virtual RowGroup group(uint32_t group) const = 0;

  // Whether rows are in canonical order, those of a trace side by side, as in a block.
  virtual bool is_in_order() const { return false; }
  // When the first of its spans came, where the part knows that better than Field::received_ns.
  virtual std::optional<int64_t> received_min_ns() const { return std::nullopt; }

  // The columns of attributes, numbered from 0 for each kind of owner.
  virtual uint32_t columns(Scope owner) const = 0;
  virtual AttributeName column(Scope owner, uint32_t column) const = 0;

  virtual Result<Column> read(Field field, uint32_t group, Inspected& inspected) const = 0;
  virtual Result<Column> read_attribute(Scope owner, uint32_t column, uint32_t group,
                                        Inspected& inspected) const = 0;
  virtual Result<Overflow> read_overflow(Scope owner, uint32_t group,
                                         Inspected& inspected) const = 0;
  virtual Result<std::shared_ptr<const Shapes>> shapes(Scope owner, Inspected& inspected) const = 0;

  // Whether a value in the row group may be a wanted one, as far as that is known without reading
  // the column: false is certain. The attribute of any type, in a column or the overflow list; or a
  // field (its absence, where it is sparse, counts as no value). Errors mean: unknown.
  virtual Result<bool> may_hold(Scope, std::string_view /*key*/, uint32_t /*group*/,
                                const WantedValue&, Inspected&) const {
    return true;
  }
  virtual Result<bool> may_hold(Field, uint32_t /*group*/, const WantedValue&, Inspected&) const {
    return true;
  }

  // By id, without a scan.
  virtual Result<std::optional<uint32_t>> find_trace(const TraceId& id,
                                                     Inspected& inspected) const = 0;
  // Of many ids those that `find_trace` may find: appends their places in `ids`. Cheaper than to
  // look for each; who is left out is not there.
  virtual void may_find(std::span<const TraceId> ids, std::vector<uint32_t>& places,
                        Inspected&) const {
    for (uint32_t i = 0; i < ids.size(); ++i) places.push_back(i);
  }
  virtual Result<TraceEntry> trace(uint32_t ordinal, Inspected& inspected) const = 0;
  // All traces that have rows in the row group, by ordinal; of a part in order alone.
  virtual Result<TraceRuns> trace_runs(uint32_t /*group*/, Inspected&) const {
    return fail(Code::internal, "a part whose rows are in no order");
  }
  // Appends the rows of a trace, ascending.
  virtual Result<void> trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                                  Inspected& inspected) const = 0;
};

// The row group that a row of the part is in. Logarithmic.
uint32_t group_of(const Part& part, uint32_t row);

}  // namespace vivace
