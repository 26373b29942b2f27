// Spans into lists, lists into points, points through the second stages.
#include "query/testing/naive_metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "query/testing/naive_compare.h"
#include "query/testing/naive_field.h"
#include "traceql/compute.h"
#include "traceql/traceql.h"

namespace vivace::naive {
namespace {

using traceql::Datum;
using traceql::Duration;
using traceql::Metric;
using traceql::Type;
using Function = Metric::Function;

// The right ends of the intervals, and which one a span belongs to.
class Axis {
 public:
  explicit Axis(const MetricRange& range) : range_(range) {
    if (range.is_instant) {
      ends_ = {range.end_ns};
      step_ns_ = range.end_ns - range.start_ns;
      return;
    }
    step_ns_ = range.step_ns;
    const uint64_t first = range.start_ns / step_ns_ * step_ns_;
    const uint64_t last = (range.end_ns + step_ns_ - 1) / step_ns_ * step_ns_;
    for (uint64_t end = first; end <= last; end += step_ns_) ends_.push_back(end);
  }

  const std::vector<uint64_t>& ends() const { return ends_; }
  double step_s() const { return static_cast<double>(step_ns_) / 1e9; }
  std::optional<uint64_t> interval_of(const SentSpan& span) const {
    for (const uint64_t end : ends_) {
      if (span.start_ns <= end && (end < step_ns_ || span.start_ns > end - step_ns_)) return end;
    }
    return std::nullopt;
  }

 private:
  MetricRange range_;
  uint64_t step_ns_ = 0;
  std::vector<uint64_t> ends_;
};

Datum shown(Datum value) {
  if (const auto* duration = value.get_if<Duration>()) {
    return traceql::datum(traceql::duration_text(*duration));
  }
  if (const auto* status = value.get_if<traceql::Status>()) {
    return traceql::datum(std::string(traceql::status_text(*status)));
  }
  if (const auto* kind = value.get_if<traceql::Kind>()) {
    return traceql::datum(std::string(traceql::kind_text(*kind)));
  }
  return value;
}

double number_of(const Datum& value) {
  if (const auto* real = value.get_if<double>()) return *real;
  if (const auto* duration = value.get_if<Duration>()) return static_cast<double>(duration->ns);
  return static_cast<double>(value.as<int64_t>());
}

struct Observed {
  std::vector<Label> group;                          // present values of by(), in its order
  std::map<uint64_t, std::vector<Datum>> intervals;  // numbers; for rate and count anything
};

class Metrics {
 public:
  Metrics(const Metric& metric, const MetricRange& range) : metric_(metric), axis_(range) {}

  void observe(const Trace& trace, const SentSpan& span) {
    const auto interval = axis_.interval_of(span);
    if (!interval) return;
    Datum value = traceql::datum<int64_t>(1);
    if (metric_.of) {
      value = value_of(*metric_.of, trace, span);
      if (!traceql::is_number(value.type())) return;
    }
    std::vector<Label> group;
    for (const traceql::Attribute& attribute : metric_.by) {
      Datum of_span = shown(value_of(attribute, trace, span));
      if (of_span.type() == Type::nil) continue;
      group.push_back({traceql::canonical(attribute), std::move(of_span)});
    }
    Observed& observed = groups_[text_of(group)];
    observed.group = group;
    observed.intervals[*interval].push_back(std::move(value));
  }

  std::vector<Series> series() {
    const bool counts =
        metric_.function == Function::rate || metric_.function == Function::count_over_time;
    if (counts && metric_.by.empty() && groups_.empty()) groups_[""];
    for (auto& [text, observed] : groups_) {
      if (metric_.function == Function::histogram_over_time) {
        add_histogram(observed);
      } else if (metric_.function == Function::quantile_over_time) {
        for (const double q : metric_.quantiles) add_quantile(observed, q);
      } else {
        add_plain(observed);
      }
    }
    return std::move(out_);
  }

 private:
  // Only the intrinsic duration is in seconds everywhere.
  double scale() const {
    return metric_.of && metric_.of->intrinsic == traceql::Intrinsic::duration ? 1e9 : 1;
  }

  void add_plain(const Observed& observed) {
    Series series{labels_of(observed.group), {}};
    for (const uint64_t end : axis_.ends()) {
      const auto found = observed.intervals.find(end);
      if (metric_.function == Function::rate || metric_.function == Function::count_over_time) {
        const double count =
            found == observed.intervals.end() ? 0 : static_cast<double>(found->second.size());
        series.points[end] = metric_.function == Function::rate ? count / axis_.step_s() : count;
      } else if (found != observed.intervals.end()) {
        series.points[end] = reduce(found->second) / scale();
      }
    }
    out_.push_back(std::move(series));
  }

  double reduce(const std::vector<Datum>& values) const {
    long double sum = 0;
    double least = std::numeric_limits<double>::infinity();
    double most = -least;
    for (const Datum& value : values) {
      sum += number_of(value);
      least = std::min(least, number_of(value));
      most = std::max(most, number_of(value));
    }
    if (metric_.function == Function::min_over_time) return least;
    if (metric_.function == Function::max_over_time) return most;
    if (metric_.function == Function::sum_over_time) return static_cast<double>(sum);
    return static_cast<double>(sum / static_cast<long double>(values.size()));
  }

  std::vector<Label> labels_of(const std::vector<Label>& group) const {
    if (metric_.by.empty()) {
      return {{"__name__", traceql::datum(std::string(traceql::text_of(metric_.function)))}};
    }
    if (!group.empty()) return group;
    return {{traceql::canonical(metric_.by.front()), traceql::datum(std::string("nil"))}};
  }

  // The smallest power of two that is no less; none below 2 and for floats.
  static std::optional<double> bucket_of(const Datum& value) {
    const auto* duration = value.get_if<Duration>();
    const auto* integer = value.get_if<int64_t>();
    if (duration == nullptr && integer == nullptr) return std::nullopt;
    const int64_t number = duration != nullptr ? duration->ns : *integer;
    if (number < 2) return std::nullopt;
    const double bound = static_cast<double>(std::bit_ceil(static_cast<uint64_t>(number)));
    return duration != nullptr ? bound / 1e9 : bound;
  }

  void add_histogram(const Observed& observed) {
    std::map<double, std::map<uint64_t, double>> buckets;
    for (const auto& [end, values] : observed.intervals) {
      for (const Datum& value : values) {
        if (const auto bucket = bucket_of(value)) ++buckets[*bucket][end];
      }
    }
    for (const auto& [bound, counts] : buckets) {
      Series series{observed.group, {}};
      series.labels.push_back({"__bucket", traceql::datum(bound)});
      for (const uint64_t end : axis_.ends()) {
        series.points[end] = counts.contains(end) ? counts.at(end) : 0;
      }
      out_.push_back(std::move(series));
    }
  }

  // All durations are in seconds here.
  void add_quantile(const Observed& observed, double q) {
    Series series{observed.group, {}};
    series.labels.push_back({"p", traceql::datum(q)});
    for (const uint64_t end : axis_.ends()) {
      const auto found = observed.intervals.find(end);
      std::vector<double> values;
      if (found != observed.intervals.end()) {
        for (const Datum& value : found->second) {
          values.push_back(number_of(value) / (value.type() == Type::duration ? 1e9 : 1));
        }
      }
      std::ranges::sort(values);
      series.points[end] = values.empty() ? 0 : values[ranks_of(q, values.size()).second - 1];
    }
    out_.push_back(std::move(series));
  }

  const Metric& metric_;
  Axis axis_;
  std::map<std::string, Observed> groups_;
  std::vector<Series> out_;
};

bool is_less(const Datum& a, const Datum& b) {
  if (traceql::is_number(a.type()) && traceql::is_number(b.type())) {
    return number_of(a) < number_of(b);
  }
  return traceql::datum_text(a) < traceql::datum_text(b);
}

// Which of two equal points topk takes: the first in the alphabet, the larger of numbers. bottomk
// takes the other one. Numbers come before texts.
bool goes_first(const Series& a, const Series& b) {
  for (size_t i = 0; i < std::min(a.labels.size(), b.labels.size()); ++i) {
    const Label& x = a.labels[i];
    const Label& y = b.labels[i];
    if (x.name != y.name) return x.name < y.name;
    const bool numbers = traceql::is_number(x.value.type());
    if (numbers != traceql::is_number(y.value.type())) return numbers;
    if (numbers && number_of(x.value) == number_of(y.value)) {  // 2 before 2.0
      const int order = traceql::datum_text(x.value).compare(traceql::datum_text(y.value));
      if (order != 0) return order < 0;
      continue;
    }
    if (is_less(x.value, y.value)) return !numbers;
    if (is_less(y.value, x.value)) return numbers;
  }
  return a.labels.size() < b.labels.size();
}

void keep_best(std::vector<Series>& all, const traceql::SecondStage& stage) {
  const bool top = stage.function == traceql::SecondStage::Function::topk;
  const auto limit = static_cast<size_t>(stage.limit);
  if (all.size() <= limit) return;
  std::set<uint64_t> times;
  for (const Series& series : all) {
    for (const auto& [time, value] : series.points) times.insert(time);
  }
  for (const uint64_t time : times) {
    std::vector<Series*> here;
    for (Series& series : all) {
      if (series.points.contains(time)) here.push_back(&series);
    }
    std::ranges::sort(here, [&](const Series* a, const Series* b) {
      const double x = a->points.at(time);
      const double y = b->points.at(time);
      if (x != y) return top ? x > y : x < y;
      return top ? goes_first(*a, *b) : goes_first(*b, *a);
    });
    for (size_t i = limit; i < here.size(); ++i) here[i]->points.erase(time);
  }
}

void apply(std::vector<Series>& all, const traceql::SecondStage& stage) {
  if (stage.function != traceql::SecondStage::Function::compare) {
    keep_best(all, stage);
  } else {
    for (Series& series : all) {
      std::erase_if(series.points, [&](const auto& point) {
        const auto holds =
            traceql::compute(stage.op, traceql::datum(point.second), traceql::datum(stage.value));
        return !holds->template as<bool>();
      });
    }
  }
  std::erase_if(all, [](const Series& series) { return series.points.empty(); });
}

}  // namespace

std::vector<Series> metrics(const std::vector<Trace>& traces, const traceql::Query& query,
                            const MetricRange& range) {
  const Axis axis(range);
  Metrics metrics(*query.metric, range);
  Compared compared(query.metric->comparison, axis.ends());
  for (const Trace& trace : traces) {
    for (const SpanSet& set : evaluate(query.pipeline, trace)) {
      for (const size_t i : set.spans) {
        const SentSpan& span = trace.spans[i];
        if (!query.metric->comparison) {
          metrics.observe(trace, span);
        } else if (const auto interval = axis.interval_of(span)) {
          compared.observe(trace, span, *interval);
        }
      }
    }
  }
  std::vector<Series> out = query.metric->comparison ? compared.series() : metrics.series();
  for (const traceql::SecondStage& stage : query.second_stages) apply(out, stage);
  std::ranges::sort(out, [](const Series& a, const Series& b) {
    if (a.labels.size() != b.labels.size()) return a.labels.size() < b.labels.size();
    for (size_t i = 0; i < a.labels.size(); ++i) {
      const auto x = std::pair(a.labels[i].name, traceql::datum_text(a.labels[i].value));
      const auto y = std::pair(b.labels[i].name, traceql::datum_text(b.labels[i].value));
      if (x != y) return x < y;
    }
    return false;
  });
  return out;
}

std::string text_of(const std::vector<Label>& labels) {
  std::string out = "{";
  for (const Label& label : labels) {
    out += fmt::format("{}{}={}", out.size() > 1 ? ", " : "", label.name,
                       traceql::datum_text(label.value));
  }
  return out + "}";
}

std::pair<size_t, size_t> ranks_of(double q, size_t count) {
  const double exact = q * static_cast<double>(count);
  const auto at = [&](double rank) {
    return std::clamp<size_t>(static_cast<size_t>(std::max(1.0, std::ceil(rank))), 1, count);
  };
  return {at(exact - 1e-9), at(exact)};
}

}  // namespace vivace::naive
