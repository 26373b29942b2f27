// One life of the program's write road and of its look-ups, on a disk that a test holds: the real
// Store below the real Ingest, without sockets.
//
//   Program program(disk, clock, {});
//   ASSERT_TRUE(program.start());
//   auto outcome = program.send({.tenant = "t", .body = to_otlp(spans)});   // waits for the answer
//   std::vector<SentSpan> got = program.trace("t", id);
//
// `send` and `trace` may be called from any thread. The destructor stops everything in the order
// that the program stops in.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "app/ingest.h"
#include "model/row_reader.h"
#include "model/testing/same_span.h"
#include "query/find_trace.h"
#include "storage/storage.h"

namespace vivace {

struct ProgramOptions {
  StoreOptions store = {.wal = {.folder = "/disk/wal", .segment_bytes = 64 << 10},
                        .blocks_folder = "/disk/blocks",
                        .head_bytes_max = 256 << 20,
                        .compaction = {},
                        .disk = {},
                        .is_memory_short = {},
                        .listener = {}};
  IngestOptions ingest = {};
};

class Program {
 public:
  Program(Storage& disk, const Clock& clock, const ProgramOptions& options)
      : disk_(disk), clock_(clock), options_(options) {}
  ~Program() { stop(); }

  Result<Store::Recovered> start() {
    store_ = TRY(Store::open(disk_, options_.store, clock_, metrics_));
    auto recovered = TRY(store_->recover());
    ingest_ = std::make_unique<Ingest>(options_.ingest, *store_, bodies_, clock_, metrics_);
    sink_ = ingest_->sink("otlp", "http");
    return recovered;
  }

  void stop() {
    if (ingest_ != nullptr) ingest_->stop();
    if (store_ != nullptr) store_->stop();
  }

  struct Sent {
    std::string tenant;
    ContentEncoding encoding = ContentEncoding::identity;
    std::string body;
    receive::BodyFormat format = receive::BodyFormat::otlp_protobuf;
  };
  Result<receive::Outcome> send(const Sent& request) {
    auto answer = std::make_shared<Answer>();
    sink_({.tenant = request.tenant,
           .encoding = request.encoding,
           .format = request.format,
           .body = request.body,
           .body_room = bodies_.reserve_always(static_cast<int64_t>(request.body.size()))},
          [answer](Result<receive::Outcome> outcome) { answer->set(std::move(outcome)); });
    return answer->wait();
  }

  // All spans of a trace, as a reader gets them.
  std::vector<SentSpan> trace(const std::string& tenant, const TraceId& id) const {
    Trace trace = Trace::find(store_->snapshot(tenant), id);
    std::vector<SentSpan> out;
    SpanView span;
    ResourceView resource;
    ScopeView scope;
    for (const Trace::ScopeGroup& group : trace.groups()) {
      ASSERT(trace.read_resource(group, resource) && trace.read_scope(group, scope));
      for (uint32_t i = 0; i < group.count; ++i) {
        ASSERT(trace.read_span(group, i, span));
        out.push_back(to_sent(span, resource, scope));
      }
    }
    return out;
  }

  // Rows in all parts of a tenant.
  // Different spans in all parts: a repeat may lie in another part than its first copy.
  size_t spans(const std::string& tenant) const {
    std::set<std::tuple<TraceId, uint64_t, int32_t>> seen;
    Inspected inspected;
    SpanView span;
    for (const auto& part : store_->snapshot(tenant).parts) {
      RowReader reader(*part, inspected);
      for (uint32_t row = 0; row < part->rows(); ++row) {
        ASSERT(reader.read_span(row, span));
        seen.emplace(span.trace_id, span.span_id.raw, span.kind);
      }
    }
    return seen.size();
  }

  Store& store() { return *store_; }
  Budget& bodies() { return bodies_; }
  Metrics& metrics() { return metrics_; }

 private:
  class Answer {
   public:
    void set(Result<receive::Outcome> outcome) {
      const std::lock_guard lock(mutex_);
      ASSERT(!outcome_);  // answered twice
      outcome_ = std::move(outcome);
      there_.notify_all();
    }
    Result<receive::Outcome> wait() {
      std::unique_lock lock(mutex_);
      ASSERT(
          there_.wait_for(lock, std::chrono::seconds(120), [&] { return outcome_.has_value(); }));
      return *outcome_;
    }

   private:
    std::mutex mutex_;  // guards outcome_
    std::condition_variable there_;
    std::optional<Result<receive::Outcome>> outcome_;
  };

  Storage& disk_;
  const Clock& clock_;
  const ProgramOptions options_;
  Budget bodies_{"bodies", 1 << 30};
  Metrics metrics_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  receive::Sink sink_;
};

}  // namespace vivace
