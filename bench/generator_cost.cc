// What the metrics-generator costs: CPU a span on one thread, for several sets of processors and
// dimensions, beside the time that it takes only to look at each span's fields; memory a series;
// and the time of a collection.
//
//   generator_cost [--spans 2000000] [--templates 500]
#include <ctime>
#include <malloc.h>

#include <fmt/format.h>

#include "decode/otlp.h"
#include "flags.h"
#include "generator/tenant.h"
#include "workload.h"

namespace vivace::bench {
namespace {

constexpr size_t kTogether = 16;  // batches that live at once, as between threads

double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Candidate {
  const char* name;
  config::Generator config;
  std::unique_ptr<Metrics> metrics = std::make_unique<Metrics>();
  std::unique_ptr<generator::Tenant> tenant = nullptr;
  double ns = 0;
};

Candidate candidate(const char* name, std::vector<std::string> dimensions, bool graphs,
                    bool metrics) {
  Candidate out{.name = name, .config = {}};
  config::SpanMetrics& spans = out.config.span_metrics;
  spans.calls = spans.latency = spans.size = metrics;
  spans.dimensions = std::move(dimensions);
  out.config.service_graphs.is_on = graphs;
  out.config.service_graphs.dimensions = {"service.name"};
  out.config.remote_write.push_back({.name = "bench", .send_exemplars = true});
  return out;
}

std::vector<Candidate> candidates() {
  std::vector<Candidate> out;
  const std::vector<std::string> homelab{"service.name", "http.method", "http.status_code",
                                         "http.target"};
  out.push_back(candidate("span metrics, no dimension", {}, false, true));
  out.push_back(candidate("span metrics, 1 dimension", {"http.route"}, false, true));
  out.push_back(candidate("span metrics, 4 dimensions", homelab, false, true));
  out.push_back(candidate("service graphs", {}, true, false));
  out.push_back(candidate("a homelab's: both", homelab, true, true));
  for (Candidate& one : out) {
    one.tenant = std::make_unique<generator::Tenant>(
        one.config,
        generator::TenantOptions{
            .tenant = "t", .instance = "bench", .series_max_default = 1'000'000},
        *one.metrics);
  }
  return out;
}

// Touches what any processor must: kind, status, times, name, resource.
uint64_t look_at(const Batch& batch) {
  uint64_t sum = 0;
  for (const BatchSpan& span : batch.spans) {
    sum = sum * 31 + span.name_hash + span.resource + span.end_ns - span.start_ns;
    sum += static_cast<uint64_t>(span.kind * 8 + span.status_code) + span.trace_id.hash();
  }
  return sum;
}

void measure_series() {
  Candidate one = candidate("", {"id"}, false, true);
  one.tenant = std::make_unique<generator::Tenant>(
      one.config,
      generator::TenantOptions{.tenant = "t", .instance = "bench", .series_max_default = 10 << 20},
      *one.metrics);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  generator::Registry registry;
  registry.options = {.labels = {{"__metrics_gen_instance", "bench"}, {"source", "tempo"}},
                      .series_max = 10 << 20,
                      .exemplars = true};
  generator::SeriesTable table(
      {.metrics = {{.names = {"calls_total"}},
                   {.names = {"size_total"}},
                   {.names = {"latency"}, .kind = generator::MetricSpec::Kind::histogram}},
       .bounds = one.config.span_metrics.histogram_buckets},
      registry);
  constexpr uint64_t kRows = 20'000;
  generator::LabelSet labels;
  for (uint64_t row = 0; row < kRows; ++row) {
    labels.add("service", fmt::format("service-{}", row % 20));
    labels.add("span_name", fmt::format("GET /some/path/{}", row));
    labels.add("span_kind", "SPAN_KIND_SERVER");
    labels.add("status_code", "STATUS_CODE_UNSET");
    table.touch(table.enter(row + 1, labels), 1);
  }
  const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
  const auto series = static_cast<double>(registry.active_series);
  const generator::RoundOptions options{.exemplars = true};
  generator::RoundWriter writer(options, 1'790'000'000'000);
  generator::RoundWriter* const writers[] = {&writer};
  const double begin = cpu_ns();
  table.collect(writers);
  size_t bytes = 0;
  for (const auto& body : writer.finish().values) bytes += body.packed.size();
  fmt::print("  {} series: {:.0f} bytes of memory each, {:.0f} ns to collect, {:.1f} bytes sent\n",
             series, static_cast<double>(after - before) / series, (cpu_ns() - begin) / series,
             static_cast<double>(bytes) / series);
}

int run(int argc, char** argv) {
  const Flags flags(argc, argv, 1, {});
  const Workload workload({.templates = static_cast<int>(flags.count("--templates", 500))});
  const uint64_t spans_wanted = flags.count("--spans", 2'000'000);
  std::vector<Candidate> all = candidates();
  uint64_t base_ns = 1'790'000'000'000'000'000;
  uint64_t spans = 0;
  uint64_t keep = 0;
  double look_ns = 0;
  for (uint64_t first = 0; spans < spans_wanted;) {
    std::vector<std::unique_ptr<Batch>> batches;
    while (batches.size() < kTogether) {
      base_ns += 2'000'000;
      for (const RequestTemplate& request : workload.requests(first)) {
        batches.push_back(*decode_otlp(workload.fill(request, first, base_ns), {}));
        spans += request.spans;
      }
      first += workload.options().batch;
    }
    double begin = cpu_ns();
    for (const auto& batch : batches) keep += look_at(*batch);
    look_ns += cpu_ns() - begin;
    for (Candidate& one : all) {
      begin = cpu_ns();
      for (const auto& batch : batches) {
        one.tenant->take(*batch, {}, static_cast<int64_t>(base_ns));
      }
      one.tenant->tick(static_cast<int64_t>(base_ns / 1'000'000));
      one.ns += cpu_ns() - begin;
    }
  }
  const auto count = static_cast<double>(spans);
  fmt::print("{} spans ({})\n  {:<32} {:8.1f} ns a span\n", spans, keep == 0 ? "" : "ok",
             "yardstick: only looked at", look_ns / count);
  for (const Candidate& one : all) {
    fmt::print("  {:<32} {:8.1f} ns a span, {} series\n", one.name, one.ns / count,
               one.tenant->active_series());
  }
  measure_series();
  return 0;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) { return vivace::bench::run(argc, argv); }
