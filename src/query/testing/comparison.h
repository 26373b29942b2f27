// A random query asked of the oracle and of the evaluator over columns, with random limits, windows
// and ranges; what came up is counted.
//
//   QueryComparison comparison(seed);
//   comparison.run(snapshot, naive::traces_of(parts), Over::time, count);    // EXPECTs
//
// Not part of the product.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "query/testing/naive.h"
#include "query/testing/random_queries.h"
#include "query/testing/random_traces.h"
#include "store/snapshot.h"

namespace vivace {

// What came up in how many pairs.
struct QueryCount {
  std::map<std::string, uint64_t> features;
  uint64_t pairs = 0;
  uint64_t answered = 0;
  uint64_t failed = 0;
  uint64_t refused = 0;  // what the evaluator over columns does not do yet

  void add(const RandomQuery& query) {
    ++pairs;
    for (const std::string& feature : query.features) ++features[feature];
  }
  // Prints all, and expects each whose name begins with one of `kinds` in 1 % of the pairs.
  void report(std::initializer_list<const char*> kinds, size_t kinds_min) const;
  double share(uint64_t of) const {
    return 100.0 * static_cast<double>(of) / static_cast<double>(pairs);
  }
};

enum class Over : uint8_t { traces, time };  // searches, metrics

class QueryComparison {
 public:
  explicit QueryComparison(uint64_t seed) : seed_(seed), random_(seed), queries_(seed) {}

  void run(const Snapshot& snapshot, const std::vector<naive::Trace>& traces, Over over,
           QueryCount& count);

 private:
  struct Asked {
    const Snapshot& snapshot;
    const std::vector<naive::Trace>& traces;
    traceql::Query query;
    std::string about;
  };
  void compare_search(const Asked& asked, QueryCount& count);
  void compare_metrics(Asked& asked, QueryCount& count);
  naive::MetricRange range();

  uint64_t seed_;
  RandomTraces random_;
  RandomQueries queries_;
};

}  // namespace vivace
