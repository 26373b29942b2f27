// The oracle of queries, lowest layer: traces as plain spans. Here parts become traces, each span
// once, in canonical order, and each trace learns what is said of it as a whole: times, root, and
// the numbers of its tree. Everything is done in the most obvious way, from the TraceQL reference.
//
//   std::vector<naive::Trace> traces = naive::traces_of(parts);     // the oldest part first
//
// Not part of the product.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/testing/random_spans.h"

namespace vivace::naive {

// Thrown where the language says that the query fails.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Where a span stands in the tree of its trace. All 0: nowhere.
struct Place {
  int64_t left = 0;
  int64_t right = 0;
  int64_t parent = 0;  // the left number of the parent; -1: a root
  int64_t children = 0;
};

struct Trace {
  TraceId id;
  std::vector<SentSpan> spans;  // canonical order, each once
  std::vector<Place> places;    // of the spans
  uint64_t start_ns = UINT64_MAX;
  uint64_t end_ns = 0;
  const SentSpan* root = nullptr;

  const Place& place_of(const SentSpan& span) const {
    return places[static_cast<size_t>(&span - spans.data())];
  }
};

std::vector<Trace> traces_of(const std::vector<std::vector<SentSpan>>& parts);

// The resource's service.name, empty if it is no text.
std::string service_of(const SentSpan& span);

}  // namespace vivace::naive
