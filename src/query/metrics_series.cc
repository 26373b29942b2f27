// topk and bottomk look at each point in time for itself. Of equal points, topk takes the series
// whose labels come first in the alphabet, or are larger numbers; bottomk the other way round.
// Numbers come before texts: compared as texts with texts alone they would have no order (31, 30,
// "305").
#include "query/metrics_series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "traceql/compute.h"

namespace vivace::metrics {
namespace {

using traceql::Datum;
using traceql::SecondStage;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double number_of(const Datum& value) {
  if (const auto* real = value.get_if<double>()) return *real;
  const auto* integer = value.get_if<int64_t>();
  return integer != nullptr ? static_cast<double>(*integer) : 0;
}

// -1, 0, 1: whether topk takes a before b.
int rank(const Datum& a, const Datum& b) {
  const bool is_number = traceql::is_number(a.type());
  if (is_number != traceql::is_number(b.type())) return is_number ? -1 : 1;
  if (is_number) {
    const double x = number_of(a);
    const double y = number_of(b);
    if (std::isnan(x) || std::isnan(y)) {  // behind all numbers, so that there is one order
      return static_cast<int>(std::isnan(x)) - static_cast<int>(std::isnan(y));
    }
    if (x != y) return x > y ? -1 : 1;
  }
  const int order = traceql::datum_text(a).compare(traceql::datum_text(b));
  return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

bool goes_first(const MetricsSeries& a, const MetricsSeries& b) {
  const size_t both = std::min(a.labels.size(), b.labels.size());
  for (size_t i = 0; i < both; ++i) {
    if (a.labels[i].key != b.labels[i].key) return a.labels[i].key < b.labels[i].key;
    if (const int order = rank(a.labels[i].value, b.labels[i].value); order != 0) return order < 0;
  }
  return a.labels.size() < b.labels.size();
}

Result<void> keep_best(const SecondStage& stage, const QueryControl& control,
                       std::vector<MetricsSeries>& all) {
  const bool top = stage.function == SecondStage::Function::topk;
  if (stage.limit >= static_cast<int64_t>(all.size())) return {};
  const auto limit = static_cast<size_t>(std::max<int64_t>(0, stage.limit));
  std::vector<uint32_t> by_labels(all.size());
  std::iota(by_labels.begin(), by_labels.end(), 0U);
  std::ranges::sort(by_labels, [&](uint32_t a, uint32_t b) {
    return top ? goes_first(all[a], all[b]) : goes_first(all[b], all[a]);
  });
  std::vector<uint32_t> place_of(all.size());
  for (uint32_t i = 0; i < by_labels.size(); ++i) place_of[by_labels[i]] = i;
  const size_t intervals = all.empty() ? 0 : all.front().samples.size();
  std::vector<uint32_t> here;
  for (size_t t = 0; t < intervals; ++t) {
    CHECK_OK(control.check());
    here.clear();
    for (uint32_t s = 0; s < all.size(); ++s) {
      if (!std::isnan(all[s].samples[t])) here.push_back(s);
    }
    if (here.size() <= limit) continue;
    const auto first_out = here.begin() + static_cast<ptrdiff_t>(limit);
    std::ranges::nth_element(here, first_out, [&](uint32_t a, uint32_t b) {
      const double x = all[a].samples[t];
      const double y = all[b].samples[t];
      if (x != y) return top ? x > y : x < y;
      return place_of[a] < place_of[b];
    });
    for (auto out = first_out; out != here.end(); ++out) all[*out].samples[t] = kNone;
  }
  return {};
}

Result<void> keep_passing(const SecondStage& stage, const QueryControl& control,
                          std::vector<MetricsSeries>& all) {
  const Datum bound = traceql::datum(stage.value);
  const auto fails = [&](double sample) {
    const auto result = traceql::compute(stage.op, traceql::datum(sample), bound);
    const bool* holds = result ? result->get_if<bool>() : nullptr;
    return holds == nullptr || !*holds;
  };
  for (MetricsSeries& series : all) {
    CHECK_OK(control.check());
    for (double& sample : series.samples) {
      if (!std::isnan(sample) && fails(sample)) sample = kNone;
    }
    std::erase_if(series.exemplars, [&](const MetricsExemplar& e) { return fails(e.value); });
  }
  return {};
}

uint64_t bytes_of(const std::vector<MetricsLabel>& labels) {
  uint64_t out = labels.capacity() * sizeof(MetricsLabel);
  for (const MetricsLabel& label : labels) {
    out += label.key.capacity();
    if (const auto* text = label.value.get_if<std::string>()) out += text->capacity();
  }
  return out;
}

}  // namespace

void drop_empty(std::vector<MetricsSeries>& all) {
  std::erase_if(all, [](const MetricsSeries& series) {
    return std::ranges::all_of(series.samples, [](double sample) { return std::isnan(sample); });
  });
}

void put_in_order(std::vector<MetricsSeries>& all) {
  const auto less = [](const std::vector<std::pair<std::string, std::string>>& a,
                       const std::vector<std::pair<std::string, std::string>>& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  };
  std::vector<std::vector<std::pair<std::string, std::string>>> keys(all.size());
  std::vector<uint32_t> order(all.size());
  for (uint32_t i = 0; i < all.size(); ++i) {
    order[i] = i;
    for (const MetricsLabel& label : all[i].labels) {
      keys[i].emplace_back(label.key, traceql::datum_text(label.value));
    }
  }
  std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return less(keys[a], keys[b]); });
  std::vector<MetricsSeries> out;
  out.reserve(all.size());
  for (const uint32_t i : order) out.push_back(std::move(all[i]));
  all = std::move(out);
}

Result<void> apply(const std::vector<SecondStage>& stages, const QueryControl& control,
                   std::vector<MetricsSeries>& all) {
  for (const SecondStage& stage : stages) {
    const bool filters = stage.function == SecondStage::Function::compare;
    CHECK_OK(filters ? keep_passing(stage, control, all) : keep_best(stage, control, all));
    drop_empty(all);
  }
  return {};
}

uint64_t bytes_of(const MetricsSeries& series) {
  uint64_t out = 2 * sizeof(MetricsSeries) + 2 * bytes_of(series.labels) +
                 series.samples.capacity() * sizeof(double);
  for (const MetricsExemplar& exemplar : series.exemplars) {
    out += sizeof(MetricsExemplar) + bytes_of(exemplar.labels);
  }
  return out;
}

uint64_t bytes_of(const std::vector<MetricsSeries>& all) {
  uint64_t out = 0;
  for (const MetricsSeries& series : all) out += bytes_of(series);
  return out;
}

}  // namespace vivace::metrics
