// What a filter lets through: the worked cases of the language's reference (its data set P), and
// places where values hide: keys sent twice, keys that found no column, many row groups.
#include "query/filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/testing/mixed_parts.h"
#include "query/testing/naive.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kStart = 1'700'000'000'000'000'000;

SentValue text(std::string value) { return {ValueType::string, 0, std::move(value)}; }
SentValue integer(int64_t value) { return {ValueType::integer, static_cast<uint64_t>(value), {}}; }
SentValue real(double value) { return {ValueType::real, std::bit_cast<uint64_t>(value), {}}; }
SentValue boolean(bool value) { return {ValueType::boolean, value ? 1U : 0U, {}}; }
SentValue array(const std::vector<SentValue>& values) {
  SentValue out{ValueType::array, 0, {}};
  protozero::pbf_writer list(out.text);
  for (const SentValue& value : values) {
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, value); });
  }
  return out;
}

std::shared_ptr<const SentResource> resource(SentAttributes attributes) {
  SentResource out;
  out.attributes = std::move(attributes);
  return std::make_shared<const SentResource>(std::move(out));
}

// Spans A to E of trace b0a7.
std::vector<SentSpan> data_set_p() {
  const auto span = [](uint64_t id, uint64_t parent, std::string name, uint64_t duration_ms) {
    SentSpan out;
    out.trace_id = make_trace_id(0, 0xb0a7);
    out.span_id = make_span_id(id);
    out.parent_id = make_span_id(parent);
    out.name = std::move(name);
    out.start_ns = kStart;
    out.end_ns = kStart + duration_ms * kMs;
    return out;
  };
  SentSpan a = span(1, 0, "load", 400);
  a.kind = 2;
  a.attributes = {{"color", text("red")}, {"w", integer(3)}, {"ok", boolean(true)}};
  a.resource =
      resource({{"service.name", text("ui")}, {"zone", text("eu")}, {"color", text("grey")}});
  SentSpan b = span(2, 1, "fetch", 300);
  b.kind = 3;
  b.status_code = 2;
  b.attributes = {{"color", text("blue")},
                  {"w", real(2.5)},
                  {"h", integer(4)},
                  {"ok", boolean(false)},
                  {"code", text("404")}};
  b.resource = resource({{"service.name", text("api")}, {"zone", text("us")}});
  b.events = {{kStart + 10 * kMs, "throw", {{"why", text("timeout")}}, 0},
              {kStart + 250 * kMs, "log", {{"line", integer(7)}}, 0}};
  SentSpan c = span(3, 2, "read", 100);
  c.status_code = 1;
  c.attributes = {{"w", integer(-8)}, {"h", integer(3)}};
  c.resource =
      resource({{"service.name", text("db")}, {"zone", text("us")}, {"color", text("grey")}});
  SentSpan d = span(4, 1, "", 50);
  d.attributes = {{"tags", array({text("x"), text("y")})},
                  {"nums", array({integer(4), integer(9)})},
                  {"empty", array({})}};
  d.resource = resource({{"service.name", text("db")}});
  SentSpan e = span(5, 99, "stray", 20);
  e.attributes = {{"stray", boolean(true)}};
  e.resource = resource({{"service.name", text("ext")}});
  return {a, b, c, d, e};
}

// The facts of the one trace of data set P.
class FactsOfP final : public TraceValues {
 public:
  Result<const TraceFacts*> facts(PartColumns&, uint32_t) override { return &facts_; }
  Result<void> durations(GroupColumns&, const Bits&, std::span<int64_t> out) override {
    std::ranges::fill(out, facts_.duration_ns());
    return {};
  }
  Result<Bits> roots(GroupColumns& group) override {
    Bits out(group.owners(Scope::span).count);
    out.set(0);
    return out;
  }
  Result<TraceTree::Numbers> numbers_of(GroupColumns&, uint32_t row) override {
    return numbers_.at(row);
  }
  Result<std::span<const TraceTree::Numbers>> numbers(GroupColumns&) override { return numbers_; }

 private:
  TraceFacts facts_{kStart, kStart + 400 * kMs, "load", "ui"};
  std::vector<TraceTree::Numbers> numbers_ = {
      {1, 8, -1, 2}, {2, 5, 1, 1}, {3, 4, 2, 0}, {6, 7, 1, 0}, {}};
};

// The rows that pass, as letters from A on.
Result<std::string> letters(const Part& part, const std::string& text) {
  const auto query = traceql::parse(text);
  EXPECT_TRUE(query) << text;
  const auto& spanset = std::get<traceql::Spanset>(query->pipeline.stages.front());
  Filter filter = TRY(Filter::compile(spanset.get_if<traceql::Filter>()->condition));
  Inspected inspected;
  PartColumns columns(std::shared_ptr<const Part>(std::shared_ptr<void>(), &part), inspected);
  FactsOfP facts;
  std::string out;
  for (uint32_t g = 0; g < part.groups(); ++g) {
    GroupColumns group(columns, g);
    const Bits rows = TRY(filter.rows(group, &facts));
    const uint32_t first = group.owners(Scope::span).first;
    rows.each([&](uint32_t i) { out += static_cast<char>('A' + first + i); });
  }
  return out;
}

struct Worked {
  const char* filter;
  const char* spans;
};

TEST(Filter, WorkedCases) {
  constexpr Worked kCases[] = {
      {R"({ span.color = "red" })", "A"},
      {R"({ .color = "grey" })", "C"},
      {R"({ resource.color = "grey" })", "AC"},
      {R"({ span.color != "red" })", "B"},
      {R"({ .color != "red" })", "BC"},
      {R"({ span.color !~ "r.*" })", "B"},
      {R"({ span.color =~ "bl" })", ""},
      {R"({ span.color =~ "bl|red" })", "A"},
      {R"({ span.color =~ ".*(l|e).*" })", "AB"},
      {R"({ span.color > "b" && span.color < "c" })", "B"},
      {R"({ .ok })", "A"},
      {R"({ !.ok })", "B"},
      {R"({ .w })", ""},
      {R"({ .ok = true || .w = -8 })", "AC"},
      {R"({ .ok || .stray })", "AE"},
      {R"({ .ok != true })", "B"},
      {R"({ span.w = nil })", "DE"},
      {R"({ span.color = nil && span.w != nil })", "C"},
      {R"({ resource.zone = nil })", "DE"},
      {R"({ span.w > 2 && span.w <= 3.0 })", "AB"},
      {R"({ .w * 2 = 6 })", "A"},
      {R"({ .w + .h = 6.5 })", "B"},
      {R"({ .w + .h < 0 })", "C"},
      {R"({ .h / 2 = 1 })", "C"},
      {R"({ .h / 2 = 2 })", "B"},
      {R"({ .h / 2. = 1.5 })", "C"},
      {R"({ .w % 3 = -2 })", "C"},
      {R"({ .h ^ 2 = 16 })", "B"},
      {R"({ .w < .h })", "BC"},
      {R"({ .color = .code })", ""},
      {R"({ .code = 404 })", ""},
      {R"({ .code = "404" })", "B"},
      {R"({ .nosuch = .nosuch })", ""},
      {R"({ .nosuch != .w })", ""},
      {R"({ -.w = 8 })", "C"},
      {R"({ !(.w > 0) && .w != nil })", "C"},
      {R"({ duration > 99ms && duration < 301ms })", "BC"},
      {R"({ duration = 300000000 })", "B"},
      {R"({ duration * 2 >= 600ms })", "AB"},
      {R"({ trace:duration = 400ms })", "ABCDE"},
      {R"({ status != ok && kind = client })", "B"},
      {R"({ kind != unspecified })", "AB"},
      {R"({ "" = name })", "D"},
      {R"({ name != nil && span:name != "" })", "ABCE"},
      {R"({ trace:id = "0b0a7" })", "ABCDE"},
      {R"({ trace:id != "b0a7" })", ""},
      {R"({ rootName = "load" && rootServiceName = "ui" })", "ABCDE"},
      {R"({ event:name = "throw" && event.why = "timeout" })", "B"},
      {R"({ event:name = "log" && event.why = "timeout" })", ""},
      {R"({ event:name = "throw" && status = error && event.why = "timeout" })", "B"},
      {R"({ event:timeSinceStart >= 250ms })", "B"},
      {R"({ event.why = nil })", "B"},
      {R"({ event:name != "log" })", "B"},
      {R"({ !(event:name = "log") })", "ABCDE"},
      {R"({ .why = "timeout" })", ""},
      {R"({ .tags = "y" })", "D"},
      {R"({ .tags =~ "x|z" })", "D"},
      {R"({ .tags != "x" })", ""},
      {R"({ .nums > 8 && .nums < 5 })", "D"},
      {R"({ .tags != nil })", "D"},
      {R"({ .empty = "x" })", ""},
      {R"({ .empty != "x" })", "D"},
      {R"({ .empty != nil })", "D"},
      {R"({ 5 < .w || 2.6 > .w })", "BC"},
      {R"({ span:parentID = "" })", "A"},
      {R"({ span:id = "0000000000000003" })", "C"},
      {R"({ statusMessage = "" && resource.service.name =~ "d.|ext" })", "CDE"},
      {R"({ 3 > 2 })", "ABCDE"},
  };
  MixedParts disk;
  const Snapshot snapshot = snapshot_of({data_set_p()});
  const std::shared_ptr<const Part> block = disk.block_of(*snapshot.parts.front());
  for (const Worked& worked : kCases) {
    for (const auto& part : {snapshot.parts.front(), block}) {
      const auto found = letters(*part, worked.filter);
      ASSERT_TRUE(found) << worked.filter << ": " << found.error().message;
      EXPECT_EQ(*found, worked.spans) << worked.filter << (part == block ? " in a block" : "");
    }
  }
}

TEST(Filter, Failures) {
  const Snapshot snapshot = snapshot_of({data_set_p()});
  const Part& part = *snapshot.parts.front();
  const auto failure = [&](const char* filter) {
    const auto result = letters(part, filter);
    EXPECT_FALSE(result) << filter;
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(failure("{ .h / 0 = 1 }"), "the query cannot be evaluated: division by zero in .h / 0");
  EXPECT_EQ(failure("{ .h % 0 = 1 }"), "the query cannot be evaluated: modulo by zero in .h % 0");
  EXPECT_EQ(failure("{ !.color }"),
            "the query cannot be evaluated: negation of a value that is no boolean in !.color");
  EXPECT_EQ(failure("{ .nums + 1 = 1 }"),
            "the query cannot be evaluated: arithmetic on an array in .nums + 1");
  EXPECT_EQ(failure("{ .nums = .nums }"),
            "the query cannot be evaluated: comparison of two arrays in .nums = .nums");
  // Nobody looks at it.
  EXPECT_EQ(*letters(part, "{ name = \"stray\" && .h / 0 = 1 }"), "");
  EXPECT_EQ(*letters(part, "{ duration > 0s || .h / 0 = 1 }"), "ABCDE");
}

TEST(Filter, DeepTrees) {
  std::string filter = "{ .w = 3";
  for (int i = 0; i < 1'900; ++i) {
    filter += i % 2 == 0 ? " || .h = 4" : " && duration > 1ms";
  }
  const Snapshot snapshot = snapshot_of({data_set_p()});
  EXPECT_EQ(*letters(*snapshot.parts.front(), filter + " }"), "AB");
}

// Rows of one part whose values of `key` pass, by the oracle.
std::vector<uint32_t> oracle_rows(const std::vector<SentSpan>& spans,
                                  const traceql::FieldExpr& condition) {
  std::vector<uint32_t> out;
  const naive::Trace none;
  for (uint32_t i = 0; i < spans.size(); ++i) {
    if (naive::passes(condition, none, spans[i])) out.push_back(i);
  }
  return out;
}

std::vector<uint32_t> rows_of(const Part& part, const traceql::FieldExpr& condition) {
  auto filter = Filter::compile(condition);
  EXPECT_TRUE(filter);
  Inspected inspected;
  PartColumns columns(std::shared_ptr<const Part>(std::shared_ptr<void>(), &part), inspected);
  std::vector<uint32_t> out;
  for (uint32_t g = 0; g < part.groups(); ++g) {
    GroupColumns group(columns, g);
    const auto rows = filter->rows(group);
    EXPECT_TRUE(rows) << rows.error().message;
    if (rows) rows->each([&](uint32_t i) { out.push_back(group.owners(Scope::span).first + i); });
  }
  return out;
}

// More keys than there are columns, some twice, in several row groups.
TEST(Filter, OverflowedAndRepeatedKeys) {
  RandomSpans random(7);
  std::vector<SentSpan> spans;
  for (uint32_t i = 0; i < 3'000; ++i) {
    SentSpan span = random.span();
    span.attributes.clear();
    span.events.clear();
    span.links.clear();
    for (int a = 0; a < 6; ++a) {
      // The first 1,024 columns are taken by the keys of the first spans.
      const uint64_t key = i < 1'100 ? i : 1'000 + random.number(130);
      const std::string name = "key " + std::to_string(key);
      span.attributes.push_back({name, random.chance(50) ? text("v") : integer(a)});
      if (i < 1'100) break;
      if (random.chance(30)) span.attributes.push_back({name, integer(3)});
    }
    span.trace_id = make_trace_id(1, i);  // ascending, so that blocks keep the order
    span.start_ns = kStart + i;
    span.end_ns = span.start_ns + 1;
    spans.push_back(std::move(span));
  }
  MixedParts disk;
  const Snapshot snapshot = snapshot_of({spans});
  ASSERT_EQ(snapshot.parts.front()->columns(Scope::span), 1'024U);
  const std::shared_ptr<const Part> block = disk.block_of(*snapshot.parts.front());
  size_t passed = 0;
  for (const char* op : {"= 3", "= \"v\"", "!= 3", "> 1", "!= nil", "= nil"}) {
    for (const int key : {5, 1'000, 1'020, 1'024, 1'050, 1'099, 1'120}) {
      const auto query = traceql::parse(fmt::format("{{ span.\"key {}\" {} }}", key, op));
      ASSERT_TRUE(query);
      const auto& spanset = std::get<traceql::Spanset>(query->pipeline.stages.front());
      const auto& condition = spanset.get_if<traceql::Filter>()->condition;
      const std::vector<uint32_t> expected = oracle_rows(spans, condition);
      EXPECT_EQ(rows_of(*snapshot.parts.front(), condition), expected) << key << op;
      EXPECT_EQ(rows_of(*block, condition), expected) << key << op << " in a block";
      passed += expected.size();
    }
  }
  EXPECT_GT(passed, 1'000U);
}

}  // namespace
}  // namespace vivace
