// The evaluator over columns against the oracle: random queries over the whole language, on random
// traces in heads and blocks. VIVACE_PAIRS=n asks for n pairs of a query and a set of traces,
// VIVACE_SEED=n begins with another one; at the end stands what came up how often.
#include <cstdlib>

#include <gtest/gtest.h>

#include "query/testing/comparison.h"
#include "query/testing/mixed_parts.h"
#include "store/testing/stored_parts.h"

namespace vivace {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kPairs = 200;
#else
constexpr uint64_t kPairs = 2'000;
#endif
constexpr uint64_t kPairsOfTraces = 50;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Pairs {
 public:
  Pairs(uint64_t seed, Over over) : over_(over), comparison_(seed) {
    constexpr size_t kSizes[] = {3, 12, 40, 150};
    RandomTraces random(seed);
    const auto parts = random.parts({.traces = 1 + random.number(25),
                                     .parts = 1 + random.number(6),
                                     .spans_max = kSizes[random.number(4)],
                                     .one_is_large = seed % 20 == 7});
    traces_ = naive::traces_of(parts);
    if (over == Over::traces && random.chance(25)) {  // nobody knows what is split or repeated
      snapshot_ = disk_.snapshot(parts, [&](size_t) { return random.chance(50); });
    } else {
      snapshot_ = stored_.snapshot(parts, random.number(parts.size() + 1));
    }
  }

  void run(QueryCount& count) { comparison_.run(snapshot_, traces_, over_, count); }

 private:
  Over over_;
  QueryComparison comparison_;
  std::vector<naive::Trace> traces_;
  MixedParts disk_;
  StoredParts stored_;
  Snapshot snapshot_;
};

QueryCount run(Over over, uint64_t pairs_wanted) {
  const uint64_t wanted = from_environment("VIVACE_PAIRS", pairs_wanted);
  QueryCount count;
  for (uint64_t seed = from_environment("VIVACE_SEED", 1); count.pairs < wanted; ++seed) {
    Pairs pairs(seed, over);
    for (uint64_t i = 0; i < kPairsOfTraces; ++i) pairs.run(count);
    if (testing::Test::HasFailure()) break;
  }
  return count;
}

TEST(RandomQueries, SearchesAgreeWithTheOracle) {
  const QueryCount count = run(Over::traces, kPairs * 2 / 3);
  if (HasFailure()) return;
  count.report({"op ", "relation ", "aggregate ", "stage ", "scope ", "type ", "intrinsic "}, 85);
}

TEST(RandomQueries, MetricsAgreeWithTheOracle) {
  const QueryCount count = run(Over::time, kPairs / 3);
  if (!HasFailure()) count.report({"metrics ", "scope "}, 18);
}

}  // namespace
}  // namespace vivace
