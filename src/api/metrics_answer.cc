// Writing series, one after the other, so that long answers leave while they are made. NaN stands
// for a sample that is not there, and is never written. Called by metrics.cc, on its thread.
#include "api/metrics_answer.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "api/trace_json.h"
#include "query/stored_values.h"
#include "wire/json.h"

namespace vivace::api {
namespace {

// A list; `append` writes one element.
void append_list(std::string& out, const auto& elements, auto append) {
  out += '[';
  bool first = true;
  for (const auto& element : elements) {
    if (!std::exchange(first, false)) out += ',';
    append(element);
  }
  out += ']';
}

void append_labels(std::string& out, const std::vector<MetricsLabel>& labels) {
  append_list(out, labels, [&](const MetricsLabel& label) {
    out += "{\"key\":";
    append_json_string(out, label.key);
    out += ",\"value\":";
    std::string room;
    append_value(out, to_value(label.value, room));
    out += '}';
  });
}

void append_number(std::string& out, double value) {
  if (value == 0) return;
  out += ",\"value\":";
  append_json_double(out, value);
}

void append_samples(std::string& out, const MetricsAxis& axis, const std::vector<double>& samples) {
  out += '[';
  bool first = true;
  for (uint32_t i = 0; i < samples.size(); ++i) {
    if (std::isnan(samples[i])) continue;
    if (!std::exchange(first, false)) out += ',';
    out += "{\"timestampMs\":";
    append_json_uint64(out, axis.stamp(i) / 1'000'000);
    append_number(out, samples[i]);
    out += '}';
  }
  out += ']';
}

void append_exemplars(std::string& out, const std::vector<MetricsExemplar>& exemplars) {
  append_list(out, exemplars, [&](const MetricsExemplar& exemplar) {
    out += "{\"labels\":";
    append_labels(out, exemplar.labels);
    append_number(out, exemplar.value);
    out += ",\"timestampMs\":";
    append_json_uint64(out, exemplar.time_ns / 1'000'000);
    out += '}';
  });
}

void append_end(std::string& out, const MetricsResult& result) {
  const uint32_t jobs = std::max({result.groups, result.damaged, 1U});
  out += "\"metrics\":{";
  const auto number64 = [&](std::string_view name, uint64_t value) {
    if (value == 0) return;
    out += fmt::format("\"{}\":", name);
    append_json_uint64(out, value);
    out += ',';
  };
  number64("inspectedBytes", result.inspected_bytes);
  if (result.parts > 0) out += fmt::format("\"totalBlocks\":{},", result.parts);
  if (jobs > result.damaged) out += fmt::format("\"completedJobs\":{},", jobs - result.damaged);
  out += fmt::format("\"totalJobs\":{},", jobs);
  number64("inspectedSpans", result.inspected_spans);
  out.back() = '}';
  if (!result.incomplete.empty()) {
    out += ",\"status\":\"PARTIAL\",\"message\":";
    append_json_string(out, result.incomplete);
  }
  out += '}';
}

}  // namespace

void append_range_json(std::string& out, const MetricsAxis& axis, const MetricsResult& result,
                       const std::function<bool()>& checkpoint) {
  out += "{\"series\":[";
  bool first = true;
  for (const MetricsSeries& series : result.series) {
    if (!std::exchange(first, false)) out += ',';
    out += "{\"labels\":";
    append_labels(out, series.labels);
    out += ",\"samples\":";
    append_samples(out, axis, series.samples);
    if (!series.exemplars.empty()) {
      out += ",\"exemplars\":";
      append_exemplars(out, series.exemplars);
    }
    out += '}';
    if (!checkpoint()) return;
  }
  out += "],";
  append_end(out, result);
}

void append_instant_json(std::string& out, const MetricsResult& result,
                         const std::function<bool()>& checkpoint) {
  out += '{';
  if (result.counted_spans > 0 && !result.series.empty()) {
    out += "\"series\":[";
    bool first = true;
    for (const MetricsSeries& series : result.series) {
      if (!std::exchange(first, false)) out += ',';
      out += "{\"labels\":";
      append_labels(out, series.labels);
      append_number(out, series.samples.front());
      out += '}';
      if (!checkpoint()) return;
    }
    out += "],";
  }
  append_end(out, result);
}

}  // namespace vivace::api
