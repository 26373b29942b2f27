// Tags: which attributes the stored spans have, and which values an attribute takes. What an editor
// offers while a query is typed, so answers are lists, distinct and sorted, and they are cut off
// silently at a limit.
//
// Names come from the schema of a part where the whole part is asked, else from the shapes of the
// owners that are; no value is read for them. Values come from dictionaries and the codes that
// occur. Both look at the newest row groups first, and stop when the answer is full.
//
// WHAT COUNTS. Row groups that overlap the window; with a filter, their spans that pass it, with
// their events, links, resources and scopes. A resource counts where one of its spans does.
//
// VALUES are texts with a type. Arrays whose elements share a type of the language give each
// element; other arrays, maps and bytes give nothing, because no query can ask for them. Attributes
// with an empty name are not listed.
//
// One question, one thread. Memory: the answer, and a few bits a row, owner and text of one row
// group. Damage costs the row group that it is in: `damaged` counts them.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/columns.h"
#include "query/query_control.h"
#include "store/snapshot.h"
#include "traceql/names.h"
#include "traceql/tag_filter.h"

namespace vivace {

struct TagQuestion {
  traceql::TagFilter filter;
  uint64_t start_ns = 0;  // both inclusive
  uint64_t end_ns = UINT64_MAX;
  uint64_t count_max = 0;  // names of a scope, or values; 0: no limit
  uint64_t bytes_max = 0;  // of all texts of the answer; 0: no limit
};

using ScopeSet = std::bitset<kScopes>;  // by Scope

struct TagNames {
  std::array<std::vector<std::string>, kScopes> names;  // by Scope; ascending
  Inspected inspected;
  uint32_t damaged = 0;
};

// Several snapshots are those of several tenants.
using Snapshots = std::span<const Snapshot>;

Result<TagNames> tag_names(Snapshots snapshots, ScopeSet scopes, const TagQuestion& question,
                           const QueryControl& control);

enum class TagType : uint8_t { string, integer, real, boolean, keyword };
std::string_view text_of(TagType type);  // as the API names it: "int"

struct TagValue {
  TagType type = TagType::string;
  std::string text;
  bool operator==(const TagValue&) const = default;
};

struct TagValues {
  std::vector<TagValue> values;  // by type; numbers by value, others by text
  Inspected inspected;
  uint32_t damaged = 0;
};

// Attributes without a scope are looked for in resources, spans and instrumentation scopes.
// `status` and `kind` have all their words, whatever is stored. Durations, ids and places in the
// tree have no list: the answer is empty.
Result<TagValues> tag_values(Snapshots snapshots, const traceql::Attribute& attribute,
                             const TagQuestion& question, const QueryControl& control);

}  // namespace vivace
