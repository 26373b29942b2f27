// The searches of tests/traceql/eval_cases.jsonl, each over its data set in a head and in a block:
// which spans match, in which spansets, what is shown of them and of their traces.
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "query/search.h"
#include "query/stored_values.h"
#include "query/testing/corpus.h"
#include "query/testing/mixed_parts.h"
#include "query/testing/naive.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

namespace json = boost::json;
using corpus::attributes_of;
using corpus::number_at;
using corpus::span_id_of;
using corpus::text_at;
using corpus::trace_id_of;

// `trace: span span` a line.
std::string show_found(const SearchResult& result) {
  std::map<std::string, std::set<std::string>> traces;
  for (const FoundTrace& trace : result.traces) {
    for (const FoundSpanSet& set : trace.sets) {
      for (const FoundSpan& span : set.spans) {
        traces[to_hex(trace.id.view())].insert(to_hex(span.id.view()));
      }
    }
  }
  std::string out;
  for (const auto& [trace, spans] : traces) {
    out += fmt::format("{}: {}\n", trace, fmt::join(spans, " "));
  }
  return out;
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

// Spansets in any order, their attributes in that of the stages.
std::string show_sets(const SearchResult& result) {
  std::set<std::string> lines;
  for (const FoundTrace& trace : result.traces) {
    for (const FoundSpanSet& set : trace.sets) {
      std::string line = to_hex(trace.id.view()) + ":";
      for (const ShownValue& shown : set.attributes) {
        std::string room;
        const Value value = to_value(shown.value, room);
        const SentValue sent{value.type, value.bits, std::string(value.text)};
        line += fmt::format(" {}={}", shown.key, traceql::datum_text(naive::datum_of(sent)));
      }
      std::set<std::string> spans;
      for (const FoundSpan& span : set.spans) spans.insert(to_hex(span.id.view()));
      lines.insert(fmt::format("{} [{}] matched {}\n", line, fmt::join(spans, " "), set.matched));
    }
  }
  return fmt::format("{}", fmt::join(lines, ""));
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
  if (test.contains("expect")) {
    EXPECT_EQ(show_found(*result), corpus::expected_spans(test));
  }
  if (test.contains("spansets")) {
    EXPECT_EQ(show_sets(*result), corpus::expected_sets(test));
  }
  expect_shown(test, *result);
  expect_group_counts(test, *result);
  expect_metadata(test, *result);
}

TEST(EvaluationCases, OfSearches) {
  const auto datasets = corpus::read_datasets();
  MixedParts disk;
  int ran = 0;
  for (const json::object& test : corpus::read_cases()) {
    const std::string id = text_at(test, "id");
    if (text_at(test, "kind") == "metrics" || corpus::otherwise().contains(id)) continue;
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
