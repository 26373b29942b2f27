// tracegen: makes realistic OTLP traces and pushes them over OTLP/HTTP (protobuf) as fast as asked.
// Every trace number n yields the same ids and contents for the same --seed, so that what was acked
// can be checked afterwards against what the server answers.
//
//   tracegen push --url 127.0.0.1:4318 --seconds 30 --conns 2 [--rate SPANS/S] [--batch TRACES]
//                 [--gzip] [--seed N] [--shape shop|deep|beyla] [--templates N] [--split]
//                 [--back SECONDS] [--first N] [--traces N] [--path P] [--truth FILE] [--retry]
//   tracegen dump --out FILE --traces N [--at UNIX_SECONDS]
//                 length-prefixed (u32le) OTLP requests
//
// push prints one line of key=value and exits with 1 when a request failed. With --retry, what is
// refused with 429 is sent again until it is taken.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>

#include <fmt/format.h>

#include "base/bytes.h"
#include "flags.h"
#include "load.h"
#include "workload.h"

namespace vivace::bench {
namespace {

using Counts = std::map<std::string, uint64_t>;

constexpr uint64_t kSlowNs = 100'000'000;
constexpr size_t kListedTraces = 2000;

struct Truth {
  uint64_t spans = 0;
  uint64_t root_errors = 0;
  uint64_t slow = 0;  // spans that took over 100 ms
  Counts by_service, errors_by_service, by_name;
  Counts by_kind;  // "service|kind|status"
  Counts edges;    // of the service graph: "client|server|connection type"
};

class File {
 public:
  explicit File(const std::string& path) : file_(std::fopen(path.c_str(), "wb")) {
    if (file_ != nullptr) return;
    fmt::print(stderr, "tracegen: cannot write {}\n", path);
    std::exit(2);
  }
  ~File() { std::fclose(file_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  void write(const std::string& bytes) { std::fwrite(bytes.data(), 1, bytes.size(), file_); }

 private:
  std::FILE* file_;
};

// Who called whom, as far as the span is the one that decides it: the server of a call, a client of
// a database, the root. Spans of one trace lie behind each other.
void count_edge(Truth& truth, Shape shape, const SpanTemplate& span) {
  constexpr int kServer = 2, kConsumer = 5;
  const std::string service(service_name(shape, span.service));
  const auto database =
      std::ranges::find(span.texts, "db.name", &std::pair<std::string, std::string>::first);
  if (database != span.texts.end()) {
    ++truth.edges[fmt::format("{}|{}|database", service, database->second)];
  } else if (span.kind == kServer && span.parent < 0) {
    ++truth.edges[fmt::format("user|{}|virtual_node", service)];
  } else if (span.kind == kServer || span.kind == kConsumer) {
    const SpanTemplate& parent = *(&span - span.index + span.parent);
    ++truth.edges[fmt::format("{}|{}|{}", service_name(shape, parent.service), service,
                              span.kind == kConsumer ? "messaging_system" : "")];
  }
}

void count_span(Truth& truth, const Workload& workload, uint64_t n, const SpanTemplate& span) {
  const std::string service(service_name(workload.options().shape, span.service));
  const bool error = span.status == 2;
  ++truth.spans;
  ++truth.by_service[service];
  ++truth.by_name[span.name];
  ++truth.by_kind[fmt::format("{}|{}|{}", service, span.kind, span.status)];
  count_edge(truth, workload.options().shape, span);
  if (error) ++truth.errors_by_service[service];
  if (error && span.parent < 0) ++truth.root_errors;
  const uint64_t seed = workload.options().seed;
  const uint64_t end = jitter(seed, n, span.start_ns + span.duration_ns);
  if (end - jitter(seed, n, span.start_ns) > kSlowNs) ++truth.slow;
}

// What the server must answer for the acked batches.
Truth truth_of(const Workload& workload, const PushResult& result) {
  Truth truth;
  for (const uint64_t first : result.acked_batches) {
    for (const SpanTemplate& span : workload.requests(first).front().traces) {
      count_span(truth, workload, first + span.trace, span);
    }
  }
  return truth;
}

std::string to_json(const Counts& counts) {
  std::string text = "{";
  for (const auto& [name, count] : counts) {
    text += fmt::format("{}\"{}\":{}", text.size() > 1 ? "," : "", name, count);
  }
  return text + "}";
}

// Up to some 2,000 of the acked traces, evenly spread: [["id", spans], ...].
std::string listed_traces(const Workload& workload, const PushResult& result) {
  const uint32_t batch = workload.options().batch;
  const size_t step = std::max<size_t>(1, result.acked_batches.size() * batch / kListedTraces);
  std::string text = "[";
  size_t k = 0;
  for (const uint64_t first : result.acked_batches) {
    const RequestTemplate& request = workload.requests(first).front();
    for (uint32_t trace = 0; trace < batch; ++trace) {
      if (k++ % step != 0) continue;
      text += fmt::format("{}[\"{}\",{}]", text.size() > 1 ? "," : "",
                          to_hex(trace_id(workload.options().seed, first + trace)),
                          request.spans_per_trace[trace]);
    }
  }
  return text + "]";
}

void write_truth(const std::string& path, const Workload& workload, const PushResult& result) {
  const Truth truth = truth_of(workload, result);
  const WorkloadOptions& options = workload.options();
  File file(path);
  file.write(fmt::format(
      "{{\"seed\":{},\"shape\":\"{}\",\"batch\":{},\"acked_spans\":{},\"acked_traces\":{},\n",
      options.seed, name_of(options.shape), options.batch, result.acked_spans,
      result.acked_traces));
  file.write("\"traces\":" + listed_traces(workload, result) + ",\n");
  file.write(fmt::format("\"spans\":{},\"root_errors\":{},\"slow_100ms\":{},\n", truth.spans,
                         truth.root_errors, truth.slow));
  file.write("\"by_service\":" + to_json(truth.by_service) + ",\n");
  file.write("\"errors_by_service\":" + to_json(truth.errors_by_service) + ",\n");
  file.write("\"by_name\":" + to_json(truth.by_name) + ",\n");
  file.write("\"by_kind\":" + to_json(truth.by_kind) + ",\n");
  file.write("\"edges\":" + to_json(truth.edges) + "}\n");
}

void print_result(const PushResult& r) {
  std::string statuses;
  for (const auto& [status, count] : r.statuses) statuses += fmt::format("{}:{} ", status, count);
  fmt::print(
      "acked_spans={} acked_traces={} seconds={:.2f} spans_per_s={:.0f} MB_per_s={:.1f} "
      "requests={} failed={} refused={} p50_ms={:.2f} p99_ms={:.2f} max_ms={:.2f} codes={}\n",
      r.acked_spans, r.acked_traces, r.seconds, static_cast<double>(r.acked_spans) / r.seconds,
      static_cast<double>(r.bytes) / r.seconds / 1e6, r.requests, r.failed, r.refused,
      r.ack_ms_at(0.5), r.ack_ms_at(0.99), r.ack_ms_at(1), statuses);
}

int run_push(const Workload& workload, const Flags& flags) {
  PushOptions options;
  options.address = flags.text("--url", options.address);
  options.path = flags.text("--path", options.path);
  options.seconds = flags.number("--seconds", options.seconds);
  options.spans_per_s = flags.number("--rate", 0);
  options.back_s = flags.number("--back", options.back_s);
  options.connections = static_cast<int>(flags.count("--conns", 2));
  options.traces_max = flags.count("--traces", options.traces_max);
  options.first = flags.count("--first", 0);
  options.gzip = flags.has("--gzip");
  options.retry = flags.has("--retry");

  const PushResult result = push(workload, options);
  print_result(result);
  if (flags.has("--truth")) write_truth(flags.text("--truth", ""), workload, result);
  return result.failed != 0 ? 1 : 0;
}

int run_dump(const Workload& workload, const Flags& flags) {
  const uint64_t traces = flags.count("--traces", 1000);
  const uint64_t base_ns = flags.count("--at", 1767225600) * 1'000'000'000;
  File file(flags.text("--out", ""));
  for (uint64_t first = 0; first < traces; first += workload.options().batch) {
    for (const RequestTemplate& request : workload.requests(first)) {
      const std::string bytes = workload.fill(request, first, base_ns + first * 1'000'000);
      std::string size;
      append_le(size, static_cast<uint32_t>(bytes.size()));
      file.write(size + bytes);
    }
  }
  return 0;
}

int run(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const Flags flags(argc, argv, 2, {"--gzip", "--split", "--retry"});
  if (mode != "push" && mode != "dump") {
    fmt::print(stderr, "usage: tracegen push|dump ... (see the top of bench/tracegen.cc)\n");
    return 2;
  }
  WorkloadOptions options;
  options.seed = flags.count("--seed", 1);
  options.shape = shape_of(flags.text("--shape", "shop"));
  options.batch = static_cast<uint32_t>(flags.count("--batch", 20));
  options.templates = static_cast<int>(flags.count("--templates", 64));
  options.split = flags.has("--split");
  options.keep_spans = flags.has("--truth");
  const Workload workload(options);
  const double spans = workload.spans_per_batch(), bytes = workload.bytes_per_batch();
  fmt::print(stderr,
             "templates: {}, {:.1f} spans and {:.0f} bytes per {} traces, {:.0f} bytes/span\n",
             options.templates, spans, bytes, options.batch, bytes / spans);
  return mode == "push" ? run_push(workload, flags) : run_dump(workload, flags);
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) { return vivace::bench::run(argc, argv); }
