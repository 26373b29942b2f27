// What answers take while they are sent: they leave bit by bit, however much one trace shows.
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

}  // namespace
}  // namespace vivace::api
