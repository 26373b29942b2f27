// Names and values of tags against an oracle that walks the sent spans one by one, over heads and
// blocks, windows and filters; and over parts that are damaged or cut in odd slices.
#include <functional>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <protozero/pbf_reader.hpp>

#include "block/block.h"
#include "model/testing/altered_part.h"
#include "query/tags_testing.h"
#include "storage/fault_storage.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using traceql::Intrinsic;
using Texts = std::vector<std::string>;

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

TEST(TagsOracleTest, EqualTheOracleOverRandomSpans) {
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

TEST(TagsOracleTest, SlicesOfOddLengthsAreReadToo) {
  RandomSpans random(5);
  const Parts parts = {random.request(200), random.request(50)};
  Snapshot snapshot = snapshot_of(parts);
  for (auto& part : snapshot.parts) part = std::make_shared<AlteredPart>(part, 3);
  expect_same({parts, snapshot, {}});
  TagQuestion question;
  question.filter = *traceql::read_tag_filter("{ kind = client }");
  expect_same({parts, snapshot, question, [](const SentSpan& s) { return s.kind == 3; }});
}

TEST(TagsOracleTest, DamageCostsWhatItIsIn) {
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
      {"{ nestedSetParent < 0 && kind = client }",
       [](const SentSpan& s) { return s.parent_id.is_zero() && s.kind == 3; }},
      {"{ nestedSetParent < 0 }", [](const SentSpan& s) { return s.parent_id.is_zero(); }},
      {"{ name = \"name 3\" } >> { name = \"name 4\" }", everything},
      {"{ }", everything},
      {"{", everything},
      {"{ name = \"no such\" }", [](const SentSpan&) { return false; }},
  };
  return kCases;
}

TEST(TagsOracleTest, OnlySpansThatPassTheFilterCount) {
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

TEST(TagsOracleTest, RootNamesOfTracesThatPass) {
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

TEST(TagsOracleTest, EqualTheOracleOverManyRowGroups) {
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

TEST(TagsOracleTest, KeysThatCameWhenAllColumnsWereTaken) {
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
