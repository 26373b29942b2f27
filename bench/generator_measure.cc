// Batches are decoded some at a time and live together, as they do between threads; then each set
// takes them all. See generator_measure.h.
#include "generator_measure.h"

#include <algorithm>
#include <malloc.h>
#include <memory>

#include <fmt/format.h>

#include "base/clock.h"
#include "decode/otlp.h"
#include "generator/tenant.h"

namespace vivace::bench {
namespace {

constexpr size_t kTogether = 16;  // batches that live at once

struct Set {
  GeneratorCost cost;
  config::Generator config;
  generator::SeriesBudget budget{.unbounded = {.series_max = 1'000'000}};
  Metrics metrics;
  std::unique_ptr<generator::Tenant> tenant;
  double ns = 0;
};

std::unique_ptr<Set> set_of(const char* name, const char* what, std::vector<std::string> dimensions,
                            const char* processors) {
  auto out = std::make_unique<Set>();
  out->cost.name = name;
  out->cost.what = what;
  config::SpanMetrics& spans = out->config.span_metrics;
  const std::string_view wanted = processors;
  spans.calls = spans.latency = spans.size = wanted.contains('m');
  spans.dimensions = std::move(dimensions);
  out->config.service_graphs.is_on = wanted.contains('g');
  out->config.service_graphs.dimensions = {"service.name"};
  out->config.native_histograms = wanted.contains('n');
  out->config.remote_write.push_back({.name = "bench", .send_exemplars = true});
  return out;
}

std::vector<std::unique_ptr<Set>> all_sets() {
  const std::vector<std::string> homelab{"service.name", "http.method", "http.status_code",
                                         "http.target"};
  std::vector<std::unique_ptr<Set>> out;
  out.push_back(set_of("dimensions_0", "span metrics, no dimension of its own", {}, "m"));
  out.push_back(set_of("dimensions_1", "span metrics, 1 dimension", {"http.route"}, "m"));
  out.push_back(set_of("dimensions_4", "span metrics, 4 dimensions", homelab, "m"));
  out.push_back(set_of("graphs", "service graphs", {}, "g"));
  out.push_back(set_of("homelab", "a homelab's: both", homelab, "mg"));
  out.push_back(set_of("native", "the same with native histograms too", homelab, "mgn"));
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

class Feed {
 public:
  explicit Feed(const Workload& workload) : workload_(workload) {}

  std::vector<std::unique_ptr<Batch>> next() {
    std::vector<std::unique_ptr<Batch>> out;
    while (out.size() < kTogether) {
      base_ns += 2'000'000;
      for (const RequestTemplate& request : workload_.requests(first_)) {
        out.push_back(*decode_otlp(workload_.fill(request, first_, base_ns), {}));
        spans += request.spans;
      }
      first_ += workload_.options().batch;
    }
    return out;
  }

  uint64_t spans = 0;
  uint64_t base_ns = 1'790'000'000'000'000'000;

 private:
  const Workload& workload_;
  uint64_t first_ = 0;
};

}  // namespace

GeneratorCosts measure_generator(const Workload& workload, uint64_t spans,
                                 const std::string& only) {
  auto sets = all_sets();
  std::erase_if(sets, [&](const auto& set) { return !only.empty() && set->cost.name != only; });
  for (auto& set : sets) {
    set->tenant = std::make_unique<generator::Tenant>(
        set->config,
        generator::TenantOptions{
            .tenant = "t", .instance = "bench", .series_max_default = 1'000'000},
        set->budget, set->metrics);
  }
  Feed feed(workload);
  uint64_t keep = 0;
  double look_ns = 0;
  while (feed.spans < spans) {
    const auto batches = feed.next();
    int64_t began_ns = thread_cpu_ns();
    for (const auto& batch : batches) keep += look_at(*batch);
    look_ns += static_cast<double>(thread_cpu_ns() - began_ns);
    for (auto& set : sets) {
      began_ns = thread_cpu_ns();
      for (const auto& batch : batches) {
        set->tenant->take(*batch, {}, static_cast<int64_t>(feed.base_ns));
      }
      set->tenant->tick(static_cast<int64_t>(feed.base_ns / 1'000'000));
      set->ns += static_cast<double>(thread_cpu_ns() - began_ns);
    }
  }
  const auto count = static_cast<double>(feed.spans);
  GeneratorCosts out{.spans = feed.spans, .look_ns_per_span = look_ns / count};
  if (keep == 0) out.look_ns_per_span = 0;  // looked at nothing
  for (auto& set : sets) {
    set->cost.ns_per_span = set->ns / count;
    set->cost.series = set->tenant->active_series();
    out.sets.push_back(set->cost);
  }
  return out;
}

SeriesCost measure_series() {
  const config::SpanMetrics defaults;
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  generator::SeriesBudget budget;
  generator::Registry registry(budget);
  registry.options = {.labels = {{"__metrics_gen_instance", "bench"}, {"source", "tempo"}},
                      .series_max = 10 << 20,
                      .exemplars = true};
  generator::SeriesTable table(
      {.metrics = {{.names = {"calls_total"}},
                   {.names = {"size_total"}},
                   {.names = {"latency"}, .kind = generator::MetricSpec::Kind::histogram}},
       .bounds = defaults.histogram_buckets},
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
  const int64_t began_ns = thread_cpu_ns();
  table.collect(writers);
  size_t bytes = 0;
  for (const auto& body : writer.finish().values) bytes += body.packed.size();
  return {.series = registry.active_series,
          .bytes = static_cast<double>(after - before) / series,
          .collect_ns = static_cast<double>(thread_cpu_ns() - began_ns) / series,
          .sent_bytes = static_cast<double>(bytes) / series};
}

}  // namespace vivace::bench
