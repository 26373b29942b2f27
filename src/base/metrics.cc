// A thin layer over prometheus-cpp's registry and text serializer. The registry merges, so that
// asking twice for one family is fine.
#include "base/metrics.h"

#include <prometheus/text_serializer.h>

namespace vivace {

namespace {

template <typename Family, typename... More>
auto& add_to(Family& family, std::vector<std::function<void()>>& removals, const Labels& labels,
             const More&... more) {
  auto& metric = family.Add(labels, more...);
  removals.push_back([&family, &metric] { family.Remove(&metric); });
  return metric;
}

}  // namespace

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add(labels);
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add(labels);
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const std::vector<double>& buckets, const Labels& labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add(labels,
                                                                                    buckets);
}

Metrics::ScrapeHook Metrics::on_scrape(std::function<void()> update) {
  const std::lock_guard lock(mutex_);
  ScrapeHook out;
  out.metrics_ = this;
  out.at_ = updates_.insert(updates_.end(), std::move(update));
  return out;
}

Metrics::ScrapeHook::~ScrapeHook() {
  if (metrics_ == nullptr) return;
  const std::lock_guard lock(metrics_->mutex_);
  metrics_->updates_.erase(at_);
}

std::string Metrics::render() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& update : updates_) update();
  }
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

MetricsScope::~MetricsScope() {
  for (const auto& remove : removals_) remove();
}

Counter& MetricsScope::counter(const std::string& name, const std::string& help,
                               const Labels& labels) {
  return add_to(prometheus::BuildCounter().Name(name).Help(help).Register(metrics_->registry_),
                removals_, labels);
}

Gauge& MetricsScope::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return add_to(prometheus::BuildGauge().Name(name).Help(help).Register(metrics_->registry_),
                removals_, labels);
}

Histogram& MetricsScope::histogram(const std::string& name, const std::string& help,
                                   const std::vector<double>& buckets, const Labels& labels) {
  return add_to(prometheus::BuildHistogram().Name(name).Help(help).Register(metrics_->registry_),
                removals_, labels, buckets);
}

}  // namespace vivace
