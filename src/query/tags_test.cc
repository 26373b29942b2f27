// Names and values of tags against an oracle that walks the sent spans one by one, over several
// parts, windows, filters and limits; and the answers that need no data.
#include "query/tags.h"

#include <functional>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <protozero/pbf_reader.hpp>

#include "block/block.h"
#include "model/testing/altered_part.h"
#include "query/testing/parts.h"
#include "storage/fault_storage.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using traceql::Attribute;
using traceql::Intrinsic;
using Texts = std::vector<std::string>;

SentValue text(std::string value) { return {ValueType::string, 0, std::move(value)}; }
SentValue integer(int64_t value) { return {ValueType::integer, static_cast<uint64_t>(value), {}}; }
SentValue real(double value) { return {ValueType::real, std::bit_cast<uint64_t>(value), {}}; }
SentValue boolean(bool value) { return {ValueType::boolean, value ? 1U : 0U, {}}; }
SentValue array(const std::vector<SentValue>& values) {
  std::string out;
  protozero::pbf_writer list(out);
  for (const SentValue& value : values) {
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, value); });
  }
  return {ValueType::array, 0, out};
}

std::shared_ptr<const SentResource> resource_with(SentAttributes attributes) {
  SentResource out;
  out.attributes = std::move(attributes);
  return std::make_shared<const SentResource>(std::move(out));
}
std::shared_ptr<const SentScope> scope_with(SentAttributes attributes) {
  SentScope out;
  out.attributes = std::move(attributes);
  return std::make_shared<const SentScope>(std::move(out));
}
SentEvent event_with(SentAttributes attributes) {
  SentEvent out;
  out.attributes = std::move(attributes);
  return out;
}
SentLink link_with(SentAttributes attributes) {
  SentLink out;
  out.attributes = std::move(attributes);
  return out;
}

SentSpan span(uint64_t id, SentAttributes attributes = {}) {
  SentSpan out;
  out.trace_id = make_trace_id(0, id);
  out.span_id = make_span_id(id);
  out.start_ns = id * 1'000;
  out.end_ns = id * 1'000 + 10;
  out.attributes = std::move(attributes);
  return out;
}

ScopeSet all_scopes() { return ScopeSet().set(); }
size_t at(Scope scope) { return static_cast<size_t>(scope); }

TagNames names_of(const Snapshot& snapshot, const TagQuestion& question = {},
                  ScopeSet scopes = all_scopes()) {
  auto names = tag_names({&snapshot, 1}, scopes, question, {});
  EXPECT_TRUE(names) << names.error().message;
  return names ? std::move(*names) : TagNames();
}
Texts names_of_spans(const Snapshot& snapshot, const TagQuestion& question = {}) {
  return names_of(snapshot, question).names[at(Scope::span)];
}

// As "int 200".
Texts values_of(const Snapshot& snapshot, const Attribute& attribute,
                const TagQuestion& question = {}) {
  const auto values = tag_values({&snapshot, 1}, attribute, question, {});
  EXPECT_TRUE(values) << values.error().message;
  Texts out;
  if (!values) return out;
  for (const TagValue& value : values->values) {
    out.push_back(fmt::format("{} {}", text_of(value.type), value.text));
  }
  return out;
}
Attribute of_span(std::string name) {
  return {.scope = traceql::Scope::span, .name = std::move(name)};
}
Attribute intrinsic(Intrinsic which) { return {.intrinsic = which}; }

TEST(TagNamesTest, NothingStored) {
  const TagNames names = names_of({});
  for (const Texts& list : names.names) EXPECT_THAT(list, IsEmpty());
  EXPECT_THAT(names_of_spans(snapshot_of({{}})), IsEmpty());
}

TEST(TagNamesTest, EachScopeHasItsOwn) {
  SentSpan one = span(1, {{"b", text("x")}, {"a", integer(1)}, {"a", text("y")}, {"", text("z")}});
  one.resource = resource_with({{"service.name", text("shop")}});
  one.scope = scope_with({{"s", text("x")}});
  one.events.push_back(event_with({{"e1", text("x")}}));
  one.links.push_back(link_with({{"l1", text("x")}, {"l0", text("x")}}));
  const Snapshot snapshot = snapshot_of({{one}, {span(2, {{"c", {}}})}});
  const TagNames names = names_of(snapshot);
  EXPECT_THAT(names.names[at(Scope::span)], ElementsAre("a", "b", "c"));
  EXPECT_THAT(names.names[at(Scope::resource)], ElementsAre("service.name"));
  EXPECT_THAT(names.names[at(Scope::scope)], ElementsAre("s"));
  EXPECT_THAT(names.names[at(Scope::event)], ElementsAre("e1"));
  EXPECT_THAT(names.names[at(Scope::link)], ElementsAre("l0", "l1"));

  const TagNames some = names_of(snapshot, {}, ScopeSet().set(at(Scope::event)));
  EXPECT_THAT(some.names[at(Scope::event)], ElementsAre("e1"));
  EXPECT_THAT(some.names[at(Scope::span)], IsEmpty());
}

TEST(TagNamesTest, LimitsEndTheListSilently) {
  const Snapshot snapshot =
      snapshot_of({{span(1, {{"aaa", text("")}, {"bbb", text("")}, {"ccc", text("")}})}});
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .count_max = 2}).size(), 2U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .count_max = 3}).size(), 3U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .bytes_max = 9}).size(), 3U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .bytes_max = 8}).size(), 2U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .bytes_max = 1}).size(), 0U);
}

TEST(TagValuesTest, TypesAndOrder) {
  const Snapshot snapshot = snapshot_of(
      {{span(1, {{"k", text("b")}}), span(2, {{"k", integer(10)}}), span(3, {{"k", integer(-9)}})},
       {span(4, {{"k", integer(9)}}), span(5, {{"k", real(1.5)}}), span(6, {{"k", real(-20)}}),
        span(7, {{"k", boolean(true)}}), span(8, {{"k", text("")}}), span(9, {{"k", text("a")}}),
        span(10, {{"k", text("b")}}), span(11, {{"k", boolean(false)}})}});
  EXPECT_THAT(values_of(snapshot, of_span("k")),
              ElementsAre("string ", "string a", "string b", "int -9", "int 9", "int 10",
                          "float -20.0", "float 1.5", "bool false", "bool true"));
  EXPECT_THAT(values_of(snapshot, of_span("other")), IsEmpty());
  EXPECT_THAT(values_of(snapshot, {.scope = traceql::Scope::resource, .name = "k"}), IsEmpty());
}

TEST(TagValuesTest, ArraysGiveTheirElements) {
  const Snapshot snapshot =
      snapshot_of({{span(1, {{"k", array({text("x"), text("y")})}}),
                    span(2, {{"k", array({integer(4), integer(9)})}}),
                    span(3, {{"k", array({real(0.5)})}}), span(4, {{"k", array({boolean(true)})}}),
                    span(5, {{"k", array({text("mixed"), integer(7)})}}),
                    span(6, {{"k", array({})}}), span(7, {{"k", {ValueType::bytes, 0, "raw"}}}),
                    span(8, {{"k", array({array({text("deep")})})}})}});
  EXPECT_THAT(values_of(snapshot, of_span("k")),
              ElementsAre("string x", "string y", "int 4", "int 9", "float 0.5", "bool true"));
}

TEST(TagValuesTest, WithoutAScopeItIsTheThreeOfASpan) {
  SentSpan one = span(1, {{"k", text("span")}});
  one.resource = resource_with({{"k", text("resource")}});
  one.scope = scope_with({{"k", text("scope")}});
  one.events.push_back(event_with({{"k", text("event")}}));
  one.links.push_back(link_with({{"k", text("link")}}));
  const Snapshot snapshot = snapshot_of({{one}});
  using enum traceql::Scope;
  EXPECT_THAT(values_of(snapshot, {.scope = any, .name = "k"}),
              ElementsAre("string resource", "string scope", "string span"));
  EXPECT_THAT(values_of(snapshot, {.scope = event, .name = "k"}), ElementsAre("string event"));
  EXPECT_THAT(values_of(snapshot, {.scope = link, .name = "k"}), ElementsAre("string link"));
  EXPECT_THAT(values_of(snapshot, {.scope = instrumentation, .name = "k"}),
              ElementsAre("string scope"));
}

TEST(TagValuesTest, Intrinsics) {
  SentSpan root = span(1);
  root.name = "GET /";
  root.status_message = "boom";
  root.resource = resource_with({{"service.name", text("shop")}});
  SentScope scope;
  scope.name = "lib";
  scope.version = "1.0";
  root.scope = std::make_shared<const SentScope>(scope);
  root.events.push_back(event_with({}));
  root.events[0].name = "exception";
  SentSpan child = span(2);
  child.trace_id = root.trace_id;
  child.parent_id = root.span_id;
  child.name = "SELECT";
  child.resource = resource_with({{"service.name", text("db")}});
  const Snapshot snapshot = snapshot_of({{child}, {root}});
  using enum Intrinsic;
  EXPECT_THAT(values_of(snapshot, intrinsic(name)), ElementsAre("string GET /", "string SELECT"));
  EXPECT_THAT(values_of(snapshot, intrinsic(root_name)), ElementsAre("string GET /"));
  EXPECT_THAT(values_of(snapshot, intrinsic(root_service)), ElementsAre("string shop"));
  EXPECT_THAT(values_of(snapshot, intrinsic(status_message)), ElementsAre("string boom"));
  EXPECT_THAT(values_of(snapshot, intrinsic(event_name)), ElementsAre("string exception"));
  EXPECT_THAT(values_of(snapshot, intrinsic(instrumentation_name)), ElementsAre("string lib"));
  EXPECT_THAT(values_of(snapshot, intrinsic(instrumentation_version)), ElementsAre("string 1.0"));
  for (const Intrinsic none :
       {duration, span_id, parent_id, child_count, trace_duration, trace_id, event_time_since_start,
        link_trace_id, link_span_id, nested_set_left, nested_set_right, nested_set_parent}) {
    EXPECT_THAT(values_of(snapshot, intrinsic(none)), IsEmpty());
  }
  EXPECT_THAT(values_of({}, intrinsic(status)),
              ElementsAre("keyword error", "keyword ok", "keyword unset"));
  EXPECT_EQ(values_of({}, intrinsic(kind)).size(), 6U);
}

TEST(TagValuesTest, LimitsEndTheListSilently) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 50; ++i) {
    spans.push_back(span(i, {{"k", text(fmt::format("value {:02}", i))},
                             {"n", integer(static_cast<int64_t>(i % 10))}}));
  }
  const Snapshot snapshot = snapshot_of({spans, {span(60, {{"k", text("the newest")}})}});
  EXPECT_EQ(values_of(snapshot, of_span("k"), {.filter = {}, .count_max = 7}).size(), 7U);
  EXPECT_EQ(values_of(snapshot, of_span("k"), {.filter = {}, .bytes_max = 26}).size(), 3U);
  EXPECT_EQ(values_of(snapshot, of_span("k"), {.filter = {}, .bytes_max = 25}).size(), 2U);
  EXPECT_EQ(values_of(snapshot, of_span("n"), {.filter = {}, .bytes_max = 4}).size(), 4U);
  // The newest part comes first.
  EXPECT_THAT(values_of(snapshot, of_span("k"), {.filter = {}, .count_max = 1}),
              ElementsAre("string the newest"));
}

TEST(TagsTest, AWindowTakesRowGroupsThatOverlapIt) {
  const Snapshot snapshot = snapshot_of(
      {{span(1, {{"old", text("x")}}), span(2)}, {span(10, {{"new", text("x")}}), span(11)}});
  const auto names = [&](uint64_t start_ns, uint64_t end_ns) {
    return names_of_spans(snapshot, {.filter = {}, .start_ns = start_ns, .end_ns = end_ns});
  };
  EXPECT_THAT(names(0, 999), IsEmpty());
  EXPECT_THAT(names(0, 1'000), ElementsAre("old"));
  EXPECT_THAT(names(2'010, 9'999), ElementsAre("old"));
  EXPECT_THAT(names(2'011, 9'999), IsEmpty());
  EXPECT_THAT(names(2'011, 10'000), ElementsAre("new"));
  EXPECT_THAT(names(0, 10'000), ElementsAre("new", "old"));
}

TEST(TagsTest, WhatIsPastRetentionIsHidden) {
  Snapshot snapshot;
  for (const int64_t received_ns : {100, 200}) {
    auto head = std::make_shared<Head>();
    const SentSpan one =
        span(static_cast<uint64_t>(received_ns), {{fmt::format("key {}", received_ns), text("x")}});
    auto batch = decode_otlp(to_otlp({&one, 1}), {});
    ASSERT_TRUE(batch);
    head->append(**batch, received_ns);
    snapshot.parts.push_back(std::make_shared<HeadPart>(std::move(head)));
  }
  EXPECT_THAT(names_of_spans(snapshot), ElementsAre("key 100", "key 200"));
  snapshot.received_after_ns = 101;
  EXPECT_THAT(names_of_spans(snapshot), ElementsAre("key 200"));
  EXPECT_THAT(values_of(snapshot, of_span("key 100")), IsEmpty());
}

TEST(TagsTest, WhoeverLeavesEndsTheQuestion) {
  std::stop_source stop;
  stop.request_stop();
  const Snapshot snapshot = snapshot_of({{span(1)}});
  const auto names = tag_names({&snapshot, 1}, all_scopes(), {}, {.stop = stop.get_token()});
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, Code::cancelled);
}

// ---- the oracle
// ----------------------------------------------------------------------------------

// The parts of a snapshot as blocks, some of them.
class Blocks {
 public:
  Snapshot of(Snapshot snapshot) {
    for (size_t i = 0; i < snapshot.parts.size(); i += 2) {
      const std::string path = fmt::format("/blocks/{}", ++written_);
      EXPECT_TRUE(write_block(disk_, path, {.tenant = "t", .number = written_, .replaces = {}},
                              *snapshot.parts[i]));
      auto block = Block::open(disk_, path, cache_);
      EXPECT_TRUE(block);
      if (block) snapshot.parts[i] = *block;
    }
    return snapshot;
  }

 private:
  FaultStorage disk_;
  BlockCache cache_{1 << 20};
  uint64_t written_ = 0;
};

bool everything(const SentSpan&) { return true; }

struct Oracle {
  const Parts& parts;
  const Snapshot& snapshot;
  TagQuestion question;
  std::function<bool(const SentSpan&)> passes = everything;

  // The sent span of each row of a part.
  std::vector<const SentSpan*> rows_of(size_t p) const {
    std::map<uint64_t, const SentSpan*> by_id;
    for (const SentSpan& span : parts[p]) by_id[span.span_id.raw] = &span;
    std::vector<const SentSpan*> out;
    Inspected inspected;
    for (uint32_t g = 0; g < snapshot.parts[p]->groups(); ++g) {
      const auto ids = snapshot.parts[p]->read(Field::span_id, g, inspected);
      EXPECT_TRUE(ids);
      for (const Slice& slice : ids->slices) {
        for (uint32_t i = 0; i < slice.count; ++i) out.push_back(by_id.at(slice.longs[i]));
      }
    }
    EXPECT_EQ(out.size(), parts[p].size());
    return out;
  }

  void each_span(const std::function<void(const SentSpan&)>& take) const {
    for (size_t p = 0; p < parts.size(); ++p) {
      const Part& part = *snapshot.parts[p];
      const std::vector<const SentSpan*> rows = rows_of(p);
      for (uint32_t g = 0; g < part.groups(); ++g) {
        const RowGroup group = part.group(g);
        if (group.start_min_ns > question.end_ns || group.end_max_ns < question.start_ns) continue;
        for (uint32_t row = group.rows.first; row < group.rows.end(); ++row) {
          if (passes(*rows[row])) take(*rows[row]);
        }
      }
    }
  }

  static void each_owner(const SentSpan& span, Scope scope,
                         const std::function<void(const SentAttributes&)>& take) {
    if (scope == Scope::span) take(span.attributes);
    if (scope == Scope::resource) take(span.resource->attributes);
    if (scope == Scope::scope) take(span.scope->attributes);
    if (scope == Scope::event) {
      for (const SentEvent& event : span.events) take(event.attributes);
    }
    if (scope == Scope::link) {
      for (const SentLink& link : span.links) take(link.attributes);
    }
  }

  Texts names(Scope scope) const {
    std::set<std::string> out;
    each_span([&](const SentSpan& span) {
      each_owner(span, scope, [&](const SentAttributes& attributes) {
        for (const SentAttribute& a : attributes) out.insert(a.key);
      });
    });
    out.erase("");
    return {out.begin(), out.end()};
  }

  std::set<std::string> values(Scope scope, const std::string& key) const {
    std::set<std::string> out;
    each_span([&](const SentSpan& span) {
      each_owner(span, scope, [&](const SentAttributes& attributes) {
        for (const SentAttribute& a : attributes) {
          if (a.key == key) add(a.value, out);
        }
      });
    });
    return out;
  }

  static void add(const SentValue& value, std::set<std::string>& out) {
    if (value.type == ValueType::string) out.insert("string " + value.text);
    if (value.type == ValueType::boolean) out.insert(value.bits != 0 ? "bool true" : "bool false");
    if (value.type == ValueType::integer) {
      out.insert(fmt::format("int {}", static_cast<int64_t>(value.bits)));
    }
    if (value.type == ValueType::real) {
      out.insert("float " + datum_text(traceql::datum<double>(std::bit_cast<double>(value.bits))));
    }
    if (value.type == ValueType::array) add_array(value.text, out);
  }

  static void add_array(const std::string& bytes, std::set<std::string>& out) {
    std::vector<SentValue> elements;
    protozero::pbf_reader list(bytes);
    while (list.next()) {
      protozero::pbf_reader any = list.get_message();
      SentValue element;
      while (any.next()) {
        if (any.tag() == 1) {
          element = text(any.get_string());
        } else if (any.tag() == 3) {
          element = integer(any.get_int64());
        } else {
          any.skip();
        }
      }
      elements.push_back(element);
    }
    for (const SentValue& element : elements) {
      if (element.type == ValueType::empty || element.type != elements[0].type) return;
    }
    for (const SentValue& element : elements) add(element, out);
  }
};

constexpr Scope kEach[] = {Scope::resource, Scope::scope, Scope::span, Scope::event, Scope::link};
constexpr traceql::Scope kLanguage[] = {traceql::Scope::resource, traceql::Scope::instrumentation,
                                        traceql::Scope::span, traceql::Scope::event,
                                        traceql::Scope::link};

void expect_same(const Oracle& oracle) {
  const TagNames got = names_of(oracle.snapshot, oracle.question);
  for (const Scope scope : kEach) {
    const Texts names = oracle.names(scope);
    EXPECT_EQ(got.names[at(scope)], names) << at(scope);
    for (size_t i = 0; i < names.size(); i += 5) {
      const Texts values = values_of(
          oracle.snapshot, {.scope = kLanguage[at(scope)], .name = names[i]}, oracle.question);
      EXPECT_EQ(std::set(values.begin(), values.end()), oracle.values(scope, names[i])) << names[i];
    }
  }
}

TEST(TagsTest, EqualTheOracleOverRandomSpans) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomSpans random(seed);
    Parts parts;
    for (uint64_t left = 1 + random.number(4); left > 0; --left) {
      parts.push_back(random.request(1 + random.number(60)));
    }
    Blocks blocks;
    const Snapshot snapshot = blocks.of(snapshot_of(parts));
    expect_same({parts, snapshot, {}});
    // A window that leaves out some parts, so that others are read by groups.
    const uint64_t start = 1'700'000'000'000'000'000 + random.number(100'000'000'000);
    expect_same({parts, snapshot, {.filter = {}, .start_ns = start, .end_ns = start + 1'000'000}});
    expect_same({parts, snapshot, {.filter = {}, .start_ns = 0, .end_ns = 1}});
  }
}

TEST(TagsTest, SlicesOfOddLengthsAreReadToo) {
  RandomSpans random(5);
  const Parts parts = {random.request(200), random.request(50)};
  Snapshot snapshot = snapshot_of(parts);
  for (auto& part : snapshot.parts) part = std::make_shared<AlteredPart>(part, 3);
  expect_same({parts, snapshot, {}});
  TagQuestion question;
  question.filter = *traceql::read_tag_filter("{ kind = client }");
  expect_same({parts, snapshot, question, [](const SentSpan& s) { return s.kind == 3; }});
}

TEST(TagsTest, DamageCostsWhatItIsIn) {
  Snapshot snapshot =
      snapshot_of({{span(1, {{"k", text("old")}})}, {span(9, {{"k", text("new")}})}});
  const auto damaged = std::make_shared<AlteredPart>(snapshot.parts[1], 1);
  damaged->fail_field = [](Field field, uint32_t) { return field == Field::span_shape; };
  damaged->fail_attribute = [](Scope, uint32_t, uint32_t) { return true; };
  damaged->bytes_a_read = 100;
  snapshot.parts[1] = damaged;
  const auto values = tag_values({&snapshot, 1}, of_span("k"), {}, {});
  ASSERT_TRUE(values);
  EXPECT_THAT(values->values, ElementsAre(TagValue{TagType::string, "old"}));
  EXPECT_EQ(values->damaged, 1U);
  TagQuestion question;
  question.filter = *traceql::read_tag_filter("{ duration > 1ns }");
  const TagNames names = names_of(snapshot, question);
  EXPECT_THAT(names.names[at(Scope::span)], ElementsAre("k"));
  EXPECT_EQ(names.damaged, 1U);
  EXPECT_GT(names.inspected.bytes, 0U);
}

struct FilterCase {
  std::string query;
  std::function<bool(const SentSpan&)> passes;
};

// The value that counts: the first of that key.
bool has(const SentAttributes& attributes, const std::string& key, const SentValue& value) {
  const auto found = std::ranges::find(attributes, key, &SentAttribute::key);
  return found != attributes.end() && found->value == value;
}

const std::vector<FilterCase>& filter_cases() {
  static const std::vector<FilterCase> kCases = {
      {"{ name = \"name 3\" }", [](const SentSpan& s) { return s.name == "name 3"; }},
      {"{ kind = server && status = error",
       [](const SentSpan& s) { return s.kind == 2 && s.status_code == 2; }},
      {"{ resource.service.name = \"service 1\" && span.x = }",
       [](const SentSpan& s) {
         return has(s.resource->attributes, "service.name", text("service 1"));
       }},
      {"{ resource.service.name = \"service 1\" || name =~ \"name [12]\" }",
       [](const SentSpan& s) {
         return s.name == "name 1" || s.name == "name 2" ||
                has(s.resource->attributes, "service.name", text("service 1"));
       }},
      {"{ span.\"key 3\" = \"value 4\" || span.\"key 4\" = true }",
       [](const SentSpan& s) {
         return has(s.attributes, "key 3", text("value 4")) ||
                has(s.attributes, "key 4", boolean(true));
       }},
      {"{ nestedSetParent < 0 && kind = client }", [](const SentSpan& s) { return s.kind == 3; }},
      {"{ nestedSetParent < 0 }", everything},
      {"{ name = \"name 3\" } >> { name = \"name 4\" }", everything},
      {"{ }", everything},
      {"{", everything},
      {"{ name = \"no such\" }", [](const SentSpan&) { return false; }},
  };
  return kCases;
}

TEST(TagsTest, OnlySpansThatPassTheFilterCount) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomSpans random(seed);
    const Parts parts = {random.request(40), random.request(80), random.request(30)};
    Blocks blocks;
    const Snapshot snapshot = blocks.of(snapshot_of(parts));
    for (const FilterCase& one : filter_cases()) {
      SCOPED_TRACE(one.query);
      auto filter = traceql::read_tag_filter(one.query);
      ASSERT_TRUE(filter);
      TagQuestion question;
      question.filter = std::move(*filter);
      expect_same({parts, snapshot, question, one.passes});
    }
  }
}

TEST(TagsTest, RootNamesOfTracesThatPass) {
  std::vector<SentSpan> roots;
  std::vector<SentSpan> children;
  for (uint64_t i = 1; i <= 4; ++i) {
    roots.push_back(span(i));
    roots.back().name = fmt::format("root {}", i);
    roots.back().resource = resource_with({{"service.name", text(fmt::format("shop {}", i))}});
    SentSpan child = span(100 + i, {{"n", integer(static_cast<int64_t>(i))}});
    child.trace_id = roots.back().trace_id;
    child.parent_id = roots.back().span_id;
    children.push_back(std::move(child));
  }
  // The child of 4 lies beside its root, the others in another part.
  roots.push_back(children.back());
  children.pop_back();
  Blocks blocks;
  const Snapshot snapshot = blocks.of(snapshot_of({children, roots}));
  TagQuestion question;
  question.filter = *traceql::read_tag_filter("{ span.n > 2 }");
  EXPECT_THAT(values_of(snapshot, intrinsic(Intrinsic::root_name), question),
              ElementsAre("string root 3", "string root 4"));
  EXPECT_THAT(values_of(snapshot, intrinsic(Intrinsic::root_service), question),
              ElementsAre("string shop 3", "string shop 4"));
  EXPECT_EQ(values_of(snapshot, intrinsic(Intrinsic::root_service)).size(), 4U);
  question.filter = *traceql::read_tag_filter("{ rootName = `root 3` && span.n != nil }");
  EXPECT_THAT(values_of(snapshot, of_span("n"), question), ElementsAre("int 3"));
  question.filter = *traceql::read_tag_filter("{ traceDuration > 90us }");
  EXPECT_THAT(values_of(snapshot, of_span("n"), question).size(), 4U);
}

TEST(TagsTest, EqualTheOracleOverManyRowGroups) {
  RandomSpans random(99);
  Parts parts(1);
  const auto resource = std::make_shared<const SentResource>(random.resource());
  for (uint64_t i = 0; i < 60'000; ++i) {
    SentSpan one = span(i + 1);
    if (i % 5'000 == 0) {
      const SentAttributes attributes = random.attributes();
      one.attributes = attributes;
      one.events.push_back(event_with(random.attributes()));
      one.resource = std::make_shared<const SentResource>(random.resource());
      one.links.push_back(link_with(random.attributes()));
    } else {
      one.resource = resource;
    }
    parts[0].push_back(std::move(one));
  }
  const Snapshot snapshot = snapshot_of(parts);
  EXPECT_GT(snapshot.parts[0]->groups(), 1U);
  expect_same({parts, snapshot, {}});
  for (const uint64_t start : {1'000'000ULL, 25'000'000ULL, 55'000'000ULL}) {
    expect_same({parts, snapshot, {.filter = {}, .start_ns = start, .end_ns = start + 5'000'000}});
  }
}

TEST(TagsTest, KeysThatCameWhenAllColumnsWereTaken) {
  Parts parts(2);
  for (uint64_t i = 0; i < 1'200; ++i) {
    parts[0].push_back(span(i + 1, {{fmt::format("key {}", i), integer(static_cast<int64_t>(i))},
                                    {fmt::format("key {}", i), text("x")},
                                    {"list", array({text(fmt::format("{}", i % 3))})}}));
  }
  parts[1].push_back(span(5'000, {{"key 1199", real(0.5)}}));
  const Snapshot snapshot = snapshot_of(parts);
  const Oracle oracle{parts, snapshot, {}};
  EXPECT_EQ(names_of_spans(snapshot), oracle.names(Scope::span));
  EXPECT_THAT(values_of(snapshot, of_span("key 1199")),
              ElementsAre("string x", "int 1199", "float 0.5"));
  // Cut by a window: by shapes.
  const TagQuestion window{.filter = {}, .start_ns = 0, .end_ns = 1'300'000};
  EXPECT_EQ(names_of_spans(snapshot, window), oracle.names(Scope::span));
}

}  // namespace
}  // namespace vivace
