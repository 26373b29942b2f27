// What compare() answers: of each attribute and side the values that come up most often, and the
// total.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "query/metrics_compare.h"
#include "query/metrics_exemplars.h"
#include "traceql/traceql.h"

namespace vivace::metrics {

namespace ql = traceql;

// Of the attributes that have too many values.
std::string Compared::names_of(bool given_up) const {
  std::string out;
  for (const auto& attribute : attributes_) {
    if (!attribute->label.values().is_full() || attribute->is_given_up != given_up) continue;
    out += out.empty() ? "" : ", ";
    out += ql::canonical(attribute->label.attribute());
  }
  return out;
}

std::string Compared::incomplete() const {
  if (is_full_) {
    return fmt::format("there are more than {} attributes: only so many are compared",
                       kAttributesMax);
  }
  std::string out;
  if (const std::string names = names_of(false); !names.empty()) {
    out = fmt::format("more than {} values of {}: further ones are in totals alone",
                      limits_.values_max, names);
  }
  if (const std::string names = names_of(true); !names.empty()) {
    out += fmt::format("{}more than {} values of {}, hardly one twice: they are in totals alone",
                       out.empty() ? "" : "; ", limits_.values_max, names);
  }
  return out;
}

MetricsSeries Compared::make_series(std::string type, const std::string& key, ql::Datum value,
                                    std::span<const uint64_t> counts) const {
  MetricsSeries out;
  out.labels.push_back({"__meta_type", ql::datum(std::move(type))});
  out.labels.push_back({key, std::move(value)});
  out.samples.reserve(counts.size());
  for (const uint64_t count : counts) out.samples.push_back(static_cast<double>(count));
  return out;
}

Result<void> Compared::each_of_side(const Attribute& attribute, uint32_t side,
                                    const TakeSeries& take) const {
  const uint32_t intervals = axis_->count;
  const uint32_t first = side * intervals;
  const std::string type = side == 0 ? "baseline" : "selection";
  const std::string key = ql::canonical(attribute.label.attribute());
  const auto totals = std::span(attribute.totals).subspan(first, intervals);
  if (std::accumulate(totals.begin(), totals.end(), uint64_t{0}) == 0) return {};
  std::vector<std::pair<uint64_t, uint32_t>> values;  // how often, which
  for (uint32_t id = 1; id < attribute.values.size(); ++id) {
    const uint64_t count = attribute.values.sum(id, first, intervals);
    if (count > 0) values.emplace_back(count, id);
  }
  std::ranges::stable_sort(values, std::greater(), &std::pair<uint64_t, uint32_t>::first);
  if (values.size() > static_cast<uint64_t>(comparison_->top)) {
    values.resize(static_cast<size_t>(comparison_->top));
  }
  for (const auto& [count, id] : values) {
    CHECK_OK(take(make_series(type, key, label_value(attribute.label.values().value(id)),
                              attribute.values.counts(id, first, intervals))));
  }
  return take(make_series(type + "_total", key, ql::datum(std::string("nil")), totals));
}

Result<void> Compared::each_series(const TakeSeries& take) const {
  for (const auto& attribute : attributes_) {
    CHECK_OK(each_of_side(*attribute, 0, take));
    CHECK_OK(each_of_side(*attribute, 1, take));
  }
  return {};
}

}  // namespace vivace::metrics
