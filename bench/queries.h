// Whoever reads while others write: asks a server so many questions a second from a thread of its
// own, by turns a trace by id, searches and a tag's values, and counts the answers. Also reads
// acked traces back, all or some.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "load.h"
#include "workload.h"

namespace vivace::bench {

class Queries {
 public:
  // Ids asked for are those of the workload's first traces, which are stored soon.
  Queries(std::string address, const Workload& workload, double per_second);

  struct Counts {
    uint64_t answered = 0;
    uint64_t failed = 0;  // neither an answer nor "not found"
    double p99_ms = 0;
  };
  Counts stop();

 private:
  void run(const std::stop_token& stop);
  std::string question(uint64_t number) const;

  const std::string address_;
  const Workload& workload_;
  const double per_second_;
  Counts counts_;
  std::vector<double> took_ms_;
  std::jthread thread_;
};

struct ReadBack {
  uint64_t traces = 0;
  uint64_t missing_traces = 0;
  uint64_t missing_spans = 0;  // of traces that were found
  uint64_t excess_spans = 0;
  std::vector<double> took_ms;  // sorted
};

struct ReadBackOptions {
  uint64_t traces_max = ~0ULL;  // so many, evenly spread
  int connections = 1;
};

// Asks for acked traces by id and counts their spans.
ReadBack read_back(const std::string& address, const Workload& workload,
                   const std::vector<uint64_t>& acked_batches, const ReadBackOptions& options);

// The value at quantile q of 0..1 of sorted values.
double quantile(const std::vector<double>& sorted, double q);

// For a URL's query string.
std::string percent_encoded(const std::string& text);

}  // namespace vivace::bench
