// Answers of the oracle and of the evaluator over columns in one form, and where two of them
// differ. Groups come in any order; numbers may differ by what rounding does.
//
// Not part of the product.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "query/metrics.h"
#include "query/search.h"
#include "query/testing/naive.h"

namespace vivace {

struct SearchAnswer {
  struct Set {
    std::vector<std::string> spans;
    size_t matched = 0;
    std::vector<naive::Label> attributes;
  };
  struct Trace {
    std::string about;  // id, times, root, services
    std::vector<Set> sets;
  };
  std::vector<Trace> traces;
};

SearchAnswer answer_of(const SearchResult& result);
SearchAnswer answer_of(const std::vector<naive::Found>& found, size_t limit, size_t spans_per_set);

// Points of every series, in the order of the answer.
std::vector<naive::Series> answer_of(const MetricsResult& result, const MetricsAxis& axis);

// Empty: none. Of quantiles `tolerance` is 0.01.
std::string difference(const SearchAnswer& got, const SearchAnswer& wanted);
std::string difference(const std::vector<naive::Series>& got,
                       const std::vector<naive::Series>& wanted, double tolerance = 1e-9);

// Of compare(): `all` is the oracle's answer with every value. Of values that come up equally often
// any may be among the first. What events and links have is not looked at.
std::string difference_of_compare(const std::vector<naive::Series>& got,
                                  const std::vector<naive::Series>& all, size_t top);

}  // namespace vivace
