// For the tests of wire/: how much memory a piece of code takes, counted at operator new, which
// compression_test.cc replaces for the whole of wire_test. What C libraries take with malloc is not
// seen. One thread at a time.
#pragma once

#include <atomic>
#include <cstddef>

namespace vivace {

extern std::atomic<size_t> bytes_in_use;
extern std::atomic<size_t> bytes_peak;

// What `run` took beyond what was there, at its worst moment.
template <class Run>
size_t peak_of(const Run& run) {
  const size_t before = bytes_in_use;
  bytes_peak = before;
  run();
  return bytes_peak - before;
}

}  // namespace vivace
