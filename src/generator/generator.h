// The metrics-generator: counts spans after they were stored and acked, and sends the counts to
// Prometheus. It listens, and is never waited for.
//
//   store --offer--> queue --> thread `generator`: processors, registry --> remote write (`push`)
//                      |
//                      +-- full: the batch's spans are counted as skipped
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
  std::string instance;    // this host's name
  std::string user_agent;  // "Vivace/1.2.3"
  int64_t series_max_default = 100'000;
  int64_t queue_bytes_max = 16 << 20;  // of batches that wait
  int64_t edge_bytes_max = 8 << 20;
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

  // A tenant and what is its own: how often it is collected and how its rounds look.
  struct Entry {
    std::unique_ptr<Tenant> tenant;
    const config::Generator* config = nullptr;  // in options_ or overrides_
    int64_t collect_ns = 0;                     // when it is next collected, steady
    std::vector<RoundOptions> rounds;           // by receiver
    std::shared_ptr<const HeaderMap> headers;   // of its requests
  };

  Generator(const GeneratorOptions& options, const Clock& clock, Metrics& metrics);
  void run();
  int64_t next_ns() const;
  void take(const Offer& offer);
  void tick();
  void collect(const std::string& name, Entry& entry);
  const config::Generator& config_of(const std::string& tenant) const;
  Entry& entry_of(const std::string& name);
  void configure(Entry& entry, const config::Generator& config);
  void take_overrides();
  void skip(const Offer& offer);

  const GeneratorOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<Relabeling>> relabelings_;  // by receiver; null: none
  RemoteWrite remote_write_;
  Budget waiting_;
  Queue<Offer> queue_;
  std::thread thread_;

  // The thread's.
  SeriesBudget series_;
  config::OverridesSnapshot overrides_;
  std::map<std::string, Entry> tenants_;
  int64_t tick_ns_ = 0;  // when the next tick is, steady
};

}  // namespace vivace::generator
