// Limits of traces as they come in (ingest contract, 6.1 and 6.2): how large one may get, and how
// many a tenant may have live. Spans past a limit are refused, trace by trace, and their sender is
// told; whatever else is in the request is stored.
//
// A trace's size is that of its spans as protobuf, refused ones too, until nothing came for it for
// half an hour, or for as long as this has room to remember: 256 Ki traces of all tenants. A trace
// is live until nothing came for it for the idle period or a little longer; at the limit, traces
// that are live may grow, and new ones are refused. So they are while all tenants together have
// 1 Mi live ones, but for a tenant whose own limit is larger.
//
// Off unless the configuration sets them. Any thread; a call holds a lock while it goes over the
// traces of a request.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/clock.h"
#include "base/hash.h"
#include "model/batch.h"

namespace vivace {

struct TraceLimitOptions {
  int64_t trace_bytes_max = 0;  // 0: no limit, here and below
  int64_t live_traces_max = 0;
  int64_t idle_ns = 5'000'000'000;  // after which a trace is not live

  bool is_on() const { return trace_bytes_max > 0 || live_traces_max > 0; }
};

class TraceLimits {
 public:
  // `live_total_max`: live traces of all tenants.
  TraceLimits(const TraceLimitOptions& options, const Clock& clock,
              size_t live_total_max = 1 << 20);

  struct Verdict {
    std::vector<uint32_t> refused;  // ordinals of spans in the request, ascending
    uint32_t too_large = 0;         // of them
    uint32_t too_many = 0;          // likewise: of traces past the limit of live ones
  };
  // Counts the batch, and says which of its spans are refused. Here and below a tenant may have
  // limits of its own.
  Verdict judge(const std::string& tenant, const Batch& batch, const TraceLimitOptions& own);
  Verdict judge(const std::string& tenant, const Batch& batch) {
    return judge(tenant, batch, options_);
  }
  // Whether spans of a trace were refused since it was too large, as far as is remembered.
  bool is_too_large(const std::string& tenant, const TraceId& trace,
                    const TraceLimitOptions& own) const;
  bool is_too_large(const std::string& tenant, const TraceId& trace) const {
    return is_too_large(tenant, trace, options_);
  }
  // Tenants of whom something is remembered.
  size_t tenants() const;
  // The batch was not stored after all, and its sender will try again.
  void take_back(const std::string& tenant, const Batch& batch, const TraceLimitOptions& own);
  void take_back(const std::string& tenant, const Batch& batch) {
    take_back(tenant, batch, options_);
  }

 private:
  // Traces of the last one to two periods, each with a number. Two tables take turns: the older one
  // is dropped when a period is over, or when the newer one is full.
  class Recent {
   public:
    Recent(int64_t period_ns, size_t table_max) : period_ns_(period_ns), table_max_(table_max) {}
    void turn(int64_t now_ns);
    bool contains(const Hash128& trace) const { return find(trace).has_value(); }
    std::optional<int64_t> find(const Hash128& trace) const;
    // The trace's number, which is kept for another period; 0 at first.
    int64_t& operator[](const Hash128& trace);
    size_t size() const { return newer_.size() + older_.size(); }

   private:
    using Table = boost::unordered_flat_map<Hash128, int64_t, TakeHash>;

    int64_t period_ns_;
    size_t table_max_;
    int64_t turned_ns_ = 0;
    Table newer_;
    Table older_;  // none that is in the newer one
  };
  enum class Reason : uint8_t { none, too_large, too_many };

  struct Share {
    TraceId trace;
    int64_t bytes = 0;
  };
  Reason refuse(const std::string& tenant, const Share& share, const TraceLimitOptions& own);
  bool is_live(const std::string& tenant, const Hash128& trace, const TraceLimitOptions& own);
  void forget_tenants(int64_t now_ns);
  void log_too_large(const std::string& tenant, const Share& share, int64_t bytes_max);

  const TraceLimitOptions options_;
  const Clock& clock_;
  const size_t live_total_max_;
  mutable std::mutex mutex_;            // guards all below
  Recent sizes_;                        // bytes, of all tenants' traces
  std::map<std::string, Recent> live_;  // by tenant
  size_t live_total_ = 0;               // traces of all of them
  int64_t swept_ns_ = 0;                // when tenants without live traces were last looked for
  int64_t logged_ns_ = 0;               // when the second began in which so many lines were logged
  int logged_ = 0;
};

}  // namespace vivace
