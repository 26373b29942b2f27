// The metrics-generator: counts spans after they were stored and acked, and sends the counts to
// Prometheus. It listens, and is never waited for.
//
//   store --offer--> queue --> thread `generator`: processors, registry --> remote write (`push`)
//                      |
//                      +-- full: the batch's spans are counted as skipped
//
// A tenant is there from its first batch until all its series went stale and it sent nothing for as
// long; then it is forgotten, with its metrics. Tenants that the overrides do not name are
// `tenants_max` at most: spans of further ones are not counted, and told under the tenant
// "<others>", which nobody can be called.
//
//   Generator generator(options, clock, metrics);
//   generator.offer(tenant, std::move(batch), repeats, received_ns);    // any thread, never blocks
//   generator.stop();                    // what was offered is counted, collected once more, sent
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/budget.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/queue.h"
#include "base/result.h"
#include "config/generator.h"
#include "config/overrides.h"
#include "generator/relabel.h"
#include "generator/remote_write.h"
#include "generator/tenant.h"
#include "model/batch.h"

namespace vivace::generator {

struct GeneratorOptions {
  config::Generator config;
  std::string instance;                    // this host's name
  std::string user_agent;                  // "Vivace/1.2.3"
  int64_t series_max_default = 100'000;    // of all tenants without a bound of their own
  int64_t series_max_bounded = 1'000'000;  // of all tenants with one
  int64_t label_bytes_max = 64 << 20;      // of the labels of either
  size_t tenants_max = 1000;               // beside those that the overrides name
  int64_t queue_bytes_max = 16 << 20;      // of batches that wait
  int64_t edge_bytes_max = 8 << 20;        // of sides of edges that wait, of all tenants
  int64_t send_bytes_max = 16 << 20;  // of bodies that wait, for all tenants, for each receiver
  // Overrides of single tenants as they are now, asked for with every batch; null: there never are
  // any.
  std::function<config::OverridesSnapshot()> overrides = {};
};

class Generator {
 public:
  // Code::invalid_argument: relabelling rules that make no sense.
  static Result<std::unique_ptr<Generator>> start(const GeneratorOptions& options,
                                                  const Clock& clock, Metrics& metrics);
  ~Generator();  // stops

  // `repeats` are ordinals of spans that are not to be counted, ascending.
  void offer(const std::string& tenant, std::unique_ptr<Batch> batch, std::vector<uint32_t> repeats,
             int64_t received_ns);
  void stop();

 private:
  struct Offer {
    std::string tenant;
    std::unique_ptr<Batch> batch;
    std::vector<uint32_t> repeats;
    int64_t received_ns = 0;
    Reservation room;
  };

  // Spans of batches that found no room.
  struct Skipped {
    std::mutex mutex;  // guards the next two
    std::map<std::string, uint64_t> spans;
    uint64_t of_others = 0;  // of tenants for which there is no room in `spans`
  };

  // A tenant and what is its own: how often it is collected and how its rounds look.
  struct Entry {
    std::unique_ptr<Tenant> tenant;
    const config::Generator* config = nullptr;  // in options_ or overrides_
    bool is_named = false;                      // in overrides_
    int64_t collect_ns = 0;                     // when it is next collected, steady
    int64_t heard_ns = 0;                       // when it last sent something, steady
    std::vector<RoundOptions> rounds;           // by receiver
    std::shared_ptr<const HeaderMap> headers;   // of its requests
  };

  Generator(const GeneratorOptions& options, const Clock& clock, Metrics& metrics);
  void run();
  void take(const Offer& offer);
  void tick();
  void collect_due(int64_t now_ns);
  void collect(const std::string& name, Entry& entry);
  bool is_forgettable(const Entry& entry, int64_t now_ns) const;
  const config::Generator& config_of(const std::string& tenant) const;
  bool is_named(const std::string& tenant) const;
  Entry* entry_of(const std::string& name, uint64_t spans);
  void configure(Entry& entry, const config::Generator& config);
  void take_overrides();
  void skip(const Offer& offer);
  void show_skipped();

  const GeneratorOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  Counter& too_many_;       // spans of tenants that there is no room for
  Counter& others_behind_;  // spans of tenants that were not even noted
  Gauge& live_tenants_;
  std::vector<std::unique_ptr<Relabeling>> relabelings_;  // by receiver; null: none
  RemoteWrite remote_write_;
  Budget waiting_;
  Queue<Offer> queue_;
  Skipped skipped_;
  std::thread thread_;

  // The thread's.
  SeriesBudget series_;
  config::OverridesSnapshot overrides_;
  std::map<std::string, Entry> tenants_;
  size_t unnamed_ = 0;               // of them
  int64_t due_ns_ = INT64_MAX;       // when the first of them is collected, steady
  int64_t told_ns_ = INT64_MIN / 2;  // when the log last told of too many, steady
  int64_t tick_ns_ = 0;              // when the next tick is, steady
  Metrics::ScrapeHook on_scrape_;    // last: it reads what stands above
};

}  // namespace vivace::generator
