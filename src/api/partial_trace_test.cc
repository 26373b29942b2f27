// A trace of which a part is damaged, or was refused: what is left is the answer, and v2 says that
// it is not whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/traces.h"
#include "model/testing/altered_part.h"
#include "net/testing/fake_exchange.h"
#include "query/testing/parts.h"

namespace vivace::api {
namespace {

using testing::HasSubstr;
using testing::Not;

const TraceId kTrace = make_trace_id(0, 1);
constexpr const char* kMessage = "Stored data is damaged, a partial trace is returned";

SentSpan span(uint64_t id) {
  SentSpan out;
  out.trace_id = kTrace;
  out.span_id = make_span_id(id);
  out.start_ns = id;
  return out;
}

// Two parts with a span each; the first can be damaged. Each has a resource of its own.
class PartialTraceAnswer : public testing::Test {
 protected:
  PartialTraceAnswer() {
    SentSpan first = span(1);
    first.attributes = {{"key", {ValueType::integer, 7, {}}}};
    snapshot_ = snapshot_of({{first}, {span(2)}});
    part_ = std::make_shared<AlteredPart>(snapshot_.parts[0], 1);
    snapshot_.parts[0] = part_;
  }
  net::FakeAnswer get(int version, const std::string& accept = "", int64_t bytes_max = 0) {
    return net::ask(
        [&](net::Request request, net::Responder responder) {
          Trace trace = Trace::find(snapshot_, kTrace);
          send_trace(Call({.clock = &clock_, .metrics = &metrics_}, "route", std::move(request),
                          std::move(responder)),
                     trace,
                     {.id = "1", .version = version, .bytes_max = bytes_max, .was_cut = was_cut_});
        },
        net::fake_request("/", {{"accept", accept}}));
  }

  std::shared_ptr<AlteredPart> part_;
  Snapshot snapshot_;
  bool was_cut_ = false;
  ManualClock clock_;
  Metrics metrics_;
};

TEST_F(PartialTraceAnswer, SaysWhatItInspected) {
  EXPECT_THAT(get(2).body(), HasSubstr(R"(,"metrics":{}})"));
  part_->bytes_a_read = 1000;
  EXPECT_THAT(get(2).body(), HasSubstr(R"(,"metrics":{"inspectedBytes":")"));
  EXPECT_THAT(get(2).body(), Not(HasSubstr("PARTIAL")));
  EXPECT_THAT(get(1).body(), Not(HasSubstr("metrics")));
}

TEST_F(PartialTraceAnswer, HasWhatIsLeft) {
  const std::string whole = get(1).body();
  part_->fail_attribute = [](Scope, uint32_t, uint32_t) { return true; };
  EXPECT_THAT(get(2).body(),
              HasSubstr("\"status\":\"PARTIAL\",\"message\":\"" + std::string(kMessage) + "\"}"));
  EXPECT_THAT(whole, HasSubstr("AAAAAAAAAAE="));
  EXPECT_THAT(get(1).body(), Not(HasSubstr("AAAAAAAAAAE=")));
  EXPECT_EQ(get(1).status(), 200);
  EXPECT_THAT(get(2, "application/protobuf").body(), HasSubstr(kMessage));
  EXPECT_EQ(get(2, "application/protobuf", 1 << 20).body(), get(2, "application/protobuf").body());
}

TEST_F(PartialTraceAnswer, HasOtherPartsWhenAnIndexIsDamaged) {
  part_->fail_index = true;
  EXPECT_THAT(get(2).body(), HasSubstr("AAAAAAAAAAI="));
  EXPECT_THAT(get(2).body(), HasSubstr(kMessage));
}

TEST_F(PartialTraceAnswer, IsAnErrorInV1WhenNothingIsLeft) {
  part_->fail_index = true;
  snapshot_.parts.pop_back();
  EXPECT_EQ(get(1).status(), 500) << "not 404: it may well be there";
  EXPECT_THAT(get(2).body(), HasSubstr(R"({"trace":{},"metrics":{},"status":"PARTIAL")"));
}

TEST_F(PartialTraceAnswer, SaysWhenSpansWereRefusedOnTheirWayIn) {
  was_cut_ = true;
  const char* message = "Trace exceeds maximum size of 1000 bytes, a partial trace is returned";
  EXPECT_EQ(get(1, "", 1000).status(), 200) << "what is left";
  EXPECT_THAT(get(2, "", 1000).body(), HasSubstr("AAAAAAAAAAI="));
  EXPECT_THAT(get(2, "", 1000).body(), HasSubstr(message));
  snapshot_.parts.clear();
  EXPECT_EQ(get(1, "", 1000).status(), 422);
  EXPECT_THAT(get(2, "", 1000).body(), HasSubstr(message));
}

TEST_F(PartialTraceAnswer, NamesTheLimitFirst) {
  part_->fail_index = true;
  EXPECT_THAT(get(2, "", 1).body(),
              HasSubstr("Trace exceeds maximum size of 1 bytes, a partial trace is returned; "
                        "stored data is damaged"));
}

}  // namespace
}  // namespace vivace::api
