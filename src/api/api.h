// The query API on one port: routes requests to what answers them.
//
//   path                            answer
//   /ready                          200 "ready" once the store has been recovered, else 503
//   /metrics                        own metrics, Prometheus text format 0.0.4
//   /flush[?tenant=name]            204; all heads become blocks soon. 404 for an unknown tenant
//   /api/echo                       "echo", Grafana's health check
//   /api/status/buildinfo           version, for Grafana's feature switches
//   /api/traces/{id}                a trace, v1; see traces.h
//   /api/v2/traces/{id}             a trace, v2
//   /api/search                     the newest traces that match; see search.h
//   /api/search/tags                names and values of tags, v1 and below /api/v2; see tags.h
//   /api/search/tag/{name}/values
//   /api/metrics/query_range        numbers over time; see metrics.h
//   /api/metrics/query              one number for the whole time
//
// Paths below /api carry the configured prefix. Anything else is 404. The handler runs on io
// threads; queries go to the workers it is given.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "api/call.h"
#include "api/metrics.h"
#include "api/search.h"
#include "api/traces.h"
#include "base/workers.h"
#include "net/http.h"
#include "store/store.h"

namespace vivace::api {

enum class Phase : uint8_t { starting, ready, stopping };

struct ApiOptions {
  std::string http_api_prefix;  // "" or "/x"
  bool multitenancy = false;
  // Of one trace in an answer to this tenant; 0, or null: no limit.
  std::function<int64_t(const std::string& tenant)> trace_bytes_max = {};
  IsTraceCut is_trace_cut = {};         // null: none is
  std::function<void()> flush = {};     // cuts all heads; used only while a store is set
  int64_t tag_bytes_max = 1'000'000;    // of the texts in a list of tags; 0: no limit
  int64_t query_bytes_max = 128 << 10;  // of a TraceQL text; 0: no limit
  int64_t search_range_max_ns = 0;      // between start and end; 0: no limit
  int64_t search_timeout_ns = 0;        // 0: none
  SearchLimits search_limits = {};
  MetricsLimits metrics_limits = {};
  int64_t metrics_range_max_ns = 0;  // between start and end; 0: no limit
  uint32_t metrics_intervals_max = 10'000;
  std::string version;  // as /api/status/buildinfo tells it, without "v"
  std::string revision;
};

class Api {
 public:
  Api(ApiOptions options, Call::Context context, Workers& queries);

  // For net::Server. The Api must outlive it.
  net::Handler handler();

  // Queries are answered from then on; before, they are refused with 503.
  void set_store(const Store* store) { store_.store(store); }
  void set_phase(Phase phase) { phase_.store(phase); }
  Phase phase() const { return phase_.load(); }

 private:
  void route(net::Request request, net::Responder responder);
  void route_api(std::string_view path, net::Request request, net::Responder responder);
  Call open(std::string route, net::Request request, net::Responder responder) const;
  void ready(Call call) const;
  void metrics(Call call);
  void flush(Call call);
  void build_info(Call call) const;
  void trace_by_id(Call call, std::string id, int version);
  void search(Call call);
  void metrics_query(Call call, bool instant);
  void tags(Call call, std::string name, int version);
  int64_t trace_bytes_max(const Call& call) const;
  void run_query(Call call, std::function<void(Call, const Store&)> run);

  const ApiOptions options_;
  const Call::Context context_;
  Workers& queries_;
  ResourceCounts resource_counts_{24 << 20};
  std::atomic<const Store*> store_{nullptr};
  std::atomic<Phase> phase_{Phase::starting};
  Metrics::ScrapeHook on_scrape_;  // last: it reads what stands above
};

}  // namespace vivace::api
