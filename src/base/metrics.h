// The program's own metrics: a registry of counters, gauges and histograms, shown at /metrics in
// the Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). The types
// are prometheus-cpp's: updating one is lock-free, from any thread.
//
//   Counter& spans = metrics.counter("tempo_distributor_spans_received_total", "Spans received.",
//                                    {{"tenant", tenant}});
//
// Asking again for the same name and labels returns the same object; references live as long as the
// registry. Look-ups take a lock: keep the reference on a hot path. Values that are cheap to
// compute when somebody looks (a queue's length, resident memory) are added with `on_scrape`.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace vivace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using Labels = std::map<std::string, std::string>;

class Metrics {
 public:
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help,
                       const std::vector<double>& buckets, const Labels& labels = {});

  // Runs before each `render`, to set gauges. Must not block.
  void on_scrape(std::function<void()> update);

  std::string render();

 private:
  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
  std::mutex mutex_;  // guards updates_
  std::vector<std::function<void()>> updates_;
};

}  // namespace vivace
