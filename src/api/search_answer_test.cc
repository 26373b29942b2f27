// Search over HTTP: bodies byte for byte, parameters with their refusals, the old form, tenants.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "api/legacy_search.h"
#include "api/testing/api_fixture.h"

namespace vivace::api {
namespace {

using net::FakeAnswer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr uint64_t kStart = 1'700'000'000'000'000'000;
constexpr uint64_t kMs = 1'000'000;

// Escaped as a client does.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out += plain ? std::string(1, c) : "%" + to_hex({&c, 1});
  }
  return out;
}

class SearchAnswer : public ApiTest {
 protected:
  static plain::Span span(uint64_t id, uint64_t parent, const std::string& name) {
    plain::Span out;
    out.trace_id = plain::trace_id(1);
    out.span_id = plain::span_id(id);
    if (parent != 0) out.parent_id = plain::span_id(parent);
    out.name = name;
    out.start_ns = kStart;
    out.end_ns = kStart + 150 * kMs;
    return out;
  }

  // Trace 1: a root of shop, 150 ms, and two spans of db, one of them failed.
  void push_shop(const std::string& tenant = std::string(kSingleTenant)) {
    plain::Span root = span(1, 0, "GET /");
    root.kind = 2;
    root.attributes = {{"http.method", plain::text("GET")},
                       {"http.status_code", plain::integer(500)},
                       {"ratio", plain::real(0.5)},
                       {"ok", plain::boolean(false)},
                       {"tags", plain::array({plain::text("a"), plain::text("b")})}};
    root.events = {{.time_ns = kStart + 5 * kMs,
                    .name = "exception",
                    .attributes = {{"exception.type", plain::text("X")}}}};
    plain::Span query = span(2, 1, "query");
    query.start_ns += 10 * kMs;
    query.end_ns = query.start_ns + 20 * kMs;
    query.status_code = 2;
    plain::Span other = span(3, 1, "query");
    other.start_ns += 40 * kMs;
    other.end_ns = other.start_ns + 500'000;
    other.attributes = {{"service.name", plain::text("hidden")}};
    data.push({{.attributes = {{"service.name", plain::text("shop")}},
                .scopes = {{.name = "lib", .spans = {root}}}},
               {.attributes = {{"service.name", plain::text("db")}},
                .scopes = {{.name = "lib", .spans = {query, other}}}}},
              tenant);
  }
  // A trace of one span without a root, that many seconds later.
  void push_late(uint64_t trace, uint64_t seconds) {
    plain::Span late = span(0x100 + trace, 9, "late");
    late.trace_id = plain::trace_id(trace);
    late.start_ns += seconds * 1'000'000'000;
    late.end_ns = late.start_ns + kMs / 2;
    data.push({{.attributes = {{"service.name", plain::text("batch")}},
                .scopes = {{.name = "", .spans = {late}}}}});
  }

  std::string ok(const std::string& parameters, std::vector<net::Header> headers = {}) {
    const FakeAnswer answer = get("/api/search?" + parameters, std::move(headers));
    EXPECT_EQ(answer.status(), 200) << parameters << ": " << answer.body();
    EXPECT_EQ(answer.header("content-type"), "application/json") << parameters;
    return answer.body();
  }
  std::string query(std::string_view q, const std::string& more = "") {
    return ok("q=" + escaped(q) + more);
  }
  // The trace ids of an answer, in order.
  static std::string ids(std::string_view body) {
    constexpr std::string_view kMember = "\"traceID\":\"";
    std::string out;
    for (size_t at = body.find(kMember); at != body.npos; at = body.find(kMember, at + 1)) {
      const size_t begin = at + kMember.size();
      out += body.substr(begin, body.find('"', begin) - begin);
      out += ' ';
    }
    return out;
  }
  void expect_refused(const std::string& parameters, const std::string& text) {
    const FakeAnswer answer = get("/api/search?" + parameters);
    EXPECT_EQ(answer.status(), 400) << parameters << answer.body();
    EXPECT_EQ(answer.body(), text) << parameters;
    EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  }
};

TEST_F(SearchAnswer, NothingStored) {
  EXPECT_EQ(query("{}"), R"({"traces":[],"metrics":{"completedJobs":1,"totalJobs":1}})");
  EXPECT_EQ(ok(""), R"({"traces":[],"metrics":{"completedJobs":1,"totalJobs":1}})");
}

TEST_F(SearchAnswer, AllMembers) {
  push_shop();
  const std::string set =
      R"({"spans":[{"spanID":"0000000000000002","startTimeUnixNano":"1700000000010000000",)"
      R"("durationNanos":"20000000","attributes":[{"key":"status","value":)"
      R"({"stringValue":"error"}}]}],"matched":1})";
  EXPECT_EQ(
      query("{status=error}"),
      R"({"traces":[{"traceID":"1","rootServiceName":"shop","rootTraceName":"GET /",)"
      R"("startTimeUnixNano":"1700000000000000000","durationMs":150,"spanSet":)" +
          set + R"(,"spanSets":[)" + set +
          R"(],"serviceStats":{"db":{"spanCount":2,"errorCount":1},"shop":{"spanCount":1}}}],)"
          R"("metrics":{"inspectedTraces":1,"totalBlocks":1,"completedJobs":1,"totalJobs":1,)"
          R"("inspectedSpans":"3"}})");
}

TEST_F(SearchAnswer, TraceWithoutRoot) {
  push_late(0x2a, 0);
  EXPECT_THAT(query("{}"),
              StartsWith(R"({"traces":[{"traceID":"2a","rootServiceName":)"
                         R"("\u003croot span not yet received\u003e",)"
                         R"("startTimeUnixNano":"1700000000000000000","spanSet":{"spans":[)"
                         R"({"spanID":"000000000000012a","startTimeUnixNano":)"
                         R"("1700000000000000000","durationNanos":"500000"}],"matched":1},)"));
}

TEST_F(SearchAnswer, AttributesOfSpans) {
  push_shop();
  const auto attributes = [this](std::string_view q) {
    const std::string body = query(q, "&spss=1");
    const size_t begin = body.find("\"attributes\":");
    return begin == body.npos ? ""
                              : body.substr(begin + 13, body.find("}],\"matched\"") - begin - 13);
  };
  EXPECT_EQ(attributes(R"({ resource.service.name = "shop" && span.http.status_code > 1 })"),
            R"([{"key":"service.name","value":{"stringValue":"shop"}},)"
            R"({"key":"http.status_code","value":{"intValue":"500"}}])");
  EXPECT_EQ(attributes("{ .ratio < 1 && .ok = false && kind = server }"),
            R"([{"key":"ratio","value":{"doubleValue":0.5}},{"key":"ok","value":{"boolValue":)"
            R"(false}},{"key":"kind","value":{"stringValue":"server"}}])");
  EXPECT_EQ(attributes("{ .tags = \"a\" } | select(event:name, event:timeSinceStart, .nosuch)"),
            R"([{"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},)"
            R"({"stringValue":"b"}]}}},{"key":"event:name","value":{"stringValue":"exception"}},)"
            R"({"key":"event:timeSinceStart","value":{"stringValue":"5ms"}}])");
  // Of a || only what holds.
  EXPECT_EQ(attributes("{ .ratio = 1 || .ok = false }"),
            R"([{"key":"ok","value":{"boolValue":false}}])");
  EXPECT_EQ(attributes("{ duration > 100ms && trace:id != \"2\" && rootName != nil }"), "");
  EXPECT_EQ(attributes("{ .service.name = \"hidden\" }"),
            R"([{"key":"service.name","value":{"stringValue":"hidden"}}])");
}

TEST_F(SearchAnswer, NamesOnlyWhenAsked) {
  push_shop();
  EXPECT_THAT(query("{ kind = server }"), Not(HasSubstr("\"name\"")));
  EXPECT_THAT(query("{ name = \"query\" }"),
              HasSubstr(R"("spanID":"0000000000000002","name":"query")"));
  EXPECT_THAT(query("{ kind = server } | select(name)"), HasSubstr(R"("name":"GET /")"));
}

TEST_F(SearchAnswer, NewestFirstUpToTheLimit) {
  push_late(5, 3);
  push_late(6, 1);
  push_late(7, 2);
  push_late(4, 3);
  EXPECT_EQ(ids(query("{}")), "4 5 7 6 ");
  EXPECT_EQ(ids(query("{}", "&limit=2")), "4 5 ");
  EXPECT_EQ(ids(query("{} | rate()", "&limit=1")), "4 ");
}

TEST_F(SearchAnswer, SpansOfASet) {
  push_shop();
  EXPECT_THAT(query("{}", "&spss=1"), HasSubstr(R"(,"durationNanos":"150000000"}],"matched":3})"));
  EXPECT_THAT(query("{}", "&spss=0"), HasSubstr(R"("spanID":"0000000000000003")"));
}

TEST_F(SearchAnswer, Window) {
  push_late(5, 0);
  push_late(6, 10);
  EXPECT_EQ(ids(query("{}", "&start=1700000000&end=1700000010")), "6 5 ");
  EXPECT_EQ(ids(query("{}", "&start=1700000001&end=1700000020")), "6 ");
  EXPECT_EQ(ids(query("{}", "&start=1699999990&end=1700000009")), "5 ");
  EXPECT_EQ(ids(query("{}", "&start=1600000000&end=1600000001")), "");
}

TEST_F(SearchAnswer, Refusals) {
  options.search_range_max_ns = 168LL * 3600 * 1'000'000'000;
  options.query_bytes_max = 100;
  expect_refused("limit=x", "invalid limit: strconv.Atoi: parsing \"x\": invalid syntax");
  expect_refused("limit=0", "invalid limit: must be a positive number");
  expect_refused("limit=500000", "limit 500000 exceeds max limit 262144");
  expect_refused("spss=x", "invalid spss: strconv.Atoi: parsing \"x\": invalid syntax");
  expect_refused("spss=-1", "invalid spss: must be a non-negative number");
  expect_refused("spss=101", "spans per span set exceeds 100. received 101");
  expect_refused("q={}&tags=a%3Db", "invalid request: can't specify tags and q in the same query");
  expect_refused("tags=foo%3Da+foo%3Db", "invalid tags: tag foo has been set twice");
  const auto many_tags = [](int count) {
    std::string out = "tags=";
    for (int i = 0; i < count; ++i) out += fmt::format("t{}%3Da+", i);
    return out;
  };
  expect_refused(many_tags(1001), "invalid tags: 1001 of them, at most 1000 can be asked for");
  EXPECT_EQ(get("/api/search?" + many_tags(1000)).status(), 200);
  expect_refused("tags=foo%3D%22a", "invalid tags: unterminated quoted value at pos 5");
  expect_refused("minDuration=x", "invalid minDuration: time: invalid duration \"x\"");
  expect_refused("minDuration=1s&maxDuration=500ms",
                 "invalid maxDuration: must be greater than minDuration");
  expect_refused("start=2&end=1",
                 "http parameter start must be before end. received start=2 end=1");
  expect_refused("start=1&end=9999999",
                 "range specified by start and end exceeds 168h0m0s. received start=1 end=9999999");
  expect_refused("q=" + escaped("{ .a = " + std::string(100, '1') + "}"),
                 "TraceQL expression exceeds the configured maximum size of 100 bytes, reduce the "
                 "query expression size or contact your system administrator");
  expect_refused("q=" + escaped("{ status = 1 }"),
                 "invalid TraceQL query: binary operations must operate on the same type: "
                 "status = 1");
  EXPECT_THAT(get("/api/search?q=%7B").body(),
              StartsWith("invalid TraceQL query: parse error at line 1, col 2: syntax error"));
}

TEST_F(SearchAnswer, FailureOfAnEvaluation) {
  push_shop();
  expect_refused("q=" + escaped("{ .http.status_code / 0 = 1 }"),
                 "the query cannot be evaluated: division by zero in .http.status_code / 0");
  EXPECT_EQ(ids(query("{ .nosuch / 0 = 1 }")), "");
}

TEST_F(SearchAnswer, OldForm) {
  push_shop();
  const std::string found = ok("tags=service.name%3Dsho+http.method%3DGE+status.code%3Derror");
  EXPECT_EQ(found, R"({"traces":[{"traceID":"1","rootServiceName":"shop","rootTraceName":"GET /",)"
                   R"("startTimeUnixNano":"1700000000000000000","durationMs":150}],"metrics":)"
                   R"({"inspectedTraces":1,"totalBlocks":1,"completedJobs":1,"totalJobs":1,)"
                   R"("inspectedSpans":"3"}})");
  const auto matches = [this](std::string_view tags) {
    return ids(ok("tags=" + escaped(tags))) == "1 ";
  };
  EXPECT_FALSE(matches("service.name=SHOP"));
  EXPECT_TRUE(matches("name=uer"));
  EXPECT_TRUE(matches("root.name=\"GET /\" root.service.name=sh"));
  EXPECT_TRUE(matches("http.status_code=500"));
  EXPECT_FALSE(matches("http.status_code=50"));
  EXPECT_TRUE(matches("error=true"));
  EXPECT_FALSE(matches("error=true http.method=POST"));
  EXPECT_FALSE(matches("status.code=ok"));
  EXPECT_FALSE(matches("nosuch=a"));
  // Without tags every parameter is one; with a window none is.
  EXPECT_EQ(ids(ok("service.name=shop")), "1 ");
  EXPECT_EQ(ids(ok("service.name=none")), "");
  EXPECT_EQ(ids(ok("service.name=none&start=1700000000&end=1700000001")), "1 ");
  EXPECT_EQ(ids(ok("minDuration=150ms&maxDuration=151ms")), "1 ");
  EXPECT_EQ(ids(ok("minDuration=151ms")), "");
  EXPECT_EQ(ids(ok("maxDuration=149ms")), "");
}

TEST_F(SearchAnswer, OfSeveralTenants) {
  options.multitenancy = true;
  push_shop("a");
  EXPECT_EQ(get("/api/search?q={}").body(), "no org id\n");
  EXPECT_EQ(ids(ok("q={}", {{"x-scope-orgid", "a"}})), "1 ");
  EXPECT_EQ(ids(ok("q={}", {{"x-scope-orgid", "b"}})), "");
  EXPECT_EQ(ids(ok("q={}", {{"x-scope-orgid", "b|a"}})), "1 ");
}

TEST_F(SearchAnswer, Protobuf) {
  push_late(0x2a, 0);
  const FakeAnswer answer = get("/api/search?q={}", {{"accept", "application/protobuf"}});
  EXPECT_EQ(answer.header("content-type"), "application/protobuf");
  EXPECT_THAT(answer.body(), HasSubstr(std::string("\x0a\x02") + "2a\x12\x1c<root span"));
  EXPECT_THAT(answer.body(), HasSubstr("\x0a\x10"
                                       "000000000000012a"));
}

TEST(LegacyTags, Logfmt) {
  const auto tags = parse_tags(R"(a=b  c="d \"e\"" f g= )");
  ASSERT_TRUE(tags);
  EXPECT_EQ(*tags, (Tags{{"a", "b"}, {"c", "d \"e\""}, {"f", ""}, {"g", ""}}));
  EXPECT_EQ(parse_tags("=a").error().message, "invalid tags: unexpected '=' at pos 1");
  EXPECT_EQ(parse_tags("a=b=c").error().message, "invalid tags: unexpected '=' at pos 4");
}

TEST(LegacyTags, PartsAreNoPatterns) {
  EXPECT_TRUE(tag_condition("service.name", "a.*(["));
  EXPECT_TRUE(tag_condition("name", std::string("\0", 1)));
  EXPECT_FALSE(tag_condition("name", "\xff"));
}

}  // namespace
}  // namespace vivace::api
