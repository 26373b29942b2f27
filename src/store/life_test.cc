// A whole life of a store on a disk in memory: requests, cuts, a client that resends, merges,
// retention. The power goes at every single change of the disk, from the first start to the end;
// what was not synced is dropped, kept or torn. After each restart every acked span is there once,
// nothing that nobody sent is, a request that was not acked is there whole or not at all, and life
// goes on.
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

constexpr int kCuts = 4;

class LifeTest : public StoreTest {
 protected:
  using Key = std::tuple<TraceId, uint64_t, int32_t>;
  struct Request {
    std::vector<SentSpan> spans;
    int64_t received_ns = 0;
    bool acked = false;
  };

  LifeTest() {
    options_.wal.segment_bytes = 16 << 10;
    options_.wal.bytes_max = 1 << 20;
    options_.generation_bytes_max = 4 << 20;
    options_.check_period_ms = 1;
    options_.retention_ns = 100 * options_.generation_age_max_ns;
    options_.compaction.enabled = true;
    options_.compaction.cpus = 100;
    options_.compaction.retry_ns = 1'000'000;
    options_.compaction.plan.fan_in = 2;
    options_.compaction.plan.window_ns = 1'000 * options_.retention_ns;
  }

  static Key key_of(const SentSpan& span) { return {span.trace_id, span.span_id.raw, span.kind}; }
  double count(const char* name) { return metric(*metrics_, name); }

  // The steps of a life; false when the disk has gone meanwhile.
  bool push(std::vector<SentSpan> spans) {
    requests_.push_back({std::move(spans), clock_.unix_ns(), false});
    const auto appended = append_and_wait(requests_.back().spans);
    EXPECT_TRUE(appended || disk_->crashed()) << appended.error().message;
    requests_.back().acked = appended.has_value();
    return appended.has_value();
  }
  bool resend() {  // two requests as one, the other way round
    std::vector<SentSpan> spans = requests_[1].spans;
    spans.insert(spans.end(), requests_[0].spans.begin(), requests_[0].spans.end());
    const auto appended = append_and_wait(spans);
    EXPECT_TRUE(appended || disk_->crashed()) << appended.error().message;
    return appended.has_value();
  }
  template <class Condition>
  bool wait_alive(Condition condition) {
    wait_until([&] { return disk_->crashed() || condition(); });
    return !disk_->crashed();
  }
  bool cut() {
    clock_.advance(options_.generation_age_max_ns);
    return wait_alive([&] { return count("vivace_head_bytes") == 0; });
  }
  // A span of a trace that every request has one of, and others.
  std::vector<SentSpan> make_request() {
    std::vector<SentSpan> spans = random_.request(4);
    spans.push_back(spans.front());
    spans.back().trace_id = make_trace_id(77, 1);
    spans.back().span_id = make_span_id(1'000'000 + ++made_);
    return spans;
  }
  bool live() {
    if (!try_start()) return false;
    for (int i = 0; i < kCuts; ++i) {
      if (!push(make_request()) || !push(make_request())) return false;
      if (i == 2 && !resend()) return false;
      if (!cut()) return false;
    }
    if (!wait_alive([&] { return count("tempodb_compaction_blocks_total") >= 2; })) return false;
    if (!push(make_request())) return false;  // stays in the log
    if (!try_start()) return false;
    if (!push(make_request()) || !cut()) return false;
    clock_.advance(options_.retention_ns);
    if (!wait_alive([&] { return count("tempodb_blocklist_length") == 0; })) return false;
    return push(make_request());
  }

  // What readers see. A head may hold what was sent again, until it is cut: readers take the older
  // one. Blocks never repeat a span.
  std::map<Key, SentSpan> read_once() {
    std::map<Key, SentSpan> there;
    Snapshot snapshot = store_->snapshot("t");
    std::vector<std::shared_ptr<const Part>> parts;
    parts.swap(snapshot.parts);
    for (const auto& part : parts) {
      snapshot.parts = {part};
      const bool is_block = dynamic_cast<const Block*>(part.get()) != nullptr;
      std::set<Key> of_part;
      for (SentSpan& span : visible_spans(snapshot)) {
        const Key key = key_of(span);
        EXPECT_TRUE(of_part.insert(key).second) << "a part has a span twice";
        const auto [at, is_new] = there.emplace(key, std::move(span));
        EXPECT_TRUE(is_new || !is_block) << "two blocks have a span: " << at->second.name;
      }
    }
    return there;
  }

  void expect_all_is_well() {
    const std::map<Key, SentSpan> there = read_once();
    const int64_t kept_after = clock_.unix_ns() - options_.retention_ns;
    size_t known = 0;
    for (const Request& request : requests_) {
      size_t found = 0;
      for (const SentSpan& span : request.spans) {
        const auto at = there.find(key_of(span));
        if (at == there.end()) continue;
        ++found;
        EXPECT_EQ(difference(at->second, span), "");
      }
      known += found;
      if (request.acked && request.received_ns > kept_after) {
        EXPECT_EQ(found, request.spans.size()) << "acked spans are lost";
      }
      EXPECT_TRUE(found == 0 || found == request.spans.size()) << "a request is torn";
    }
    EXPECT_EQ(known, there.size()) << "spans that nobody sent";
  }

  // After the restart: what is there, stays there, also in a block; and the next start finds it.
  void expect_life_goes_on() {
    start();
    expect_all_is_well();
    std::erase_if(requests_, [](const Request& request) { return !request.acked; });
    settle();
    ASSERT_TRUE(push(make_request()));
    ASSERT_TRUE(cut());
    expect_all_is_well();
    start();
    expect_all_is_well();
  }
  // What was not acked and is there has become as good as acked.
  void settle() {
    std::set<Key> known;
    for (const Request& request : requests_) {
      for (const SentSpan& span : request.spans) known.insert(key_of(span));
    }
    Request kept{.spans = {}, .received_ns = clock_.unix_ns(), .acked = true};
    for (auto& [key, span] : read_once()) {
      if (!known.contains(key)) kept.spans.push_back(span);
    }
    if (!kept.spans.empty()) requests_.push_back(std::move(kept));
  }

  // The number of points at which the power went.
  uint64_t live_and_die(FaultStorage::Unsynced unsynced) {
    for (uint64_t at = 0;; ++at) {
      SCOPED_TRACE(fmt::format("the power goes at change {}", at));
      store_.reset();
      requests_.clear();
      disk_ = std::make_unique<FaultStorage>(at + 1);
      disk_->crash_at(at);
      const bool finished = live();
      store_.reset();
      EXPECT_TRUE(finished || disk_->crashed());
      disk_->restart(unsynced);
      expect_life_goes_on();
      if (finished || HasFailure()) return at;
    }
  }

  std::vector<Request> requests_;
  uint64_t made_ = 0;
};

TEST_F(LifeTest, EndsAtEveryChangeAndUnsyncedDataIsDropped) {
  const uint64_t points = live_and_die(FaultStorage::Unsynced::dropped);
  fmt::print("{} crash points\n", points);
  EXPECT_GT(points, 100U);
}

TEST_F(LifeTest, EndsAtEveryChangeAndUnsyncedDataIsKept) {
  const uint64_t points = live_and_die(FaultStorage::Unsynced::kept);
  fmt::print("{} crash points\n", points);
  EXPECT_GT(points, 100U);
}

TEST_F(LifeTest, EndsAtEveryChangeAndUnsyncedDataIsTorn) {
  const uint64_t points = live_and_die(FaultStorage::Unsynced::torn);
  fmt::print("{} crash points\n", points);
  EXPECT_GT(points, 100U);
}

// Whatever a life left behind, a start that is stopped at any change can be repeated.
TEST_F(LifeTest, StartsCanBeStoppedAtEveryChange) {
  uint64_t points = 0;
  for (const uint64_t first : {20, 45, 70, 90, 110, 130, 150}) {
    for (uint64_t at = 0;; ++at, ++points) {
      SCOPED_TRACE(fmt::format("died at {}, started up to {}", first, at));
      store_.reset();
      requests_.clear();
      disk_ = std::make_unique<FaultStorage>(first);
      disk_->crash_at(first);
      if (live()) break;
      store_.reset();
      disk_->restart(FaultStorage::Unsynced::torn);
      disk_->crash_at(at);
      const bool started = try_start().has_value() && !disk_->crashed();
      store_.reset();
      disk_->restart(FaultStorage::Unsynced::torn);
      expect_life_goes_on();
      if (started || HasFailure()) break;
    }
  }
  fmt::print("{} crash points\n", points);
}

}  // namespace
}  // namespace vivace
