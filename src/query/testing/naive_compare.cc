// What a span carries is written out as a list of (attribute, value), and counted.
#include "query/testing/naive_compare.h"

#include <algorithm>

#include "query/testing/naive_field.h"
#include "traceql/traceql.h"

namespace vivace::naive {
namespace {

using traceql::Datum;
using traceql::Intrinsic;

void add_all(const SentAttributes& attributes, traceql::Scope scope, std::vector<Label>& out) {
  std::set<std::string> seen;  // of a key that comes twice the first counts
  for (const SentAttribute& a : attributes) {
    if (!seen.insert(a.key).second) continue;
    Datum value = datum_of(a.value);
    if (value.type() == traceql::Type::nil) continue;
    out.push_back(
        {traceql::canonical(traceql::Attribute{.scope = scope, .name = a.key}), std::move(value)});
  }
}

std::vector<Label> carried(const Trace& trace, const SentSpan& span) {
  std::vector<Label> out;
  const auto add = [&](Intrinsic intrinsic) {
    const traceql::Attribute attribute{.intrinsic = intrinsic};
    Datum value = value_of(attribute, trace, span);
    if (const auto* status = value.get_if<traceql::Status>()) {
      value = traceql::datum(std::string(traceql::status_text(*status)));
    } else if (const auto* kind = value.get_if<traceql::Kind>()) {
      value = traceql::datum(std::string(traceql::kind_text(*kind)));
    }
    out.push_back({traceql::canonical(attribute), std::move(value)});
  };
  add(Intrinsic::name);
  add(Intrinsic::status);
  add(Intrinsic::kind);
  add(Intrinsic::status_message);
  add(Intrinsic::root_name);
  add(Intrinsic::root_service);
  add(Intrinsic::instrumentation_name);
  add(Intrinsic::instrumentation_version);
  add_all(span.attributes, traceql::Scope::span, out);
  add_all(span.resource->attributes, traceql::Scope::resource, out);
  add_all(span.scope->attributes, traceql::Scope::instrumentation, out);
  return out;
}

}  // namespace

void Compared::observe(const Trace& trace, const SentSpan& span, uint64_t interval) {
  bool selected = passes(comparison_->selection, trace, span);
  if (const auto& window = comparison_->window) {
    const auto start_ns = static_cast<int64_t>(span.start_ns);
    selected = selected && start_ns > window->start_ns && start_ns <= window->end_ns;
  }
  Side& side = selected ? selection_ : baseline_;
  for (const Label& label : carried(trace, span)) {
    Attribute& attribute = side[label.name];
    ++attribute.spans[interval];
    Value& value = attribute.values[traceql::datum_text(label.value)];
    value.value = label.value;
    ++value.total;
    ++value.counts[interval];
  }
}

Series Compared::make(const std::string& type, const Label& label, const Counts& counts) const {
  Series out{{{"__meta_type", traceql::datum(type)}, label}, {}};
  for (const uint64_t end : ends_) out.points[end] = counts.contains(end) ? counts.at(end) : 0;
  return out;
}

void Compared::add(const Side& side, const std::string& name, std::vector<Series>& out) const {
  for (const auto& [key, attribute] : side) {
    std::vector<const Value*> values;
    for (const auto& [text, value] : attribute.values) values.push_back(&value);
    std::ranges::stable_sort(values, std::greater(), &Value::total);
    if (values.size() > static_cast<size_t>(comparison_->top)) {
      values.resize(static_cast<size_t>(comparison_->top));
    }
    for (const Value* value : values) out.push_back(make(name, {key, value->value}, value->counts));
    out.push_back(
        make(name + "_total", {key, traceql::datum(std::string("nil"))}, attribute.spans));
  }
}

std::vector<Series> Compared::series() const {
  std::vector<Series> out;
  add(baseline_, "baseline", out);
  add(selection_, "selection", out);
  return out;
}

}  // namespace vivace::naive
