// Worked cases of the language on three small sets of traces, asked of both evaluators. P is a
// trace in which everything differs; Q has groups; R is one span a second.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "query/testing/answers.h"
#include "query/testing/mixed_parts.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;
constexpr uint64_t kHour = 472'222 * 3'600 * kSecond;

SentValue text(const char* value) { return {ValueType::string, 0, value}; }
SentValue whole(int64_t value) { return {ValueType::integer, static_cast<uint64_t>(value), ""}; }
SentValue real(double value) { return {ValueType::real, std::bit_cast<uint64_t>(value), ""}; }
SentValue truth(bool value) { return {ValueType::boolean, value ? 1U : 0U, ""}; }
SentValue array(std::initializer_list<SentValue> elements) {
  SentValue out{.type = ValueType::array, .bits = 0, .text = {}};
  protozero::pbf_writer list(out.text);
  for (const SentValue& element : elements) {
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, element); });
  }
  return out;
}

// Ids of spans are the characters that name them.
struct Made {
  TraceId trace;
  char id;
  char parent;  // 0: none
  const char* name;
  const char* service;
  uint64_t duration_ms;
  SentAttributes attributes;
  SentAttributes resource = {};
  int32_t kind = 0;
  int32_t status = 0;
};

SentSpan make(const Made& made) {
  SentSpan out;
  out.trace_id = made.trace;
  out.span_id = make_span_id(static_cast<uint64_t>(made.id));
  out.parent_id = make_span_id(static_cast<uint64_t>(made.parent));
  out.name = made.name;
  out.kind = made.kind;
  out.status_code = made.status;
  out.start_ns = kHour;
  out.end_ns = kHour + made.duration_ms * kMs;
  out.attributes = made.attributes;
  SentResource resource{.attributes = made.resource, .schema_url = {}};
  resource.attributes.push_back({"service.name", text(made.service)});
  out.resource = std::make_shared<const SentResource>(std::move(resource));
  return out;
}

std::vector<SentSpan> set_p() {
  const TraceId t = make_trace_id(0, 0xb0a7);
  std::vector<SentSpan> out = {
      make({t,
            'A',
            0,
            "load",
            "ui",
            400,
            {{"color", text("red")}, {"w", whole(3)}, {"ok", truth(true)}},
            {{"zone", text("eu")}, {"color", text("grey")}},
            2,
            0}),
      make({t,
            'B',
            'A',
            "fetch",
            "api",
            300,
            {{"color", text("blue")},
             {"w", real(2.5)},
             {"h", whole(4)},
             {"ok", truth(false)},
             {"code", text("404")}},
            {{"zone", text("us")}},
            3,
            2}),
      make({t,
            'C',
            'B',
            "read",
            "db",
            100,
            {{"w", whole(-8)}, {"h", whole(3)}},
            {{"zone", text("us")}, {"color", text("grey")}},
            0,
            1}),
      make({t,
            'D',
            'A',
            "",
            "db",
            50,
            {{"tags", array({text("x"), text("y")})},
             {"nums", array({whole(4), whole(9)})},
             {"empty", array({})}}}),
      make({t, 'E', '?', "stray", "ext", 20, {{"stray", truth(true)}}}),
  };
  out[1].events = {{kHour + 10 * kMs, "throw", {{"why", text("timeout")}}, 0},
                   {kHour + 250 * kMs, "log", {{"line", whole(7)}}, 0}};
  return out;
}

std::vector<SentSpan> set_q() {
  const TraceId c1 = make_trace_id(0, 0xc1);
  return {
      make({c1, '1', 0, "r", "m", 90, {{"g", text("k")}, {"n", whole(2)}}}),
      make({c1, '2', '1', "c", "m", 60, {{"g", text("k")}, {"n", whole(4)}}}),
      make({c1, '3', '1', "c", "n", 30, {{"g", text("l")}, {"n", whole(9)}}}),
      make({make_trace_id(0, 0xc2), '4', 0, "r", "m", 10, {{"g", text("k")}}}),
      make({make_trace_id(0, 0xc3), '5', '?', "x", "n", 70, {}, {}, 0, 2}),
  };
}

std::vector<SentSpan> set_r() {
  std::vector<SentSpan> out;
  for (uint64_t k = 1; k <= 8; ++k) {
    SentAttributes attributes;
    if (k != 4) attributes.push_back({"k", whole(static_cast<int64_t>(k))});
    out.push_back(make({make_trace_id(0, k), static_cast<char>('0' + k), 0, "r",
                        k % 3 == 0 ? "b" : "a", uint64_t{1} << k, attributes}));
    out.back().start_ns += k * kSecond;
    out.back().end_ns += k * kSecond;
  }
  return out;
}

struct SearchCase {
  const char* query;
  const char* answer;  // spans and attributes of each spanset
};
constexpr SearchCase kOfP[] = {
    {R"({ span.color = "red" })", R"(A)"},
    {R"({ .color = "grey" })", R"(C)"},
    {R"({ resource.color = "grey" })", R"(A C)"},
    {R"({ span.color != "red" })", R"(B)"},
    {R"({ .color != "red" })", R"(B C)"},
    {R"({ span.color !~ "r.*" })", R"(B)"},
    {R"({ span.color =~ "bl" })", R"()"},
    {R"({ span.color =~ "bl|red" })", R"(A)"},
    {R"({ span.color =~ ".*(l|e).*" })", R"(A B)"},
    {R"({ span.color > "b" && span.color < "c" })", R"(B)"},
    {R"({ .ok })", R"(A)"},
    {R"({ !.ok })", R"(B)"},
    {R"({ .w })", R"()"},
    {R"({ .ok = true || .w = -8 })", R"(A C)"},
    {R"({ .ok || .stray })", R"(A E)"},
    {R"({ .ok != true })", R"(B)"},
    {R"({ span.w = nil })", R"(D E)"},
    {R"({ span.color = nil && span.w != nil })", R"(C)"},
    {R"({ resource.zone = nil })", R"(D E)"},
    {R"({ span.w > 2 && span.w <= 3.0 })", R"(A B)"},
    {R"({ .w * 2 = 6 })", R"(A)"},
    {R"({ .w + .h = 6.5 })", R"(B)"},
    {R"({ .w + .h < 0 })", R"(C)"},
    {R"({ .h / 2 = 1 })", R"(C)"},
    {R"({ .h / 2 = 2 })", R"(B)"},
    {R"({ .h / 2. = 1.5 })", R"(C)"},
    {R"({ .w % 3 = -2 })", R"(C)"},
    {R"({ .h ^ 2 = 16 })", R"(B)"},
    {R"({ .w < .h })", R"(B C)"},
    {R"({ .color = .code })", R"()"},
    {R"({ .code = 404 })", R"()"},
    {R"({ .code = "404" })", R"(B)"},
    {R"({ .nosuch = .nosuch })", R"()"},
    {R"({ .nosuch != .w })", R"()"},
    {R"({ -.w = 8 })", R"(C)"},
    {R"({ !(.w > 0) && .w != nil })", R"(C)"},
    {R"({ duration > 99ms && duration < 301ms })", R"(B C)"},
    {R"({ duration = 300000000 })", R"(B)"},
    {R"({ duration * 2 >= 600ms })", R"(A B)"},
    {R"({ trace:duration = 400ms })", R"(A B C D E)"},
    {R"({ status != ok && kind = client })", R"(B)"},
    {R"({ kind != unspecified })", R"(A B)"},
    {R"({ "" = name })", R"(D)"},
    {R"({ name != nil && span:name != "" })", R"(A B C E)"},
    {R"({ trace:id = "0b0a7" })", R"(A B C D E)"},
    {R"({ rootName = "load" && rootServiceName = "ui" && span:childCount = 1 })", R"(B)"},
    {R"({ event:name = "throw" && event.why = "timeout" })", R"(B)"},
    {R"({ event:name = "log" && event.why = "timeout" })", R"()"},
    {R"({ event:timeSinceStart >= 250ms })", R"(B)"},
    {R"({ .why = "timeout" })", R"()"},
    {R"({ .tags = "y" })", R"(D)"},
    {R"({ .tags =~ "x|z" })", R"(D)"},
    {R"({ .tags != "x" })", R"()"},
    {R"({ .nums > 8 && .nums < 5 })", R"(D)"},
    {R"({ .tags != nil })", R"(D)"},
    {R"({ .empty = "x" })", R"()"},
    {R"({ .color = "red" } && { .color = "blue" })", R"(A B)"},
    {R"({ .color = "red" } && { .color = "green" })", R"()"},
    {R"({ .color = "red" } || { .color = "green" })", R"(A)"},
    {R"({ name = "load" } > {})", R"(B D)"},
    {R"({ name = "load" } >> {})", R"(B C D)"},
    {R"({ name = "read" } << {})", R"(A B)"},
    {R"({ name = "read" } < {})", R"(B)"},
    {R"({ name = "fetch" } ~ {})", R"(D)"},
    {R"({ name = "load" } !> { duration > 30ms })", R"(A C)"},
    {R"({ name = "load" } !>> { .stray = true || .ok != nil })", R"(A E)"},
    {R"({ name = "gone" } !< { name = "read" })", R"(C)"},
    {R"({ name = "gone" } < { name = "read" })", R"()"},
    {R"({ name =~ "load|fetch" } &> { name =~ "fetch|read" })", R"(A B C)"},
    {R"({ name = "load" } > { name = "fetch" } > { name = "read" })", R"(C)"},
    {R"({ name = "load" } > ({ name = "fetch" } > { name = "read" }))", R"()"},
    {R"({ .stray } || { name = "load" } > { name = "fetch" })", R"(B E)"},
    {R"({ nestedSetParent < 0 })", R"(A)"},
    {R"({ .color != nil } | { status = error })", R"(B)"},
    {R"({} | count() > 4)", R"(A B C D E {count()=5})"},
    {R"({ .w != nil } | avg(.h) = 3.5)", R"(A B C {avg(.h)=3.5})"},
    {R"({} | min(.nosuch) > 0)", R"()"},
    {R"({} | max(duration) > 900ms)", R"()"},
    {R"({ "a" = "b" })", R"()"},
    {R"({ 3 > 2 })", R"(A B C D E)"},
    {R"({ (nil != nil) })", R"()"},
};
constexpr SearchCase kOfQ[] = {
    {R"({} | by(span.g) | count() = 1)",
     "q3 {by(span.g)=l, count()=1}; q4 {by(span.g)=k, count()=1}; "
     "q5 {by(span.g)=nil, count()=1}"},
    {R"({} | by(span.g) | max(span.n) > 3)",
     R"(q1 q2 {by(span.g)=k, max(span.n)=4}; q3 {by(span.g)=l, max(span.n)=9})"},
    {R"({} | by(span.g) | by(name))",
     "q1 {by(span.g)=k, by(name)=r}; q2 {by(span.g)=k, by(name)=c}; "
     "q3 {by(span.g)=l, by(name)=c}; q4 {by(span.g)=k, by(name)=r}; "
     "q5 {by(span.g)=nil, by(name)=x}"},
    {R"({} | by(span.g) | coalesce() | count() > 2)", R"(q1 q2 q3 {count()=3})"},
    {R"({ .g = "k" } | sum(.n) >= 6)", R"(q1 q2 {sum(.n)=6})"},
    {R"({ .g = "k" } | count() > 1 | { .n > 3 })", R"(q2 {count()=2})"},
    {R"(({ .g = "l" } | count() > 0) && ({ .g = "k" }))", R"(q1 q2 q3)"},
    {R"({ rootServiceName = "m" && .g = "l" })", R"(q3)"},
    {R"({ name = "r" } &>> { .n > 4 })", R"(q1 q3)"},
    {R"({} | avg(duration) > 50ms)", R"(q1 q2 q3 {avg(duration)=60ms}; q5 {avg(duration)=70ms})"},
};

struct MetricsCase {
  const char* query;
  uint64_t start_s;
  uint64_t end_s;
  uint64_t step_s;  // 0: instant
  const char* answer;
};
constexpr MetricsCase kOfR[] = {
    {R"({ true } | count_over_time())", 0, 8, 4, R"({__name__=count_over_time} 0:0 4:4 8:4)"},
    {R"({ .k > 2 } | rate())", 0, 8, 4, R"({__name__=rate} 0:0 4:0.25 8:1)"},
    {R"({ } | count_over_time() by (resource.service.name))", 0, 8, 4,
     R"({resource.service.name=a} 0:0 4:3 8:3; {resource.service.name=b} 0:0 4:1 8:1)"},
    {R"({ } | max_over_time(span.k))", 0, 8, 4, R"({__name__=max_over_time} 4:3 8:8)"},
    {R"({ true } | min_over_time(duration))", 0, 8, 4,
     R"({__name__=min_over_time} 4:0.002 8:0.032)"},
    {R"({ span.k != nil } | sum_over_time(span.k) by (span.zz))", 4, 8, 4,
     R"({span.zz=nil} 4:6 8:26)"},
    {R"({ true } | avg_over_time(span.k))", 0, 8, 4, R"({__name__=avg_over_time} 4:2 8:6.5)"},
    {R"({ } | histogram_over_time(span.k))", 0, 4, 4,
     R"({__bucket=2.0} 0:0 4:1; {__bucket=4.0} 0:0 4:1)"},
    {R"({ true } | count_over_time())", 3, 7, 4, R"({__name__=count_over_time} 0:0 4:4 8:4)"},
    {R"({ true } | count_over_time())", 1, 6, 0, R"({__name__=count_over_time} 5)"},
    {R"({ } | rate() by (.service.name) | topk(1))", 0, 8, 4,
     R"({.service.name=a} 0:0 4:0.75 8:0.75)"},
    {R"({ } | count_over_time() by (.service.name) >= 2)", 0, 8, 4, R"({.service.name=a} 4:3 8:3)"},
};

std::string bare(const traceql::Datum& value) {
  const std::string* string = value.get_if<std::string>();
  return string != nullptr ? *string : traceql::datum_text(value);
}

// `prefix` stands before the names of spans.
std::string show(const SearchAnswer& answer, const std::string& prefix) {
  std::set<std::string> sets;
  for (const SearchAnswer::Trace& trace : answer.traces) {
    for (const SearchAnswer::Set& set : trace.sets) {
      std::set<std::string> names;
      for (const std::string& span : set.spans) {
        const auto id = std::stoul(span.substr(0, span.find('@')), nullptr, 16);
        names.insert(prefix + static_cast<char>(id));
      }
      std::vector<std::string> attributes;
      for (const naive::Label& label : set.attributes) {
        attributes.push_back(label.name + "=" + bare(label.value));
      }
      sets.insert(fmt::format("{}", fmt::join(names, " ")) +
                  (attributes.empty() ? "" : fmt::format(" {{{}}}", fmt::join(attributes, ", "))));
    }
  }
  return fmt::format("{}", fmt::join(sets, "; "));
}

std::string show(const std::vector<naive::Series>& all, bool is_instant) {
  std::vector<std::string> out;
  for (const naive::Series& series : all) {
    std::string line = "{";
    for (const naive::Label& label : series.labels) line += label.name + "=" + bare(label.value);
    line += "}";
    for (const auto& [time, value] : series.points) {
      line += is_instant ? fmt::format(" {}", value)
                         : fmt::format(" {}:{}", (time - kHour) / kSecond, value);
    }
    out.push_back(line);
  }
  return fmt::format("{}", fmt::join(out, "; "));
}

void expect_searches(const std::vector<SentSpan>& spans, std::span<const SearchCase> cases,
                     const std::string& prefix) {
  MixedParts disk;
  const auto traces = naive::traces_of({spans});
  for (const SearchCase& one : cases) {
    const auto query = traceql::parse(one.query);
    ASSERT_TRUE(query) << one.query;
    EXPECT_EQ(show(answer_of(naive::search(traces, *query), 100, 100), prefix), one.answer)
        << one.query;
    for (const bool is_block : {false, true}) {
      const Snapshot snapshot = disk.snapshot({spans}, [&](size_t) { return is_block; });
      auto question = plan_search(*query);
      ASSERT_TRUE(question);
      question->spans_per_set = 100;
      const auto result = search({&snapshot, 1}, *question, {});
      ASSERT_TRUE(result) << one.query << result.error().message;
      EXPECT_EQ(show(answer_of(*result), prefix), one.answer) << one.query;
    }
  }
}

TEST(WorkedCases, OfOneTrace) { expect_searches(set_p(), kOfP, ""); }
TEST(WorkedCases, OfGroups) { expect_searches(set_q(), kOfQ, "q"); }

TEST(WorkedCases, OverTime) {
  MixedParts disk;
  const auto traces = naive::traces_of({set_r()});
  for (const MetricsCase& one : kOfR) {
    const auto query = traceql::parse(one.query);
    ASSERT_TRUE(query) << one.query;
    const naive::MetricRange range{.start_ns = kHour + one.start_s * kSecond,
                                   .end_ns = kHour + one.end_s * kSecond,
                                   .step_ns = one.step_s * kSecond,
                                   .is_instant = one.step_s == 0};
    EXPECT_EQ(show(naive::metrics(traces, *query, range), range.is_instant), one.answer)
        << one.query;
    for (const bool is_block : {false, true}) {
      const Snapshot snapshot = disk.snapshot({set_r()}, [&](size_t) { return is_block; });
      auto question = plan_metrics(*query);
      ASSERT_TRUE(question);
      question->axis = range.is_instant ? *MetricsAxis::instant(range.start_ns, range.end_ns)
                                        : *MetricsAxis::range(range.start_ns, range.end_ns,
                                                              range.step_ns, 10'000);
      const auto result = evaluate_metrics({&snapshot, 1}, *question, {});
      ASSERT_TRUE(result) << one.query << result.error().message;
      EXPECT_EQ(show(answer_of(*result, question->axis), range.is_instant), one.answer)
          << one.query;
    }
  }
}

}  // namespace
}  // namespace vivace
