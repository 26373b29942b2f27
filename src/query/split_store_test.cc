// Traces that arrive in pieces and spans that are sent again, through a store that cuts, merges and
// restarts meanwhile: by id, in searches and in counts the answers are those of one request with
// every span once.
#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "query/find_trace.h"
#include "query/part_set.h"
#include "query/search.h"
#include "query/testing/parts.h"
#include "store/testing/store_fixture.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

using Spans = std::vector<SentSpan>;
using Key = std::tuple<TraceId, SpanId, int32_t>;

Key identity_of(const SentSpan& span) { return {span.trace_id, span.span_id, span.kind}; }

std::string search_text(const Snapshot& snapshot, const std::string& text, uint64_t start_ns,
                        uint64_t end_ns) {
  const auto query = traceql::parse(text);
  EXPECT_TRUE(query) << text;
  auto question = plan_search(*query);
  EXPECT_TRUE(question);
  question->limit = question->spans_per_set = 100'000;
  question->start_ns = start_ns;
  question->end_ns = end_ns;
  const auto result = search({&snapshot, 1}, *question, {});
  if (!result) return result.error().message;
  std::string out = fmt::format("damaged {}\n", result->damaged);
  for (const FoundTrace& trace : result->traces) {
    out +=
        fmt::format("{} {}-{} {}/{} matched {}", to_hex(trace.id.view()), trace.start_ns,
                    trace.end_ns, trace.root_service, trace.root_name, trace.sets.front().matched);
    for (const FoundSpan& span : trace.sets.front().spans) out += " " + to_hex(span.id.view());
    for (const auto& [name, counts] : trace.services) {
      out += fmt::format(" {}={}/{}", name, counts.spans, counts.errors);
    }
    out += "\n";
  }
  return out;
}

// Rows that a count over bitmaps would count.
uint64_t counted_spans(const Snapshot& snapshot) {
  PartSet parts({&snapshot, 1});
  uint64_t out = 0;
  for (uint32_t p = 0; p < parts.size(); ++p) {
    for (uint32_t g = 0; g < parts.part(p).groups().size(); ++g) {
      Bits rows(parts.part(p).groups()[g].rows.count, true);
      parts.leave_out_repeats(p, g, rows);
      out += rows.count();
    }
  }
  return out;
}

// With room for what is known of split traces, and with none.
class SplitStore : public StoreTest, public testing::WithParamInterface<int64_t> {
 protected:
  SplitStore() {
    options_.split_bytes_max = GetParam();
    options_.generation_bytes_max = 64 << 20;
    options_.check_period_ms = 2;
    options_.compaction.enabled = false;
  }

  void send(const Spans& spans) {
    const auto appended = append_and_wait(spans);
    ASSERT_TRUE(appended) << appended.error().message;
    for (const SentSpan& span : spans) {
      if (known_.insert(identity_of(span)).second) sent_.push_back(span);
    }
  }
  void cut() {
    clock_.advance(options_.generation_age_max_ns);
    wait_until([&] { return metric(*metrics_, "vivace_head_bytes") == 0; });
  }

  Spans some_of(const Spans& spans, size_t count) {
    Spans out;
    while (out.size() < count) out.push_back(spans[random_.number(spans.size())]);
    return out;
  }

  // The same spans in one request, in a head of their own.
  void expect_answers_of_one_request(const std::string& when) {
    const Snapshot twin = snapshot_of({sent_});
    const Snapshot snapshot = store_->snapshot("t");
    EXPECT_EQ(counted_spans(snapshot), sent_.size()) << when;
    std::set<TraceId> ids;
    uint64_t start_min_ns = UINT64_MAX;
    uint64_t end_max_ns = 0;
    for (const SentSpan& span : sent_) {
      ids.insert(span.trace_id);
      start_min_ns = std::min(start_min_ns, span.start_ns);
      end_max_ns = std::max(end_max_ns, span.end_ns);
    }
    for (const TraceId& id : ids) {
      const Spans got = by_id(snapshot, id);
      const Spans wanted = by_id(twin, id);
      ASSERT_EQ(got.size(), wanted.size()) << when;
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_EQ(difference(got[i], wanted[i]), "") << when;
      }
    }
    for (const char* filter : {"{}", "{ rootName != \"\" }", "{ rootServiceName = \"service 2\" }",
                               "{ traceDuration > 60s }", "{ name = \"name 3\" }",
                               "{ kind = server && status != ok }"}) {
      ASSERT_EQ(search_text(snapshot, filter, 0, UINT64_MAX),
                search_text(twin, filter, 0, UINT64_MAX))
          << when << " " << filter;
      const uint64_t from = start_min_ns + random_.number(end_max_ns - start_min_ns);
      const uint64_t to = from + random_.number(200'000'000'000);
      ASSERT_EQ(search_text(snapshot, filter, from, to), search_text(twin, filter, from, to))
          << when << " " << filter << " in a window";
    }
  }

  static Spans by_id(const Snapshot& snapshot, const TraceId& id) {
    Spans out = read_all(Trace::find(snapshot, id));
    std::ranges::sort(out, {},
                      [](const SentSpan& s) { return std::tuple(s.start_ns, s.span_id, s.kind); });
    return out;
  }

  Spans sent_;  // each span once
  std::set<Key> known_;
};

TEST_P(SplitStore, ARequestIsSentAgainAfterItsCut) {
  start();
  const Spans first = random_.request(60);
  send(first);
  cut();
  send(first);
  expect_answers_of_one_request("in block and head");
  cut();
  EXPECT_EQ(store_->snapshot("t").parts.size(), 1U) << "a block of repeats is not written";
  EXPECT_EQ(metric(*metrics_, "vivace_cut_repeats_left_out_total"),
            static_cast<double>(first.size()));
  expect_answers_of_one_request("after the cut");
  start();
  expect_answers_of_one_request("after a restart");
}

TEST_P(SplitStore, SpansAreSentAgainInOtherRequests) {
  start();
  for (int generation = 0; generation < 4; ++generation) {
    for (int request = 0; request < 3; ++request) {
      send(random_.request(30));
      send(some_of(sent_, 20));
    }
    expect_answers_of_one_request("before a cut");
    cut();
    expect_answers_of_one_request("after a cut");
    if (generation == 2) start();
  }
  EXPECT_EQ(spans_of(store_->snapshot("t")).size(), sent_.size()) << "blocks never repeat a span";
}

// Each trace comes in pieces, over twelve generations and a head.
TEST_P(SplitStore, TracesOverManyGenerations) {
  start();
  Spans all = random_.request(400);
  for (SentSpan& span : all) span.trace_id = make_trace_id(1, random_.number(30));
  std::set<Key> keys;
  std::erase_if(all, [&](const SentSpan& span) { return !keys.insert(identity_of(span)).second; });
  const size_t piece = all.size() / 13 + 1;
  for (size_t at = 0; at < all.size(); at += piece) {
    if (at > 0) cut();
    Spans spans(all.begin() + static_cast<ptrdiff_t>(at),
                all.begin() + static_cast<ptrdiff_t>(std::min(all.size(), at + piece)));
    if (at > 0) spans.push_back(all[random_.number(at)]);
    send(spans);
    expect_answers_of_one_request("as it grows");
  }
  EXPECT_EQ(store_->snapshot("t").parts.size(), 13U);
  EXPECT_GT(metric(*metrics_, "vivace_split_bytes"), 0);
  EXPECT_EQ(metric(*metrics_, "vivace_split_bytes_max"), static_cast<double>(GetParam()));
  if (GetParam() > 0) {
    EXPECT_NEAR(metric(*metrics_, "vivace_split_traces"), 30, 1) << "two may look like one";
  }
  start();
  expect_answers_of_one_request("after a restart");
  cut();
  expect_answers_of_one_request("in blocks alone");
}

TEST_P(SplitStore, MergedBlocksAnswerTheSame) {
  options_.compaction.enabled = true;
  start();
  for (int generation = 0; generation < 12; ++generation) {
    send(random_.request(40));
    send(some_of(sent_, 10));
    cut();
    expect_answers_of_one_request("while blocks are merged");
  }
  wait_until([&] { return metric(*metrics_, "tempodb_compaction_blocks_total") > 0; });
  expect_answers_of_one_request("after a merge");
  start();
  expect_answers_of_one_request("after a restart");
}

// The power goes at every change of the disk while a generation with repeats is cut.
TEST_P(SplitStore, AnyCrashInACutOfRepeats) {
  bool finished = false;
  for (uint64_t at = 0; !finished; ++at) {
    store_.reset();
    disk_ = std::make_unique<FaultStorage>(at);
    sent_.clear();
    known_.clear();
    start();
    send(random_.request(20));
    cut();
    send(random_.request(20));
    send(some_of(sent_, 10));
    disk_->crash_at(at);
    clock_.advance(options_.generation_age_max_ns);
    wait_until([&] {
      finished = metric(*metrics_, "tempo_ingester_blocks_cleared_total") == 2;
      return finished || disk_->crashed();
    });
    store_.reset();
    disk_->restart(FaultStorage::Unsynced::torn);
    start();
    expect_answers_of_one_request(fmt::format("after a crash at {}", at));
    cut();
    expect_answers_of_one_request(fmt::format("cut again after a crash at {}", at));
    ASSERT_LT(at, 1000U);
  }
}

// Without its list the whole log is replayed, over blocks that have much of it.
TEST_P(SplitStore, ALostListIsMadeAnewWithoutRepeats) {
  start();
  for (int generation = 0; generation < 3; ++generation) {
    send(random_.request(30));
    cut();
  }
  send(random_.request(30));
  store_.reset();
  ASSERT_TRUE(disk_->remove(options_.blocks_folder + "/blocks.list"));
  start();
  expect_answers_of_one_request("after the list was lost");
  cut();
  expect_answers_of_one_request("cut after the list was lost");
  EXPECT_EQ(spans_of(store_->snapshot("t")).size(), sent_.size());
}

INSTANTIATE_TEST_SUITE_P(Room, SplitStore, testing::Values(int64_t{32} << 20, int64_t{0}));

}  // namespace
}  // namespace vivace
