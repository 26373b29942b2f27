// What answers take while they are sent: they leave bit by bit, however much one trace shows, and
// what they are made of is charged until the last of them has left.
#include <gmock/gmock.h>
#include <protozero/pbf_reader.hpp>

#include "api/testing/api_fixture.h"

namespace vivace::api {
namespace {

using net::FakeAnswer;
using ::testing::Each;
using ::testing::Le;
using ::testing::SizeIs;

constexpr uint64_t kStart = 1'700'000'000'000'000'000;
constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr size_t kPieceMax = 3 << 19;  // 1.5 MiB

class AnswerMemory : public ApiTest {
 protected:
  // One trace of 1,000 spans of 6,000 bytes each, in groups.
  void push_large() {
    std::vector<plain::Span> spans;
    for (uint64_t i = 1; i <= 1'000; ++i) {
      plain::Span span = plain::span(i, {{"i", plain::integer(static_cast<int64_t>(i))},
                                         {"g", plain::integer(static_cast<int64_t>(i % kGroups))},
                                         {"a", plain::text(std::string(3'000, 'a'))},
                                         {"b", plain::text(std::string(3'000, 'b'))}});
      span.trace_id = plain::trace_id(1);
      span.start_ns = kStart + i;
      span.end_ns = span.start_ns + kSecondNs;
      spans.push_back(std::move(span));
    }
    data.push({{.attributes = {{"service.name", plain::text("shop")}},
                .scopes = {{.name = "", .version = "", .spans = spans}}}});
  }

  static constexpr uint64_t kGroups = 50;
};

constexpr char kSearchLarge[] =
    "/api/search?limit=1&spss=100&q={}|by(span.g)|select(span.a,span.b)";

TEST_F(AnswerMemory, AnswersOfALargeTraceLeaveInPieces) {
  push_large();
  for (const char* type : {"application/json", "application/protobuf"}) {
    const FakeAnswer answer = get(kSearchLarge, {{"accept", type}});
    ASSERT_EQ(answer.status(), 200) << answer.body();
    EXPECT_EQ(answer.header("content-type"), type);
    EXPECT_TRUE(answer.streamed) << type;
    EXPECT_GT(answer.body().size(), 6'000'000U);
    EXPECT_THAT(answer.parts, Each(Le(kPieceMax))) << type;
  }
}

TEST_F(AnswerMemory, PiecesOfProtobufAreOneMessage) {
  push_large();
  const FakeAnswer answer = get(kSearchLarge, {{"accept", "application/protobuf"}});
  protozero::pbf_reader response(answer.body());
  ASSERT_TRUE(response.next(1));
  protozero::pbf_reader trace = response.get_message();
  std::vector<std::string> sets;  // the first, and all
  size_t services = 0;
  while (trace.next()) {
    if (trace.tag() == 6 || trace.tag() == 7) {
      sets.push_back(trace.get_string());
    } else {
      services += trace.tag() == 8 ? 1 : 0;
      trace.skip();
    }
  }
  ASSERT_THAT(sets, SizeIs(kGroups + 1));
  EXPECT_EQ(sets[0], sets[1]);
  EXPECT_EQ(services, 1U);
  for (const std::string& set : sets) {
    size_t spans = 0;
    for (protozero::pbf_reader spans_of(set); spans_of.next();) {
      spans += spans_of.tag() == 1 ? 1 : 0;
      spans_of.skip();
    }
    EXPECT_EQ(spans, 1'000 / kGroups);
  }
  ASSERT_TRUE(response.next(2)) << "the metrics stand behind the trace";
  response.skip();
  EXPECT_FALSE(response.next());
}

// A client that looks at the budget whenever it is sent something.
class LookingExchange final : public net::Exchange {
 public:
  explicit LookingExchange(const QueryBudget& budget) : budget_(budget) {}

  void respond(net::Response response) override {
    const std::lock_guard lock(mutex_);
    status_ = response.status;
    done_ = true;
    changed_.notify_all();
  }
  void begin(net::Response head) override {
    const std::lock_guard lock(mutex_);
    status_ = head.status;
  }
  bool write(std::string) override {
    const std::lock_guard lock(mutex_);
    seen_.push_back(budget_.usage().bytes);
    return true;
  }
  void end(std::vector<net::Header>) override {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }
  // What was taken at each write.
  std::vector<int64_t> wait() {
    std::unique_lock lock(mutex_);
    ASSERT(changed_.wait_for(lock, std::chrono::seconds(30), [this] { return done_; }));
    EXPECT_EQ(status_, 200);
    return seen_;
  }

 private:
  const QueryBudget& budget_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::vector<int64_t> seen_;
  int status_ = 0;
  bool done_ = false;
};

TEST_F(AnswerMemory, IsTakenWhileTheAnswerIsSent) {
  QueryBudget budget({.bytes_max = 64 << 20, .queries_max = 2}, metrics);
  maybe_query_memory = &budget;
  push_large();
  const std::pair<const char*, int64_t> kAsked[] = {
      {kSearchLarge, 6'000'000},
      // 1,000 series of 601 points.
      {"/api/metrics/query_range?start=1699999700&end=1700000300&step=1s&q={}|rate()by(span.i)",
       1'000 * 600 * 8}};
  for (const auto& [target, bytes] : kAsked) {
    const auto exchange = std::make_shared<LookingExchange>(budget);
    api().handler()(net::fake_request(target), net::Responder(exchange));
    const std::vector<int64_t> seen = exchange->wait();
    ASSERT_GT(seen.size(), 3U) << target;
    EXPECT_THAT(seen, Each(testing::Ge(bytes))) << target;
  }
  queries->stop();
  EXPECT_EQ(budget.usage().bytes, 0);
}

}  // namespace
}  // namespace vivace::api
