// A trace by its id in its four forms, v1 and v2, JSON and protobuf: text compared byte for byte
// with what the contract shows, protobuf decoded again and compared with the spans it was made
// from.
#include <limits>

#include <gmock/gmock.h>

#include "api/testing/api_fixture.h"
#include "wire/protobuf.h"

namespace vivace::api {
namespace {

using net::FakeAnswer;
using ::testing::HasSubstr;

class TraceAnswer : public ApiTest {
 protected:
  // JSON of trace 1 without what surrounds it in v1, after checking that v2 says the same.
  std::string json() {
    const FakeAnswer v1 = get("/api/traces/1");
    EXPECT_EQ(v1.status(), 200);
    EXPECT_EQ(v1.header("content-type"), "application/json");
    const std::string begin = "{\"batches\":[";
    EXPECT_TRUE(v1.body().starts_with(begin) && v1.body().ends_with("]}")) << v1.body();
    const std::string inner = v1.body().substr(begin.size(), v1.body().size() - begin.size() - 2);

    const FakeAnswer v2 = get("/api/v2/traces/1");
    EXPECT_EQ(v2.status(), 200);
    EXPECT_EQ(v2.header("content-type"), "application/json");
    EXPECT_EQ(v2.body(), "{\"trace\":{\"resourceSpans\":[" + inner + "]},\"metrics\":{}}");
    return inner;
  }
  // The JSON of one span that is the only one, without resource and scope.
  std::string span_json(const plain::Span& span) {
    data.push(plain::request_of({span}));
    const std::string begin = R"({"resource":{},"scopeSpans":[{"scope":{},"spans":[)";
    const std::string all = json();
    EXPECT_TRUE(all.starts_with(begin) && all.ends_with("]}]}")) << all;
    return all.substr(begin.size(), all.size() - begin.size() - 4);
  }
};

const std::string kIds = R"("traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAI=")";

TEST_F(TraceAnswer, TheContractsExample) {
  data.push(
      {{.attributes = {{"service.name", plain::text("shop")}},
        .scopes = {
            {.name = "my-lib",
             .version = "1.2.0",
             .spans = {{.trace_id = plain::trace_id(1),
                        .span_id = plain::span_id(2),
                        .parent_id = plain::span_id(1),
                        .name = "GET /",
                        .kind = 2,
                        .start_ns = 1'700'000'000'000'000'000,
                        .end_ns = 1'700'000'000'150'000'000,
                        .attributes = {{"http.status_code", plain::integer(200)},
                                       {"ok", plain::boolean(false)}},
                        .events = {{.time_ns = 1'700'000'000'010'000'000,
                                    .name = "exception",
                                    .attributes = {{"exception.type", plain::text("X")}}}},
                        .links = {{.trace_id = plain::trace_id(3), .span_id = plain::span_id(4)}},
                        .status_message = "boom",
                        .status_code = 2}}}}}});
  EXPECT_EQ(json(),
            R"({"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},)"
            R"("scopeSpans":[{"scope":{"name":"my-lib","version":"1.2.0"},)"
            R"("spans":[{"traceId":"AAAAAAAAAAAAAAAAAAAAAQ==","spanId":"AAAAAAAAAAI=",)"
            R"("parentSpanId":"AAAAAAAAAAE=",)"
            R"("name":"GET /","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1700000000000000000",)"
            R"("endTimeUnixNano":"1700000000150000000",)"
            R"("attributes":[{"key":"http.status_code","value":{"intValue":"200"}},)"
            R"({"key":"ok","value":{"boolValue":false}}],)"
            R"("events":[{"timeUnixNano":"1700000000010000000","name":"exception",)"
            R"("attributes":[{"key":"exception.type","value":{"stringValue":"X"}}]}],)"
            R"("links":[{"traceId":"AAAAAAAAAAAAAAAAAAAAAw==","spanId":"AAAAAAAAAAQ="}],)"
            R"("status":{"message":"boom","code":"STATUS_CODE_ERROR"}}]}]})");
}

TEST_F(TraceAnswer, ASpanThatSaysNothingStillHasWhatGrafanaNeeds) {
  EXPECT_EQ(span_json(plain::span(2)), "{" + kIds + R"(,"status":{}})");
}

TEST_F(TraceAnswer, EveryMemberInItsPlace) {
  plain::Span span = plain::span(2, {{"a", plain::text("v")}});
  span.trace_state = "k=v";
  span.parent_id = plain::span_id(9);
  span.name = "n";
  span.kind = 5;
  span.start_ns = 1;
  span.end_ns = std::numeric_limits<uint64_t>::max();
  span.dropped_attributes = 1;
  span.events = {{.time_ns = 2, .name = "e", .dropped_attributes = 3}, {}};
  span.dropped_events = 4;
  span.links = {{.trace_id = plain::trace_id(3),
                 .span_id = plain::span_id(4),
                 .trace_state = "s",
                 .attributes = {{"b", {}}},
                 .dropped_attributes = 5,
                 .flags = 6},
                {}};
  span.dropped_links = 7;
  span.status_message = "m";
  span.status_code = 1;
  span.flags = 0x301;
  EXPECT_EQ(span_json(span),
            "{" + kIds +
                R"(,"traceState":"k=v","parentSpanId":"AAAAAAAAAAk=","name":"n",)"
                R"("kind":"SPAN_KIND_CONSUMER","startTimeUnixNano":"1",)"
                R"("endTimeUnixNano":"18446744073709551615",)"
                R"("attributes":[{"key":"a","value":{"stringValue":"v"}}],)"
                R"("droppedAttributesCount":1,)"
                R"("events":[{"timeUnixNano":"2","name":"e","droppedAttributesCount":3},{}],)"
                R"("droppedEventsCount":4,)"
                R"("links":[{"traceId":"AAAAAAAAAAAAAAAAAAAAAw==","spanId":"AAAAAAAAAAQ=",)"
                R"("traceState":"s","attributes":[{"key":"b","value":{}}],)"
                R"("droppedAttributesCount":5,"flags":6},{}],"droppedLinksCount":7,)"
                R"("status":{"message":"m","code":"STATUS_CODE_OK"},"flags":769})");
}

TEST_F(TraceAnswer, KindsAndCodesWithoutNamesAreNumbers) {
  plain::Span span = plain::span(2);
  span.kind = 6;
  span.status_code = 3;
  EXPECT_EQ(span_json(span), "{" + kIds + R"(,"kind":6,"status":{"code":3}})");
  plain::Span other = plain::span(2);
  other.kind = -1;
  other.status_code = std::numeric_limits<int32_t>::min();
  data.push(plain::request_of({other}));
  EXPECT_THAT(json(), HasSubstr(R"("kind":-1,"status":{"code":-2147483648})"));
}

TEST_F(TraceAnswer, ValuesOfEveryType) {
  const plain::Attributes attributes = {
      {"s", plain::text("<a href=\"x\">&\n\u2028\xff")},
      {"es", plain::text("")},
      {"i", plain::integer(std::numeric_limits<int64_t>::min())},
      {"z", plain::integer(0)},
      {"d", plain::real(1.5)},
      {"zd", plain::real(0)},
      {"nan", plain::real(std::numeric_limits<double>::quiet_NaN())},
      {"inf", plain::real(-std::numeric_limits<double>::infinity())},
      {"t", plain::boolean(true)},
      {"b", plain::bytes("\x01\x02")},
      {"eb", plain::bytes("")},
      {"u", {}},
      {"", plain::text("no key")},
      {"a", plain::array({plain::text("x"),
                          plain::integer(1),
                          {},
                          plain::array({}),
                          plain::array({plain::real(2)})})},
      {"m",
       plain::map(
           {{"k", plain::text("v")}, {"n", plain::map({{"o", plain::boolean(false)}})}, {"", {}}})},
      {"em", plain::map({})}};
  EXPECT_EQ(
      span_json(plain::span(2, attributes)),
      "{" + kIds +
          R"(,"attributes":[)"
          R"({"key":"s","value":{"stringValue":"\u003ca href=\"x\"\u003e\u0026\n\u2028\ufffd"}},)"
          R"({"key":"es","value":{"stringValue":""}},)"
          R"({"key":"i","value":{"intValue":"-9223372036854775808"}},)"
          R"({"key":"z","value":{"intValue":"0"}},)"
          R"({"key":"d","value":{"doubleValue":1.5}},)"
          R"({"key":"zd","value":{"doubleValue":0}},)"
          R"({"key":"nan","value":{"doubleValue":"NaN"}},)"
          R"({"key":"inf","value":{"doubleValue":"-Infinity"}},)"
          R"({"key":"t","value":{"boolValue":true}},)"
          R"({"key":"b","value":{"bytesValue":"AQI="}},)"
          R"({"key":"eb","value":{"bytesValue":""}},)"
          R"({"key":"u","value":{}},)"
          R"({"value":{"stringValue":"no key"}},)"
          R"({"key":"a","value":{"arrayValue":{"values":[{"stringValue":"x"},{"intValue":"1"},{},)"
          R"({"arrayValue":{}},{"arrayValue":{"values":[{"doubleValue":2}]}}]}}},)"
          R"({"key":"m","value":{"kvlistValue":{"values":[)"
          R"({"key":"k","value":{"stringValue":"v"}},)"
          R"({"key":"n","value":{"kvlistValue":{"values":[)"
          R"({"key":"o","value":{"boolValue":false}}]}}},)"
          R"({"value":{}}]}}},)"
          R"({"key":"em","value":{"kvlistValue":{}}}],)"
          R"("status":{}})");
}

// Nested values are kept as they came, also in pieces and with fields that nobody knows.
TEST_F(TraceAnswer, NestedValuesInPiecesAreOneValue) {
  using plain::message;
  const std::string x = message(1, message(1, "x"));
  const std::string y = message(1, message(1, "y"));
  const std::string group = "\xbb\x3e\xbc\x3e";  // 999, empty
  const std::string pieces = message(5, x) + group + message(5, group + y);
  // As an attribute's value, inside an array, and inside a map whose pair's value is in two as
  // well.
  const std::string in_array = message(5, message(1, pieces));
  const std::string pair = message(1, "p") + message(2, message(5, x)) + message(2, message(5, y));
  const std::string in_map = message(6, message(1, pair));
  const std::string array =
      R"({"arrayValue":{"values":[{"stringValue":"x"},{"stringValue":"y"}]}})";
  const auto shown = [&](const std::string& value, uint64_t number) {
    data.push_bytes(plain::message(1, message(2, message(2, message(1, plain::trace_id(number)) +
                                                                message(2, plain::span_id(2)) +
                                                                message(9, message(2, value))))),
                    "single-tenant");
    const std::string body = get("/api/traces/" + std::to_string(number)).body();
    const std::string begin = "\"attributes\":[{\"value\":";
    const size_t at = body.find(begin);
    return at == std::string::npos ? body : body.substr(at + begin.size());
  };
  const std::string end = R"(}],"status":{}}]}]}]})";
  EXPECT_EQ(shown(pieces, 2), array + end);
  EXPECT_EQ(shown(in_array, 3), R"({"arrayValue":{"values":[)" + array + "]}}" + end);
  EXPECT_EQ(shown(in_map, 4),
            R"({"kvlistValue":{"values":[{"key":"p","value":)" + array + "}]}}" + end);
}

TEST_F(TraceAnswer, ResourcesAndScopesWithAllTheyHave) {
  data.push({{.attributes = {{"a", plain::integer(1)}},
              .dropped_attributes = 2,
              .scopes = {{.name = "n",
                          .version = "v",
                          .attributes = {{"b", plain::boolean(true)}},
                          .dropped_attributes = 3,
                          .spans = {plain::span(2)},
                          .schema_url = "https://scope"}},
              .schema_url = "https://resource"}});
  EXPECT_EQ(json(), R"({"resource":{"attributes":[{"key":"a","value":{"intValue":"1"}}],)"
                    R"("droppedAttributesCount":2},"scopeSpans":[{"scope":{"name":"n",)"
                    R"("version":"v","attributes":[{"key":"b","value":{"boolValue":true}}],)"
                    R"("droppedAttributesCount":3},"spans":[{)" +
                        kIds +
                        R"(,"status":{}}],"schemaUrl":"https://scope"}],)"
                        R"("schemaUrl":"https://resource"})");
}

// Spans by start, then id; scopes by their first span; resources by theirs.
plain::Request spread() {
  const auto at = [](uint64_t id, uint64_t start) {
    plain::Span out = plain::span(id);
    out.start_ns = start;
    out.name = "s" + std::to_string(id);
    return out;
  };
  plain::Request out(2);
  out[0].attributes = {{"r", plain::integer(1)}};
  out[0].scopes = {{.name = "late", .spans = {at(1, 50), at(2, 40)}},
                   {.name = "early", .spans = {at(3, 30)}}};
  out[1].attributes = {{"r", plain::integer(2)}};
  out[1].scopes = {{.name = "late", .spans = {at(5, 10), at(4, 10), at(6, 60)}}};
  return out;
}

TEST_F(TraceAnswer, IsInOrder) {
  data.push(spread());
  std::string order;
  const std::string body = json();
  for (size_t at = 0; (at = body.find("\"name\":\"", at)) != std::string::npos;) {
    at += 8;
    order += body.substr(at, body.find('"', at) - at) + " ";
  }
  EXPECT_EQ(order, "late s4 s5 s6 early s3 late s2 s1 ");
}

// All spans of a protobuf trace as lines of text; and whether messages that must be there are.
std::vector<std::string> lines_of(const std::string& trace) {
  const auto batch = decode_otlp(trace, {});
  EXPECT_TRUE(batch);
  return batch ? plain::show(**batch) : std::vector<std::string>();
}

// The fields of a message by number, in order.
std::vector<std::pair<uint32_t, std::string>> fields_of(std::string_view bytes) {
  std::vector<std::pair<uint32_t, std::string>> out;
  ProtoReader in(bytes);
  while (in.next()) {
    const uint32_t field = in.field();
    const auto type = static_cast<Wire>(in.key() & 7);
    if (type == Wire::bytes) {
      out.emplace_back(field, in.bytes());
    } else if (type == Wire::varint) {
      out.emplace_back(field, std::to_string(in.varint()));
    } else {
      in.skip();
    }
  }
  EXPECT_TRUE(in.ok());
  return out;
}

TEST_F(TraceAnswer, ProtobufHoldsTheSameSpans) {
  plain::Request request = spread();
  request[0].dropped_attributes = 1;
  request[0].schema_url = "https://resource";
  request[0].scopes[0].version = "1";
  request[0].scopes[0].schema_url = "https://scope";
  plain::Span& span = request[0].scopes[0].spans[0];
  span.trace_state = "k=v";
  span.parent_id = plain::span_id(9);
  span.kind = -1;
  span.end_ns = 1;
  span.attributes = {{"a", {}},
                     {"b", plain::boolean(false)},
                     {"c", plain::integer(-1)},
                     {"d", plain::real(-0.0)},
                     {"e", plain::bytes("")},
                     {"f", plain::array({plain::map({{"k", plain::text("")}}), {}})},
                     {"", plain::text("")},
                     {"g", plain::map({})}};
  span.events = {{}, {.time_ns = 1, .name = "e", .attributes = span.attributes}};
  span.links = {{}, {.trace_id = plain::trace_id(3), .flags = 1}};
  span.dropped_attributes = 1;
  span.dropped_events = 2;
  span.dropped_links = 3;
  span.status_code = -2;
  span.status_message = "m";
  span.flags = 0xffffffff;
  data.push(request);

  plain::Request expected = {request[1], request[0]};
  std::swap(expected[0].scopes[0].spans[0], expected[0].scopes[0].spans[1]);
  std::swap(expected[1].scopes[0], expected[1].scopes[1]);
  std::swap(expected[1].scopes[1].spans[0], expected[1].scopes[1].spans[1]);
  for (const char* accept :
       {"application/protobuf", "application/json, application/protobuf;q=1"}) {
    const FakeAnswer v1 = get("/api/traces/1", {{"accept", accept}});
    EXPECT_EQ(v1.status(), 200);
    EXPECT_EQ(v1.header("content-type"), "application/protobuf");
    EXPECT_EQ(lines_of(v1.body()), plain::show(expected));

    const FakeAnswer v2 = get("/api/v2/traces/1", {{"accept", accept}});
    EXPECT_EQ(v2.header("content-type"), "application/protobuf");
    const std::vector<std::pair<uint32_t, std::string>> response = {{1, v1.body()}, {2, ""}};
    EXPECT_EQ(fields_of(v2.body()), response);
  }
}

TEST_F(TraceAnswer, ProtobufHasWhatGrafanaNeeds) {
  data.push(plain::request_of({plain::span(2)}));
  const FakeAnswer answer = get("/api/traces/1", {{"accept", "application/protobuf"}});
  EXPECT_EQ(answer.body(), plain::encode(plain::request_of({plain::span(2)})))
      << "resource, scope and status are there and empty";
}

TEST_F(TraceAnswer, ATraceThatIsNotThere) {
  data.push(plain::request_of({plain::span(1)}));
  FakeAnswer answer = get("/api/traces/2");
  EXPECT_EQ(answer.status(), 404);
  EXPECT_EQ(answer.body(), "");
  answer = get("/api/traces/2", {{"accept", "application/protobuf"}});
  EXPECT_EQ(answer.status(), 404);
  EXPECT_EQ(answer.body(), "");
  answer = get("/api/v2/traces/2");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body(), R"({"trace":{},"metrics":{}})");
  answer = get("/api/v2/traces/2", {{"accept", "application/protobuf"}});
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body(), std::string("\x0a\x00\x12\x00", 4));
}

TEST_F(TraceAnswer, AnyFormOfAnIdFindsIt) {
  plain::Span span = plain::span(1);
  span.trace_id = plain::trace_id(0xabc);
  data.push(plain::request_of({span}));
  for (const char* id : {"abc", "ABC", "0abc", "00000000000000000000000000000abc", "%61bc"}) {
    EXPECT_EQ(get(std::string("/api/traces/") + id).status(), 200) << id;
  }
}

TEST_F(TraceAnswer, WrongQuestionsAreRefusedInWords) {
  for (const char* version : {"/api/traces/", "/api/v2/traces/"}) {
    const auto refusal = [&](const std::string& rest) {
      const FakeAnswer answer = get(version + rest);
      EXPECT_EQ(answer.status(), 400) << rest;
      EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
      return answer.body();
    };
    EXPECT_EQ(refusal("12z"),
              "trace IDs can only contain hex characters: invalid character 'z' at position 3");
    EXPECT_EQ(refusal("%zz"),
              "trace IDs can only contain hex characters: invalid character '%' at position 1");
    EXPECT_EQ(refusal(std::string(33, '1')), "trace IDs can't be larger than 128 bits");
    EXPECT_EQ(refusal("1?start=x"),
              "invalid start: strconv.ParseInt: parsing \"x\": invalid syntax");
    EXPECT_EQ(refusal("1?start=200&end=100"),
              "http parameter start must be before end. received start=200 end=100");
    EXPECT_EQ(refusal("1?mode=x"), "invalid value for mode x");
    EXPECT_EQ(refusal("1?blockStart=x"), "invalid value for blockstart: x");
    EXPECT_EQ(refusal("1?blockEnd=x"), "invalid value for blockEnd: x");
  }
  data.push(plain::request_of({plain::span(1)}));
  EXPECT_EQ(get("/api/traces/1?start=1&end=2&mode=blocks&unknown=x").status(), 200)
      << "a time range clips nothing";
}

}  // namespace
}  // namespace vivace::api
