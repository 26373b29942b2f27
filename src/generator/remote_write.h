// Remote write 1.0: takes rounds of series and brings each to every receiver, from one thread that
// serves all tenants and receivers at once through libcurl. A queue for each (tenant, receiver)
// decides what is sent when (send_queue.h).
//
// `push` is called by the generator's thread and never waits. Memory is bounded by the queues;
// those of forgotten tenants go when they are empty, or when there are too many of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/generator.h"
#include "generator/round_writer.h"

namespace vivace::generator {

using HeaderMap = std::map<std::string, std::string>;

struct RemoteWriteOptions {
  std::string user_agent;        // "Vivace/1.2.3"
  int64_t bytes_max = 16 << 20;  // of all queues to one receiver; each has an equal share
  int64_t flush_deadline_ns = 5'000'000'000;
  bool add_org_id_header = true;
};

class RemoteWrite {
 public:
  RemoteWrite(const std::vector<config::RemoteWrite>& receivers, const RemoteWriteOptions& options,
              const Clock& clock, Metrics& metrics);
  ~RemoteWrite();  // stops

  // For the receiver of this ordinal. `headers` are the tenant's; they win over the receiver's.
  void push(size_t receiver, const std::string& tenant, std::shared_ptr<const HeaderMap> headers,
            Round round);
  // Nothing comes for this tenant for some time: what waits is sent, then its queues and their
  // metrics go.
  void forget(const std::string& tenant);
  // Sends what waits, until the deadline at most, then ends the thread. Idempotent.
  void stop();

 private:
  class Sender;
  std::unique_ptr<Sender> sender_;
};

}  // namespace vivace::generator
