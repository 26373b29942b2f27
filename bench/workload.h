// Realistic OTLP requests that are cheap to make in numbers: a request of some traces is written
// once as a template, and each time it is sent its ids, times and random texts are patched in
// place.
//
// Trace number n has the same ids and contents for the same seed, whoever sends it and however
// often, so that what was acked can be checked afterwards against what a server answers. Shape and
// tree of trace n are those of template n / batch, modulo the number of templates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vivace::bench {

// Spreads 64 bits; all randomness here is made of it, so that it never depends on a library.
uint64_t mix(uint64_t x);

struct Rng {
  uint64_t state;
  uint64_t next() { return state = mix(state); }
  uint64_t below(uint64_t n) { return next() % n; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
};

// shop: 8 to 48 spans over 20 services. deep: 150 to 300 spans in long chains. beyla: three spans
// of one service, as eBPF instrumentation makes them.
enum class Shape : uint8_t { shop, deep, beyla };

Shape shape_of(std::string_view name);  // shop for a name it does not know
std::string_view name_of(Shape shape);
int service_count(Shape shape);
std::string_view service_name(Shape shape, int service);

struct SpanTemplate {
  uint32_t trace = 0;  // within the request
  int parent = -1;     // index in its trace
  int index = 0;
  int service = 0;
  int kind = 1;    // OTLP's SpanKind
  int status = 0;  // OTLP's StatusCode
  std::string name;
  uint64_t start_ns = 0;  // after the start of the trace
  uint64_t duration_ns = 0;
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::pair<std::string, int64_t>> numbers;
  bool request_id = false;  // a random text of 32 digits
  bool item_id = false;     // a random number of 10 digits in a path
  bool exception = false;
  bool link = false;
};

// Appends the spans of trace number `trace` of a request.
void build_trace(Rng& rng, uint32_t trace, Shape shape, std::vector<SpanTemplate>& spans);

// A place in a template's bytes that differs from one sending to the next.
struct Patch {
  enum class Kind : uint8_t { trace_id, span_id, time, request_id, item_id };
  size_t offset;
  Kind kind;
  uint32_t trace;
  uint32_t span;
  uint64_t after_start_ns;
};

struct RequestTemplate {
  std::string bytes;  // ExportTraceServiceRequest
  std::vector<Patch> patches;
  std::vector<uint32_t> spans_per_trace;
  uint32_t spans = 0;                // in `bytes`
  std::vector<SpanTemplate> traces;  // the whole traces; empty unless asked for
};

struct WorkloadOptions {
  uint64_t seed = 1;
  Shape shape = Shape::shop;
  uint32_t batch = 20;  // traces a request
  int templates = 64;
  bool split = false;       // one request per service instead of one for all
  bool keep_spans = false;  // needed to tell the truth afterwards
};

class Workload {
 public:
  explicit Workload(const WorkloadOptions& options);

  const WorkloadOptions& options() const { return options_; }
  // The requests that together carry the batch which begins with trace number `first`.
  const std::vector<RequestTemplate>& requests(uint64_t first) const {
    return requests_[(first / options_.batch) % requests_.size()];
  }
  // Bytes to send for one of them; `base_ns` is the unix time of the batch.
  std::string fill(const RequestTemplate& request, uint64_t first, uint64_t base_ns) const;

  double spans_per_batch() const;
  double bytes_per_batch() const;

 private:
  WorkloadOptions options_;
  std::vector<std::vector<RequestTemplate>> requests_;
};

// The 16 bytes of trace number n.
std::string trace_id(uint64_t seed, uint64_t n);

// An instant of trace n: times of one trace are stretched by a factor of its own and get some
// noise.
uint64_t jitter(uint64_t seed, uint64_t n, uint64_t after_start_ns);

}  // namespace vivace::bench
