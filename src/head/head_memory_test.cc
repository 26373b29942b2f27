// What a head takes: never more than admission reserved for it, and in step with what it holds.
#include <random>

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "head/head.h"
#include "model/testing/otlp_bytes.h"

namespace vivace {
namespace {

// Appends batches and holds the promise of bytes_needed against each.
class Measured {
 public:
  void append(const std::vector<SentSpan>& spans) {
    auto batch = decode_otlp(to_otlp(spans), {});
    ASSERT_TRUE(batch);
    const int64_t needed = Head::bytes_needed(**batch);
    const int64_t before = head_.bytes();
    head_.append(**batch, 1);
    const int64_t taken = head_.bytes() - before;
    ASSERT_GE(taken, 0);
    ASSERT_LE(taken, needed) << spans.size() << " spans in a body of " << (*batch)->body.size()
                             << ", rows " << head_.rows();
    taken_ += taken;
    needed_ += needed;
  }
  const Head& head() const { return head_; }
  // How many times more was reserved than taken.
  double overestimate() const { return static_cast<double>(needed_) / static_cast<double>(taken_); }

 private:
  Head head_;
  int64_t taken_ = 0;
  int64_t needed_ = 0;
};

class BytesNeeded : public testing::Test {
 protected:
  SentSpan span() {
    SentSpan out;
    out.trace_id = make_trace_id(1, ++made_);
    out.span_id = make_span_id(made_);
    return out;
  }
  std::string fresh() { return std::to_string(++made_); }

  Measured measured_;
  uint64_t made_ = 0;
};

TEST_F(BytesNeeded, CoversTheSmallestBatches) {
  for (int i = 0; i < 34'000 && !HasFatalFailure(); ++i) measured_.append({span()});
}

TEST_F(BytesNeeded, CoversRandomBatches) {
  constexpr uint64_t kSeed = 51;
  SCOPED_TRACE(kSeed);
  RandomSpans random(kSeed);
  for (int i = 0; i < 700 && !HasFatalFailure(); ++i) {
    measured_.append(random.request(random.chance(50) ? 1 : 1 + random.number(60)));
  }
}

TEST_F(BytesNeeded, CoversBatchesOfRepeats) {
  RandomSpans random(52);
  for (int i = 0; i < 50 && !HasFatalFailure(); ++i) {
    const std::vector<SentSpan> spans = random.request(20);
    measured_.append(spans);
    measured_.append(spans);
  }
}

TEST_F(BytesNeeded, CoversANewKeyInEverySpan) {
  for (int i = 0; i < 3000 && !HasFatalFailure(); ++i) {  // columns first, then the overflow list
    SentSpan one = span();
    one.attributes = {{fresh(), {ValueType::string, 0, fresh()}}};
    one.events.push_back({1, fresh(), {{fresh(), {ValueType::bytes, 0, fresh()}}}, 1});
    one.links.push_back({make_trace_id(2, 2), {}, fresh(), {{fresh(), {}}}, 1, 1});
    measured_.append({one});
  }
}

TEST_F(BytesNeeded, CoversAResourceAndAScopeWithEverySpan) {
  for (int i = 0; i < 3000 && !HasFatalFailure(); ++i) {
    SentSpan one = span();
    const SentAttributes attributes = {{"k", {ValueType::string, 0, fresh()}}, {"k", {}}};
    one.resource = std::make_shared<SentResource>(SentResource{attributes, 1, fresh()});
    one.scope = std::make_shared<SentScope>(SentScope{fresh(), fresh(), attributes, 1, fresh()});
    measured_.append({one});
  }
}

TEST_F(BytesNeeded, CoversGroupsOfNothing) {
  std::vector<SentSpan> spans;
  for (int i = 0; i < 5000; ++i) {
    spans.push_back(span());  // each with empty, but own resource and scope
    for (int k = 0; k < 4; ++k) spans.back().events.emplace_back();
    for (int k = 0; k < 4; ++k) spans.back().links.emplace_back();
  }
  for (int i = 0; i < 3 && !HasFatalFailure(); ++i) {
    for (SentSpan& one : spans) one.span_id = make_span_id(++made_);
    measured_.append(spans);
  }
}

TEST_F(BytesNeeded, CoversHugeValues) {
  for (const size_t size : {size_t{100}, size_t{5000}, size_t{300'000}, size_t{3} << 20}) {
    for (const ValueType type : {ValueType::string, ValueType::bytes}) {
      SentSpan one = span();
      one.attributes = {{"k", {type, 0, std::string(size, 'x') + fresh()}}};
      one.name = std::string(size, 'n') + fresh();
      one.trace_state = std::string(size, 't') + fresh();
      measured_.append({one});
    }
  }
}

TEST_F(BytesNeeded, CoversASpanOfManyAttributes) {
  for (int i = 0; i < 5 && !HasFatalFailure(); ++i) {
    SentSpan same_key = span();
    same_key.attributes.assign(20'000, {"", {}});
    measured_.append({same_key});
    SentSpan new_keys = span();
    for (int k = 0; k < 20'000; ++k) new_keys.attributes.push_back({fresh(), {}});
    measured_.append({new_keys});
  }
}

// A span in which every field is filled, and nothing is new but its ids.
TEST_F(BytesNeeded, CoversEveryField) {
  SentSpan full = span();
  full.parent_id = make_span_id(1);
  full.trace_state = full.name = full.status_message = "text";
  full.kind = full.status_code = -1;
  full.dropped_attributes = full.dropped_events = full.dropped_links = full.flags = 1;
  full.start_ns = full.end_ns = 1;
  for (int i = 0; i < 40'000 && !HasFatalFailure(); ++i) {
    full.trace_id = make_trace_id(1, ++made_);
    full.span_id = make_span_id(made_);
    measured_.append({full});
  }
}

// Service spans as SDKs send them: here the estimate should not be far off, or a busy moment would
// be refused for lack of room that nobody needs.
std::vector<SentSpan> usual_batch(RandomSpans& random, size_t count) {
  std::vector<SentSpan> spans = random.request(count);
  for (SentSpan& span : spans) {
    const std::string route = "/route/" + std::to_string(random.number(20));
    span.attributes = {
        {"http.method", {ValueType::string, 0, "GET"}},
        {"http.route", {ValueType::string, 0, route}},
        {"http.status_code", {ValueType::integer, 200, {}}},
        {"request.id", {ValueType::string, 0, std::to_string(random.number(1 << 30))}},
        {"user.id", {ValueType::integer, random.number(1 << 20), {}}}};
    span.events.clear();
    span.links.clear();
  }
  return spans;
}

TEST_F(BytesNeeded, IsNotWildlyMoreThanUsualBatchesTake) {
  RandomSpans random(53);
  for (int i = 0; i < 40 && !HasFatalFailure(); ++i) {
    measured_.append(usual_batch(random, 200));
  }
  EXPECT_LT(measured_.overestimate(), 4);
}

TEST(HeadBytes, GrowInStepWithTheData) {
  RandomSpans random(54);
  Head head;
  int64_t before = 0;
  std::vector<int64_t> steps;  // of 2,000 spans each
  for (int step = 0; step < 10; ++step) {
    for (int i = 0; i < 10; ++i) {
      auto batch = decode_otlp(to_otlp(usual_batch(random, 200)), {});
      ASSERT_TRUE(batch);
      head.append(**batch, 1);
    }
    steps.push_back(head.bytes() - before);
    before = head.bytes();
  }
  for (size_t i = 1; i < steps.size(); ++i) {  // later steps have fewer new texts, never more
    EXPECT_GT(steps[i], steps[0] / 4) << "step " << i;
    EXPECT_LT(steps[i], steps[0] * 3 / 2) << "step " << i;
  }
}

}  // namespace
}  // namespace vivace
