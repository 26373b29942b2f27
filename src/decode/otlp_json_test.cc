// JSON against protobuf: random requests, spelled in every way that the contract allows, must
// become what their protobuf decodes to; then the rules of the contract (ingest, 4.6) row by row,
// and what a hostile sender may try.
#include "decode/otlp_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decode/batch_testing.h"
#include "decode/otlp.h"
#include "decode/otlp_json_testing.h"
#include "decode/otlp_testing.h"
#include "decode/random_request_testing.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// JSON has one NaN.
void make_nan_plain(plain::Value& value) {
  if (value.type == ValueType::real && std::isnan(std::bit_cast<double>(value.bits))) {
    value = plain::real(std::numeric_limits<double>::quiet_NaN());
  }
  for (plain::Value& one : value.array) make_nan_plain(one);
  for (plain::KeyValue& one : value.map) make_nan_plain(one.value);
}

void make_nan_plain(plain::Attributes& attributes) {
  for (plain::KeyValue& one : attributes) make_nan_plain(one.value);
}

plain::Request random_request(plain::Random& random) {
  plain::Request out = plain::Imagination(random).request();
  for (plain::ResourceSpans& resource : out) {
    make_nan_plain(resource.attributes);
    for (plain::ScopeSpans& scope : resource.scopes) {
      make_nan_plain(scope.attributes);
      for (plain::Span& span : scope.spans) {
        make_nan_plain(span.attributes);
        for (plain::Event& one : span.events) make_nan_plain(one.attributes);
        for (plain::Link& one : span.links) make_nan_plain(one.attributes);
      }
    }
  }
  return out;
}

std::string protobuf_of(const std::string& json) {
  auto out = otlp_json_to_protobuf(json);
  EXPECT_TRUE(out) << out.error().message << "\n" << json;
  return out ? *std::move(out) : std::string();
}

std::vector<std::string> show(const std::string& protobuf) {
  const auto batch = decode_otlp(protobuf, {});
  EXPECT_TRUE(batch) << batch.error().message;
  return batch ? plain::show(**batch) : std::vector<std::string>();
}

std::string error_of(const std::string& json) {
  const auto out = otlp_json_to_protobuf(json);
  if (out) return "accepted";
  EXPECT_EQ(out.error().code, Code::invalid_argument);
  return out.error().message;
}

TEST(RandomOtlpJson, EverySpellingIsWhatItsProtobufIs) {
  for (uint64_t seed = 1; seed <= 1500 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    plain::Random random(seed);
    const plain::Request request = random_request(random);
    const std::string expected = plain::encode(request);
    const std::string json = plain::JsonWriter(&random).request(request);
    const std::string protobuf = protobuf_of(json);
    EXPECT_EQ(show(protobuf), show(expected)) << json;
    EXPECT_EQ(protobuf_of(json), protobuf) << "what is sent again is recognised by its bytes";
    EXPECT_LE(protobuf.size(), json.size());
  }
}

// Values deeper than this test makes them have longer lengths, but then the same content.
TEST(RandomOtlpJson, WrittenPlainlyItGivesTheBytesOfAProtobufEncoder) {
  for (uint64_t seed = 1; seed <= 500 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    plain::Random random(seed);
    const plain::Request request = random_request(random);
    const std::string json = plain::JsonWriter().request(request);
    EXPECT_EQ(to_hex(protobuf_of(json)), to_hex(plain::encode(request))) << json;
  }
}

TEST(RandomOtlpJson, CutOrChangedItIsAnErrorOrARequest) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    plain::Random random(seed);
    const std::string json = plain::JsonWriter(&random).request(random_request(random));
    for (size_t round = 0; round < 200; ++round) {
      std::string damaged = json;
      for (uint64_t n = 1 + random() % 3; n > 0; --n) {
        damaged[random() % damaged.size()] =
            plain::chance(random, 2) ? static_cast<char>(random()) : "{}[]\",:\\0"[random() % 9];
      }
      if (plain::chance(random, 3)) damaged.resize(random() % damaged.size());
      const auto protobuf = otlp_json_to_protobuf(damaged);
      if (!protobuf) {
        ASSERT_EQ(protobuf.error().code, Code::invalid_argument);
        ASSERT_NE(protobuf.error().message, "");
        continue;
      }
      const auto batch = decode_otlp(*protobuf, {});
      if (batch) plain::show(**batch);
    }
  }
}

// ---- the rules of the contract, row by row ------------------------------------------------------

// A request of one span with these members.
std::string span_json(std::string_view members) {
  return fmt::format(R"({{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{}}}]}}]}}]}})", members);
}
constexpr char kIds[] =
    R"("traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"00000000000000aa")";

// The one span of a request, in the words of plain::show.
std::string span_of(std::string_view members) {
  const auto spans = show(protobuf_of(span_json(fmt::format("{},{}", kIds, members))));
  return spans.size() == 1 ? spans[0] : fmt::format("{} spans", spans.size());
}
std::string span_of(const plain::Span& span) {
  plain::Span out = span;
  out.trace_id = std::string("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 16);
  out.span_id = plain::span_id(0xaa);
  return plain::show(plain::Request{{.scopes = {{.spans = {out}}}}})[0];
}
std::string error_in_span(std::string_view members) { return error_of(span_json(members)); }

// An attribute's value.
std::string value_of(std::string_view json) {
  return span_of(fmt::format(R"("attributes":[{{"key":"k","value":{}}}])", json));
}
std::string value_of(plain::Value value) {
  return span_of(plain::Span{.attributes = {{"k", std::move(value)}}});
}
std::string error_in_value(std::string_view json) {
  return error_in_span(fmt::format(R"("attributes":[{{"key":"k","value":{}}}])", json));
}

TEST(OtlpJson, NothingIsAnEmptyRequest) {
  for (const char* json :
       {"{}", " \n{ }", "null", R"({"resourceSpans":[]})", R"({"resourceSpans":null})",
        R"({"resourceSpans":[{}]})", R"({"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]})"}) {
    EXPECT_THAT(show(protobuf_of(json)), ElementsAre()) << json;
  }
  EXPECT_EQ(protobuf_of("{}"), "");
}

TEST(OtlpJson, WhatIsNoObjectIsRefused) {
  EXPECT_EQ(error_of(""), "JSON: incomplete JSON at byte 0");
  EXPECT_THAT(error_of("  "), StartsWith("JSON: "));
  for (const char* json : {"[]", "1", "\"{}\"", "true", "[{}]"}) {
    EXPECT_EQ(error_of(json), "expected an object") << json;
  }
}

TEST(OtlpJson, BytesBehindTheFirstValueAreNotLookedAt) {
  EXPECT_EQ(protobuf_of("{} \xff{[\"\\"), "");
  EXPECT_EQ(protobuf_of("{}{\"resourceSpans\":1}"), "");
  EXPECT_EQ(protobuf_of(std::string("{}\0", 3)), "");
}

TEST(OtlpJson, NamesInBothSpellings) {
  const std::string expected =
      span_of(plain::Span{.parent_id = plain::span_id(7), .start_ns = 5, .dropped_links = 3});
  EXPECT_EQ(span_of(R"("parentSpanId":"0000000000000007","startTimeUnixNano":"5",)"
                    R"("droppedLinksCount":3)"),
            expected);
  EXPECT_EQ(span_of(R"("parent_span_id":"0000000000000007","start_time_unix_nano":"5",)"
                    R"("dropped_links_count":3)"),
            expected);
  EXPECT_EQ(span_of(R"("\u006eame":"n")"), span_of(plain::Span{.name = "n"}));
  EXPECT_EQ(span_of(R"("Name":"n","NAME":"n","name ":"n")"), span_of(plain::Span{}));
}

TEST(OtlpJson, UnknownMembersAreSkippedAtEveryLevel) {
  const std::string nonsense =
      R"("x":{"a":[1,{"traceId":5}],"b":null},"":[[],"]}"],"instrumentationLibrarySpans":[7],)";
  const std::string json = fmt::format(
      R"({{{0}"resourceSpans":[{{{0}"resource":{{{0}"attributes":[]}},"scopeSpans":[{{{0})"
      R"("scope":{{{0}"name":"s"}},"spans":[{{{0}{1},"attributes":[{{{0}"key":"k","value":{{{0})"
      R"("arrayValue":{{{0}"values":[{{{0}"intValue":1}}]}}}}}}],"events":[{{{0}"name":"e"}}],)"
      R"("links":[{{{0}"traceState":"t"}}],"status":{{{0}"code":2}}}}]}}]}}]}})",
      nonsense, kIds);
  EXPECT_THAT(
      show(protobuf_of(json)),
      ElementsAre(plain::show(plain::Request{
          {.scopes = {
               {.name = "s",
                .spans = {{.trace_id = std::string("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 16),
                           .span_id = plain::span_id(0xaa),
                           .attributes = {{"k", plain::array({plain::integer(1)})}},
                           .events = {{.name = "e"}},
                           .links = {{.trace_state = "t"}},
                           .status_code = 2}}}}}})[0]));
}

TEST(OtlpJson, IdsAreHexadecimalOfEitherCaseOrEmpty) {
  const std::string ids =
      R"("traceId":"ABCDEFabcdef00112233445566778899","spanId":"ffFF000000000001")";
  const auto spans = show(protobuf_of(span_json(ids)));
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_THAT(spans[0], HasSubstr("abcdefabcdef00112233445566778899 ffff000000000001"));
  EXPECT_EQ(span_of(R"("parentSpanId":"")"), span_of(plain::Span{}));
  EXPECT_EQ(span_of(R"("links":[{"traceId":"","spanId":""}])"),
            span_of(plain::Span{.links = {{}}}));

  for (const char* id :
       {"\"00\"", "\"000102030405060708090a0b0c0d0e\"", "\"000102030405060708090a0b0c0d0e0f10\"",
        "\"g00102030405060708090a0b0c0d0e0f\"", "\"0x0102030405060708090a0b0c0d0e0f\"",
        "\"AAECAwQFBgcICQoLDA0ODw==\"", "\" 00102030405060708090a0b0c0d0e0f\""}) {
    EXPECT_THAT(error_in_span(fmt::format("\"traceId\":{}", id)),
                StartsWith("resourceSpans[0].scopeSpans[0].spans[0].traceId: \""))
        << id;
  }
  for (const char* name : {"spanId", "parentSpanId"}) {
    EXPECT_THAT(error_in_span(fmt::format(R"("{}":"0102")", name)),
                HasSubstr("\"0102\" is not empty or 16 hexadecimal digits"));
  }
  EXPECT_THAT(error_in_span(R"("links":[{},{"traceId":"01"}])"), HasSubstr("links[1].traceId: "));
  EXPECT_THAT(error_in_span(R"("links":[{"spanId":"01"}])"), HasSubstr("links[0].spanId: "));
  EXPECT_THAT(error_in_span(R"("traceId":1)"), HasSubstr("traceId: expected a string"));
}

TEST(OtlpJson, EnumsAreNumbersOrNames) {
  EXPECT_EQ(span_of(R"("kind":"SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_ERROR"})"),
            span_of(plain::Span{.kind = 2, .status_code = 2}));
  EXPECT_EQ(span_of(R"("kind":5,"status":{"code":1})"),
            span_of(plain::Span{.kind = 5, .status_code = 1}));
  EXPECT_EQ(span_of(R"("kind":-2147483648,"status":{"code":2147483647})"),
            span_of(plain::Span{.kind = INT32_MIN, .status_code = INT32_MAX}));
  for (const char* kind : {"\"SERVER\"", "\"span_kind_server\"", "\"2\"", "\"\"", "2.5",
                           "2147483648", "true", "[2]", "{}"}) {
    EXPECT_THAT(error_in_span(fmt::format("\"kind\":{}", kind)),
                StartsWith("resourceSpans[0].scopeSpans[0].spans[0].kind: "))
        << kind;
  }
  EXPECT_THAT(error_in_span(R"("status":{"code":"STATUS_CODE_BAD"})"),
              HasSubstr("status.code: \"STATUS_CODE_BAD\" is not a known name"));
}

TEST(OtlpJson, IntegersAreNumbersOrStringsAndExact) {
  for (const char* time :
       {"1700000000123456789", "\"1700000000123456789\"", "1.700000000123456789e18",
        "\"17000000001234567890E-1\"", "1700000000123456789.000"}) {
    EXPECT_EQ(span_of(fmt::format(R"("startTimeUnixNano":{})", time)),
              span_of(plain::Span{.start_ns = 1'700'000'000'123'456'789}))
        << time;
  }
  EXPECT_EQ(span_of(R"("startTimeUnixNano":1.7e18,"endTimeUnixNano":18446744073709551615)"),
            span_of(plain::Span{.start_ns = 1'700'000'000'000'000'000, .end_ns = UINT64_MAX}));
  EXPECT_EQ(value_of(R"({"intValue":-9223372036854775808})"), value_of(plain::integer(INT64_MIN)));
  EXPECT_EQ(value_of(R"({"intValue":"9223372036854775807"})"), value_of(plain::integer(INT64_MAX)));
  EXPECT_EQ(value_of(R"({"intValue":-0})"), value_of(plain::integer(0)));
  EXPECT_EQ(value_of(R"({"intValue":"007"})"), value_of(plain::integer(7)));
  EXPECT_EQ(value_of(R"({"intValue":0e99})"), value_of(plain::integer(0)));
  EXPECT_EQ(span_of(R"("droppedEventsCount":"4294967295","flags":"769")"),
            span_of(plain::Span{.dropped_events = UINT32_MAX, .flags = 769}));

  for (const char* number : {"1.5", "\"1.5\"", "1e-1", "9223372036854775808", "\"\"", "\"x\"",
                             "\"1 \"", "\" 1\"", "\"+1\"", "\"0x10\"", "\"1e\"", "\"1.\"", "\".5\"",
                             "\"-\"", "1e40", "true", "\"99999999999999999999\"", "[1]"}) {
    EXPECT_THAT(error_in_value(fmt::format(R"({{"intValue":{}}})", number)),
                HasSubstr("attributes[0].value.intValue: "))
        << number;
  }
  for (const char* number : {"-1", "\"-1\"", "18446744073709551616", "0.5"}) {
    EXPECT_THAT(error_in_span(fmt::format(R"("endTimeUnixNano":{})", number)),
                HasSubstr("endTimeUnixNano: "))
        << number;
  }
  for (const char* number : {"-1", "4294967296", "0.5", "\"\""}) {
    EXPECT_THAT(error_in_span(fmt::format(R"("droppedLinksCount":{})", number)),
                HasSubstr("is not an unsigned 32-bit integer"))
        << number;
    EXPECT_THAT(error_in_span(fmt::format(R"("flags":{})", number)), HasSubstr("flags: "));
  }
}

TEST(OtlpJson, DoublesAreNumbersOrStrings) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<std::pair<const char*, double>> good = {
      {"1", 1},
      {"-0.0", -0.0},
      {"\"2.5\"", 2.5},
      {"0.1", 0.1},
      {"5e-324", 5e-324},
      {"1e-999", 0},
      {"1.7976931348623157e308", 1.7976931348623157e308},
      {"9007199254740993", 9007199254740992},
      {"\"NaN\"", std::numeric_limits<double>::quiet_NaN()},
      {"\"Infinity\"", kInfinity},
      {"\"-Infinity\"", -kInfinity},
  };
  for (const auto& [text, value] : good) {
    EXPECT_EQ(value_of(fmt::format(R"({{"doubleValue":{}}})", text)), value_of(plain::real(value)))
        << text;
  }
  for (const char* text : {"1e999", "\"-1e999\"", "\"inf\"", "\"nan\"", "\"\"", "\"1,5\"", "true",
                           "{}", "\"1 \"", "\"0x1p3\""}) {
    EXPECT_THAT(error_in_value(fmt::format(R"({{"doubleValue":{}}})", text)),
                HasSubstr("value.doubleValue: "))
        << text;
  }
}

TEST(OtlpJson, BytesAreBase64) {
  const std::string all = [] {
    std::string out;
    for (int i = 0; i < 256; ++i) out.push_back(static_cast<char>(i));
    return out;
  }();
  for (size_t size = 0; size <= all.size(); ++size) {
    const std::string bytes = all.substr(all.size() - size);
    for (const bool padded : {true, false}) {
      ASSERT_EQ(value_of(fmt::format(R"({{"bytesValue":"{}"}})",
                                     plain::JsonWriter::base64(bytes, padded))),
                value_of(plain::bytes(bytes)));
    }
  }
  for (const char* text :
       {"A", "AAAAA", "A===", "AA=A", "====", "AA-_", "AA AA", "=", "AA=", "\u00e4"}) {
    EXPECT_THAT(error_in_value(fmt::format(R"({{"bytesValue":"{}"}})", text)),
                HasSubstr("is not base64"))
        << text;
  }
}

TEST(OtlpJson, NullIsAbsent) {
  EXPECT_EQ(span_of(R"("name":null,"kind":null,"attributes":null,"events":null,"status":null,)"
                    R"("startTimeUnixNano":null,"parentSpanId":null,"traceState":null)"),
            span_of(plain::Span{}));
  EXPECT_EQ(span_of(R"("name":"n","name":null)"), span_of(plain::Span{.name = "n"}));
  EXPECT_EQ(value_of("null"), value_of(plain::Value()));
  EXPECT_EQ(value_of(R"({"stringValue":null})"), value_of(plain::Value()));
  EXPECT_EQ(value_of(R"({"arrayValue":{"values":[null,{}]}})"),
            value_of(plain::array({plain::Value(), plain::Value()})));
  EXPECT_EQ(value_of(R"({"arrayValue":{"values":null}})"), value_of(plain::array({})));
  EXPECT_EQ(value_of(R"({"kvlistValue":{}})"), value_of(plain::map({})));
  const auto batch = decode_otlp(protobuf_of(span_json(R"(}, null, {)")), {});
  ASSERT_TRUE(batch);
  EXPECT_EQ((*batch)->rejected_trace_ids, 3U);
}

TEST(OtlpJson, ValuesKeepTheirTypeAlsoWhenTheyAreZero) {
  EXPECT_EQ(value_of(R"({"stringValue":""})"), value_of(plain::text("")));
  EXPECT_EQ(value_of(R"({"boolValue":false})"), value_of(plain::boolean(false)));
  EXPECT_EQ(value_of(R"({"intValue":0})"), value_of(plain::integer(0)));
  EXPECT_EQ(value_of(R"({"doubleValue":0})"), value_of(plain::real(0)));
  EXPECT_EQ(value_of(R"({"bytesValue":""})"), value_of(plain::bytes("")));
  EXPECT_EQ(value_of("{}"), value_of(plain::Value()));
}

TEST(OtlpJson, MembersThatComeTwice) {
  EXPECT_EQ(span_of(R"("name":"a","kind":3,"flags":1,"name":"b","kind":0,"flags":0)"),
            span_of(plain::Span{.name = "b"}));
  EXPECT_EQ(span_of(R"("name":"a","name":"")"), span_of(plain::Span{}));
  EXPECT_EQ(span_of(R"("status":{"code":2},"status":{"message":"m"})"),
            span_of(plain::Span{.status_message = "m", .status_code = 2}));
  EXPECT_EQ(span_of(R"("events":[{"name":"a"}],"events":[{"name":"b"}])"),
            span_of(plain::Span{.events = {{.name = "a"}, {.name = "b"}}}));
  EXPECT_EQ(value_of(R"({"stringValue":"a","intValue":5})"), value_of(plain::integer(5)));
}

TEST(OtlpJson, AnotherTypeThanTheFieldsIsRefused) {
  for (const char* members :
       {R"("name":1)",
        R"("name":{})",
        R"("name":["n"])",
        R"("name":true)",
        R"("attributes":{})",
        R"("attributes":"")",
        R"("attributes":[[]])",
        R"("attributes":[1])",
        R"("status":[])",
        R"("status":2)",
        R"("events":true)",
        R"("startTimeUnixNano":false)",
        R"("startTimeUnixNano":{"low":1,"high":2})",
        R"("attributes":[{"key":5}])",
        R"("attributes":[{"key":"k","value":"v"}])",
        R"("attributes":[{"key":"k","value":{"boolValue":"true"}}])",
        R"("attributes":[{"key":"k","value":{"boolValue":1}}])",
        R"("attributes":[{"key":"k","value":{"stringValue":1}}])",
        R"("attributes":[{"key":"k","value":{"arrayValue":[]}}])",
        R"("attributes":[{"key":"k","value":{"kvlistValue":{"values":{}}}}])"}) {
    EXPECT_THAT(error_in_span(members), HasSubstr(": expected ")) << members;
  }
  EXPECT_EQ(error_of(R"({"resourceSpans":{}})"), "resourceSpans: expected an array of objects");
}

TEST(OtlpJson, ErrorsNameThePath) {
  EXPECT_EQ(error_of(R"({"resourceSpans":[{},{"scopeSpans":[{},{},{"spans":[{"events":[null,)"
                     R"({"attributes":[{"value":{"arrayValue":{"values":[{},{"kvlistValue":)"
                     R"({"values":[{"value":{"intValue":"one"}}]}}]}}}]}]}]}]}]})"),
            "resourceSpans[1].scopeSpans[2].spans[0].events[1].attributes[0].value.arrayValue."
            "values[1].kvlistValue.values[0].value.intValue: \"one\" is not a 64-bit integer");
  EXPECT_THAT(error_in_span(R"("name":"n" "kind":1)"),
              StartsWith("resourceSpans[0].scopeSpans[0].spans[0].name: JSON: "));
  const std::string long_id(10'000, 'a');
  EXPECT_LT(error_in_span(fmt::format(R"("spanId":"{}")", long_id)).size(), 200U);
}

TEST(OtlpJson, BrokenJsonIsRefused) {
  for (const char* json : {"{",
                           "{\"",
                           "{\"a",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"a\":01}",
                           "{\"a\":+1}",
                           "{\"a\":.5}",
                           "{\"a\":1.}",
                           "{\"a\":NaN}",
                           "{\"a\":nul}",
                           "{\"a\":[1,]}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\"}",
                           "{]",
                           "// x\n{}",
                           "\xef\xbb\xbf{}"}) {
    EXPECT_THAT(error_of(json), HasSubstr("JSON: ")) << json;
  }
}

TEST(OtlpJson, StringsWithEscapes) {
  EXPECT_EQ(
      span_of(R"("name":"\"\\\/\b\f\n\r\t\u0000\u00e4\u65e5\ud83d\ude00")"),
      span_of(plain::Span{.name = std::string("\"\\/\b\f\n\r\t\0", 9) + "\u00e4\u65e5\U0001f600"}));
  const std::string long_text(100'000, 'x');
  EXPECT_EQ(span_of(fmt::format(R"("name":"{0}\n{0}\t")", long_text)),
            span_of(plain::Span{.name = long_text + "\n" + long_text + "\t"}));
}

TEST(OtlpJson, StringsThatAreNoUnicodePass) {
  EXPECT_EQ(span_of("\"name\":\"\xff\xfe\""), span_of(plain::Span{.name = "\xff\xfe"}));
  const std::string kBad = "\ufffd";
  const std::vector<std::pair<const char*, std::string>> cases = {
      {R"(\ud83d)", kBad},
      {R"(cut \uD83D...)", "cut " + kBad + "..."},
      {R"(\ude00)", kBad},
      {R"(\ude00\ud83d)", kBad + kBad},
      {R"(\ud83d\ud83d\ude00\ude00)", kBad + "\U0001f600" + kBad},
      {R"(\\ud83d \ud83d\n)", "\\ud83d " + kBad + "\n"},
      {R"(\ud83d\u0041)", kBad + "A"},
      {R"(\ud83d\\)", kBad + "\\"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(span_of(fmt::format("\"name\":\"{}\"", text)), span_of(plain::Span{.name = expected}))
        << text;
  }
  EXPECT_THAT(error_of(R"({"a":"\ud83d","b":\ud83d})"), HasSubstr("JSON: "));
  EXPECT_THAT(error_of(R"({"a":"\ud83d)"), HasSubstr("JSON: "));
  EXPECT_THAT(error_of(R"({"a":"\ud8)"), HasSubstr("JSON: "));
}

// ---- hostile ------------------------------------------------------------------------------------

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string nested_json(int depth) {
  std::string value = R"({"stringValue":"x"})";
  for (int i = 0; i < depth; ++i) {
    value = i % 2 == 0 ? fmt::format(R"({{"arrayValue":{{"values":[{}]}}}})", value)
                       : fmt::format(R"({{"kvlistValue":{{"values":[{{"key":"k","value":{}}}]}}}})",
                                     value);
  }
  return value;
}

plain::Value nested_value(int depth) {
  plain::Value value = plain::text("x");
  for (int i = 0; i < depth; ++i) {
    value = i % 2 == 0 ? plain::array({value}) : plain::map({{"k", value}});
  }
  return value;
}

TEST(OtlpJsonNesting, ValuesNestAsDeepAsInProtobuf) {
  for (int depth = 0; depth <= kNestingMax; ++depth) {
    ASSERT_EQ(value_of(nested_json(depth)), value_of(nested_value(depth))) << depth;
  }
  for (const int depth : {kNestingMax + 1, kNestingMax + 50, 20'000}) {
    EXPECT_THAT(error_in_value(repeat(R"({"arrayValue":{"values":[)", static_cast<size_t>(depth))),
                testing::AnyOf(HasSubstr("value nested more than 100 deep")));
  }
  EXPECT_EQ(value_of(nested_json(kNestingMax)), value_of(nested_value(kNestingMax)));
}

TEST(OtlpJsonNesting, UnknownMembersNestWithinBounds) {
  for (const char* open : {"[", "{\"a\":"}) {
    EXPECT_THAT(error_of("{\"x\":" + repeat(open, 1'000'000)), HasSubstr("JSON: too deep"));
  }
  EXPECT_EQ(protobuf_of("{\"x\":" + repeat("[", 300) + repeat("]", 300) + "}"), "");
}

// The length of a message is known at its end: content must not be moved once a level.
TEST(OtlpJsonNesting, LargeTextsDeepDown) {
  const std::string large(300'000, 'x');
  plain::Value value = plain::text(large);
  std::string json = fmt::format(R"({{"stringValue":"{}"}})", large);
  for (int depth = 0; depth < kNestingMax; ++depth) {
    value = plain::array({std::move(value)});
    json = fmt::format(R"({{"arrayValue":{{"values":[{}]}}}})", json);
  }
  EXPECT_EQ(value_of(json), value_of(value));
}

TEST(OtlpJson, MessagesOfEverySizeHaveTheRightLength) {
  for (const size_t size :
       {0UL, 1UL, 90UL, 100UL, 110UL, 120UL, 125UL, 126UL, 127UL, 128UL, 129UL, 16'250UL, 16'380UL,
        16'383UL, 16'384UL, 16'390UL, 2'097'140UL, 2'097'152UL, 2'097'160UL}) {
    const plain::Request request = {
        {.attributes = {{"k", plain::text(std::string(size, 'v'))}}, .scopes = {{.spans = {{}}}}}};
    ASSERT_EQ(protobuf_of(plain::JsonWriter().request(request)), plain::encode(request)) << size;
  }
}

}  // namespace
}  // namespace vivace
