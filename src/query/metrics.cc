// The walk over row groups, and the answer made of what was counted. All columns of a row group are
// read before anything of it is counted, so that damage leaves no half of it in the answer.
#include "query/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <ranges>

#include <fmt/format.h>

#include "query/filter.h"
#include "query/metrics_cells.h"
#include "query/metrics_compare.h"
#include "query/metrics_exemplars.h"
#include "query/metrics_labels.h"
#include "query/metrics_series.h"
#include "query/part_set.h"
#include "query/pipeline_scan.h"
#include "traceql/traceql.h"

namespace vivace {
namespace {

using namespace metrics;
using traceql::Attribute;
using traceql::Intrinsic;
using Function = traceql::Metric::Function;

constexpr uint64_t kSecondNs = 1'000'000'000;

// Every attribute that a condition names, each once.
void collect(const traceql::FieldExpr& expression, std::vector<Attribute>& out) {
  if (const auto* attribute = expression.get_if<Attribute>()) {
    if (std::ranges::find(out, *attribute) == out.end()) out.push_back(*attribute);
  } else if (const auto* unary = expression.get_if<traceql::Unary>()) {
    collect(*unary->operand, out);
  } else if (const auto* test = expression.get_if<traceql::NilTest>()) {
    collect(*test->operand, out);
  } else if (const auto* binary = expression.get_if<traceql::Binary>()) {
    collect(*binary->lhs, out);
    collect(*binary->rhs, out);
  }
}

bool is_in_row(const Attribute& attribute) {
  const Scope owner = owner_of(attribute);
  return owner != Scope::event && owner != Scope::link &&
         attribute.intrinsic != Intrinsic::trace_id;
}

// What labels of examples name: conditions and what is measured; not `by`, which series have.
std::vector<Attribute> shown_attributes(const MetricsQuestion& question) {
  constexpr size_t kShownMax = 32;
  std::vector<Attribute> all;
  for (const traceql::FieldExpr* condition : question.spans) collect(*condition, all);
  const traceql::Metric& metric = *question.query->metric;
  if (metric.of && std::ranges::find(all, *metric.of) == all.end()) all.push_back(*metric.of);
  std::erase_if(all, [&](const Attribute& attribute) {
    return !is_in_row(attribute) || std::ranges::find(metric.by, attribute) != metric.by.end();
  });
  if (all.size() > kShownMax) all.resize(kShownMax);
  return all;
}

// with(exemplars=false) and with(exemplars=5); of two hints the first that fits counts.
uint32_t exemplars_of(const MetricsQuestion& question) {
  const uint32_t asked = question.limits.exemplars_max;
  if (question.axis.is_instant || question.query->metric->comparison) return 0;
  for (const traceql::Hint& hint : question.query->hints) {
    if (hint.name != "exemplars") continue;
    if (const bool* wanted = hint.value.get_if<bool>()) return *wanted ? asked : 0;
    if (const auto* count = hint.value.get_if<int64_t>()) {
      return static_cast<uint32_t>(std::clamp<int64_t>(*count, 0, asked));
    }
  }
  return asked;
}

class Evaluation final : public SpanSink {
 public:
  Evaluation(std::span<const Snapshot> snapshots, const MetricsQuestion& question,
             const QueryControl& control)
      : question_(question),
        metric_(*question.query->metric),
        control_(control),
        parts_(snapshots, control),
        memory_(question.limits.memory_bytes_max, control),
        grouping_(metric_.by, question.limits.values_max, memory_),
        measured_(metric_.of),
        exemplars_(question.axis, exemplars_of(question), shown_attributes(question),
                   metric_.of.has_value()) {
    for (const Snapshot& snapshot : snapshots) {
      kept_parts_.insert(kept_parts_.end(), snapshot.parts.begin(), snapshot.parts.end());
    }
  }

  Result<MetricsResult> run();
  // What whole traces leave of a row group.
  Result<void> take(uint32_t part, GroupColumns& group, const Bits& rows) override;

 private:
  Result<void> compile();
  Result<void> scan();
  Result<void> visit(uint32_t part, uint32_t group);
  Result<void> count(GroupColumns& group, const Bits& rows);
  Result<bool> count_whole(GroupColumns& group, const Bits& rows);
  Result<std::shared_ptr<const ResourceCounts::OfGroup>> resource_counts(GroupColumns& group);
  void enter(uint32_t part);
  void leave(uint32_t part);
  Result<void> make_series();
  Result<void> keep(MetricsSeries series);
  std::vector<MetricsLabel> labels_of(const Cells::Row& row) const;
  void add_exemplars(const Cells::Row& row, MetricsSeries& out);
  Result<void> finish();
  Error out_of_memory() const;

  const MetricsQuestion& question_;
  const traceql::Metric& metric_;
  const QueryControl& control_;
  PartSet parts_;
  Memory memory_;
  std::vector<Filter> filters_;
  std::optional<Pipeline> pipeline_;  // of whole traces
  std::optional<TraceFactsOf> facts_;
  Grouping grouping_;
  Measured measured_;
  std::unique_ptr<Cells> cells_;  // null: compare()
  std::optional<Compared> compared_;
  ExemplarPicker exemplars_;
  std::vector<bool> exemplar_taken_;

  std::vector<std::shared_ptr<const Part>> kept_parts_;  // as PartSet numbers them
  ResourceCounts::OfPart counts_;                        // of the part at hand
  bool counts_grew_ = false;

  PickedRows rows_;
  std::vector<uint32_t> series_;
  MetricsResult result_;
};

Result<void> Evaluation::compile() {
  bool roots = metric_.comparison.has_value();
  const auto names_root = [](const Attribute& attribute) {
    return attribute.intrinsic == Intrinsic::root_name ||
           attribute.intrinsic == Intrinsic::root_service;
  };
  for (const traceql::FieldExpr* condition : question_.spans) {
    filters_.push_back(TRY(Filter::compile(*condition)));
    roots = roots || filters_.back().mentions(Intrinsic::root_name) ||
            filters_.back().mentions(Intrinsic::root_service);
  }
  roots = roots || std::ranges::any_of(metric_.by, names_root);
  // A filter that may fail is asked only of the spans that the ones before it left.
  const bool is_in_turn = std::ranges::any_of(filters_ | std::views::drop(1),
                                              [](const Filter& f) { return f.may_fail(); });
  if (question_.is_of_traces || is_in_turn) {
    filters_.clear();
    pipeline_ = TRY(Pipeline::compile(question_.query->pipeline));
  }
  facts_.emplace(parts_, roots);
  if (metric_.comparison) {
    compared_ = TRY(Compared::make(*metric_.comparison, question_.axis, question_.limits, memory_));
  } else {
    cells_ = make_cells(metric_, question_.axis, measured_);
  }
  return {};
}

Result<MetricsResult> Evaluation::run() {
  CHECK_OK(compile());
  result_.parts = parts_.size();
  if (!question_.never) CHECK_OK(scan());
  if (memory_.is_short()) return std::unexpected(out_of_memory());
  CHECK_OK(make_series());
  CHECK_OK(finish());
  result_.memory = memory_.hand_over();  // in one go, so that nobody takes what is needed
  CHECK_OK(result_.memory.set(static_cast<int64_t>(bytes_of(result_.series))));
  result_.inspected_bytes = parts_.inspected().bytes;
  result_.damaged = parts_.damaged();
  return std::move(result_);
}

Result<void> Evaluation::scan() {
  const MetricsAxis& axis = question_.axis;
  if (pipeline_) {
    // Facts of its own: what it was told lasts until the next question, and counting asks too.
    TraceFactsOf facts(parts_, pipeline_->needs_roots());
    return scan_pipeline(parts_, *pipeline_, {axis.first_ns, axis.last_ns}, facts, control_, *this);
  }
  for (uint32_t part = parts_.size(); part-- > 0;) {
    const std::vector<RowGroup>& groups = parts_.part(part).groups();
    enter(part);
    for (uint32_t g = static_cast<uint32_t>(groups.size()); g-- > 0;) {
      if (parts_.is_hidden(part, g) || groups[g].start_min_ns > axis.last_ns ||
          groups[g].end_max_ns < axis.first_ns) {
        continue;
      }
      CHECK_OK(control_.check());
      ++result_.groups;
      const auto visited = visit(part, g);
      if (!visited && !parts_.contain(visited.error(), part, g)) return visited;
      if (memory_.is_short()) return std::unexpected(out_of_memory());
    }
    leave(part);
  }
  return {};
}

Result<void> Evaluation::take(uint32_t part, GroupColumns& group, const Bits& rows) {
  ++result_.groups;
  result_.inspected_spans += rows.size();
  const auto counted = count(group, rows);
  if (!counted && !parts_.contain(counted.error(), part, group.group())) return counted;
  if (memory_.is_short()) return std::unexpected(out_of_memory());
  return {};
}

Result<void> Evaluation::visit(uint32_t part, uint32_t g) {
  const auto group = parts_.group(part, g);
  const Range all = group->owners(Scope::span);
  result_.inspected_spans += all.count;
  std::optional<Bits> rows;
  for (Filter& filter : filters_) {
    Bits passing = TRY(filter.rows(*group, &*facts_));
    rows = rows ? *rows & passing : std::move(passing);
    if (rows->none()) break;
  }
  if (!rows) rows.emplace(all.count, true);
  parts_.leave_out_repeats(part, g, *rows);
  if (!TRY(count_whole(*group, *rows)) && !rows->none()) CHECK_OK(count(*group, *rows));
  parts_.forget(part, g);
  return {};
}

// What earlier queries counted of blocks, which are the parts in order.
void Evaluation::enter(uint32_t part) {
  counts_.clear();
  counts_grew_ = false;
  if (question_.maybe_counts == nullptr || !kept_parts_[part]->is_in_order()) return;
  if (const auto known = question_.maybe_counts->find(kept_parts_[part])) counts_ = *known;
  counts_.resize(kept_parts_[part]->groups());
}

void Evaluation::leave(uint32_t part) {
  if (counts_grew_) question_.maybe_counts->add(kept_parts_[part], std::move(counts_));
}

// Null: nothing is kept of the row group.
Result<std::shared_ptr<const ResourceCounts::OfGroup>> Evaluation::resource_counts(
    GroupColumns& group) {
  if (group.group() >= counts_.size()) return nullptr;
  auto& known = counts_[group.group()];
  if (known == nullptr) {
    known = TRY(count_resources(group));
    counts_grew_ = counts_grew_ || known != nullptr;
  }
  return known;
}

// False: its rows are to be looked at one by one. Row groups of which all rows count are counted by
// the numbers of their resources and seconds, if intervals begin and end with seconds.
Result<bool> Evaluation::count_whole(GroupColumns& group, const Bits& rows) {
  if (!filters_.empty() || compared_ || !cells_->only_counts() || rows.count() != rows.size()) {
    return false;
  }
  const MetricsAxis& axis = question_.axis;
  const RowGroup& extent = group.part().groups()[group.group()];
  if (exemplars_.wants(extent)) return false;
  const auto interval = PickedRows::only_interval(extent, axis);
  if (interval && grouping_.is_single()) {
    cells_->add_many(0, *interval, rows.count(), memory_);
    result_.counted_spans += rows.count();
    return true;
  }
  const bool whole_seconds = axis.step_ns % kSecondNs == 0 && axis.stamp_ns % kSecondNs == 0;
  if (!whole_seconds || !TRY(grouping_.is_of_resources(group))) return false;
  const auto known = TRY(resource_counts(group));
  if (known == nullptr) return false;
  std::vector<uint32_t> series(known->size());
  for (size_t i = 0; i < series.size(); ++i) {
    series[i] = TRY(grouping_.of_resource(group, (*known)[i].resource));
  }
  for (size_t i = 0; i < series.size(); ++i) {
    const ResourceCounts::Count& count = (*known)[i];
    const uint64_t end_ns = count.second * kSecondNs;
    if (!axis.has(end_ns)) continue;
    cells_->add_many(series[i], axis.interval(end_ns), count.rows, memory_);
    result_.counted_spans += count.rows;
  }
  return true;
}

Result<void> Evaluation::count(GroupColumns& group, const Bits& rows) {
  CHECK_OK(rows_.pick(group, rows, question_.axis));
  if (rows_.count() == 0) return {};
  if (compared_) {
    CHECK_OK(compared_->add(group, rows_, &*facts_));
    result_.counted_spans += rows_.count();
    return {};
  }
  if (!grouping_.is_single()) CHECK_OK(grouping_.read(group, rows_, &*facts_, series_));
  CHECK_OK(measured_.read(group, rows_, &*facts_));
  const CountedRows counted{
      .rows = rows_, .series = series_, .measured = measured_, .series_count = grouping_.size()};
  CHECK_OK(exemplars_.look(group, counted, &*facts_));
  cells_->add(counted, memory_);
  result_.counted_spans += rows_.count();
  return {};
}

Error Evaluation::out_of_memory() const {
  if (memory_.refusal()) return *memory_.refusal();
  if (compared_) {
    return {Code::too_large,
            fmt::format("the query needs more memory than its share of {} MiB for the attributes "
                        "that it compares, their values, and {} points of each: ask for a larger "
                        "step, a shorter range or a narrower first filter",
                        memory_.bytes_max() >> 20, question_.axis.count)};
  }
  return {
      Code::too_large,
      fmt::format("the query needs more memory than its share of {} MiB for {} series of {} "
                  "points: ask for fewer series, a larger step or a shorter range",
                  memory_.bytes_max() >> 20, std::max(1U, grouping_.size()), question_.axis.count)};
}

// ------------------------------------------------------------------------------- the answer

std::vector<MetricsLabel> Evaluation::labels_of(const Cells::Row& row) const {
  std::vector<MetricsLabel> out;
  if (metric_.by.empty() && !row.label) {
    out.push_back({"__name__", traceql::datum(std::string(traceql::text_of(metric_.function)))});
  }
  if (!metric_.by.empty()) {
    for (const auto& [attribute, value] : grouping_.values(row.series)) {
      out.push_back({traceql::canonical(*attribute), label_value(*value)});
    }
    if (out.empty() && !row.label) {
      out.push_back({traceql::canonical(metric_.by.front()), traceql::datum(std::string("nil"))});
    }
  }
  if (row.label) out.push_back(*row.label);
  return out;
}

// Each goes to one series: of histograms that of its bucket, of quantiles the nearest.
void Evaluation::add_exemplars(const Cells::Row& row, MetricsSeries& out) {
  const double divisor = metric_.of && metric_.of->intrinsic == Intrinsic::duration ? 1e9 : 1;
  const bool own = metric_.of && metric_.function != Function::histogram_over_time;
  for (size_t i = 0; i < exemplars_.found().size(); ++i) {
    const Exemplar& exemplar = exemplars_.found()[i];
    if (exemplar_taken_[i] || exemplar.series != row.series) continue;
    if (!cells_->shows(row, exemplar.number)) continue;
    exemplar_taken_[i] = true;
    MetricsExemplar shown{.labels = metric_.by.empty() ? std::vector<MetricsLabel>() : out.labels,
                          .value = own ? exemplar.number / divisor : out.samples[exemplar.interval],
                          .time_ns = exemplar.time_ns};
    shown.labels.insert(shown.labels.end(), exemplar.labels.begin(), exemplar.labels.end());
    out.exemplars.push_back(std::move(shown));
  }
}

// The answer has its share of the memory as well, beside what was counted.
Result<void> Evaluation::keep(MetricsSeries series) {
  CHECK_OK(control_.check());
  if (!memory_.take(bytes_of(series))) return std::unexpected(out_of_memory());
  result_.series.push_back(std::move(series));
  return {};
}

Result<void> Evaluation::make_series() {
  const auto keep = [this](MetricsSeries series) { return this->keep(std::move(series)); };
  if (compared_) return compared_->each_series(keep);
  exemplar_taken_.assign(exemplars_.found().size(), false);
  CHECK_OK(cells_->each_row([&](Cells::Row row) {
    MetricsSeries series{.labels = labels_of(row), .samples = {}, .exemplars = {}};
    series.samples = std::move(row.samples);
    add_exemplars(row, series);
    return keep(std::move(series));
  }));
  const bool counts =
      metric_.function == Function::rate || metric_.function == Function::count_over_time;
  if (!counts || !result_.series.empty() || !metric_.by.empty()) return {};
  return keep({.labels = labels_of({.series = 0, .label = std::nullopt, .samples = {}}),
               .samples = std::vector<double>(question_.axis.count),
               .exemplars = {}});
}

Result<void> Evaluation::finish() {
  MetricsResult& out = result_;
  drop_empty(out.series);
  CHECK_OK(apply(question_.query->second_stages, control_, out.series));
  put_in_order(out.series);
  if (compared_) out.incomplete = compared_->incomplete();
  for (const LabelColumn& label : grouping_.labels()) {
    if (!label.values().is_full() || !out.incomplete.empty()) continue;
    out.incomplete =
        fmt::format("more than {} values of {}: spans with further ones are left out",
                    question_.limits.values_max, traceql::canonical(label.attribute()));
  }
  const uint32_t series_max = question_.limits.series_max;
  if (series_max > 0 && out.series.size() > series_max) {
    out.series.resize(series_max);
    out.incomplete = fmt::format(
        "Response exceeds maximum series limit of {}, a partial response is returned. Warning: the "
        "accuracy of each individual value is not guaranteed.",
        series_max);
  }
  return {};
}

}  // namespace

Result<MetricsResult> evaluate_metrics(std::span<const Snapshot> snapshots,
                                       const MetricsQuestion& question,
                                       const QueryControl& control) {
  return Evaluation(snapshots, question, control).run();
}

}  // namespace vivace
