// One function a message, in the order of the nesting; field numbers are those of
// opentelemetry-proto. A message's parts may come in any order and a message may come in pieces
// (protobuf merges them), so the pieces whose attributes must lie together are remembered as views
// and read at the end.
#include "decode/otlp.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "decode/attribute_reader.h"
#include "decode/batch_builder.h"
#include "wire/protobuf.h"

namespace vivace {
namespace {

using Views = std::vector<std::string_view>;

constexpr uint32_t bytes_field(uint32_t field) { return proto_key(field, Wire::bytes); }
constexpr uint32_t varint_field(uint32_t field) { return proto_key(field, Wire::varint); }

// Attributes, events and links that a body may hold: real ones take more bytes than this, but empty
// ones take two, and would become twenty times that in memory.
constexpr size_t kItemBytesMin = 8;
constexpr size_t kItemsFree = 100'000;

class OtlpDecoder {
 public:
  OtlpDecoder(Batch& batch, BatchBuilder& builder, const DecodeOptions& options)
      : batch_(batch),
        builder_(builder),
        options_(options),
        attributes_(batch, builder),
        items_left_(batch.body.size() / kItemBytesMin + kItemsFree) {
    builder_.begin(batch);
  }

  Result<void> decode() {
    ProtoReader request(batch_.body);
    while (request.next()) {
      if (request.key() == bytes_field(1)) {
        if (!resource_spans(request.bytes())) break;
        ++resource_ordinal_;
      } else {
        request.skip_unknown(1);
      }
    }
    if (!request.ok()) refuse(request.error());
    if (!error_.empty()) return fail(Code::invalid_argument, error_);
    return {};
  }

 private:
  // Every reading function is false once something was refused; `error_` then says what.

  bool resource_spans(std::string_view bytes) {
    const auto index = static_cast<uint32_t>(batch_.resources.size());
    batch_.resources.emplace_back();
    std::string_view schema_url;
    Views resource;
    Views old_scopes;
    bool any_scope = false;
    scope_ordinal_ = 0;
    ProtoReader in(bytes);
    while (in.next()) {
      switch (in.key()) {
        case bytes_field(1):
          resource.push_back(in.bytes());
          break;
        case bytes_field(2):
          any_scope = true;
          if (!scope_spans(in.bytes(), index)) return false;
          break;
        case bytes_field(3):
          schema_url = in.bytes();
          break;
        case bytes_field(1000):
          old_scopes.push_back(in.bytes());
          break;
        default:
          in.skip_unknown(3);
      }
    }
    if (!in.ok()) return refuse(in.error());
    for (const std::string_view old : old_scopes) {
      if (!any_scope && !scope_spans(old, index)) return false;
    }
    batch_.resources[index].schema_url = schema_url;
    if (!read_resource(resource, batch_.resources[index])) return false;
    // Nobody refers to one without spans, and millions of them fit into a body.
    if (batch_.spans.empty() || batch_.spans.back().resource != index) batch_.resources.pop_back();
    return true;
  }

  bool read_resource(const Views& pieces, BatchResource& out) {
    builder_.begin_run(Scope::resource);
    uint64_t seed = text_hash(out.schema_url) + options_.attribute_bytes_max;
    for (const std::string_view piece : pieces) {
      ProtoReader in(piece);
      while (in.next()) {
        switch (in.key()) {
          case bytes_field(1):
            if (!attribute(in.bytes(), true)) return false;
            break;
          case varint_field(2):
            out.dropped_attributes = static_cast<uint32_t>(in.varint());
            break;
          default:
            in.skip_unknown(2);
        }
      }
      if (!in.ok()) return refuse(in.error());
      out.identity = hash128(piece, seed);
      seed = out.identity.low;
    }
    if (pieces.empty()) out.identity = hash128({}, seed);
    out.attributes = builder_.end_run();
    return true;
  }

  bool scope_spans(std::string_view bytes, uint32_t resource) {
    const auto index = static_cast<uint32_t>(batch_.scopes.size());
    batch_.scopes.emplace_back();
    std::string_view schema_url;
    Views scope;
    span_ordinal_in_scope_ = 0;
    ProtoReader in(bytes);
    while (in.next()) {
      switch (in.key()) {
        case bytes_field(1):
          scope.push_back(in.bytes());
          break;
        case bytes_field(2):
          if (!span(in.bytes(), resource, index)) return false;
          ++span_ordinal_in_scope_;
          break;
        case bytes_field(3):
          schema_url = in.bytes();
          break;
        default:
          in.skip_unknown(3);
      }
    }
    if (!in.ok()) return refuse(in.error());
    ++scope_ordinal_;
    batch_.scopes[index].schema_url = schema_url;
    if (!read_scope(scope, batch_.scopes[index])) return false;
    if (batch_.spans.empty() || batch_.spans.back().scope != index) batch_.scopes.pop_back();
    return true;
  }

  bool read_scope(const Views& pieces, BatchScope& out) {
    builder_.begin_run(Scope::scope);
    uint64_t seed = text_hash(out.schema_url) + options_.attribute_bytes_max;
    for (const std::string_view piece : pieces) {
      ProtoReader in(piece);
      while (in.next()) {
        switch (in.key()) {
          case bytes_field(1):
            out.name = in.bytes();
            break;
          case bytes_field(2):
            out.version = in.bytes();
            break;
          case bytes_field(3):
            if (!attribute(in.bytes(), true)) return false;
            break;
          case varint_field(4):
            out.dropped_attributes = static_cast<uint32_t>(in.varint());
            break;
          default:
            in.skip_unknown(4);
        }
      }
      if (!in.ok()) return refuse(in.error());
      out.identity = hash128(piece, seed);
      seed = out.identity.low;
    }
    if (pieces.empty()) out.identity = hash128({}, seed);
    out.attributes = builder_.end_run();
    return true;
  }

  bool span(std::string_view bytes, uint32_t resource, uint32_t scope) {
    const size_t attributes_before = batch_.attributes.size();
    const size_t events_before = batch_.events.size();
    const size_t links_before = batch_.links.size();
    BatchSpan& out = batch_.spans.emplace_back();
    out.resource = resource;
    out.scope = scope;
    out.bytes = static_cast<uint32_t>(bytes.size());
    events_.clear();
    links_.clear();
    builder_.begin_run(Scope::span);
    if (!read_span(bytes, out)) return false;
    out.attributes = builder_.end_run();
    if (!read_events(out) || !read_links(out)) return false;
    if (accepts(out)) {
      out.name_hash = text_hash(out.name);
    } else {
      batch_.spans.pop_back();
      batch_.attributes.resize(attributes_before);
      batch_.events.resize(events_before);
      batch_.links.resize(links_before);
    }
    ++span_ordinal_;
    return true;
  }

  bool read_span(std::string_view bytes, BatchSpan& out) {
    ProtoReader in(bytes);
    while (in.next()) {
      switch (in.key()) {
        case bytes_field(1):
          if (!trace_id(in.bytes(), "trace_id", out.trace_id)) return false;
          break;
        case bytes_field(2):
          if (!span_id(in.bytes(), "span_id", out.span_id)) return false;
          break;
        case bytes_field(3):
          out.trace_state = in.bytes();
          break;
        case bytes_field(4):
          if (!span_id(in.bytes(), "parent_span_id", out.parent_id)) return false;
          break;
        case bytes_field(5):
          out.name = in.bytes();
          break;
        case varint_field(6):
          out.kind = static_cast<int32_t>(in.varint());
          break;
        case proto_key(7, Wire::fixed64):
          out.start_ns = in.fixed64();
          break;
        case proto_key(8, Wire::fixed64):
          out.end_ns = in.fixed64();
          break;
        case bytes_field(9):
          if (!attribute(in.bytes(), true)) return false;
          break;
        case varint_field(10):
          out.dropped_attributes = static_cast<uint32_t>(in.varint());
          break;
        case bytes_field(11):
          if (!count_item()) return false;
          events_.push_back(in.bytes());
          break;
        case varint_field(12):
          out.dropped_events = static_cast<uint32_t>(in.varint());
          break;
        case bytes_field(13):
          if (!count_item()) return false;
          links_.push_back(in.bytes());
          break;
        case varint_field(14):
          out.dropped_links = static_cast<uint32_t>(in.varint());
          break;
        case bytes_field(15):
          if (!status(in.bytes(), out)) return false;
          break;
        case proto_key(16, Wire::fixed32):
          out.flags = in.fixed32();
          break;
        default:
          in.skip_unknown(16);
      }
    }
    return in.ok() || refuse(in.error());
  }

  bool status(std::string_view bytes, BatchSpan& out) {
    ProtoReader in(bytes);
    while (in.next()) {
      switch (in.key()) {
        case varint_field(1):
          in.skip();
          break;  // a code of old versions
        case bytes_field(2):
          out.status_message = in.bytes();
          break;
        case varint_field(3):
          out.status_code = static_cast<int32_t>(in.varint());
          break;
        default:
          in.skip_unknown(3);
      }
    }
    return in.ok() || refuse(in.error());
  }

  bool read_events(BatchSpan& span) {
    span.first_event = static_cast<uint32_t>(batch_.events.size());
    span.events = static_cast<uint32_t>(events_.size());
    for (const std::string_view bytes : events_) {
      BatchEvent out;
      builder_.begin_run(Scope::event);
      ProtoReader in(bytes);
      while (in.next()) {
        switch (in.key()) {
          case proto_key(1, Wire::fixed64):
            out.time_ns = in.fixed64();
            break;
          case bytes_field(2):
            out.name = in.bytes();
            break;
          case bytes_field(3):
            if (!attribute(in.bytes(), false)) return false;
            break;
          case varint_field(4):
            out.dropped_attributes = static_cast<uint32_t>(in.varint());
            break;
          default:
            in.skip_unknown(4);
        }
      }
      if (!in.ok()) return refuse(in.error());
      out.attributes = builder_.end_run();
      batch_.events.push_back(out);
    }
    return true;
  }

  bool read_links(BatchSpan& span) {
    span.first_link = static_cast<uint32_t>(batch_.links.size());
    span.links = static_cast<uint32_t>(links_.size());
    for (const std::string_view bytes : links_) {
      BatchLink out;
      builder_.begin_run(Scope::link);
      ProtoReader in(bytes);
      while (in.next()) {
        switch (in.key()) {
          case bytes_field(1):
            if (!trace_id(in.bytes(), "link.trace_id", out.trace_id)) return false;
            break;
          case bytes_field(2):
            if (!span_id(in.bytes(), "link.span_id", out.span_id)) return false;
            break;
          case bytes_field(3):
            out.trace_state = in.bytes();
            break;
          case bytes_field(4):
            if (!attribute(in.bytes(), false)) return false;
            break;
          case varint_field(5):
            out.dropped_attributes = static_cast<uint32_t>(in.varint());
            break;
          case proto_key(6, Wire::fixed32):
            out.flags = in.fixed32();
            break;
          default:
            in.skip_unknown(6);
        }
      }
      if (!in.ok()) return refuse(in.error());
      out.attributes = builder_.end_run();
      batch_.links.push_back(out);
    }
    return true;
  }

  bool attribute(std::string_view bytes, bool may_cut) {
    if (!count_item()) return false;
    if (attributes_.read(bytes, may_cut ? options_.attribute_bytes_max : 0)) return true;
    return refuse(attributes_.error());
  }

  bool trace_id(std::string_view bytes, const char* field, TraceId& out) {
    if (bytes.size() != 16 && !bytes.empty()) {
      return refuse(fmt::format("{} must be 16 bytes, received {}", field, bytes.size()));
    }
    out = {};
    if (!bytes.empty()) std::memcpy(out.bytes.data(), bytes.data(), 16);
    return true;
  }

  bool span_id(std::string_view bytes, const char* field, SpanId& out) {
    if (bytes.size() != 8 && !bytes.empty()) {
      return refuse(fmt::format("{} must be 8 bytes, received {}", field, bytes.size()));
    }
    out.raw = bytes.empty() ? 0 : load<uint64_t>(bytes.data());
    return true;
  }

  bool accepts(const BatchSpan& span) {
    const bool bad_trace = span.trace_id.is_zero();
    const bool bad_span = !bad_trace && span.span_id.is_zero();
    const bool good = options_.verdict
                          ? !std::ranges::binary_search(*options_.verdict, span_ordinal_)
                          : !bad_trace && !bad_span;
    if (good) return true;
    batch_.rejected.push_back(span_ordinal_);
    batch_.rejected_trace_ids += bad_trace;
    batch_.rejected_span_ids += bad_span;
    return false;
  }

  bool count_item() {
    if (items_left_ == 0) return refuse("too many empty attributes, events or links");
    --items_left_;
    return true;
  }

  bool refuse(std::string_view what) {
    if (error_.empty()) {
      error_ = fmt::format("resource_spans[{}].scope_spans[{}].spans[{}]: {}", resource_ordinal_,
                           scope_ordinal_, span_ordinal_in_scope_, what);
    }
    return false;
  }

  Batch& batch_;
  BatchBuilder& builder_;
  const DecodeOptions& options_;
  AttributeReader attributes_;
  size_t items_left_;
  std::string error_;
  Views events_;  // of the span being read
  Views links_;
  uint32_t span_ordinal_ = 0;
  uint32_t resource_ordinal_ = 0;
  uint32_t scope_ordinal_ = 0;
  uint32_t span_ordinal_in_scope_ = 0;
};

}  // namespace

uint64_t count_spans(std::string_view body) {
  uint64_t spans = 0;
  const auto count_in = [&spans](std::string_view scope) {
    ProtoReader in(scope);
    while (in.next()) {
      spans += in.key() == bytes_field(2);
      in.skip();
    }
  };
  ProtoReader request(body);
  while (request.next()) {
    if (request.key() != bytes_field(1)) {
      request.skip();
      continue;
    }
    ProtoReader resource(request.bytes());
    while (resource.next()) {
      if (resource.key() == bytes_field(2)) {
        count_in(resource.bytes());
      } else {
        resource.skip();
      }
    }
  }
  return spans;
}

Result<std::unique_ptr<Batch>> decode_otlp(std::string body, const DecodeOptions& options) {
  thread_local BatchBuilder builder;
  auto batch = std::make_unique<Batch>();
  batch->body = std::move(body);
  CHECK_OK(OtlpDecoder(*batch, builder, options).decode());
  builder.end();
  return batch;
}

Result<std::unique_ptr<Batch>> decode_received(ContentEncoding encoding, std::string_view received,
                                               size_t bytes_max, const DecodeOptions& options) {
  return decode_otlp(TRY(unpack(encoding, received, bytes_max)), options);
}

}  // namespace vivace
