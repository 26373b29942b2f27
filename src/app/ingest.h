// The road of one request: what the receivers hand over is decoded on an ingest thread, admitted,
// made durable and visible by the store, and only then answered.
//
//   received -> seen before? -> decode -> verdict -> admit -> log + sync -> head -> answer
//   (io)        (ingest thread; io when small ..............) (log)        (head)   (io)
//
// A request is stored whole or refused whole, except spans with empty ids and those of traces past
// a limit, which are refused alone and told in the answer. Nothing is refused after admission but
// by a failing disk.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "app/rate_limit.h"
#include "app/tenant_counters.h"
#include "app/trace_limits.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/workers.h"
#include "receive/receive.h"
#include "store/store.h"

namespace vivace {

// Limits of one tenant.
struct IngestLimits {
  uint32_t attribute_bytes_max = 2048;  // 0: no cut
  RateLimitOptions rate = {};
  TraceLimitOptions traces = {};
};

struct IngestOptions {
  int threads = 2;
  uint32_t attribute_bytes_max = 2048;  // 0: no cut
  size_t body_bytes_max = 20 << 20;     // after decompression
  RateLimitOptions rate = {};
  TraceLimitOptions traces = {};
  // Of single tenants, asked for each request by any thread; null: those above hold for all.
  std::function<IngestLimits(const std::string& tenant)> limits_of = {};
};

class Ingest {
 public:
  // `bodies` is the budget that received bodies are counted in; decoded ones are added to it.
  Ingest(const IngestOptions& options, Store& store, Budget& bodies, const Clock& clock,
         Metrics& metrics);

  // For a receiver. `receiver` and `transport` are its labels in metrics.
  receive::Sink sink(const std::string& receiver, const std::string& transport);

  // Whether a trace lacks spans that were refused since it was too large. Any thread.
  bool has_cut(const std::string& tenant, const TraceId& trace) const {
    return traces_.is_too_large(tenant, trace, limits_of(tenant).traces);
  }

  // Takes the road for everything that was handed over, then refuses what comes.
  void stop() { workers_.stop(); }

 private:
  struct Counters {  // of one receiver
    Counter* accepted_spans;
    Counter* refused_spans;
  };
  struct Request {
    receive::Received received;
    receive::Done done;
    Counters counters;
    int64_t began_ns;  // steady
  };
  static bool is_quick(const receive::Received& received);
  void take(Request request);
  std::optional<Error> nobody_waits(const receive::Received& received, int64_t began_ns) const;
  Result<void> make_protobuf(receive::Received& received, size_t bytes_max);
  void process(receive::Received received, receive::Done done, const Counters& counters);
  IngestLimits limits_of(const std::string& tenant) const;
  Result<std::string> take_body(receive::Received& received, size_t bytes_max,
                                const RateLimitOptions& rate, const Counters& counters);
  Result<receive::Outcome> verdict(const std::string& tenant, const Batch& batch);
  Result<void> refuse_by_limits(const std::string& tenant, const IngestLimits& limits,
                                std::unique_ptr<Batch>& batch, receive::Outcome& outcome,
                                const Counters& counters);

  const IngestOptions options_;
  Store& store_;
  Budget& bodies_;
  const Clock& clock_;
  Metrics& metrics_;
  Histogram& push_seconds_;
  TenantCounters tenants_;
  RateLimit rate_;
  TraceLimits traces_;
  Workers workers_;
  Metrics::ScrapeHook on_scrape_;  // last: it reads what stands above
};

}  // namespace vivace
