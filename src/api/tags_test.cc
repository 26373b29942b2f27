// Names and values of tags over HTTP: bodies byte for byte, parameters, refusals, tenants.
#include "api/tags.h"

#include <gmock/gmock.h>

#include "api/testing/api_fixture.h"

namespace vivace::api {
namespace {

using net::FakeAnswer;
using ::testing::HasSubstr;
using traceql::Attribute;
using traceql::Intrinsic;

constexpr const char* kIntrinsicTags =
    R"(["duration","event:name","event:timeSinceStart","instrumentation:name",)"
    R"("instrumentation:version","kind","link:spanID","link:traceID","name","rootName",)"
    R"("rootServiceName","span:duration","span:id","span:kind","span:name","span:parentID",)"
    R"("span:status","span:statusMessage","status","statusMessage","trace:duration","trace:id",)"
    R"("trace:rootName","trace:rootService","traceDuration"])";

class TagsAnswer : public ApiTest {
 protected:
  void push_shop(const std::string& tenant = std::string(kSingleTenant),
                 const std::string& service = "shop") {
    plain::Span root = plain::span(1, {{"http.method", plain::text("GET")},
                                       {"http.status_code", plain::integer(200)},
                                       {"ratio", plain::real(1.5)},
                                       {"ok", plain::boolean(true)}});
    root.name = "GET /";
    root.start_ns = 1'700'000'000'000'000'000;
    root.end_ns = root.start_ns + 1'000'000;
    root.events = {{.time_ns = root.start_ns, .name = "exception", .attributes = {}}};
    root.events[0].attributes = {{"exception.type", plain::text("X")}};
    data.push({{.attributes = {{"service.name", plain::text(service)}},
                .scopes = {{.name = "lib", .version = "1.0", .spans = {root}}}}},
              tenant);
  }
  std::string ok(const std::string& target, std::vector<net::Header> headers = {}) {
    const FakeAnswer answer = get(target, std::move(headers));
    EXPECT_EQ(answer.status(), 200) << target << ": " << answer.body();
    EXPECT_EQ(answer.header("content-type"), "application/json") << target;
    EXPECT_EQ(answer.header("vary"), "Accept-Encoding") << target;
    return answer.body();
  }
  void expect_refused(const std::string& target, const std::string& text) {
    const FakeAnswer answer = get(target);
    EXPECT_EQ(answer.status(), 400) << target;
    EXPECT_EQ(answer.body(), text) << target;
    EXPECT_EQ(answer.header("content-type"), "text/plain; charset=utf-8");
  }
};

TEST_F(TagsAnswer, NothingStored) {
  EXPECT_EQ(ok("/api/search/tags"), R"({"tagNames":[],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tags"), std::string(R"({"scopes":[{"name":"intrinsic","tags":)") +
                                           kIntrinsicTags + R"(}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tags?scope=span"), R"({"scopes":[],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tag/x/values"), R"({"tagValues":[],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tag/.x/values"), R"({"tagValues":[],"metrics":{}})");
}

TEST_F(TagsAnswer, Names) {
  push_shop();
  EXPECT_EQ(ok("/api/search/tags"),
            R"({"tagNames":["exception.type","http.method","http.status_code","ok","ratio",)"
            R"("service.name"],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tags?scope=resource"), R"({"tagNames":["service.name"],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tags?scope=intrinsic"),
            std::string(R"({"tagNames":)") + kIntrinsicTags + R"(,"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tags?limit=2"),
            R"({"tagNames":["exception.type","http.method"],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tags?scope=none"),
            std::string(R"({"scopes":[{"name":"resource","tags":["service.name"]},)"
                        R"({"name":"span","tags":["http.method","http.status_code","ok","ratio"]},)"
                        R"({"name":"event","tags":["exception.type"]},)"
                        R"({"name":"intrinsic","tags":)") +
                kIntrinsicTags + R"(}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tags?scope=event&maxStaleValues=5"),
            R"({"scopes":[{"name":"event","tags":["exception.type"]}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tags?scope=intrinsic&limit=1"),
            R"({"scopes":[{"name":"intrinsic","tags":["duration"]}],"metrics":{}})");
}

TEST_F(TagsAnswer, Values) {
  push_shop();
  EXPECT_EQ(ok("/api/v2/search/tag/resource.service.name/values"),
            R"({"tagValues":[{"type":"string","value":"shop"}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tag/.http.status_code/values"),
            R"({"tagValues":[{"type":"int","value":"200"}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tag/span.ratio/values"),
            R"({"tagValues":[{"type":"float","value":"1.5"}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tag/span.ok/values"),
            R"({"tagValues":[{"type":"bool","value":"true"}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tag/status/values"),
            R"({"tagValues":[{"type":"keyword","value":"error"},{"type":"keyword","value":"ok"},)"
            R"({"type":"keyword","value":"unset"}],"metrics":{}})");
  EXPECT_EQ(ok("/api/v2/search/tag/duration/values"), R"({"tagValues":[],"metrics":{}})");
  for (const char* name : {"rootName", "trace:rootName", "name", "span:name"}) {
    EXPECT_EQ(ok(std::string("/api/v2/search/tag/") + name + "/values"),
              R"({"tagValues":[{"type":"string","value":"GET /"}],"metrics":{}})");
  }
  EXPECT_EQ(ok("/api/search/tag/service.name/values"), R"({"tagValues":["shop"],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tag/http.status_code/values"), R"({"tagValues":["200"],"metrics":{}})");
  for (const char* name : {"root.service.name", "rootServiceName"}) {
    EXPECT_EQ(ok(std::string("/api/search/tag/") + name + "/values"),
              R"({"tagValues":["shop"],"metrics":{}})");
  }
  EXPECT_EQ(ok("/api/search/tag/status.code/values"),
            R"({"tagValues":["error","ok","unset"],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tag/error/values"), R"({"tagValues":["true"],"metrics":{}})");
}

TEST_F(TagsAnswer, OtherForms) {
  push_shop();
  const FakeAnswer names =
      get("/api/search/tags?scope=resource", {{"accept", "application/protobuf"}});
  EXPECT_EQ(names.header("content-type"), "application/protobuf");
  EXPECT_EQ(names.body(), std::string("\x0a\x0cservice.name\x12\x00", 16));
  const FakeAnswer scopes =
      get("/api/v2/search/tags?scope=resource", {{"accept", "application/protobuf"}});
  EXPECT_EQ(scopes.body(), std::string("\x0a\x18\x0a\x08resource\x12\x0cservice.name\x12\x00", 28));
  const FakeAnswer values =
      get("/api/v2/search/tag/resource.service.name/values", {{"accept", "application/protobuf"}});
  EXPECT_EQ(values.body(), std::string("\x0a\x0e\x0a\x06string\x12\x04shop\x12\x00", 18));
  const FakeAnswer llm =
      get("/api/v2/search/tag/.service.name/values", {{"accept", "application/vnd.grafana.llm"}});
  EXPECT_EQ(llm.header("content-type"), "application/vnd.grafana.llm+json");
  EXPECT_EQ(llm.body(), R"({"tagValues":{"string":["shop"]},"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tags?scope=resource", {{"accept", "application/vnd.grafana.llm"}}),
            R"({"tagNames":["service.name"],"metrics":{}})");
}

TEST_F(TagsAnswer, FiltersForgive) {
  push_shop();
  const auto count = [&](const std::string& q) {
    return ok("/api/v2/search/tag/name/values?q=" + q).find("GET /") != std::string::npos;
  };
  EXPECT_TRUE(count("%7Bresource.service.name%3D%22shop%22%7D"));
  EXPECT_FALSE(count("%7Bresource.service.name%3D%22other%22%7D"));
  EXPECT_TRUE(count("%7B")) << "half typed";
  EXPECT_TRUE(count("nonsense"));
  EXPECT_TRUE(count("%7B%7D"));
  EXPECT_TRUE(count("%7BnestedSetParent%3C0%7D"));
  EXPECT_EQ(ok("/api/v2/search/tags?scope=span&q=%7Bname%3D%22x%22%7D"),
            R"({"scopes":[],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tags?scope=resource&q=%7Bname%3D%22x%22%7D"),
            R"({"tagNames":["service.name"],"metrics":{}})")
      << "no effect in v1";
}

TEST_F(TagsAnswer, Windows) {
  push_shop();
  const std::string shop = R"({"tagValues":["shop"],"metrics":{}})";
  const std::string none = R"({"tagValues":[],"metrics":{}})";
  const std::string path = "/api/search/tag/service.name/values";
  EXPECT_EQ(ok(path + "?start=1699999990&end=1700000000"), shop);
  EXPECT_EQ(ok(path + "?start=1600000000&end=1600000010"), none);
  EXPECT_EQ(ok(path + "?start=1700000001&end=1700000010"), none);
  EXPECT_EQ(ok("/api/search/tags?start=1600000000&end=1600000010"),
            R"({"tagNames":[],"metrics":{}})");
}

TEST_F(TagsAnswer, Refusals) {
  expect_refused("/api/v2/search/tags?scope=foo", "invalid scope: foo");
  expect_refused("/api/search/tags?scope=foo", "invalid scope: foo");
  for (const char* name : {"foo", "span.", "parent", "parent.x", "span:foo", "Resource.x"}) {
    expect_refused("/api/v2/search/tag/" + std::string(name) + "/values",
                   "please provide a valid tagName: tag name is not valid intrinsic or scoped "
                   "attribute: " +
                       std::string(name));
  }
  for (const char* path : {"/api/search/tags", "/api/v2/search/tags", "/api/search/tag/x/values",
                           "/api/v2/search/tag/.x/values"}) {
    expect_refused(std::string(path) + "?start=x&end=2",
                   "invalid start: strconv.ParseInt: parsing \"x\": invalid syntax");
    expect_refused(std::string(path) + "?start=2&end=1",
                   "http parameter start must be before end. received start=2 end=1");
  }
  for (const char* limit : {"x", "-1", "0", "1.5", ""}) {
    ok(std::string("/api/search/tags?limit=") + limit);
  }
  for (const char* path : {"/api/search/tag", "/api/search/tag/values", "/api/search/tag/x",
                           "/api/search/tags/", "/api/v3/search/tags"}) {
    EXPECT_EQ(get(path).status(), 404) << path;
  }
}

TEST_F(TagsAnswer, ConfiguredLimits) {
  options.tag_bytes_max = 12;
  options.search_range_max_ns = 168LL * 3600 * 1'000'000'000;
  options.query_bytes_max = 20;
  push_shop();
  EXPECT_EQ(ok("/api/search/tags?scope=resource"), R"({"tagNames":["service.name"],"metrics":{}})");
  EXPECT_EQ(ok("/api/search/tags?scope=span"), R"({"tagNames":["http.method"],"metrics":{}})");
  expect_refused("/api/search/tags?start=1&end=9999999",
                 "range specified by start and end exceeds 168h0m0s. received start=1 end=9999999");
  expect_refused("/api/v2/search/tags?q=" + std::string(21, 'x'),
                 "TraceQL expression exceeds the configured maximum size of 20 bytes, reduce the "
                 "query expression size or contact your system administrator");
}

TEST_F(TagsAnswer, Tenants) {
  options.multitenancy = true;
  push_shop("a", "shop-a");
  push_shop("b", "shop-b");
  const std::string path = "/api/search/tag/service.name/values";
  const auto as = [&](const std::string& tenant) { return ok(path, {{"x-scope-orgid", tenant}}); };
  EXPECT_EQ(as("a"), R"({"tagValues":["shop-a"],"metrics":{}})");
  EXPECT_EQ(as("b"), R"({"tagValues":["shop-b"],"metrics":{}})");
  EXPECT_EQ(as("a|b"), R"({"tagValues":["shop-a","shop-b"],"metrics":{}})");
  EXPECT_EQ(as("c"), R"({"tagValues":[],"metrics":{}})");
  EXPECT_EQ(get(path).status(), 401);
}

TEST_F(TagsAnswer, NamesInPaths) {
  data.push(plain::request_of({plain::span(1, {{"a/b c", plain::text("1")},
                                               {"p%41", plain::text("2")},
                                               {"q\"q", plain::text("3")},
                                               {"x+y", plain::text("4")}})}));
  const auto value = [](const char* text) {
    return std::string(R"({"tagValues":[{"type":"string","value":")") + text +
           R"("}],"metrics":{}})";
  };
  for (const char* name : {"span.a%2Fb%20c", "span.a/b%20c", "span.a%252Fb%2520c",
                           "span.%22a%2Fb%20c%22", ".%22a/b%20c%22"}) {
    EXPECT_EQ(ok(std::string("/api/v2/search/tag/") + name + "/values"), value("1")) << name;
  }
  EXPECT_EQ(ok("/api/v2/search/tag/span.x+y/values"), value("4"));
  EXPECT_EQ(ok("/api/v2/search/tag/span.%22q%5C%22q%22/values"), value("3"));
}

TEST(TagNameTest, Forms) {
  using enum traceql::Scope;
  const auto attribute = [](traceql::Scope scope, std::string name) {
    return Attribute{.scope = scope, .name = std::move(name)};
  };
  EXPECT_EQ(parse_tag_name("span.http.method"), attribute(span, "http.method"));
  EXPECT_EQ(parse_tag_name("resource.service.name"), attribute(resource, "service.name"));
  EXPECT_EQ(parse_tag_name("event.a"), attribute(event, "a"));
  EXPECT_EQ(parse_tag_name("link.a"), attribute(link, "a"));
  EXPECT_EQ(parse_tag_name("instrumentation.a"), attribute(instrumentation, "a"));
  EXPECT_EQ(parse_tag_name(".name"), attribute(any, "name"));
  EXPECT_EQ(parse_tag_name("span.a b"), attribute(span, "a b"));
  EXPECT_EQ(parse_tag_name("span.\"a b\""), attribute(span, "a b"));
  EXPECT_EQ(parse_tag_name("span.a\"b"), attribute(span, "a\"b"));
  EXPECT_EQ(parse_tag_name("span.\"a\" || .b"), attribute(span, "\"a\" || .b"));
  for (const char* name : {"rootServiceName", "trace:rootService"}) {
    const auto parsed = parse_tag_name(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->intrinsic, Intrinsic::root_service);
  }
  for (const char* name : {"", "foo", "span", "span.", ".", "span:x", "ok", "\"a\"", "{ .a }"}) {
    EXPECT_FALSE(parse_tag_name(name)) << name;
  }
}

}  // namespace
}  // namespace vivace::api
