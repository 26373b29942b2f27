// Reading while writing: one thread appends, others find and read what was published, without a
// lock. Meaningful under ThreadSanitizer above all.
#include <atomic>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/read_part.h"

namespace vivace {
namespace {

constexpr int kReaders = 3;
constexpr int kBatches = 400;

// All batches, made before the threads start, so that readers know what they must find.
struct Plan {
  std::vector<std::unique_ptr<Batch>> batches;
  std::vector<std::vector<SentSpan>> sent;  // by batch
  std::vector<uint32_t> rows_after;         // by batch

  explicit Plan(uint64_t seed) {
    RandomSpans random(seed);
    uint32_t rows = 0;
    for (int i = 0; i < kBatches; ++i) {
      std::vector<SentSpan> spans = random.request(1 + random.number(30));
      // Every batch adds to one trace that all share, and has several spans of one of its own.
      for (SentSpan& span : spans) {
        if (random.chance(30)) span.trace_id = make_trace_id(7, 7);
        if (random.chance(30)) span.trace_id = own_trace(i);
      }
      auto batch = decode_otlp(to_otlp(spans), {});
      ASSERT(batch);
      batches.push_back(std::move(*batch));
      rows += static_cast<uint32_t>(spans.size());
      rows_after.push_back(rows);
      sent.push_back(std::move(spans));
    }
  }

  static TraceId own_trace(int batch) { return make_trace_id(8, static_cast<uint64_t>(batch)); }

  // Rows of a trace among the first `published` batches.
  std::vector<uint32_t> rows_of(const TraceId& id, size_t published) const {
    std::vector<uint32_t> rows;
    uint32_t row = 0;
    for (size_t b = 0; b < published; ++b) {
      for (const SentSpan& span : sent[b]) {
        if (span.trace_id == id) rows.push_back(row);
        ++row;
      }
    }
    return rows;
  }
  const SentSpan& span_at(uint32_t row) const {
    const auto b = std::ranges::upper_bound(rows_after, row) - rows_after.begin();
    const auto batch = static_cast<size_t>(b);
    return sent[batch][row - (rows_after[batch] - sent[batch].size())];
  }
};

// Reads random published traces until everything is there; the number of traces read.
class Reader {
 public:
  Reader(std::shared_ptr<const Head> head, const Plan& plan, uint64_t seed)
      : head_(std::move(head)), plan_(plan), random_(seed) {}

  void run() {
    while (true) {
      const HeadPart part(head_);
      const uint32_t rows = part.rows();
      const auto at = std::ranges::upper_bound(plan_.rows_after, rows);
      const auto published = static_cast<size_t>(at - plan_.rows_after.begin());
      // Whole batches only.
      ASSERT_EQ(rows, published == 0 ? 0 : plan_.rows_after[published - 1]);
      if (published > 0) check_one(part, published);
      if (testing::Test::HasFatalFailure()) return;
      if (published == kBatches && ++rounds_at_end_ > 50) return;
    }
  }

 private:
  void check_one(const HeadPart& part, size_t published) {
    const auto row = static_cast<uint32_t>(random_.number(part.rows()));
    TraceId id = plan_.span_at(row).trace_id;
    if (random_.chance(10)) id = Plan::own_trace(static_cast<int>(random_.number(kBatches)));
    PartReader reader(part);
    std::vector<uint32_t> found = reader.rows_of(id);
    ASSERT_EQ(found, plan_.rows_of(id, published));
    if (found.size() > 8) found.erase(found.begin(), found.end() - 8);
    for (const uint32_t r : found) {
      ASSERT_EQ(difference(reader.span(r), plan_.span_at(r)), "");
    }
    EXPECT_GT(head_->bytes(), 0);
    EXPECT_GT(head_->traces(), 0U);
  }

  const std::shared_ptr<const Head> head_;
  const Plan& plan_;
  RandomSpans random_;
  int rounds_at_end_ = 0;
};

TEST(HeadThreads, ReadersSeeWholeBatchesOfWholeSpans) {
  constexpr uint64_t kSeed = 61;
  SCOPED_TRACE(kSeed);
  const Plan plan(kSeed);
  const auto head = std::make_shared<Head>();
  std::latch start(kReaders + 1);
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      Reader reader(head, plan, static_cast<uint64_t>(i) + 100);
      start.arrive_and_wait();
      reader.run();
    });
  }
  start.arrive_and_wait();
  for (const auto& batch : plan.batches) {
    head->append(*batch, 1);
    std::this_thread::yield();
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(head->rows(), plan.rows_after.back());
}

// Many small traces: readers meet the table of traces while it is replaced by larger ones, and
// columns while they get their next chunks.
TEST(HeadThreads, ReadersFollowGrowth) {
  constexpr uint64_t kTraces = 40'000;
  constexpr uint64_t kBatchSpans = 50;
  const auto head = std::make_shared<Head>();
  const auto span_of = [](uint64_t i) {
    SentSpan span;
    span.trace_id = make_trace_id(mix64(i), i + 1);
    span.span_id = make_span_id(i + 1);
    span.name = "span " + std::to_string(i % 1000);
    span.attributes = {{"number", {ValueType::integer, i, {}}},
                       {"text", {ValueType::string, 0, std::to_string(i)}}};
    return span;
  };
  const auto read = [&](uint64_t seed) {
    RandomSpans random(seed);
    for (uint32_t rows = 0; rows < kTraces;) {
      const HeadPart part(head);
      PartReader reader(part);
      rows = part.rows();
      ASSERT_EQ(rows % kBatchSpans, 0U);
      if (rows == 0) continue;
      const uint64_t i = random.number(rows);
      const auto row = static_cast<uint32_t>(i);
      ASSERT_EQ(reader.rows_of(span_of(i).trace_id), std::vector{row});
      ASSERT_EQ(difference(reader.span(row), span_of(i)), "");
      ASSERT_TRUE(reader.rows_of(make_trace_id(1, i + 1)).empty());
    }
  };
  std::vector<std::thread> readers;
  for (uint64_t i = 0; i < kReaders; ++i) readers.emplace_back(read, i);
  for (uint64_t from = 0; from < kTraces; from += kBatchSpans) {
    std::vector<SentSpan> spans;
    for (uint64_t i = from; i < from + kBatchSpans; ++i) spans.push_back(span_of(i));
    auto batch = decode_otlp(to_otlp(spans), {});
    ASSERT(batch);
    head->append(**batch, 1);
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace vivace
