// The oracle against the cases of tests/traceql/eval_cases.jsonl: what it says of them must be what
// they state, before anything is held against it.
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "query/testing/corpus.h"
#include "query/testing/naive.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

using corpus::json::object;

// An error of the case's kind at the parser or the check.
void expect_refused(const object& test) {
  const auto query = traceql::parse(corpus::text_at(test, "q"));
  ASSERT_FALSE(query);
  std::string expected = corpus::text_at(test, "error");
  const std::string quirk = "line 0,";
  if (const size_t at = expected.find(quirk); at != std::string::npos) {
    expected.replace(at, quirk.size(), fmt::format("line {},", query.error().line));
  }
  EXPECT_EQ(query.error().text(), expected);
}

std::string hex(const naive::Trace& trace, size_t span) {
  return to_hex(trace.spans[span].span_id.view());
}

std::string show_spans(const std::vector<naive::Found>& found) {
  std::map<std::string, std::set<std::string>> traces;
  for (const naive::Found& one : found) {
    for (const naive::SpanSet& set : one.sets) {
      for (const size_t span : set.spans) {
        traces[to_hex(one.trace->id.view())].insert(hex(*one.trace, span));
      }
    }
  }
  std::string out;
  for (const auto& [trace, spans] : traces) {
    out += fmt::format("{}: {}\n", trace, fmt::join(spans, " "));
  }
  return out;
}

std::string show_sets(const std::vector<naive::Found>& found) {
  std::set<std::string> lines;
  for (const naive::Found& one : found) {
    for (const naive::SpanSet& set : one.sets) {
      std::string line = to_hex(one.trace->id.view()) + ":";
      for (const naive::Label& label : set.attributes) {
        std::string value = traceql::datum_text(label.value);
        if (label.value.type() == traceql::Type::nil ||
            label.value.type() == traceql::Type::duration) {
          value = "`" + value + "`";
        }
        line += fmt::format(" {}={}", label.name, value);
      }
      std::set<std::string> spans;
      for (const size_t span : set.spans) spans.insert(hex(*one.trace, span));
      lines.insert(
          fmt::format("{} [{}] matched {}\n", line, fmt::join(spans, " "), set.spans.size()));
    }
  }
  return fmt::format("{}", fmt::join(lines, ""));
}

void expect_found(const object& test, const std::vector<naive::Found>& found) {
  if (test.contains("expect")) {
    EXPECT_EQ(show_spans(found), corpus::expected_spans(test));
  }
  if (test.contains("spansets")) {
    EXPECT_EQ(show_sets(found), corpus::expected_sets(test));
  }
  if (const auto* names = test.if_contains("expect_names")) {
    std::set<std::string> expected;
    for (const auto& name : names->as_object().begin()->value().as_array()) {
      expected.emplace(name.as_string());
    }
    std::set<std::string> got;
    for (const size_t span : found.front().sets.front().spans) {
      got.insert(found.front().trace->spans[span].name);
    }
    EXPECT_EQ(got, expected);
  }
  if (const auto* counts = test.if_contains("expect_group_counts")) {
    for (const naive::Found& one : found) {
      std::multiset<uint64_t> expected;
      for (const auto& pair :
           counts->at(std::string_view(to_hex(one.trace->id.view()))).as_array()) {
        expected.insert(pair.at(1).to_number<uint64_t>());
      }
      std::multiset<uint64_t> got;
      for (const naive::SpanSet& set : one.sets) got.insert(set.spans.size());
      EXPECT_EQ(got, expected);
    }
  }
}

void expect_series(const object& test, std::vector<naive::Series> got) {
  std::map<std::string, std::map<uint64_t, double>> by_label;
  for (naive::Series& series : got) {
    if (!corpus::concerns(test, series.labels)) continue;
    EXPECT_TRUE(by_label.emplace(naive::text_of(series.labels), series.points).second);
  }
  std::map<std::string, std::map<uint64_t, double>> expected;
  for (naive::Series& series : corpus::expected_series(test)) {
    expected[naive::text_of(series.labels)] = series.points;
  }
  std::vector<std::string> keys;
  for (const auto& [key, points] : by_label) keys.push_back(key);
  std::vector<std::string> expected_keys;
  for (const auto& [key, points] : expected) expected_keys.push_back(key);
  ASSERT_EQ(keys, expected_keys);
  for (const auto& [key, points] : expected) {
    ASSERT_EQ(by_label[key].size(), points.size()) << key;
    for (const auto& [time, value] : points) {
      ASSERT_TRUE(by_label[key].contains(time)) << key << " at " << time;
      EXPECT_NEAR(by_label[key][time], value, 1e-9 * std::abs(value)) << key << " at " << time;
    }
  }
}

TEST(NaiveCases, All) {
  const auto datasets = corpus::read_datasets();
  int ran = 0;
  for (const object& test : corpus::read_cases()) {
    const std::string id = corpus::text_at(test, "id");
    if (corpus::otherwise().contains(id)) continue;
    SCOPED_TRACE(id + ": " + corpus::text_at(test, "q"));
    ++ran;
    const std::string kind = corpus::text_at(test, "kind");
    if (kind == "error" && corpus::text_at(test, "stage") != "run") {
      expect_refused(test);
      continue;
    }
    const auto query = traceql::parse(corpus::text_at(test, "q"));
    ASSERT_TRUE(query) << query.error().text();
    const auto traces = naive::traces_of({datasets.at(corpus::text_at(test, "dataset"))});
    if (kind == "error") {
      EXPECT_THROW(naive::search(traces, *query), naive::Failure);
    } else if (kind == "metrics") {
      expect_series(test, naive::metrics(traces, *query, corpus::range_of(test)));
    } else {
      expect_found(test, naive::search(traces, *query));
    }
  }
  EXPECT_GE(ran, 199);
}

// What the reference says in passing, over traces made for it.
SentSpan span(uint64_t id, uint64_t parent, uint64_t start_s, int32_t kind = 1) {
  SentSpan out;
  out.trace_id = make_trace_id(0, 1);
  out.span_id = make_span_id(id);
  out.parent_id = make_span_id(parent);
  out.kind = kind;
  out.start_ns = start_s * 1'000'000'000;
  out.end_ns = out.start_ns + 1'000'000;
  return out;
}

std::string places(const std::vector<SentSpan>& spans) {
  std::string out;
  const auto traces = naive::traces_of({spans});
  for (const SentSpan& one : traces.front().spans) {
    const naive::Place& place = traces.front().place_of(one);
    out += fmt::format("{}:{}-{}^{} ", std::byteswap(one.span_id.raw), place.left, place.right,
                       place.parent);
  }
  return out;
}

TEST(NaiveTree, Numbers) {
  EXPECT_EQ(places({span(1, 0, 1), span(2, 1, 2), span(3, 1, 3), span(4, 2, 4)}),
            "1:1-8^-1 2:2-5^1 3:6-7^1 4:3-4^2 ");
  // Two roots share the counter; 5 and 6 hang nowhere; 7 and 8 are a cycle.
  EXPECT_EQ(places({span(1, 0, 1), span(2, 0, 2), span(3, 2, 3), span(5, 99, 4), span(6, 5, 5),
                    span(7, 8, 6), span(8, 7, 7)}),
            "1:1-2^-1 2:3-6^-1 3:4-5^3 5:0-0^0 6:0-0^0 7:0-0^0 8:0-0^0 ");
  // A pair: the child of the shared id is the server's; the server hangs below the client.
  EXPECT_EQ(places({span(1, 0, 1), span(2, 1, 2, 3), span(2, 2, 3, 2), span(4, 2, 4)}),
            "1:1-8^-1 2:2-7^1 2:3-6^2 4:4-5^3 ");
  // Three of one id: no tree.
  EXPECT_EQ(places({span(1, 0, 1), span(2, 1, 2, 3), span(2, 1, 3, 2), span(2, 1, 4, 4)}),
            "1:0-0^0 2:0-0^0 2:0-0^0 2:0-0^0 ");
}

}  // namespace
}  // namespace vivace
