// The searches of tests/traceql/eval_cases.jsonl, each over its data set in a head and in a block:
// which spans match, in which spansets, what is shown of them and of their traces.
#include <fstream>
#include <map>
#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/search.h"
#include "query/stored_values.h"
#include "query/testing/mixed_parts.h"
#include "traceql/testing/cases.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

namespace json = boost::json;

// Cases that contradict what Vivace does on purpose.
const std::set<std::string> kOtherwise = {
    "e202",  // 2 ^ 3 is 8
};

std::string text_at(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? "" : std::string(value->as_string());
}
uint64_t number_at(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? 0 : value->to_number<uint64_t>();
}

TraceId trace_id_of(std::string text) {
  text.insert(0, 32 - std::min<size_t>(32, text.size()), '0');
  return make_trace_id(std::stoull(text.substr(text.size() - 32, 16), nullptr, 16),
                       std::stoull(text.substr(text.size() - 16), nullptr, 16));
}
SpanId span_id_of(const std::string& text) {
  return text.empty() ? SpanId{} : make_span_id(std::stoull(text, nullptr, 16));
}

// {"s": "x"} and so on; lists are OTLP arrays.
SentValue value_of(const json::value& tagged) {
  const auto& [tag, value] = *tagged.as_object().begin();
  SentValue out;
  if (tag == "s") return {ValueType::string, 0, std::string(value.as_string())};
  if (tag == "b") return {ValueType::boolean, value.as_bool(), ""};
  if (tag == "i") {
    return {ValueType::integer, static_cast<uint64_t>(value.to_number<int64_t>()), ""};
  }
  if (tag == "d") return {ValueType::real, std::bit_cast<uint64_t>(value.to_number<double>()), ""};
  out.type = ValueType::array;
  protozero::pbf_writer list(out.text);
  for (const json::value& element : value.as_array()) {
    const json::object inner{{std::string_view(tag).substr(1), element}};
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, value_of(inner)); });
  }
  return out;
}

SentAttributes attributes_of(const json::object& object, const char* key) {
  SentAttributes out;
  const json::value* attributes = object.if_contains(key);
  if (attributes == nullptr) return out;
  for (const auto& [name, value] : attributes->as_object()) {
    out.push_back({std::string(name), value_of(value)});
  }
  return out;
}

int32_t index_of(std::initializer_list<std::string_view> words, std::string_view word) {
  return static_cast<int32_t>(std::ranges::find(words, word) - words.begin());
}

SentSpan span_of(const json::object& from, TraceId trace) {
  SentSpan out;
  out.trace_id = trace;
  out.span_id = span_id_of(text_at(from, "id"));
  out.parent_id = span_id_of(text_at(from, "parent"));
  out.name = text_at(from, "name");
  out.kind = index_of({"unspecified", "internal", "server", "client", "producer", "consumer"},
                      text_at(from, "kind"));
  out.status_code = index_of({"unset", "ok", "error"}, text_at(from, "status"));
  out.status_message = text_at(from, "statusMessage");
  out.start_ns = number_at(from, "start");
  out.end_ns = out.start_ns + number_at(from, "dur");
  out.attributes = attributes_of(from, "attrs");
  SentResource resource;
  resource.attributes = attributes_of(from, "resource");
  out.resource = std::make_shared<const SentResource>(std::move(resource));
  if (const json::value* scope = from.if_contains("scope")) {
    SentScope sent;
    sent.name = text_at(scope->as_object(), "name");
    sent.version = text_at(scope->as_object(), "version");
    sent.attributes = attributes_of(scope->as_object(), "attrs");
    out.scope = std::make_shared<const SentScope>(std::move(sent));
  }
  if (const json::value* events = from.if_contains("events")) {
    for (const json::value& event : events->as_array()) {
      const json::object& e = event.as_object();
      out.events.push_back({out.start_ns + number_at(e, "offset"), text_at(e, "name"),
                            attributes_of(e, "attrs"), 0});
    }
  }
  if (const json::value* links = from.if_contains("links")) {
    for (const json::value& link : links->as_array()) {
      const json::object& l = link.as_object();
      SentLink sent;
      sent.trace_id = trace_id_of(text_at(l, "traceID"));
      sent.span_id = span_id_of(text_at(l, "spanID"));
      sent.attributes = attributes_of(l, "attrs");
      out.links.push_back(std::move(sent));
    }
  }
  return out;
}

std::map<std::string, std::vector<SentSpan>> read_datasets() {
  std::ifstream file(traceql::testing::source_root() + "tests/traceql/eval_datasets.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::map<std::string, std::vector<SentSpan>> out;
  const json::value all = json::parse(text);
  for (const auto& [name, dataset] : all.as_object()) {
    if (!dataset.is_object()) continue;
    for (const json::value& trace : dataset.at("traces").as_array()) {
      const TraceId id = trace_id_of(text_at(trace.as_object(), "traceID"));
      for (const json::value& span : trace.at("spans").as_array()) {
        out[name].push_back(span_of(span.as_object(), id));
      }
    }
  }
  return out;
}

std::vector<json::object> read_cases() {
  std::ifstream file(traceql::testing::source_root() + "tests/traceql/eval_cases.jsonl");
  std::vector<json::object> out;
  for (std::string line; std::getline(file, line);) out.push_back(json::parse(line).as_object());
  return out;
}

// `trace: span span` a line.
using SpansOfTraces = std::map<std::string, std::set<std::string>>;
std::string show(const SpansOfTraces& traces) {
  std::string out;
  for (const auto& [trace, spans] : traces) {
    out += fmt::format("{}: {}\n", trace, fmt::join(spans, " "));
  }
  return out;
}

std::string show_expected(const json::object& expect) {
  SpansOfTraces traces;
  for (const auto& [trace, spans] : expect) {
    for (const json::value& span : spans.as_array()) {
      traces[to_hex(trace_id_of(std::string(trace)).view())].insert(
          to_hex(span_id_of(std::string(span.as_string())).view()));
    }
  }
  return show(traces);
}

std::string show_found(const SearchResult& result) {
  SpansOfTraces traces;
  for (const FoundTrace& trace : result.traces) {
    for (const FoundSpanSet& set : trace.sets) {
      for (const FoundSpan& span : set.spans) {
        traces[to_hex(trace.id.view())].insert(to_hex(span.id.view()));
      }
    }
  }
  return show(traces);
}

void expect_shown(const json::object& test, const SearchResult& result) {
  const json::value* expected = test.if_contains("span_results");
  if (expected == nullptr) return;
  for (const auto& [id, wanted] : expected->as_object()) {
    for (const FoundTrace& trace : result.traces) {
      for (const FoundSpan& span : trace.sets.front().spans) {
        if (span.id != span_id_of(std::string(id))) continue;
        EXPECT_EQ(span.name, text_at(wanted.as_object(), "name"));
        std::map<std::string, std::string> got;
        std::map<std::string, std::string> attributes;
        for (const ShownValue& shown : span.attributes) {
          std::string room;
          const Value value = to_value(shown.value, room);
          got[shown.key] =
              fmt::format("{} {} {}", static_cast<int>(value.type), value.bits, value.text);
        }
        for (const SentAttribute& a : attributes_of(wanted.as_object(), "attrs")) {
          attributes[a.key] =
              fmt::format("{} {} {}", static_cast<int>(a.value.type), a.value.bits, a.value.text);
        }
        EXPECT_EQ(got, attributes);
      }
    }
  }
}

std::string show(const ShownValue& shown) {
  std::string room;
  const Value value = to_value(shown.value, room);
  return fmt::format("{}: {} {} {}", shown.key, static_cast<int>(value.type), value.bits,
                     value.text);
}

// Spansets in any order: their attributes, then their spans.
void expect_sets(const json::object& test, const SearchResult& result) {
  const json::value* expected = test.if_contains("spansets");
  if (expected == nullptr) return;
  std::multiset<std::string> wanted;
  for (const auto& [trace, sets] : expected->as_object()) {
    for (const json::value& set : sets.as_array()) {
      std::set<std::string> attributes;
      for (const SentAttribute& a : attributes_of(set.as_object(), "attributes")) {
        attributes.insert(fmt::format("{}: {} {} {}", a.key, static_cast<int>(a.value.type),
                                      a.value.bits, a.value.text));
      }
      std::set<std::string> spans;
      for (const json::value& id : set.at("spans").as_array()) {
        spans.insert(to_hex(span_id_of(std::string(id.as_string())).view()));
      }
      wanted.insert(fmt::format("{} {} | {} | {}", to_hex(trace_id_of(std::string(trace)).view()),
                                number_at(set.as_object(), "matched"), fmt::join(attributes, ", "),
                                fmt::join(spans, " ")));
    }
  }
  std::multiset<std::string> got;
  for (const FoundTrace& trace : result.traces) {
    for (const FoundSpanSet& set : trace.sets) {
      std::set<std::string> attributes;
      for (const ShownValue& shown : set.attributes) attributes.insert(show(shown));
      std::set<std::string> spans;
      for (const FoundSpan& span : set.spans) spans.insert(to_hex(span.id.view()));
      got.insert(fmt::format("{} {} | {} | {}", to_hex(trace.id.view()), set.matched,
                             fmt::join(attributes, ", "), fmt::join(spans, " ")));
    }
  }
  EXPECT_EQ(got, wanted);
}

// [returned, matched] of each set, in any order.
void expect_group_counts(const json::object& test, const SearchResult& result) {
  const json::value* expected = test.if_contains("expect_group_counts");
  if (expected == nullptr) return;
  std::multiset<std::string> wanted;
  for (const auto& [trace, counts] : expected->as_object()) {
    for (const json::value& pair : counts.as_array()) {
      wanted.insert(fmt::format("{} {} {}", to_hex(trace_id_of(std::string(trace)).view()),
                                pair.at(0).to_number<int>(), pair.at(1).to_number<int>()));
    }
  }
  std::multiset<std::string> got;
  for (const FoundTrace& trace : result.traces) {
    for (const FoundSpanSet& set : trace.sets) {
      got.insert(fmt::format("{} {} {}", to_hex(trace.id.view()), set.spans.size(), set.matched));
    }
  }
  EXPECT_EQ(got, wanted);
}

void expect_metadata(const json::object& test, const SearchResult& result) {
  const json::value* expected = test.if_contains("trace_metadata");
  if (expected == nullptr) return;
  ASSERT_EQ(result.traces.size(), expected->as_object().size());
  const json::object& wanted = expected->as_object().begin()->value().as_object();
  const FoundTrace& trace = result.traces.front();
  EXPECT_EQ(trace.root_name, text_at(wanted, "rootTraceName"));
  const std::string service = text_at(wanted, "rootServiceName");
  EXPECT_EQ(trace.root_service, service.starts_with('<') ? "" : service);
  EXPECT_EQ(trace.start_ns, number_at(wanted, "startTimeUnixNano"));
  EXPECT_EQ((trace.end_ns - trace.start_ns) / 1'000'000, number_at(wanted, "durationMs"));
  std::map<std::string, std::pair<uint64_t, uint64_t>> counts;
  for (const auto& [name, stats] : wanted.at("serviceStats").as_object()) {
    counts[name] = {number_at(stats.as_object(), "spanCount"),
                    number_at(stats.as_object(), "errorCount")};
  }
  ASSERT_EQ(trace.services.size(), counts.size());
  for (const auto& [name, got] : trace.services) {
    EXPECT_EQ(counts[name].first, got.spans) << name;
    EXPECT_EQ(counts[name].second, got.errors) << name;
  }
}

void run_case(const json::object& test, const Snapshot& snapshot) {
  const auto query = traceql::parse(text_at(test, "q"));
  ASSERT_TRUE(query);
  SearchQuestion all = *plan_search(*query);
  all.limit = all.spans_per_set = 1'000;
  if (const uint64_t spans = number_at(test, "spss"); spans > 0) {
    all.spans_per_set = static_cast<uint32_t>(spans);
  }
  const auto result = search({&snapshot, 1}, all, {});
  if (text_at(test, "kind") == "error") {
    EXPECT_FALSE(result);
    const std::string message = result ? "" : result.error().message;
    EXPECT_NE(message.find(text_at(test, "error")), std::string::npos) << message;
    return;
  }
  ASSERT_TRUE(result) << result.error().message;
  if (const json::value* expect = test.if_contains("expect")) {
    EXPECT_EQ(show_found(*result), show_expected(expect->as_object()));
  }
  expect_shown(test, *result);
  expect_sets(test, *result);
  expect_group_counts(test, *result);
  expect_metadata(test, *result);
}

TEST(EvaluationCases, OfSearches) {
  const auto datasets = read_datasets();
  MixedParts disk;
  int ran = 0;
  for (const json::object& test : read_cases()) {
    const std::string id = text_at(test, "id");
    if (text_at(test, "kind") == "metrics" || kOtherwise.contains(id)) continue;
    if (text_at(test, "kind") == "error" && text_at(test, "stage") != "run") continue;
    SCOPED_TRACE(id + ": " + text_at(test, "q"));
    const Parts parts = {datasets.at(text_at(test, "dataset"))};
    run_case(test, disk.snapshot(parts, [](size_t) { return false; }));
    run_case(test, disk.snapshot(parts, [](size_t) { return true; }));
    ++ran;
  }
  EXPECT_GE(ran, 140);
}

}  // namespace
}  // namespace vivace
