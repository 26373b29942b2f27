// A store on a disk in memory, for the store's own tests: requests go the road of app/ingest, and
// what a snapshot holds is read back and compared span by span.
//
// One thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "model/row_reader.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/same_span.h"
#include "storage/fault_storage.h"
#include "store/store.h"
#include "store/testing/waiting.h"

namespace vivace {

class StoreTest : public testing::Test {
 public:
  ~StoreTest() override { store_.reset(); }

 protected:
  StoreTest() {
    options_.wal = {.folder = "/disk/wal", .segment_bytes = 64 << 10, .bytes_max = 64 << 20};
    options_.blocks_folder = "/disk/blocks";
  }

  Result<Store::Recovered> try_start() {
    store_.reset();
    metrics_ = std::make_unique<Metrics>();
    store_ = TRY(Store::open(*disk_, options_, clock_, *metrics_));
    return store_->recover();
  }
  Store::Recovered start() {
    auto recovered = try_start();
    EXPECT_TRUE(recovered) << recovered.error().message;
    return recovered ? *recovered : Store::Recovered();
  }

  // A request on its road: what app/ingest does.
  struct Request {
    WalRecord record;
    std::unique_ptr<Batch> batch;
  };
  Request make(const std::vector<SentSpan>& spans, const std::string& tenant = "t") {
    Request out;
    out.record.tenant = tenant;
    out.record.receive_time_ns = clock_.unix_ns();
    out.record.body = to_otlp(spans);
    out.record.body_hash = hash_body(tenant, out.record.body);
    auto batch = decode_otlp(out.record.body, {});
    EXPECT_TRUE(batch);
    out.batch = std::move(*batch);
    out.record.rejected = out.batch->rejected;
    return out;
  }

  using Done = std::move_only_function<void(const Result<Head::Appended>&)>;
  // An error here is admission's; later ones go to `done`.
  Result<void> append(Request request, Done done) {
    auto room =
        TRY(store_->admit(request.record.tenant, *request.batch, record_bytes(request.record)));
    waiting_.begin();
    store_->append(
        {.record = std::move(request.record),
         .batch = std::move(request.batch),
         .room = std::move(room),
         .done = [this, done = std::move(done)](Result<Head::Appended> appended) mutable {
           done(appended);
           waiting_.end();
         }});
    return {};
  }
  Result<Head::Appended> append_and_wait(Request request) {
    Result<Head::Appended> out = fail(Code::internal, "never done");
    CHECK_OK(append(std::move(request),
                    [&](const Result<Head::Appended>& appended) { out = appended; }));
    waiting_.wait();
    return out;
  }
  Result<Head::Appended> append_and_wait(const std::vector<SentSpan>& spans,
                                         const std::string& tenant = "t") {
    return append_and_wait(make(spans, tenant));
  }

  // Repeats too, and what is past retention: all that a snapshot holds.
  static std::vector<SentSpan> spans_of(const Snapshot& snapshot) {
    return read(snapshot, std::numeric_limits<int64_t>::min());
  }
  static std::vector<SentSpan> visible_spans(const Snapshot& snapshot) {
    return read(snapshot, snapshot.received_after_ns);
  }
  // Exactly these, each once, in any order.
  void expect_spans(std::vector<SentSpan> sent, const std::string& tenant = "t") {
    expect_same(visible_spans(store_->snapshot(tenant)), std::move(sent));
  }
  // The same, but for repeats in several parts.
  void expect_distinct_spans(std::vector<SentSpan> sent, const std::string& tenant = "t") {
    std::vector<SentSpan> got = visible_spans(store_->snapshot(tenant));
    std::ranges::sort(got, {}, key_of);
    const auto repeats = std::ranges::unique(got, {}, key_of);
    got.erase(repeats.begin(), repeats.end());
    expect_same(std::move(got), std::move(sent));
  }

  template <class Condition>
  static void wait_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      ASSERT(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
  }

  // Nothing is under way, and nothing is in heads.
  void expect_empty_budgets() {
    EXPECT_EQ(metric(*metrics_, "vivace_head_bytes"), 0);
    EXPECT_EQ(metric(*metrics_, "vivace_wal_bytes"), 0);
  }

  std::unique_ptr<FaultStorage> disk_ = std::make_unique<FaultStorage>(91);
  ManualClock clock_{1'700'000'000'000'000'000};
  StoreOptions options_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Store> store_;
  Waiting waiting_;
  RandomSpans random_{92};

 private:
  static std::tuple<TraceId, uint64_t, int32_t> key_of(const SentSpan& span) {
    return {span.trace_id, span.span_id.raw, span.kind};
  }
  static void expect_same(std::vector<SentSpan> got, std::vector<SentSpan> sent) {
    ASSERT_EQ(got.size(), sent.size());
    std::ranges::sort(got, {}, key_of);
    std::ranges::sort(sent, {}, key_of);
    for (size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(difference(got[i], sent[i]), "") << i;
  }
  static std::vector<SentSpan> read(const Snapshot& snapshot, int64_t received_after_ns) {
    std::vector<SentSpan> out;
    Inspected inspected;
    for (const auto& part : snapshot.parts) {
      RowReader reader(*part, inspected);
      for (uint32_t g = 0; g < part->groups(); ++g) {
        const RowGroup group = part->group(g);
        if (group.received_max_ns < received_after_ns) continue;
        for (uint32_t row = group.rows.first; row < group.rows.end(); ++row) {
          out.push_back(read_row(reader, row));
        }
      }
    }
    return out;
  }
  static SentSpan read_row(RowReader& reader, uint32_t row) {
    SpanView span;
    ResourceView resource;
    ScopeView scope;
    const auto number = [&](Field field) {
      return static_cast<uint32_t>(reader.number(field, row).value());
    };
    EXPECT_TRUE(reader.read_span(row, span));
    EXPECT_TRUE(reader.read_resource(number(Field::resource), resource));
    EXPECT_TRUE(reader.read_scope(number(Field::scope), scope));
    return to_sent(span, resource, scope);
  }
};

}  // namespace vivace
