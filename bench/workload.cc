// Writes the templates and patches them. protozero reserves room for a message's length and closes
// the gap afterwards, which moves bytes: so the places to patch are not known while writing. They
// are marked with unique bytes, and the marks are looked up in the finished request.
#include "workload.h"

#include <cstring>

#include <protozero/pbf_writer.hpp>

#include "base/bytes.h"
#include "base/result.h"

namespace vivace::bench {
namespace {

using Kind = Patch::Kind;
using protozero::pbf_writer;

// The whole traces of a batch.
std::vector<SpanTemplate> build_traces(const WorkloadOptions& options, uint64_t seed) {
  Rng rng{seed};
  std::vector<SpanTemplate> traces;
  for (uint32_t trace = 0; trace < options.batch; ++trace) {
    build_trace(rng, trace, options.shape, traces);
  }
  return traces;
}

class RequestWriter {
 public:
  RequestWriter(const WorkloadOptions& options, uint64_t seed,
                const std::vector<SpanTemplate>& traces, int only_service)
      : shape_(options.shape), seed_(seed), traces_(traces), only_service_(only_service) {
    request_.spans_per_trace.resize(options.batch);
    for (const SpanTemplate& span : traces) ++request_.spans_per_trace[span.trace];
  }

  RequestTemplate write() && {
    pbf_writer out{request_.bytes};
    for (int service = 0; service < service_count(shape_); ++service) {
      if (only_service_ < 0 || service == only_service_) write_service(out, service);
    }
    find_marks();
    return std::move(request_);
  }

 private:
  struct Mark {
    std::string bytes;
    Patch patch;
  };

  void write_service(pbf_writer& out, int service);
  void write_resource(pbf_writer& out, int service);
  void write_span(pbf_writer& out, const SpanTemplate& span);
  void write_exception(pbf_writer& out, const SpanTemplate& span);
  void write_link(pbf_writer& out, const SpanTemplate& span);
  void find_marks();

  std::string mark(size_t size, const Patch& patch) {
    std::string bytes;
    while (bytes.size() < size) append_le(bytes, mix(0xabcdef ^ (++marks_made_ << 1)));
    bytes.resize(size);
    marks_.push_back({bytes, patch});
    return bytes;
  }
  std::string mark_trace_id(const SpanTemplate& span) {
    return mark(16, {0, Kind::trace_id, span.trace, 0, 0});
  }
  std::string mark_span_id(const SpanTemplate& span, int index) {
    return mark(8, {0, Kind::span_id, span.trace, static_cast<uint32_t>(index), 0});
  }
  uint64_t mark_time(const SpanTemplate& span, uint64_t after_start_ns) {
    return load<uint64_t>(mark(8, {0, Kind::time, span.trace, 0, after_start_ns}).data());
  }

  static void add(pbf_writer& out, uint32_t field, const std::string& key,
                  const std::string& text) {
    pbf_writer attribute{out, field};
    attribute.add_string(1, key);
    pbf_writer value{attribute, 2};
    value.add_string(1, text);
  }
  static void add(pbf_writer& out, uint32_t field, const std::string& key, int64_t number) {
    pbf_writer attribute{out, field};
    attribute.add_string(1, key);
    pbf_writer value{attribute, 2};
    value.add_int64(3, number);
  }

  const Shape shape_;
  const uint64_t seed_;
  const std::vector<SpanTemplate>& traces_;
  const int only_service_;  // -1: all
  RequestTemplate request_;
  std::vector<Mark> marks_;
  uint64_t marks_made_ = 0;
};

void RequestWriter::write_service(pbf_writer& out, int service) {
  bool any = false;
  for (const SpanTemplate& span : traces_) any |= span.service == service;
  if (!any) return;
  pbf_writer resource_spans{out, 1};
  write_resource(resource_spans, service);
  pbf_writer scope_spans{resource_spans, 2};
  {
    pbf_writer scope{scope_spans, 1};
    scope.add_string(1, shape_ == Shape::beyla ? "github.com/grafana/beyla"
                                               : "@opentelemetry/instrumentation-http");
    scope.add_string(2, "0.52.1");
  }
  for (const SpanTemplate& span : traces_) {
    if (span.service == service) write_span(scope_spans, span);
  }
}

void RequestWriter::write_resource(pbf_writer& out, int service) {
  const bool beyla = shape_ == Shape::beyla;
  const std::string name(service_name(shape_, service));
  const auto n = static_cast<uint64_t>(service);
  const uint64_t pod = 10000 + (mix(seed_ * 31 + n) % 8) * 7;
  pbf_writer resource{out, 1};
  add(resource, 1, "service.name", name);
  add(resource, 1, "service.namespace", beyla ? "home" : "shop");
  add(resource, 1, "service.version", "1." + std::to_string(service) + ".3");
  add(resource, 1, "deployment.environment", "production");
  add(resource, 1, "telemetry.sdk.language",
      beyla              ? "generic"
      : service % 2 != 0 ? "go"
                         : "nodejs");
  add(resource, 1, "telemetry.sdk.name", beyla ? "beyla" : "opentelemetry");
  add(resource, 1, "k8s.pod.name", name + "-7d9f6c5b4-" + std::to_string(pod));
  add(resource, 1, "k8s.namespace.name", "prod");
  add(resource, 1, "k8s.node.name", "node-" + std::to_string(mix(seed_ + n) % 6));
  add(resource, 1, "cluster", "homelab1");
}

void RequestWriter::write_span(pbf_writer& out, const SpanTemplate& span) {
  ++request_.spans;
  pbf_writer message{out, 2};
  message.add_bytes(1, mark_trace_id(span));
  message.add_bytes(2, mark_span_id(span, span.index));
  if (span.parent >= 0) message.add_bytes(4, mark_span_id(span, span.parent));
  message.add_string(5, span.name);
  message.add_enum(6, span.kind);
  message.add_fixed64(7, mark_time(span, span.start_ns));
  message.add_fixed64(8, mark_time(span, span.start_ns + span.duration_ns));
  for (const auto& [key, text] : span.texts) add(message, 9, key, text);
  for (const auto& [key, number] : span.numbers) add(message, 9, key, number);
  if (span.request_id) {
    add(message, 9, "request.id", mark(32, {0, Kind::request_id, span.trace, 0, 0}));
  }
  if (span.item_id) {
    const auto index = static_cast<uint32_t>(span.index);
    add(message, 9, "item.path", "/items/" + mark(10, {0, Kind::item_id, span.trace, index, 0}));
  }
  if (span.exception) write_exception(message, span);
  if (span.link) write_link(message, span);
  if (span.status != 0) {
    pbf_writer status{message, 15};
    if (span.exception) status.add_string(2, "upstream failed");
    status.add_enum(3, span.status);
  }
}

void RequestWriter::write_exception(pbf_writer& out, const SpanTemplate& span) {
  pbf_writer event{out, 11};
  event.add_fixed64(1, mark_time(span, span.start_ns + span.duration_ns / 2));
  event.add_string(2, "exception");
  add(event, 3, "exception.type", "UpstreamTimeout");
  add(event, 3, "exception.message", "deadline exceeded while calling upstream");
  add(event, 3, "exception.stacktrace",
      "at call (upstream.js:41:7)\n at handle (server.js:120:3)\n at "
      "process.processTicksAndRejections (node:internal/process/task_queues:95:5)");
}

void RequestWriter::write_link(pbf_writer& out, const SpanTemplate& span) {
  pbf_writer link{out, 13};
  link.add_bytes(1, mark_trace_id(span));
  link.add_bytes(2, mark_span_id(span, 0));
}

void RequestWriter::find_marks() {
  size_t from = 0;
  for (Mark& mark : marks_) {
    const size_t at = request_.bytes.find(mark.bytes, from);
    ASSERT(at != std::string::npos);
    mark.patch.offset = at;
    from = at;
    request_.patches.push_back(mark.patch);
  }
}

void write_hex(char* to, uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int i = 0; i < 16; ++i) to[i] = kDigits[(value >> (4 * i)) & 15];
}

void write_decimal(char* to, int digits, uint64_t value) {
  for (int i = digits - 1; i >= 0; --i) {
    to[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

void apply(const Patch& patch, uint64_t seed, uint64_t n, uint64_t base_ns, char* to) {
  switch (patch.kind) {
    case Kind::trace_id:
      std::memcpy(to, trace_id(seed, n).data(), 16);
      break;
    case Kind::span_id:
      store(to, mix(mix(seed + n * 1315423911ULL) + patch.span + 1));
      break;
    case Kind::time:
      store(to, base_ns + (n % 1000) * 700'000 + jitter(seed, n, patch.after_start_ns));
      break;
    case Kind::request_id:
      write_hex(to, mix(seed + n * 7));
      write_hex(to + 16, mix(mix(seed + n * 7)));
      break;
    case Kind::item_id:
      write_decimal(to, 10, mix(seed + n * 13 + patch.span) % 10'000'000'000ULL);
      break;
  }
}

}  // namespace

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

std::string trace_id(uint64_t seed, uint64_t n) {
  const uint64_t first = mix(seed ^ mix(n));
  std::string id;
  append_le(id, first);
  append_le(id, mix(first ^ 0x5555));
  return id;
}

uint64_t jitter(uint64_t seed, uint64_t n, uint64_t after_start_ns) {
  const uint64_t factor = 512 + mix(seed + n * 29) % 1024;
  const uint64_t noise = after_start_ns == 0 ? 0 : mix(after_start_ns + n * 17) % 400;
  return after_start_ns * factor / 1024 + noise;
}

Workload::Workload(const WorkloadOptions& options) : options_(options) {
  for (int i = 0; i < options.templates; ++i) {
    const uint64_t seed = mix(options.seed * 977 + static_cast<uint64_t>(i));
    const std::vector<SpanTemplate> traces = build_traces(options, seed);
    std::vector<RequestTemplate>& batch = requests_.emplace_back();
    const int parts = options.split ? service_count(options.shape) : 1;
    for (int part = 0; part < parts; ++part) {
      RequestTemplate request =
          RequestWriter(options, seed, traces, options.split ? part : -1).write();
      if (request.spans == 0) continue;
      if (options.keep_spans) request.traces = traces;
      batch.push_back(std::move(request));
    }
  }
}

std::string Workload::fill(const RequestTemplate& request, uint64_t first, uint64_t base_ns) const {
  std::string bytes = request.bytes;
  for (const Patch& patch : request.patches) {
    apply(patch, options_.seed, first + patch.trace, base_ns, bytes.data() + patch.offset);
  }
  return bytes;
}

double Workload::spans_per_batch() const {
  double spans = 0;
  for (const auto& batch : requests_) {
    for (const RequestTemplate& request : batch) spans += request.spans;
  }
  return spans / static_cast<double>(requests_.size());
}

double Workload::bytes_per_batch() const {
  double bytes = 0;
  for (const auto& batch : requests_) {
    for (const RequestTemplate& request : batch) bytes += static_cast<double>(request.bytes.size());
  }
  return bytes / static_cast<double>(requests_.size());
}

}  // namespace vivace::bench
