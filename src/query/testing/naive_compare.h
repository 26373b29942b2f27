// The oracle's compare(): how often each value of each attribute comes up among the spans that a
// condition selects, and among the others (TraceQL reference, 13).
//
// Not part of the product.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "query/testing/naive_metrics.h"

namespace vivace::naive {

class Compared {
 public:
  // Intervals are known by their right ends.
  Compared(const std::optional<traceql::Comparison>& comparison, std::vector<uint64_t> ends)
      : comparison_(comparison ? &*comparison : nullptr), ends_(std::move(ends)) {}

  void observe(const Trace& trace, const SentSpan& span, uint64_t interval);
  std::vector<Series> series() const;

 private:
  using Counts = std::map<uint64_t, double>;
  struct Value {
    traceql::Datum value;
    double total = 0;
    Counts counts;
  };
  struct Attribute {
    std::map<std::string, Value> values;  // by text
    Counts spans;                         // that have it
  };
  using Side = std::map<std::string, Attribute>;  // by canonical text

  void add(const Side& side, const std::string& name, std::vector<Series>& out) const;
  Series make(const std::string& type, const Label& label, const Counts& counts) const;

  const traceql::Comparison* comparison_;
  std::vector<uint64_t> ends_;
  Side baseline_;
  Side selection_;
};

}  // namespace vivace::naive
