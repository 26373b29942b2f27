// The two evaluators side by side. What fails on the side of the oracle need not fail on the other:
// operands that nobody looks at do not.
#include "query/testing/comparison.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/testing/answers.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

bool is_not_yet(const Error& error) { return error.message.contains("does not evaluate"); }

double tolerance_of(const traceql::Query& query) {
  return query.metric->function == traceql::Metric::Function::quantile_over_time ? 0.01 : 1e-9;
}

// Whether a second stage decides between numbers that rounding may have made different.
bool is_close_call(const std::vector<naive::Trace>& traces, traceql::Query& query,
                   const naive::MetricRange& range) {
  if (query.second_stages.empty()) return false;
  const double tolerance = 2 * tolerance_of(query);
  const bool is_estimate = tolerance > 1e-3;
  std::map<uint64_t, std::vector<double>> numbers;
  const auto stages = std::exchange(query.second_stages, {});
  for (const naive::Series& series : naive::metrics(traces, query, range)) {
    for (const auto& [time, value] : series.points) numbers[time].push_back(value);
  }
  query.second_stages = stages;
  const auto is_close = [&](double a, double b) {
    return (is_estimate || a != b) &&
           std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
  };
  for (const auto& [time, values] : numbers) {
    for (const double& a : values) {
      for (const traceql::SecondStage& stage : stages) {
        if (is_close(a, stage.value)) return true;
      }
      for (const double& b : values) {
        if (&a != &b && is_close(a, b)) return true;
      }
    }
  }
  return false;
}

// What select() names and the span has, the answer must show of it. Empty: it does. Of events and
// links that one is shown which made the span pass.
std::string not_shown(const traceql::Attribute& attribute, const naive::Trace& trace,
                      const SentSpan& span, const FoundSpan& found) {
  using traceql::Intrinsic;
  constexpr Intrinsic kNever[] = {Intrinsic::duration,  Intrinsic::trace_duration,
                                  Intrinsic::root_name, Intrinsic::root_service,
                                  Intrinsic::trace_id,  Intrinsic::span_id};
  if (attribute.intrinsic == Intrinsic::name) {
    return found.name == span.name ? "" : "name " + span.name;
  }
  if (std::ranges::find(kNever, attribute.intrinsic) != std::end(kNever)) return "";
  if (attribute.intrinsic == Intrinsic::event_name) return "";
  const traceql::Datum value = naive::value_of(attribute, trace, span);
  if (value.type() == traceql::Type::nil) return "";
  const std::string key =
      attribute.intrinsic == Intrinsic::none ? attribute.name : traceql::canonical(attribute);
  const std::string text = traceql::datum_text(value);
  for (const ShownValue& shown : found.attributes) {
    if (shown.key == key && traceql::datum_text(shown.value) == text) return "";
  }
  return key + " = " + text;
}

void expect_shown(const traceql::Select& select, const std::vector<naive::Trace>& traces,
                  const SearchResult& result, const std::string& about) {
  for (const FoundTrace& one : result.traces) {
    const auto trace = std::ranges::find(traces, one.id, &naive::Trace::id);
    ASSERT_NE(trace, traces.end());
    for (const FoundSpanSet& set : one.sets) {
      for (const FoundSpan& found : set.spans) {
        const auto is_it = [&](const SentSpan& span) {
          return span.span_id == found.id && span.start_ns == found.start_ns &&
                 span.end_ns - span.start_ns == found.duration_ns;
        };
        if (std::ranges::count_if(trace->spans, is_it) != 1) continue;  // the halves of a call
        const SentSpan& span = *std::ranges::find_if(trace->spans, is_it);
        for (const traceql::Attribute& attribute : select.attributes) {
          EXPECT_EQ(not_shown(attribute, *trace, span, found), "") << about;
        }
      }
    }
  }
}

// Exemplars: one a trace at most, each a span that is counted, with its own value where the
// function has one, else with that of the point.
void expect_exemplars(const std::vector<naive::Trace>& traces, const traceql::Query& query,
                      const MetricsResult& result, const MetricsAxis& axis,
                      const std::string& about) {
  using Function = traceql::Metric::Function;
  std::set<std::string> seen;
  for (const MetricsSeries& series : result.series) {
    for (const MetricsExemplar& exemplar : series.exemplars) {
      const auto label = std::ranges::find(exemplar.labels, "trace:id", &MetricsLabel::key);
      ASSERT_NE(label, exemplar.labels.end()) << about;
      const std::string id = label->value.as<std::string>();
      EXPECT_TRUE(seen.insert(id).second) << about << " two exemplars of " << id;
      ASSERT_TRUE(axis.has(exemplar.time_ns)) << about;
      const auto trace = std::ranges::find_if(
          traces, [&](const naive::Trace& one) { return to_hex(one.id.view()).ends_with(id); });
      ASSERT_NE(trace, traces.end()) << about << " no trace " << id;
      bool is_counted = false;
      for (const naive::SpanSet& set : naive::evaluate(query.pipeline, *trace)) {
        for (const size_t i : set.spans) {
          const SentSpan& span = trace->spans[i];
          if (span.start_ns != exemplar.time_ns) continue;
          const double seconds = static_cast<double>(span.end_ns - span.start_ns) / 1e9;
          const bool has_value = query.metric->of &&
                                 query.metric->function != Function::histogram_over_time &&
                                 query.metric->of->intrinsic == traceql::Intrinsic::duration;
          is_counted = is_counted || !has_value || std::abs(seconds - exemplar.value) < 1e-12;
        }
      }
      EXPECT_TRUE(is_counted) << about << " exemplar of " << id << " is no span that counts";
      if (query.metric->of && query.metric->function != Function::histogram_over_time) continue;
      if (query.metric->comparison) continue;
      const double point = series.samples[axis.interval(exemplar.time_ns)];
      EXPECT_TRUE(std::isnan(point) || point == exemplar.value) << about;  // topk took it away
    }
  }
}

}  // namespace

void QueryCount::report(std::initializer_list<const char*> kinds, size_t kinds_min) const {
  fmt::print("{} pairs, {:.1f} % with an answer, {:.1f} % that fail, {:.1f} % refused\n", pairs,
             share(answered), share(failed), share(refused));
  const bool is_complete = pairs >= 500 && refused == 0;
  size_t known = 0;
  for (const auto& [feature, times] : features) {
    fmt::print("  {:5.1f} %  {}\n", share(times), feature);
    const std::string& name = feature;
    if (std::ranges::none_of(kinds, [&](const char* kind) { return name.starts_with(kind); })) {
      continue;
    }
    ++known;
    EXPECT_TRUE(!is_complete || share(times) >= 1) << feature;
  }
  if (!is_complete) return;
  EXPECT_GE(known, kinds_min);
  EXPECT_GE(share(answered), 30);
  EXPECT_LE(share(failed), 5);
}

void QueryComparison::run(const Snapshot& snapshot, const std::vector<naive::Trace>& traces,
                          Over over, QueryCount& count) {
  const RandomQuery query = over == Over::time ? queries_.metrics() : queries_.search();
  const std::string about = fmt::format("seed {}: {}", seed_, query.text);
  auto parsed = traceql::parse(query.text);
  ASSERT_TRUE(parsed) << about << ": " << parsed.error().text();
  count.add(query);
  Asked asked{snapshot, traces, *std::move(parsed), about};
  try {
    over == Over::time ? compare_metrics(asked, count) : compare_search(asked, count);
  } catch (const naive::Failure&) {
    ++count.failed;
  }
}

void QueryComparison::compare_search(const Asked& asked, QueryCount& count) {
  const uint32_t limit = random_.chance(60) ? 1'000 : 1 + static_cast<uint32_t>(random_.number(5));
  const uint32_t spans = random_.chance(60) ? 10'000 : static_cast<uint32_t>(random_.number(4));
  uint64_t start_ns = 0;
  uint64_t end_ns = UINT64_MAX;
  if (random_.chance(20)) {
    start_ns = RandomTraces::kStart + random_.number(RandomTraces::kRange);
    end_ns = start_ns + random_.number(30 * kSecond);
  }
  std::vector<naive::Found> found = naive::search(asked.traces, asked.query);
  std::erase_if(found, [&](const naive::Found& one) {
    return one.trace->start_ns > end_ns || one.trace->end_ns < start_ns;
  });
  auto question = plan_search(asked.query);
  ASSERT_TRUE(question) << asked.about << ": " << question.error().message;
  question->limit = limit;
  question->spans_per_set = spans;
  question->start_ns = start_ns;
  question->end_ns = end_ns;
  const auto result = search({&asked.snapshot, 1}, *question, {});
  ASSERT_TRUE(result) << asked.about << ": " << result.error().message;
  EXPECT_EQ(difference(answer_of(*result), answer_of(found, limit, spans)), "")
      << asked.about
      << fmt::format(" limit {} spss {} window {}-{}", limit, spans, start_ns, end_ns);
  for (const traceql::Stage& stage : asked.query.pipeline.stages) {
    const auto* select = std::get_if<traceql::Select>(&stage);
    if (select != nullptr) expect_shown(*select, asked.traces, *result, asked.about);
  }
  count.answered += found.empty() ? 0 : 1;
}

naive::MetricRange QueryComparison::range() {
  naive::MetricRange out;
  out.start_ns = RandomTraces::kStart + random_.number(RandomTraces::kRange / 2);
  out.end_ns = out.start_ns + 1 + random_.number(RandomTraces::kRange);
  if (random_.chance(40)) {
    out.start_ns = RandomTraces::kStart;
    out.end_ns = out.start_ns + RandomTraces::kRange;
  }
  out.step_ns = (1 + random_.number(40)) * kSecond / 2;
  out.is_instant = random_.chance(20);
  return out;
}

void QueryComparison::compare_metrics(Asked& asked, QueryCount& count) {
  traceql::Query& query = asked.query;
  const naive::MetricRange range = this->range();
  const std::vector<naive::Series> wanted = naive::metrics(asked.traces, query, range);
  count.answered += wanted.empty() ? 0 : 1;

  auto question = plan_metrics(query);
  if (!question && is_not_yet(question.error())) {
    ++count.refused;
    return;
  }
  ASSERT_TRUE(question) << asked.about << ": " << question.error().message;
  const auto axis = range.is_instant
                        ? MetricsAxis::instant(range.start_ns, range.end_ns)
                        : MetricsAxis::range(range.start_ns, range.end_ns, range.step_ns, 10'000);
  ASSERT_TRUE(axis) << asked.about;
  question->axis = *axis;
  const auto result = evaluate_metrics({&asked.snapshot, 1}, *question, {});
  if (!result && is_not_yet(result.error())) {
    ++count.refused;
    return;
  }
  ASSERT_TRUE(result) << asked.about << ": " << result.error().message;
  const auto got = answer_of(*result, *axis);
  expect_exemplars(asked.traces, query, *result, *axis, asked.about);
  const std::string where =
      fmt::format("{} range {}-{} step {} instant {}", asked.about, range.start_ns, range.end_ns,
                  range.step_ns, range.is_instant);
  if (query.metric->comparison) {
    const auto top = static_cast<size_t>(std::exchange(query.metric->comparison->top, 1'000'000));
    EXPECT_EQ(difference_of_compare(got, naive::metrics(asked.traces, query, range), top), "")
        << where;
  } else if (!is_close_call(asked.traces, query, range)) {
    EXPECT_EQ(difference(got, wanted, tolerance_of(query)), "") << where;
  }
}

}  // namespace vivace
