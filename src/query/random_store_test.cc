// The evaluator over columns against the oracle while a store lives: requests come in, generations
// are cut, blocks merged, the store is opened again; after each step random queries must be
// answered as if all spans had come at once.
#include <gtest/gtest.h>

#include "query/testing/comparison.h"
#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

class RandomStore : public StoreTest {
 protected:
  RandomStore() {
    options_.generation_bytes_max = 64 << 20;
    options_.check_period_ms = 2;
  }

  void send(const std::vector<SentSpan>& spans) {
    if (spans.empty()) return;
    const auto appended = append_and_wait(spans);
    ASSERT_TRUE(appended) << appended.error().message;
    sent_.push_back(spans);
  }
  void cut() {
    clock_.advance(options_.generation_age_max_ns);
    wait_until([&] { return metric(*metrics_, "vivace_head_bytes") == 0; });
  }
  void restart() {
    merged_blocks_ += metric(*metrics_, "tempodb_compaction_blocks_total");
    start();
  }
  void compare(QueryComparison& comparison) {
    const Snapshot snapshot = store_->snapshot("t");
    const auto traces = naive::traces_of(sent_);
    for (int i = 0; i < 10; ++i) comparison.run(snapshot, traces, Over::traces, count_);
    for (int i = 0; i < 5; ++i) comparison.run(snapshot, traces, Over::time, count_);
  }

  std::vector<std::vector<SentSpan>> sent_;  // requests, the oldest first
  double merged_blocks_ = 0;
  QueryCount count_;
};

TEST_F(RandomStore, AnswersAreThoseOfOneRequest) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr uint64_t kStores = 2;
#else
  constexpr uint64_t kStores = 12;
#endif
  for (uint64_t seed = 1; seed <= kStores && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    store_.reset();
    disk_ = std::make_unique<FaultStorage>(seed);
    sent_.clear();
    options_.compaction.enabled = seed % 3 != 0;
    options_.split_bytes_max = seed % 2 == 0 ? 0 : 32 << 20;  // of what is known of split traces
    start();
    RandomTraces random(seed);
    QueryComparison comparison(seed);
    for (const auto& part : random.parts({.traces = 30, .parts = 8, .spans_max = 25})) {
      send(part);
      compare(comparison);
      if (random.chance(70)) cut();
      if (random.chance(20)) restart();
      compare(comparison);
      if (HasFailure()) return;
    }
    if (!options_.compaction.enabled) continue;
    cut();
    wait_until([&] { return metric(*metrics_, "vivace_compaction_debt_bytes") == 0; });
    compare(comparison);
    restart();
    compare(comparison);
  }
  EXPECT_GT(merged_blocks_, 0);
  count_.report({}, 0);
}

}  // namespace
}  // namespace vivace
