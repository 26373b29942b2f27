// Counters are found, raised and forgotten under one lock, so that nobody holds one that goes. Who
// is idle is looked for once a second, and only when there is no room for a newcomer.
#include "app/tenant_counters.h"

#include "model/tenant.h"

namespace vivace {
namespace {

constexpr int64_t kIdleNs = 600'000'000'000;
constexpr int64_t kLookNs = 1'000'000'000;  // between searches for tenants to forget

}  // namespace

TenantCounters::Of::Of(const std::string& tenant, Metrics& metrics)
    : scope(metrics),
      ingress_bytes(scope.counter("tempo_distributor_ingress_bytes_total",
                                  "Bytes of OTLP received, before limits.", {{"tenant", tenant}})),
      spans(scope.counter("tempo_distributor_spans_received_total", "Spans received.",
                          {{"tenant", tenant}})),
      bytes(scope.counter("tempo_distributor_bytes_received_total",
                          "Bytes of OTLP received, decompressed.", {{"tenant", tenant}})),
      truncated(scope.counter("tempo_distributor_attributes_truncated_total",
                              "Attributes whose key or value was cut.", {{"tenant", tenant}})) {}

TenantCounters::TenantCounters(const Clock& clock, Metrics& metrics, size_t tenants_max)
    : clock_(clock),
      metrics_(metrics),
      tenants_max_(tenants_max),
      others_(std::string(kOtherTenants), metrics) {
  of(std::string(kSingleTenant));  // so that rate() has a zero to begin with
}

void TenantCounters::count_ingress(const std::string& tenant, size_t bytes) {
  const std::lock_guard lock(mutex_);
  of(tenant).ingress_bytes.Increment(static_cast<double>(bytes));
}

void TenantCounters::count_received(const std::string& tenant, size_t spans, size_t bytes,
                                    uint64_t truncated) {
  const std::lock_guard lock(mutex_);
  Of& to = of(tenant);
  to.spans.Increment(static_cast<double>(spans));
  to.bytes.Increment(static_cast<double>(bytes));
  to.truncated.Increment(static_cast<double>(truncated));
}

void TenantCounters::count_discarded(const std::string& tenant, const char* reason, size_t spans) {
  if (spans == 0) return;
  const std::lock_guard lock(mutex_);
  Of& to = of(tenant);
  auto found = to.discarded.find(reason);
  if (found == to.discarded.end()) {
    const std::string name(&to == &others_ ? kOtherTenants : tenant);
    Counter& made = to.scope.counter("tempo_discarded_spans_total", "Spans that were not stored.",
                                     {{"reason", reason}, {"tenant", name}});
    found = to.discarded.emplace(reason, &made).first;
  }
  found->second->Increment(static_cast<double>(spans));
}

size_t TenantCounters::tenants() const {
  const std::lock_guard lock(mutex_);
  return tenants_.size();
}

// Takes the mutex as held.
TenantCounters::Of& TenantCounters::of(const std::string& tenant) {
  const int64_t now_ns = clock_.steady_ns();
  auto found = tenants_.find(tenant);
  if (found == tenants_.end()) {
    if (tenants_.size() >= tenants_max_ && now_ns - looked_ns_ >= kLookNs) {
      looked_ns_ = now_ns;
      std::erase_if(tenants_, [&](const auto& entry) {
        return now_ns - entry.second.heard_ns >= kIdleNs && entry.first != kSingleTenant;
      });
    }
    if (tenants_.size() >= tenants_max_) return others_;
    found = tenants_.try_emplace(tenant, tenant, metrics_).first;
  }
  found->second.heard_ns = now_ns;
  return found->second;
}

}  // namespace vivace
