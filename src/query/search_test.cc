// Search against the oracle of testing/naive.h: random spans under random filters, in heads and
// blocks with traces torn between them and spans sent again, with and without a limit.
#include "query/search.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/testing/mixed_parts.h"
#include "query/testing/naive.h"
#include "query/testing/random_filters.h"
#include "store/testing/stored_parts.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

traceql::Query parsed(const std::string& text) {
  auto query = traceql::parse(text);
  EXPECT_TRUE(query) << text << ": " << query.error().text();
  return *std::move(query);
}

Result<SearchResult> ask(const Snapshot& snapshot, const std::string& text,
                         uint32_t limit = 1'000'000, uint32_t spans_per_set = 1'000'000) {
  const traceql::Query query = parsed(text);
  SearchQuestion question = TRY(plan_search(query));
  question.limit = limit;
  question.spans_per_set = spans_per_set;
  return search({&snapshot, 1}, question, {});
}

std::string show(const FoundTrace& trace) {
  std::string out =
      fmt::format("{} {}-{} root {}/{} matched {}:", to_hex(trace.id.view()), trace.start_ns,
                  trace.end_ns, trace.root_service, trace.root_name, trace.sets.front().matched);
  for (const FoundSpan& span : trace.sets.front().spans) {
    out += fmt::format(" {}+{}", to_hex(span.id.view()), span.duration_ns);
  }
  for (const auto& [service, counts] : trace.services) {
    out += fmt::format(" {}={}/{}", service, counts.spans, counts.errors);
  }
  return out + "\n";
}

std::string show(const SearchResult& result) {
  std::string out;
  for (const FoundTrace& trace : result.traces) out += show(trace);
  return out;
}

std::string show(const std::vector<naive::Match>& matches, size_t limit, size_t spans_per_set) {
  std::string out;
  for (const naive::Match& match : matches) {
    if (limit-- == 0) break;
    const naive::Trace& trace = *match.trace;
    out += fmt::format("{} {}-{} root {}/{} matched {}:", to_hex(trace.id.view()), trace.start_ns,
                       trace.end_ns, trace.root == nullptr ? "" : naive::service_of(*trace.root),
                       trace.root == nullptr ? "" : trace.root->name, match.spans.size());
    for (size_t i = 0; i < std::min(spans_per_set, match.spans.size()); ++i) {
      const SentSpan& span = *match.spans[i];
      out += fmt::format(" {}+{}", to_hex(span.span_id.view()), span.end_ns - span.start_ns);
    }
    std::map<std::string, std::pair<int, int>> services;
    for (const SentSpan& span : trace.spans) {
      auto& [spans, errors] = services[naive::service_of(span)];
      ++spans;
      errors += span.status_code == 2 ? 1 : 0;
    }
    for (const auto& [service, counts] : services) {
      out += fmt::format(" {}={}/{}", service, counts.first, counts.second);
    }
    out += "\n";
  }
  return out;
}

// Spans in one to four parts, some of them sent again later.
Parts random_parts(RandomSpans& random) {
  Parts parts(1 + random.number(4));
  for (auto& part : parts) part = random.request(20 + random.number(150));
  for (size_t p = 1; p < parts.size(); ++p) {
    for (uint64_t left = random.number(20); left > 0; --left) {
      const auto& from = parts[random.number(p)];
      parts[p].push_back(from[random.number(from.size())]);
    }
  }
  return parts;
}

// The first line in which two answers differ.
std::string difference(const std::string& got, const std::string& wanted) {
  size_t at = 0;
  while (at < got.size() && at < wanted.size() && got[at] == wanted[at]) ++at;
  if (got == wanted) return "";
  const auto line = [](const std::string& text, size_t i) {
    const size_t begin = i == 0 ? 0 : text.rfind('\n', i - 1) + 1;
    return text.substr(begin, text.find('\n', i) - begin);
  };
  return "\n got    " + line(got, at) + "\n wanted " + line(wanted, at);
}

struct Oracle {
  std::vector<naive::Match> matches;
  bool failed = false;
};

Oracle oracle(const std::vector<naive::Trace>& traces, const traceql::Query& query) {
  Oracle out;
  try {
    const auto& spanset = std::get<traceql::Spanset>(query.pipeline.stages.front());
    out.matches = naive::search(traces, spanset.get_if<traceql::Filter>()->condition);
  } catch (const naive::Failure&) {
    out.failed = true;
  }
  return out;
}

// `stored`: blocks, then heads, that know which traces are split; of the others nobody knows.
enum class Kinds : uint8_t { heads, blocks, mixed, stored };

class RandomSearch : public testing::TestWithParam<std::tuple<Kinds, uint64_t>> {};

TEST_P(RandomSearch, AgreesWithTheOracle) {
  constexpr int kFilters = 100;
  const Kinds kinds = std::get<0>(GetParam());
  const uint64_t seed = std::get<1>(GetParam());
  RandomSpans random(seed);
  RandomFilters filters(random);
  const Parts parts = random_parts(random);
  MixedParts disk;
  StoredParts stored;
  const Snapshot snapshot =
      kinds == Kinds::stored
          ? stored.snapshot(parts, random.number(parts.size() + 1))
          : disk.snapshot(parts, [&](size_t) {
              return kinds == Kinds::blocks || (kinds == Kinds::mixed && random.chance(50));
            });
  const std::vector<naive::Trace> traces = naive::traces_of(parts);
  int answered = 0;
  for (int i = 0; i < kFilters; ++i) {
    const std::string text = filters.filter();
    const auto query = traceql::parse(text);
    if (!query) continue;
    const Oracle expected = oracle(traces, *query);
    const uint32_t limit = random.chance(50) ? 1000 : 1 + static_cast<uint32_t>(random.number(6));
    const uint32_t spss = static_cast<uint32_t>(random.number(5));
    const auto found = ask(snapshot, text, limit, spss);
    if (!found) {
      EXPECT_EQ(found.error().code, Code::invalid_argument) << found.error().message;
      EXPECT_TRUE(expected.failed) << "seed " << seed << " " << text << found.error().message;
      continue;
    }
    if (expected.failed) continue;  // && and || need not look at what fails
    ASSERT_EQ(difference(show(*found), show(expected.matches, limit, spss)), "")
        << "seed " << seed << " " << text;
    if (!found->traces.empty()) ++answered;
  }
  EXPECT_GT(answered, kFilters / 10);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomSearch,
                         testing::Combine(testing::Values(Kinds::heads, Kinds::blocks, Kinds::mixed,
                                                          Kinds::stored),
                                          testing::Range<uint64_t>(1, 13)));

}  // namespace
}  // namespace vivace
