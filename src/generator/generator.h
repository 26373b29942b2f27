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
  int64_t send_bytes_max = 16 << 20;  // of bodies that wait, for each tenant and receiver
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

  Generator(const GeneratorOptions& options, const Clock& clock, Metrics& metrics);
  void run();
  void take(Offer offer);
  void collect();
  Tenant& tenant_of(const std::string& name);
  void skip(const Offer& offer);

  const GeneratorOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  std::vector<std::unique_ptr<Relabeling>> relabelings_;  // by receiver; null: none
  std::vector<RoundOptions> rounds_;                      // by receiver
  RemoteWrite remote_write_;
  Budget waiting_;
  Queue<Offer> queue_;
  std::map<std::string, std::unique_ptr<Tenant>> tenants_;  // the thread's
  std::thread thread_;
};

}  // namespace vivace::generator
