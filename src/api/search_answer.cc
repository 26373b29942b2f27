// Writing traces and their spans, as JSON and as protobuf. Both forms have the same fields in the
// same order; zeros and empty texts are left out of both, as protobuf's JSON mapping has it. Called
// by search.cc, on its thread.
//
// A trace may have a thousand sets of a hundred spans, so answers leave while a trace is written:
// JSON span by span, protobuf set by set. There the length of a trace stands before it: sets are
// written once for their lengths and once more for the client.
#include "api/search_answer.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <protozero/pbf_writer.hpp>

#include "api/trace_json.h"
#include "query/stored_values.h"
#include "wire/json.h"

namespace vivace::api {
namespace {

using protozero::pbf_writer;

constexpr std::string_view kNoRoot = "<root span not yet received>";

std::string short_id(const TraceId& id) {
  std::string out = to_hex(id.view());
  out.erase(0, std::min(out.find_first_not_of('0'), out.size() - 1));
  return out;
}

std::string_view service_of_root(const FoundTrace& trace) {
  return trace.root_service.empty() ? kNoRoot : std::string_view(trace.root_service);
}

uint32_t duration_ms(const FoundTrace& trace) {
  if (trace.end_ns <= trace.start_ns) return 0;
  return static_cast<uint32_t>(
      std::min<uint64_t>((trace.end_ns - trace.start_ns) / 1'000'000, UINT32_MAX));
}

struct Jobs {
  uint32_t done;
  uint32_t all;
};
Jobs jobs_of(const SearchResult& result) {
  const uint32_t all = std::max({result.groups, result.damaged, 1U});
  return {all - result.damaged, all};
}

// ------------------------------------------------------------------------------- JSON

// Members of one object: a comma before each but the first.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  std::string& next(std::string_view name) {
    if (!std::exchange(first_, false)) out_ += ',';
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) append_json_string(next(name), value);
  }
  void number(std::string_view name, uint32_t value) {
    if (value != 0) next(name) += fmt::format("{}", value);
  }
  void number64(std::string_view name, uint64_t value) {
    if (value != 0) append_json_uint64(next(name), value);
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

// A list; `append` writes one element, and is false when nobody waits for the others.
bool append_list(std::string& out, const auto& elements, auto append) {
  out += '[';
  bool first = true;
  for (const auto& element : elements) {
    if (!std::exchange(first, false)) out += ',';
    if (!append(element)) return false;
  }
  out += ']';
  return true;
}

void append_attributes(Members& members, std::string& out,
                       const std::vector<ShownValue>& attributes) {
  if (attributes.empty()) return;
  append_list(members.next("attributes"), attributes, [&](const ShownValue& shown) {
    Members pair(out);
    pair.text("key", shown.key);
    std::string room;
    append_value(pair.next("value"), to_value(shown.value, room));
    pair.end();
    return true;
  });
}

void append_span(std::string& out, const FoundSpan& span) {
  Members members(out);
  members.text("spanID", to_hex(span.id.view()));
  members.text("name", span.name);
  members.number64("startTimeUnixNano", span.start_ns);
  members.number64("durationNanos", span.duration_ns);
  append_attributes(members, out, span.attributes);
  members.end();
}

bool append_set(std::string& out, const FoundSpanSet& set, const Checkpoint& checkpoint) {
  Members members(out);
  const bool is_whole = append_list(members.next("spans"), set.spans, [&](const FoundSpan& span) {
    append_span(out, span);
    return checkpoint();
  });
  if (!is_whole) return false;
  members.number("matched", set.matched);
  append_attributes(members, out, set.attributes);
  members.end();
  return true;
}

void append_services(std::string& out, const FoundTrace& trace) {
  Members services(out);
  for (const auto& [name, counts] : trace.services) {
    Members members(services.next(name));
    members.number("spanCount", counts.spans);
    members.number("errorCount", counts.errors);
    members.end();
  }
  services.end();
}

bool append_trace(std::string& out, const FoundTrace& trace, bool with_sets,
                  const Checkpoint& checkpoint) {
  Members members(out);
  members.text("traceID", short_id(trace.id));
  members.text("rootServiceName", service_of_root(trace));
  members.text("rootTraceName", trace.root_name);
  members.number64("startTimeUnixNano", trace.start_ns);
  members.number("durationMs", duration_ms(trace));
  if (with_sets) {
    const auto append = [&](const FoundSpanSet& set) { return append_set(out, set, checkpoint); };
    members.next("spanSet");
    if (!append(trace.sets.front())) return false;
    if (!append_list(members.next("spanSets"), trace.sets, append)) return false;
    if (!trace.services.empty()) append_services(members.next("serviceStats"), trace);
  }
  members.end();
  return checkpoint();
}

void append_metrics(std::string& out, const SearchResult& result) {
  const Jobs jobs = jobs_of(result);
  Members members(out);
  members.number("inspectedTraces", static_cast<uint32_t>(result.inspected_traces));
  members.number64("inspectedBytes", result.inspected_bytes);
  members.number("totalBlocks", result.parts);
  members.number("completedJobs", jobs.done);
  members.number("totalJobs", jobs.all);
  members.number64("inspectedSpans", result.inspected_spans);
  members.end();
}

// ------------------------------------------------------------------------------- protobuf

std::string any_value(const traceql::Datum& value) {
  std::string room;
  const Value stored = to_value(value, room);
  std::string out;
  pbf_writer any(out);
  switch (stored.type) {
    case ValueType::boolean:
      any.add_bool(2, stored.as_boolean());
      break;
    case ValueType::integer:
      any.add_int64(3, stored.as_integer());
      break;
    case ValueType::real:
      any.add_double(4, stored.as_real());
      break;
    case ValueType::array:
      any.add_message(5, stored.text.data(), stored.text.size());
      break;
    default:
      any.add_string(1, stored.text.data(), stored.text.size());
  }
  return out;
}

void write_text(pbf_writer& out, uint32_t field, std::string_view text) {
  if (!text.empty()) out.add_string(field, text.data(), text.size());
}
void write_number(pbf_writer& out, uint32_t field, uint64_t number) {
  if (number != 0) out.add_uint64(field, number);
}

void write_attributes(pbf_writer& out, uint32_t field, const std::vector<ShownValue>& attributes) {
  for (const ShownValue& shown : attributes) {
    pbf_writer pair(out, field);
    write_text(pair, 1, shown.key);
    pair.add_message(2, any_value(shown.value));
  }
}

std::string set_proto(const FoundSpanSet& set) {
  std::string out;
  pbf_writer writer(out);
  for (const FoundSpan& span : set.spans) {
    pbf_writer inner(writer, 1);
    write_text(inner, 1, to_hex(span.id.view()));
    write_text(inner, 2, span.name);
    write_number(inner, 3, span.start_ns);
    write_number(inner, 4, span.duration_ns);
    write_attributes(inner, 5, span.attributes);
  }
  write_number(writer, 2, set.matched);
  write_attributes(writer, 3, set.attributes);
  return out;
}

// What of a trace stands before its sets, and what behind them.
std::string facts_proto(const FoundTrace& trace) {
  std::string out;
  pbf_writer writer(out);
  write_text(writer, 1, short_id(trace.id));
  write_text(writer, 2, service_of_root(trace));
  write_text(writer, 3, trace.root_name);
  write_number(writer, 4, trace.start_ns);
  write_number(writer, 5, duration_ms(trace));
  return out;
}
std::string services_proto(const FoundTrace& trace) {
  std::string out;
  pbf_writer writer(out);
  for (const auto& [name, counts] : trace.services) {
    pbf_writer entry(writer, 8);
    write_text(entry, 1, name);
    pbf_writer stats(entry, 2);
    write_number(stats, 1, counts.spans);
    write_number(stats, 2, counts.errors);
  }
  return out;
}

// Of a field below 16 that holds a message.
size_t length_of_field(size_t message_bytes) {
  return 1 + static_cast<size_t>(protozero::length_of_varint(message_bytes)) + message_bytes;
}
void append_field(std::string& out, uint32_t field, std::string_view message) {
  pbf_writer(out).add_message(field, message.data(), message.size());
}

bool append_trace_proto(std::string& out, const FoundTrace& trace, bool with_sets,
                        const Checkpoint& checkpoint) {
  constexpr char kKeyOfTraces = 1 << 3 | 2;  // field 1, of a length
  const std::string facts = facts_proto(trace);
  if (!with_sets) {
    append_field(out, 1, facts);
    return checkpoint();
  }
  const std::string services = services_proto(trace);
  const std::string first = set_proto(trace.sets.front());
  const auto others = std::span(trace.sets).subspan(1);
  size_t length = facts.size() + services.size() + 2 * length_of_field(first.size());
  for (const FoundSpanSet& set : others) length += length_of_field(set_proto(set).size());

  out += kKeyOfTraces;
  protozero::add_varint_to_buffer(&out, length);
  out += facts;
  append_field(out, 6, first);
  append_field(out, 7, first);
  for (const FoundSpanSet& set : others) {
    if (!checkpoint()) return false;
    append_field(out, 7, set_proto(set));
  }
  out += services;
  return checkpoint();
}

}  // namespace

void append_search_json(std::string& out, const SearchResult& result, bool with_sets,
                        const Checkpoint& checkpoint) {
  out += "{\"traces\":";
  const bool is_whole = append_list(out, result.traces, [&](const FoundTrace& trace) {
    return append_trace(out, trace, with_sets, checkpoint);
  });
  if (!is_whole) return;
  out += ",\"metrics\":";
  append_metrics(out, result);
  out += '}';
}

void append_search_proto(std::string& out, const SearchResult& result, bool with_sets,
                         const Checkpoint& checkpoint) {
  for (const FoundTrace& trace : result.traces) {
    if (!append_trace_proto(out, trace, with_sets, checkpoint)) return;
  }
  const Jobs jobs = jobs_of(result);
  pbf_writer writer(out);
  pbf_writer metrics(writer, 2);
  write_number(metrics, 1, result.inspected_traces);
  write_number(metrics, 2, result.inspected_bytes);
  write_number(metrics, 3, result.parts);
  write_number(metrics, 4, jobs.done);
  write_number(metrics, 5, jobs.all);
  write_number(metrics, 7, result.inspected_spans);
}

}  // namespace vivace::api
