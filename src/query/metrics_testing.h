// For tests of metrics: a query over a snapshot, and its series as text.
//
// Not part of the product.
#pragma once

#include <cmath>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "query/metrics.h"
#include "query/tags_testing.h"
#include "query/testing/mixed_parts.h"
#include "traceql/traceql.h"

namespace vivace {

constexpr uint64_t kSecond = 1'000'000'000;

struct Asked {
  std::string query;
  uint64_t start_s = 0;
  uint64_t end_s = 0;
  uint64_t step_s = 0;  // 0: an instant
  MetricsLimits limits = {.exemplars_max = 0};
};

inline Result<MetricsResult> ask(const Snapshot& snapshot, const Asked& asked) {
  const auto query = traceql::parse(asked.query);
  EXPECT_TRUE(query) << query.error().text();
  if (!query) return fail(Code::invalid_argument, query.error().text());
  MetricsQuestion question = TRY(plan_metrics(*query));
  question.axis = asked.step_s == 0
                      ? TRY(MetricsAxis::instant(asked.start_s * kSecond, asked.end_s * kSecond))
                      : TRY(MetricsAxis::range(asked.start_s * kSecond, asked.end_s * kSecond,
                                               asked.step_s * kSecond, 10'000));
  question.limits = asked.limits;
  return evaluate_metrics({&snapshot, 1}, question, {});
}

inline std::string labels_text(const std::vector<MetricsLabel>& labels) {
  std::string out = "{";
  for (const MetricsLabel& label : labels) {
    out += fmt::format("{}{}={}", out.size() > 1 ? ", " : "", label.key,
                       traceql::datum_text(label.value));
  }
  return out + "}";
}

// `{__name__=`rate`} 0 0.25 -`, a line a series; `-` for what is not there.
inline std::string text_of(const Result<MetricsResult>& result) {
  if (!result) return result.error().message;
  std::string out;
  for (const MetricsSeries& series : result->series) {
    out += labels_text(series.labels);
    for (const double sample : series.samples) {
      out += std::isnan(sample) ? " -" : fmt::format(" {}", sample);
    }
    out += "\n";
  }
  return out;
}

// Of all samples of the series with these labels; -1: the query failed.
inline double sum_of(const Result<MetricsResult>& result, const std::string& labels) {
  double out = 0;
  if (!result) return -1;
  for (const MetricsSeries& series : result->series) {
    if (labels_text(series.labels) != labels) continue;
    for (const double sample : series.samples) out += std::isnan(sample) ? 0 : sample;
  }
  return out;
}

// Trace and span `number`, which starts so many seconds after 1970.
inline SentSpan span_at(uint64_t number, double start_s, double duration_s = 1,
                        SentAttributes attributes = {}) {
  SentSpan out = span(number, std::move(attributes));
  out.start_ns = static_cast<uint64_t>(std::llround(start_s * 1e9));
  out.end_ns = out.start_ns + static_cast<uint64_t>(std::llround(duration_s * 1e9));
  return out;
}
inline SentSpan of_service(SentSpan span, const std::string& service) {
  span.resource = resource_with({{"service.name", text(service)}});
  return span;
}

}  // namespace vivace
