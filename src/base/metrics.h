// The program's own metrics: a registry of counters, gauges and histograms, shown at /metrics in
// the Prometheus text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). The types
// are prometheus-cpp's: updating one is lock-free, from any thread.
//
//   Counter& spans = metrics.counter("tempo_distributor_spans_received_total", "Spans received.",
//                                    {{"tenant", tenant}});
//
// Asking again for the same name and labels returns the same object; references live as long as the
// registry. Look-ups take a lock: keep the reference on a hot path. Values that are cheap to
// compute when somebody looks (a queue's length, resident memory) are added with `on_scrape`. What
// is told of somebody who may be forgotten, a tenant, is in a MetricsScope.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>
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

  // Runs before each `render`, to set gauges, until what is returned is destroyed: make it the last
  // member of whom `update` reads. Must not block.
  class ScrapeHook;
  [[nodiscard]] ScrapeHook on_scrape(std::function<void()> update);

  std::string render();

 private:
  friend class MetricsScope;

  prometheus::Registry registry_{prometheus::Registry::InsertBehavior::Merge};
  std::mutex mutex_;  // guards updates_
  std::list<std::function<void()>> updates_;
};

// Once it is destroyed, `update` does not run any more, nor is it running.
class Metrics::ScrapeHook {
 public:
  ScrapeHook() = default;
  ScrapeHook(ScrapeHook&& other) noexcept
      : metrics_(std::exchange(other.metrics_, nullptr)), at_(other.at_) {}
  ScrapeHook& operator=(ScrapeHook&& other) noexcept {
    std::swap(metrics_, other.metrics_);
    std::swap(at_, other.at_);
    return *this;
  }
  ~ScrapeHook();

 private:
  friend class Metrics;
  Metrics* metrics_ = nullptr;
  std::list<std::function<void()>>::iterator at_;
};

// Metrics that go when it does. Nobody else may ask for the same names and labels: they would be
// gone for him, too. One thread, or under its owner's lock.
class MetricsScope {
 public:
  explicit MetricsScope(Metrics& metrics) : metrics_(&metrics) {}
  MetricsScope(MetricsScope&& other) noexcept = default;
  MetricsScope& operator=(MetricsScope&& other) = delete;
  ~MetricsScope();

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels);
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels);
  Histogram& histogram(const std::string& name, const std::string& help,
                       const std::vector<double>& buckets, const Labels& labels);

 private:
  Metrics* metrics_;
  std::vector<std::function<void()>> removals_;
};

}  // namespace vivace
