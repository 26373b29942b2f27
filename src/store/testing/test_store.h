// A store on a disk in memory, for tests of what reads from one: requests go in as plain structs
// and are visible when `push` returns.
//
// Not part of the product. One thread pushes; anybody reads.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "decode/batch_testing.h"
#include "decode/otlp.h"
#include "decode/otlp_testing.h"
#include "model/tenant.h"
#include "storage/fault_storage.h"
#include "store/store.h"

namespace vivace {

class TestStore {
 public:
  TestStore() {
    auto store = Store::open(
        disk_, {.wal = {.folder = "/wal", .segment_bytes = 4 << 20}, .blocks_folder = "/blocks"},
        clock_, metrics_);
    ASSERT(store);
    store_ = std::move(*store);
    ASSERT(store_->recover());
  }

  const Store& store() const { return *store_; }

  void push(const plain::Request& request, const std::string& tenant = std::string(kSingleTenant)) {
    push_bytes(plain::encode(request), tenant);
  }
  void push_bytes(const std::string& body, const std::string& tenant) {
    auto batch = decode_otlp(body, {});
    ASSERT(batch);
    WalRecord record{.tenant = tenant,
                     .receive_time_ns = clock_.unix_ns(),
                     .rejected = (*batch)->rejected,
                     .body_hash = hash_body(tenant, body),
                     .body = body,
                     .room = {}};
    auto room = store_->admit(tenant, **batch, record_bytes(record));
    ASSERT(room);
    std::promise<bool> done;
    store_->append({.record = std::move(record),
                    .batch = std::move(*batch),
                    .room = std::move(*room),
                    .done = [&](Result<Head::Appended> result) { done.set_value(!!result); }});
    ASSERT(done.get_future().get());
  }

 private:
  FaultStorage disk_;
  ManualClock clock_{1'700'000'000'000'000'000};
  Metrics metrics_;
  std::unique_ptr<Store> store_;
};

}  // namespace vivace
