// For tests: everything that a block can be asked, as pieces of text, so that a damaged block can
// be held against a whole one: each piece is the same, or an error.
//
// Not part of the product.
#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "block/block.h"
#include "block/layout.h"

namespace vivace {

struct Piece {
  std::string name;
  Result<std::string> content;
};

// Long texts become their hash: hostile blocks may say much.
inline void condense(std::string& text) {
  if (text.size() > 1'000'000) text = std::to_string(hash64(text));
}

inline std::string text_of(const Column& column) {
  std::string out;
  for (const Slice& slice : column.slices) {
    for (uint32_t i = 0; i < slice.count; ++i) {
      append_le(out, slice.owner(i));
      if (slice.longs != nullptr) append_le(out, slice.longs[i]);
      condense(out);
      if (slice.words == nullptr) continue;
      if (column.texts == nullptr) {
        append_le(out, slice.words[i]);
      } else {
        const std::string_view text = (*column.texts)[slice.words[i]];
        append_le(out, static_cast<uint32_t>(text.size()));
        out += text;
      }
    }
  }
  return out;
}

inline std::string text_of(const TraceEntry& entry) {
  return fmt::format("{} {} {}-{} root {}", to_hex(entry.id.view()), entry.spans, entry.start_ns,
                     entry.end_ns, entry.root ? static_cast<int64_t>(*entry.root) : -1);
}

inline Result<std::string> text_of(Result<Column> column) {
  if (!column) return std::unexpected(std::move(column).error());
  return text_of(*column);
}

inline std::string text_of(const Overflow& overflow) {
  std::string out = text_of(overflow.keys) + text_of(overflow.types);
  uint32_t at = 0;
  for (const Slice& types : overflow.types.slices) {
    for (uint32_t i = 0; i < types.count; ++i, ++at) {
      const uint64_t value = overflow.values.slices.at(0).longs[at];
      if (is_text(static_cast<ValueType>(types.words[i]))) {
        out += (*overflow.values.texts)[static_cast<uint32_t>(value)];
      } else {
        append_le(out, value);
      }
      condense(out);
    }
  }
  return out;
}

inline Result<std::string> shapes_of(const Part& part, Scope owner) {
  Inspected inspected;
  const auto shapes = TRY(part.shapes(owner, inspected));
  std::string out;
  for (uint32_t i = 0; i < shapes->size(); ++i) {
    const Shape shape = (*shapes)[i];
    out += fmt::format("{} {} {},", shape.parent, shape.column, shape.depth);
  }
  return out;
}

inline Result<std::string> trace_of(const Part& part, uint32_t ordinal) {
  Inspected inspected;
  const TraceEntry entry = TRY(part.trace(ordinal, inspected));
  std::vector<uint32_t> rows;
  CHECK_OK(part.trace_rows(ordinal, rows, inspected));
  std::string out = text_of(entry);
  for (const uint32_t row : rows) {
    append_le(out, row);
    condense(out);
  }
  return out;
}

inline void add_group(const Part& part, uint32_t group, std::vector<Piece>& out) {
  Inspected inspected;
  for (size_t i = 0; i < kFields; ++i) {
    out.push_back({fmt::format("group {}: field {}", group, i),
                   text_of(part.read(static_cast<Field>(i), group, inspected))});
  }
  for (const Scope owner : kAllScopes) {
    for (uint32_t i = 0; i < part.columns(owner); ++i) {
      out.push_back({fmt::format("group {}: {} of {}", group, part.column(owner, i).key,
                                 static_cast<int>(owner)),
                     text_of(part.read_attribute(owner, i, group, inspected))});
    }
    auto overflow = part.read_overflow(owner, group, inspected);
    out.push_back(
        {fmt::format("group {}: overflow of {}", group, static_cast<int>(owner)),
         overflow ? Result<std::string>(text_of(*overflow)) : std::unexpected(overflow.error())});
  }
}

// Of all row groups.
inline Result<std::string> held_by(const Block& block, const auto& column) {
  Inspected inspected;
  std::string out;
  for (uint32_t group = 0; group < block.groups(); ++group) {
    for (const WantedValue& wanted :
         {WantedValue{.text = "value 1"}, WantedValue{.low = 100, .high = 1'000}}) {
      out += TRY(column(group, wanted, inspected)) ? "y" : "n";
    }
  }
  return out;
}

inline void add_statistics(const Block& block, std::vector<Piece>& out) {
  for (const Field field : {Field::duration_ns, Field::name, Field::event_name}) {
    out.push_back({fmt::format("statistics of {}", static_cast<int>(field)),
                   held_by(block, [&](uint32_t group, const auto& wanted, Inspected& inspected) {
                     return block.may_hold(field, group, wanted, inspected);
                   })});
  }
  for (const Scope owner : kAllScopes) {
    for (uint32_t i = 0; i < block.columns(owner); ++i) {
      const std::string_view key = block.column(owner, i).key;
      out.push_back({fmt::format("statistics of {} of {}", key, static_cast<int>(owner)),
                     held_by(block, [&](uint32_t group, const auto& wanted, Inspected& inspected) {
                       return block.may_hold(owner, key, group, wanted, inspected);
                     })});
    }
  }
}

inline Result<std::string> splits_of(const Block& block) {
  Inspected inspected;
  const auto splits = TRY(block.splits(inspected));
  std::string out;
  for (const SplitTrace& trace : *splits) {
    out += fmt::format("{} {}-{},", to_hex(trace.id.view()), trace.start_ns, trace.end_ns);
  }
  return out;
}

// `ids`: traces to look for.
inline std::vector<Piece> pieces_of(const Block& part, const std::vector<TraceId>& ids) {
  std::vector<Piece> out;
  for (uint32_t group = 0; group < part.groups(); ++group) add_group(part, group, out);
  for (const Scope owner : kAllScopes) {
    out.push_back({fmt::format("shapes of {}", static_cast<int>(owner)), shapes_of(part, owner)});
  }
  for (uint32_t i = 0; i < part.traces(); ++i) {
    out.push_back({fmt::format("trace {}", i), trace_of(part, i)});
  }
  Inspected inspected;
  for (const TraceId& id : ids) {
    const auto found = part.find_trace(id, inspected);
    out.push_back({"look for " + to_hex(id.view()),
                   found ? Result<std::string>(found->has_value() ? std::to_string(**found) : "no")
                         : std::unexpected(found.error())});
    const auto may = part.may_have(id, inspected);
    out.push_back({"filter for " + to_hex(id.view()),
                   may ? Result<std::string>(*may ? "yes" : "no") : std::unexpected(may.error())});
  }
  out.push_back({"splits", splits_of(part)});
  add_statistics(part, out);
  return out;
}

}  // namespace vivace
