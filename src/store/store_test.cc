// The store on a disk in memory: what is acked is visible and known; tenants do not meet; what is
// full says so and gives everything back; the log brings all of it back, as it was decided then.
// (What becomes of heads that are cut: store_cut_test.cc.)
#include "store/store.h"

#include <gtest/gtest.h>

#include "store/testing/store_fixture.h"

namespace vivace {
namespace {

constexpr int64_t kMinute = 60'000'000'000;

TEST_F(StoreTest, ShowsABatchBeforeItIsAcked) {
  start();
  for (int i = 0; i < 50; ++i) {
    const std::vector<SentSpan> spans = random_.request(1 + random_.number(20));
    ASSERT_TRUE(append(make(spans), [&, spans](const Result<Head::Appended>& appended) {
      ASSERT_TRUE(appended);
      EXPECT_EQ(appended->spans, spans.size());
      const Snapshot snapshot = store_->snapshot("t");
      ASSERT_EQ(snapshot.parts.size(), 1U);
      const Part& part = *snapshot.parts[0];
      Inspected inspected;
      RowReader reader(part, inspected);
      for (const SentSpan& span : spans) {
        const auto ordinal = part.find_trace(span.trace_id, inspected);
        ASSERT_TRUE(ordinal && *ordinal);
        std::vector<uint32_t> rows;
        ASSERT_TRUE(part.trace_rows(**ordinal, rows, inspected));
        EXPECT_TRUE(std::ranges::any_of(rows, [&](uint32_t row) {
          return reader.number(Field::span_id, row) == span.span_id.raw;
        }));
      }
    }));
  }
  waiting_.wait();
}

TEST_F(StoreTest, KeepsASnapshotAsItWas) {
  start();
  const std::vector<SentSpan> first = random_.request(10);
  ASSERT_TRUE(append_and_wait(first));
  const Snapshot snapshot = store_->snapshot("t");
  ASSERT_TRUE(append_and_wait(random_.request(10)));
  EXPECT_EQ(snapshot.parts[0]->rows(), first.size());
  EXPECT_EQ(spans_of(snapshot).size(), first.size());
  EXPECT_EQ(store_->snapshot("t").parts[0]->rows(), 20U);
}

TEST_F(StoreTest, KnowsBodiesThatWereAckedEvenAfterARestart) {
  start();
  std::vector<SentSpan> spans = random_.request(5);
  spans.push_back(spans[0]);
  spans.back().trace_id = {};
  spans.push_back(spans[0]);
  spans.back().span_id = {};
  spans.push_back(spans.back());
  Request request = make(spans);
  const Hash128 hash = request.record.body_hash;
  EXPECT_FALSE(store_->acked_before(hash));
  ASSERT_TRUE(append(std::move(request), [&](const Result<Head::Appended>& appended) {
    EXPECT_TRUE(appended);
    EXPECT_TRUE(store_->acked_before(hash)) << "from the ack on";
  }));
  waiting_.wait();
  for (int life = 0; life < 3; ++life) {
    const auto answer = store_->acked_before(hash);
    ASSERT_TRUE(answer) << "life " << life;
    EXPECT_EQ(answer->rejected_trace_ids, 1U);
    EXPECT_EQ(answer->rejected_span_ids, 2U);
    EXPECT_FALSE(store_->acked_before(hash_body("other", to_otlp(spans))));
    clock_.advance(kMinute);
    EXPECT_EQ(start().spans, 5U);
  }
  clock_.advance(8 * kMinute);
  EXPECT_FALSE(store_->acked_before(hash));
}

TEST_F(StoreTest, StoresASpanOnceThatComesInAnotherBody) {
  start();
  const std::vector<SentSpan> spans = random_.request(10);
  ASSERT_TRUE(append_and_wait(spans));
  std::vector<SentSpan> again(spans.rbegin(), spans.rend());
  again.push_back(random_.span());
  const auto appended = append_and_wait(again);
  ASSERT_TRUE(appended);
  EXPECT_EQ(appended->spans, 1U);
  EXPECT_EQ(appended->repeats, 10U);
  std::vector<SentSpan> sent = spans;
  sent.push_back(again.back());
  expect_spans(sent);
  start();
  expect_spans(sent);
}

TEST_F(StoreTest, KeepsTenantsApart) {
  start();
  std::vector<SentSpan> ours = random_.request(10);
  std::vector<SentSpan> theirs = ours;
  for (SentSpan& span : theirs) span.name += " of theirs";
  ASSERT_TRUE(append_and_wait(ours, "a"));
  ASSERT_TRUE(append_and_wait(theirs, "b"));
  for (int life = 0; life < 2; ++life) {
    expect_spans(ours, "a");
    expect_spans(theirs, "b");
    EXPECT_TRUE(store_->snapshot("c").parts.empty());
    EXPECT_TRUE(store_->snapshot("").parts.empty());
    start();
  }
}

TEST_F(StoreTest, SaysSoWhenTheHeadIsFull) {
  options_.head_bytes_max = 300'000;
  start();
  std::vector<SentSpan> sent;
  Result<Head::Appended> appended;
  for (int i = 0; i < 10'000 && appended; ++i) {
    const std::vector<SentSpan> spans = random_.request(3);
    appended = append_and_wait(make(spans));
    if (appended) sent.insert(sent.end(), spans.begin(), spans.end());
    EXPECT_LE(metric(*metrics_, "vivace_head_bytes"), 300'000);
  }
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::limit);
  EXPECT_GT(sent.size(), 30U);
  expect_spans(sent);
}

TEST_F(StoreTest, LetsNoTenantHoldMoreThanHalfOfTheHeadWhileOthersWait) {
  options_.head_bytes_max = 8 << 20;
  start();
  while (metric(*metrics_, "vivace_head_bytes") < 5 << 20) {
    ASSERT_TRUE(append_and_wait(random_.request(20), "large"));  // nobody waits
  }
  std::vector<SentSpan> theirs = {random_.span()};
  theirs[0].name = std::string(4 << 20, 'x');
  EXPECT_EQ(append_and_wait(theirs, "small").error().code, Code::limit);

  const auto held_back = append_and_wait({random_.span()}, "large");
  ASSERT_FALSE(held_back);
  EXPECT_EQ(held_back.error().code, Code::limit);
  EXPECT_EQ(held_back.error().message,
            "the tenant holds half of the head (8388608 bytes) while others find no room; "
            "try again later");
  EXPECT_TRUE(append_and_wait({random_.span()}, "small"));
  EXPECT_TRUE(append_and_wait({random_.span()}, "third"));

  clock_.advance(HeadWaiters::kWaitNs);
  EXPECT_TRUE(append_and_wait({random_.span()}, "large"));
}

TEST_F(StoreTest, LetsATenantAloneHaveAllOfTheHead) {
  options_.head_bytes_max = 1 << 20;
  start();
  Result<Head::Appended> appended;
  for (int i = 0; i < 10'000 && appended; ++i) appended = append_and_wait(random_.request(3));
  ASSERT_FALSE(appended);
  EXPECT_TRUE(appended.error().message.starts_with("the head is full")) << appended.error().message;
  EXPECT_GT(metric(*metrics_, "vivace_head_bytes"), 900'000);
  const auto large = append_and_wait(random_.request(60));  // it waits itself, and nobody else
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().message.starts_with("the head is full")) << large.error().message;
}

TEST_F(StoreTest, SaysSoWhenTheLogIsFull) {
  options_.wal.bytes_max = 20'000;
  start();
  std::vector<SentSpan> sent;
  bool refused = false;
  for (int i = 0; i < 10'000 && !refused; ++i) {
    const std::vector<SentSpan> spans = random_.request(1);
    ASSERT_TRUE(append(make(spans), [](const auto& appended) { EXPECT_TRUE(appended); }) ||
                (refused = true));
    if (!refused) sent.push_back(spans[0]);
    EXPECT_LE(metric(*metrics_, "vivace_wal_bytes"), 20'000);
  }
  waiting_.wait();
  EXPECT_TRUE(refused);
  expect_spans(sent);
  const SentSpan late = random_.span();
  wait_until([&] { return append_and_wait({late}).has_value(); });  // a cut makes room
  sent.push_back(late);
  expect_spans(sent);
  start();
  expect_spans(sent);
}

// A generation that is too small to be worth a cut holds the segment in which the one before ends.
TEST_F(StoreTest, CutsLittleWhereThatHoldsTheLog) {
  options_.wal.bytes_max = 20'000;
  start();
  std::vector<SentSpan> sent = {random_.span()};
  sent[0].name = std::string(17'000, 'x');
  ASSERT_TRUE(append_and_wait(sent));
  sent.push_back(random_.span());
  sent.back().name = "small";
  ASSERT_TRUE(append_and_wait({sent.back()}));
  wait_until([&] { return metric(*metrics_, "tempo_ingester_blocks_flushed_total") == 1; });
  sent.push_back(random_.span());
  sent.back().name = std::string(2'500, 'x');
  wait_until([&] { return append_and_wait({sent.back()}).has_value(); });
  expect_spans(sent);
}

// "Try again later" would be a lie.
TEST_F(StoreTest, RefusesForGoodWhatAnEmptyStoreCouldNotHold) {
  options_.head_bytes_max = 200'000;
  options_.wal.bytes_max = 50'000;
  start();
  const auto many = append_and_wait(random_.request(3000));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, Code::too_large);
  SentSpan large = random_.span();
  large.name = std::string(60'000, 'x');
  const auto one = append_and_wait({large});
  ASSERT_FALSE(one);
  EXPECT_EQ(one.error().code, Code::too_large);
  expect_empty_budgets();
}

TEST_F(StoreTest, CountsWhatANewTenantTakes) {
  options_.head_bytes_max = 1 << 20;
  start();
  int tenants = 0;
  Result<Head::Appended> appended;
  for (; tenants < 1000; ++tenants) {
    appended = append_and_wait({random_.span()}, "tenant" + std::to_string(tenants));
    if (!appended) break;
  }
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().code, Code::limit);
  EXPECT_LE(tenants, 32) << "an empty head is not free";
  EXPECT_GT(tenants, 10);
  EXPECT_LE(metric(*metrics_, "vivace_head_bytes"), 1 << 20);
}

// Random requests into small budgets on a disk that fails at times: whatever became of them,
// nothing stays reserved that no head and no record holds.
TEST_F(StoreTest, LeaksNoRoom) {
  options_.head_bytes_max = 3 << 20;
  options_.wal.bytes_max = 1 << 20;
  start();
  std::atomic<uint64_t> log_bytes = 0;
  int refused = 0;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 1500; ++i) {
    if (random_.chance(3)) disk_->fail_syncs(1 + static_cast<int>(random_.number(3)));
    if (random_.chance(3)) disk_->set_full(true);
    Request request = make(random_.request(random_.number(random_.chance(3) ? 200 : 10)),
                           "t" + std::to_string(random_.number(3)));
    const uint64_t bytes = record_bytes(request.record);
    const auto admitted =
        append(std::move(request), [&, bytes](const Result<Head::Appended>& appended) {
          if (appended) {
            log_bytes += bytes;
          } else {
            ++failed;
          }
        });
    if (!admitted) ++refused;
    if (random_.chance(10)) waiting_.wait();
    disk_->set_full(false);
  }
  waiting_.wait();
  EXPECT_GT(refused, 0);
  EXPECT_GT(failed, 0);
  EXPECT_GT(log_bytes, 100'000U);
  clock_.advance(options_.generation_age_max_ns);
  wait_until([&] { return metric(*metrics_, "tempo_ingester_live_traces") == 0; });
  store_->stop();
  expect_empty_budgets();
}

TEST_F(StoreTest, AnswersWithTheErrorOfTheDiskAndGoesOn) {
  start();
  const std::vector<SentSpan> first = random_.request(5);
  const std::vector<SentSpan> second = random_.request(5);
  const std::vector<SentSpan> third = random_.request(5);
  ASSERT_TRUE(append_and_wait(first));
  disk_->fail_syncs(1);
  const auto failed = append_and_wait(second);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::io);
  EXPECT_FALSE(store_->acked_before(make(second).record.body_hash));
  expect_spans(first);
  ASSERT_TRUE(append_and_wait(third));
  std::vector<SentSpan> sent = first;
  sent.insert(sent.end(), third.begin(), third.end());
  expect_spans(sent);
  ASSERT_TRUE(append_and_wait(second)) << "and can be sent again";
  sent.insert(sent.end(), second.begin(), second.end());
  expect_spans(sent);
  start();
  expect_spans(sent);
}

TEST_F(StoreTest, RefusesWhatComesAfterTheStop) {
  start();
  const std::vector<SentSpan> before = random_.request(100);
  bool acked = false;
  ASSERT_TRUE(append(make(before), [&](const auto& appended) { acked = appended.has_value(); }));
  store_->stop();
  EXPECT_TRUE(acked) << "what was handed over is finished first";
  const auto late = append_and_wait(random_.request(1));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unavailable);
  store_->stop();
  expect_spans(before);
}

TEST_F(StoreTest, ReplaysTheVerdictOfTheRecord) {
  start();
  std::vector<SentSpan> spans = {random_.span(), random_.span(), random_.span()};
  for (SentSpan& span : spans) {
    span.attributes = {{"key", {ValueType::string, 0, std::string(100, 'x')}}};
  }
  Request request = make(spans);
  request.record.attribute_bytes_max = 10;
  request.record.rejected = {1};
  ASSERT_TRUE(append_and_wait(std::move(request)));
  EXPECT_EQ(start().spans, 2U);
  spans.erase(spans.begin() + 1);
  for (SentSpan& span : spans) span.attributes[0].value.text.resize(10);
  expect_spans(spans);
}

TEST_F(StoreTest, PassesOverARecordThatMakesNoBatch) {
  start();
  const std::vector<SentSpan> first = random_.request(5);
  const std::vector<SentSpan> second = random_.request(5);
  ASSERT_TRUE(append_and_wait(first));
  Request garbage = make(random_.request(2));
  garbage.record.body = "no protobuf";
  garbage.record.body_hash = hash_body("t", garbage.record.body);
  ASSERT_TRUE(append_and_wait(std::move(garbage)));
  ASSERT_TRUE(append_and_wait(second));
  for (int life = 0; life < 2; ++life) {
    const Store::Recovered recovered = start();
    EXPECT_EQ(recovered.undecodable, 1U);
    EXPECT_EQ(recovered.log.records, 3U) << "it stays in the log";
    EXPECT_EQ(recovered.spans, 10U);
    EXPECT_EQ(metric(*metrics_, "tempo_ingester_replay_errors_total"), 1);
  }
  std::vector<SentSpan> sent = first;
  sent.insert(sent.end(), second.begin(), second.end());
  expect_spans(sent);
}

TEST_F(StoreTest, DoesNotStartOnALogOfALaterVersion) {
  start();
  Request request = make(random_.request(2));
  request.record.decoder_version = kDecoderOtlpProtobuf + 1;
  ASSERT_TRUE(append_and_wait(std::move(request)));
  const auto recovered = try_start();
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, Code::unimplemented);
}

TEST_F(StoreTest, StartsEvenWhenTheLogHoldsMoreThanTheHeadMay) {
  start();
  std::vector<SentSpan> sent;
  for (int i = 0; i < 50; ++i) {
    const std::vector<SentSpan> spans = random_.request(10);
    ASSERT_TRUE(append_and_wait(spans));
    sent.insert(sent.end(), spans.begin(), spans.end());
  }
  options_.head_bytes_max = 100'000;
  start();
  expect_spans(sent);
  const auto refused = append_and_wait(random_.request(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::limit);
}

}  // namespace
}  // namespace vivace
