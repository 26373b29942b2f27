// For tests: heads full of spans, blocks of them on a disk in memory, and everything that a part
// says as plain structs, to be compared.
//
// Not part of the product.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "block/block.h"
#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/row_reader.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/same_span.h"
#include "storage/fault_storage.h"

namespace vivace {

constexpr const char* kBlockPath = "/blocks/1";

inline void append_to(Head& head, const std::vector<SentSpan>& spans, int64_t received_ns) {
  auto batch = decode_otlp(to_otlp(spans), {});
  ASSERT(batch);
  head.append(**batch, received_ns);
}

// A head that received these, each request at 1000, 2000, ...
inline std::shared_ptr<const Head> head_of(const std::vector<std::vector<SentSpan>>& requests) {
  auto head = std::make_shared<Head>();
  int64_t received_ns = 0;
  for (const auto& spans : requests) append_to(*head, spans, received_ns += 1'000);
  return head;
}

inline BlockIdentity identity_of(uint64_t number) {
  return {.tenant = "tenant-1", .number = number, .log_from = 64, .log_end = 4'096, .replaces = {}};
}

// A disk with blocks.
struct BlockDisk {
  FaultStorage storage;
  BlockCache cache{64 << 20};

  BlockSummary write(const Part& source, const std::string& path = kBlockPath,
                     uint64_t number = 1) {
    const auto summary = write_block(storage, path, identity_of(number), source);
    EXPECT_TRUE(summary) << summary.error().message;
    EXPECT_TRUE(storage.sync_directory("/blocks"));
    return summary.value_or(BlockSummary());
  }
  std::shared_ptr<Block> open(const std::string& path = kBlockPath) {
    auto block = Block::open(storage, path, cache);
    EXPECT_TRUE(block) << block.error().message;
    return block ? *block : nullptr;
  }
  std::shared_ptr<Block> write_and_open(const Part& source) {
    write(source);
    return open();
  }
};

// A row with its resource and scope.
inline Result<SentSpan> read_row(const Part& part, RowReader& reader, uint32_t row) {
  SpanView span;
  ResourceView resource;
  ScopeView scope;
  CHECK_OK(reader.read_span(row, span));
  const auto number_of = [&](Field field) { return reader.number(field, row); };
  const uint64_t resource_number = TRY(number_of(Field::resource));
  const uint64_t scope_number = TRY(number_of(Field::scope));
  if (resource_number >= part.resources() || scope_number >= part.scopes()) {
    return fail(Code::corrupt, "a number of a resource or scope that is not there");
  }
  CHECK_OK(reader.read_resource(static_cast<uint32_t>(resource_number), resource));
  CHECK_OK(reader.read_scope(static_cast<uint32_t>(scope_number), scope));
  return to_sent(span, resource, scope);
}

// All rows of a part in its order; what cannot be read fails the test.
inline std::vector<SentSpan> read_all(const Part& part) {
  Inspected inspected;
  RowReader reader(part, inspected);
  std::vector<SentSpan> out;
  for (uint32_t row = 0; row < part.rows(); ++row) {
    auto span = read_row(part, reader, row);
    EXPECT_TRUE(span) << span.error().message;
    if (!span) break;
    out.push_back(*std::move(span));
  }
  return out;
}

// (earliest start, trace id), (start, span id, kind): as blocks order their rows.
inline void sort_canonically(std::vector<SentSpan>& spans) {
  std::map<TraceId, uint64_t> starts;
  for (const SentSpan& span : spans) {
    const auto [it, is_new] = starts.try_emplace(span.trace_id, span.start_ns);
    it->second = std::min(it->second, span.start_ns);
  }
  std::ranges::sort(spans, {}, [&](const SentSpan& span) {
    return std::tuple(starts.at(span.trace_id), span.trace_id, span.start_ns, span.span_id,
                      span.kind);
  });
}

inline std::vector<SentSpan> flat(const std::vector<std::vector<SentSpan>>& requests) {
  std::vector<SentSpan> out;
  for (const auto& spans : requests) out.insert(out.end(), spans.begin(), spans.end());
  return out;
}

inline void expect_same(const std::vector<SentSpan>& expected, const std::vector<SentSpan>& got) {
  EXPECT_EQ(expected.size(), got.size());
  for (size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
    const std::string differs = difference(expected[i], got[i]);
    EXPECT_EQ(differs, "") << "span " << i;
    if (!differs.empty()) break;
  }
}

inline SentSpan simple_span(uint64_t trace, uint64_t id, uint64_t start_ns = 1) {
  SentSpan span;
  span.trace_id = make_trace_id(0, trace);
  span.span_id = make_span_id(id);
  span.kind = 1;
  span.name = "span";
  span.start_ns = start_ns;
  span.end_ns = start_ns + 10;
  return span;
}

}  // namespace vivace
