// `vivace block dump`: spans as OTLP JSON, a few at a time. A trace's spans are gathered by
// resource and scope, within a line; a line is written in pieces when its spans are large.
#include <algorithm>

#include <fmt/format.h>

#include "api/trace_json.h"
#include "base/bytes.h"
#include "block/block.h"
#include "model/row_reader.h"
#include "tools/tool.h"

namespace vivace::tools {
namespace {

constexpr int64_t kCacheBytes = 16 << 20;
constexpr uint32_t kLineSpansMax = 1'000;
constexpr size_t kPieceBytes = 1 << 20;

struct LineSpan {
  uint32_t resource = 0;
  uint32_t scope = 0;
  uint32_t row = 0;
};

class Dump {
 public:
  Dump(const Tool& tool, const Block& block)
      : tool_(tool), block_(block), reader_(block, inspected_) {}

  void write_trace(uint32_t ordinal) {
    std::vector<uint32_t> rows;
    const auto found = block_.trace_rows(ordinal, rows, inspected_);
    if (!found) return damaged(found.error());
    for (size_t from = 0; from < rows.size(); from += kLineSpansMax) {
      const size_t count = std::min<size_t>(kLineSpansMax, rows.size() - from);
      write_line(std::span(rows).subspan(from, count));
    }
  }
  void finish() { flush(); }
  bool whole() const { return whole_; }

 private:
  void damaged(const Error& error) {
    whole_ = false;
    if (error.message != last_error_) tool_.console.err(error.message + "\n");
    last_error_ = error.message;  // once for all the spans that miss the same chunk
  }
  void flush() {
    tool_.console.out(text_);
    text_.clear();
  }
  std::vector<LineSpan> order(std::span<const uint32_t> rows);
  void write_line(std::span<const uint32_t> rows);
  void write_scope(std::span<const LineSpan> spans);

  const Tool& tool_;
  const Block& block_;
  Inspected inspected_;
  RowReader reader_;
  std::string text_;
  std::string last_error_;
  bool whole_ = true;
  SpanView span_;
  ResourceView resource_;
  ScopeView scope_;
};

std::vector<LineSpan> Dump::order(std::span<const uint32_t> rows) {
  std::vector<LineSpan> out;
  for (const uint32_t row : rows) {
    const auto resource = reader_.number(Field::resource, row);
    const auto scope = reader_.number(Field::scope, row);
    if (resource && scope) {
      out.push_back({static_cast<uint32_t>(*resource), static_cast<uint32_t>(*scope), row});
    } else {
      damaged(resource ? scope.error() : resource.error());
    }
  }
  std::ranges::stable_sort(out, {},
                           [](const LineSpan& s) { return std::pair(s.resource, s.scope); });
  return out;
}

// Spans that cannot be read leave their scope empty, which receivers take.
void Dump::write_line(std::span<const uint32_t> rows) {
  const std::vector<LineSpan> spans = order(rows);
  if (spans.empty()) return;
  text_ += "{\"resourceSpans\":[";
  bool first = true;
  for (auto at = spans.begin(); at != spans.end();) {
    const auto end = std::find_if(at, spans.end(),
                                  [&](const LineSpan& s) { return s.resource != at->resource; });
    const auto read = reader_.read_resource(at->resource, resource_);
    if (read) {
      text_ += std::exchange(first, false) ? "{" : ",{";
      api::append_resource(text_, resource_);
      const std::string schema_url(resource_.schema_url);  // views end with the row group
      text_ += ",\"scopeSpans\":[";
      for (auto from = at; from != end;) {
        const auto to =
            std::find_if(from, end, [&](const LineSpan& s) { return s.scope != from->scope; });
        if (from != at && text_.back() == '}') text_ += ',';
        write_scope({from, to});
        from = to;
      }
      text_ += ']';
      api::append_schema_url(text_, schema_url);
      text_ += '}';
    } else {
      damaged(read.error());
    }
    at = end;
  }
  text_ += "]}\n";
  if (text_.size() >= kPieceBytes) flush();
}

void Dump::write_scope(std::span<const LineSpan> spans) {
  const auto read = reader_.read_scope(spans.front().scope, scope_);
  if (!read) {
    if (text_.back() == ',') text_.pop_back();
    return damaged(read.error());
  }
  text_ += '{';
  api::append_scope(text_, scope_);
  const std::string schema_url(scope_.schema_url);
  text_ += ",\"spans\":[";
  bool first = true;
  for (const LineSpan& each : spans) {
    const auto got = reader_.read_span(each.row, span_);
    if (!got) {
      damaged(got.error());
      continue;
    }
    if (!std::exchange(first, false)) text_ += ',';
    api::append_span(text_, span_, api::JsonForm::otlp);
    if (text_.size() >= kPieceBytes) {
      tool_.console.out(std::string_view(text_).substr(0, text_.size() - 1));
      text_.erase(0, text_.size() - 1);  // whoever writes the next member looks at the last byte
    }
  }
  text_ += ']';
  api::append_schema_url(text_, schema_url);
  text_ += '}';
}

Result<TraceId> parse_id(const std::string& text) {
  TraceId id;
  const std::string padded = std::string(text.size() < 32 ? 32 - text.size() : 0, '0') + text;
  bool good = padded.size() == 32;
  for (size_t i = 0; good && i < 32; ++i) {
    const int digit = hex_value(padded[i]);
    good = digit >= 0;
    id.bytes[i / 2] = static_cast<uint8_t>(id.bytes[i / 2] << 4 | (digit & 15));
  }
  if (!good) {
    return fail(Code::invalid_argument, text + " is no trace id: up to 32 hexadecimal digits");
  }
  return id;
}

}  // namespace

Result<int> dump_block(const Tool& tool) {
  BlockCache cache(kCacheBytes);
  const std::string wanted = tool.arguments.flag("trace");
  const TraceId id = wanted.empty() ? TraceId() : TRY(parse_id(wanted));
  const auto block = TRY(Block::open(tool.storage, tool.arguments[0], cache));
  Dump dump(tool, *block);
  if (!wanted.empty()) {
    Inspected inspected;
    const auto ordinal = TRY(block->find_trace(id, inspected));
    if (!ordinal) return fail(Code::not_found, "trace " + wanted + " is not in this block");
    dump.write_trace(*ordinal);
  } else {
    for (uint32_t ordinal = 0; ordinal < block->traces(); ++ordinal) dump.write_trace(ordinal);
  }
  dump.finish();
  return dump.whole() ? 0 : 1;
}

}  // namespace vivace::tools
