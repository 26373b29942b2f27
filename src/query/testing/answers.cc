// Values become what JSON would show of them; the rest is comparing in order.
#include "query/testing/answers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "traceql/traceql.h"

namespace vivace {
namespace {

using traceql::Datum;
using traceql::Type;

Datum shown(const Datum& value) {
  switch (value.type()) {
    case Type::nil:
    case Type::duration:
    case Type::status:
    case Type::kind:
      return traceql::datum(traceql::datum_text(value));
    default:
      return value;
  }
}

bool is_near(double a, double b, double tolerance) {
  return a == b || (std::isnan(a) && std::isnan(b)) ||
         std::abs(a - b) <= tolerance * std::abs(b) + 1e-15;
}

bool are_near(const Datum& a, const Datum& b) {
  const auto* x = a.get_if<double>();
  const auto* y = b.get_if<double>();
  return x != nullptr && y != nullptr ? is_near(*x, *y, 1e-9) : a.payload == b.payload;
}

std::string show(const SearchAnswer::Set& set) {
  std::string out;
  for (const naive::Label& label : set.attributes) {
    out += fmt::format("{}={} ", label.name, traceql::datum_text(label.value));
  }
  return fmt::format("{}[{}] matched {}", out, fmt::join(set.spans, " "), set.matched);
}

void sort(std::vector<SearchAnswer::Set>& sets) {
  std::ranges::sort(sets, {}, [](const SearchAnswer::Set& set) {
    std::string text;
    for (const naive::Label& label : set.attributes) {
      const auto* real = label.value.get_if<double>();
      text +=
          real != nullptr ? fmt::format("{:.6g} ", *real) : traceql::datum_text(label.value) + " ";
    }
    return std::tuple(set.spans, set.matched, text);
  });
}

bool is_same(const SearchAnswer::Set& a, const SearchAnswer::Set& b) {
  return a.spans == b.spans && a.matched == b.matched &&
         std::ranges::equal(a.attributes, b.attributes,
                            [](const naive::Label& x, const naive::Label& y) {
                              return x.name == y.name && are_near(x.value, y.value);
                            });
}

std::string about(const TraceId& id, uint64_t start_ns, uint64_t end_ns, const std::string& service,
                  const std::string& name, const std::map<std::string, ServiceCounts>& services) {
  std::string out =
      fmt::format("{} {}-{} root {}/{}", to_hex(id.view()), start_ns, end_ns, service, name);
  for (const auto& [key, counts] : services) {
    out += fmt::format(" {}={}/{}", key, counts.spans, counts.errors);
  }
  return out;
}

std::string span_text(SpanId id, uint64_t start_ns, uint64_t duration_ns) {
  return fmt::format("{:x}@{}+{}", std::byteswap(id.raw), start_ns, duration_ns);
}

std::string show(const naive::Series& series) {
  std::string out = naive::text_of(series.labels);
  for (const auto& [time, value] : series.points) {
    out += fmt::format(" {}:{}", time / 1'000'000, value);
  }
  return out;
}

bool is_same(const naive::Series& a, const naive::Series& b, double tolerance) {
  return naive::text_of(a.labels) == naive::text_of(b.labels) &&
         std::ranges::equal(a.points, b.points, [&](const auto& x, const auto& y) {
           return x.first == y.first && is_near(x.second, y.second, tolerance);
         });
}

}  // namespace

SearchAnswer answer_of(const SearchResult& result) {
  SearchAnswer out;
  for (const FoundTrace& trace : result.traces) {
    SearchAnswer::Trace one{about(trace.id, trace.start_ns, trace.end_ns, trace.root_service,
                                  trace.root_name, trace.services),
                            {}};
    for (const FoundSpanSet& set : trace.sets) {
      SearchAnswer::Set& to = one.sets.emplace_back();
      to.matched = set.matched;
      for (const FoundSpan& span : set.spans) {
        to.spans.push_back(span_text(span.id, span.start_ns, span.duration_ns));
      }
      for (const ShownValue& value : set.attributes) {
        to.attributes.push_back({value.key, shown(value.value)});
      }
    }
    out.traces.push_back(std::move(one));
  }
  return out;
}

SearchAnswer answer_of(const std::vector<naive::Found>& found, size_t limit, size_t spans_per_set) {
  SearchAnswer out;
  for (const naive::Found& match : found) {
    if (out.traces.size() == limit) break;
    const naive::Trace& trace = *match.trace;
    std::map<std::string, ServiceCounts> services;
    for (const SentSpan& span : trace.spans) {
      ServiceCounts& counts = services[naive::service_of(span)];
      ++counts.spans;
      counts.errors += span.status_code == 2 ? 1 : 0;
    }
    SearchAnswer::Trace one{about(trace.id, trace.start_ns, trace.end_ns,
                                  trace.root == nullptr ? "" : naive::service_of(*trace.root),
                                  trace.root == nullptr ? "" : trace.root->name, services),
                            {}};
    for (const naive::SpanSet& set : match.sets) {
      SearchAnswer::Set& to = one.sets.emplace_back();
      to.matched = set.spans.size();
      for (size_t i = 0; i < std::min(spans_per_set, set.spans.size()); ++i) {
        const SentSpan& span = trace.spans[set.spans[i]];
        to.spans.push_back(span_text(span.span_id, span.start_ns, span.end_ns - span.start_ns));
      }
      for (const naive::Label& label : set.attributes) {
        to.attributes.push_back({label.name, shown(label.value)});
      }
    }
    out.traces.push_back(std::move(one));
  }
  return out;
}

std::vector<naive::Series> answer_of(const MetricsResult& result, const MetricsAxis& axis) {
  std::vector<naive::Series> out;
  for (const MetricsSeries& series : result.series) {
    naive::Series& one = out.emplace_back();
    for (const MetricsLabel& label : series.labels) {
      one.labels.push_back({label.key, shown(label.value)});
    }
    for (uint32_t i = 0; i < series.samples.size(); ++i) {
      if (!std::isnan(series.samples[i])) one.points[axis.stamp(i)] = series.samples[i];
    }
  }
  return out;
}

std::string difference(const SearchAnswer& got, const SearchAnswer& wanted) {
  for (size_t i = 0; i < std::max(got.traces.size(), wanted.traces.size()); ++i) {
    if (i == got.traces.size()) return "\n lacks   " + wanted.traces[i].about;
    if (i == wanted.traces.size()) return "\n too many " + got.traces[i].about;
    SearchAnswer::Trace a = got.traces[i];
    SearchAnswer::Trace b = wanted.traces[i];
    if (a.about != b.about) return "\n got    " + a.about + "\n wanted " + b.about;
    sort(a.sets);
    sort(b.sets);
    for (size_t s = 0; s < std::max(a.sets.size(), b.sets.size()); ++s) {
      if (s < a.sets.size() && s < b.sets.size() && is_same(a.sets[s], b.sets[s])) continue;
      return fmt::format("\n of     {}\n got    {}\n wanted {}", a.about,
                         s < a.sets.size() ? show(a.sets[s]) : "nothing more",
                         s < b.sets.size() ? show(b.sets[s]) : "nothing more");
    }
  }
  return "";
}

std::string difference(const std::vector<naive::Series>& got,
                       const std::vector<naive::Series>& wanted, double tolerance) {
  for (size_t i = 0; i < std::max(got.size(), wanted.size()); ++i) {
    if (i < got.size() && i < wanted.size() && is_same(got[i], wanted[i], tolerance)) continue;
    return fmt::format("\n got    {}\n wanted {}", i < got.size() ? show(got[i]) : "nothing more",
                       i < wanted.size() ? show(wanted[i]) : "nothing more");
  }
  return "";
}

std::string difference_of_compare(const std::vector<naive::Series>& got,
                                  const std::vector<naive::Series>& all, size_t top) {
  using Key = std::pair<std::string, std::string>;  // `baseline`, `span.x`
  struct Side {
    std::map<std::string, naive::Series> series;
    std::vector<double> totals;
  };
  const auto sides_of = [](const std::vector<naive::Series>& list) {
    std::map<Key, Side> out;
    for (const naive::Series& series : list) {
      const std::string& name = series.labels.at(1).name;
      if (name.starts_with("event") || name.starts_with("link")) continue;
      Side& side = out[{traceql::datum_text(series.labels.front().value), name}];
      side.series[naive::text_of(series.labels)] = series;
      double total = 0;
      for (const auto& [time, value] : series.points) total += value;
      side.totals.push_back(total);
    }
    for (auto& [key, side] : out) std::ranges::sort(side.totals, std::greater());
    return out;
  };
  const auto ours = sides_of(got);
  auto wanted = sides_of(all);
  for (auto& [key, side] : wanted) {
    const auto found = ours.find(key);
    if (found == ours.end()) return fmt::format("lacks {} {}", key.first, key.second);
    if (side.totals.size() > top) side.totals.resize(top);
    if (found->second.totals != side.totals) {
      return fmt::format("{} {}: totals {} instead of {}", key.first, key.second,
                         found->second.totals, side.totals);
    }
    for (const auto& [labels, series] : found->second.series) {
      if (!side.series.contains(labels)) return "nobody has " + labels;
      if (!is_same(series, side.series.at(labels), 0)) {
        return "\n got    " + show(series) + "\n wanted " + show(side.series.at(labels));
      }
    }
  }
  for (const auto& [key, side] : ours) {
    if (!wanted.contains(key)) return fmt::format("nobody has {} {}", key.first, key.second);
  }
  return "";
}

}  // namespace vivace
