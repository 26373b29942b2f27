// What every receiver hands on, and what it is told back. Receivers run on io threads: `Sink` takes
// the body at once and calls `done` later, from any thread, exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/budget.h"
#include "base/result.h"
#include "wire/compression.h"

namespace vivace::receive {

// A request body as it was received.
struct Received {
  std::string tenant;
  ContentEncoding encoding = ContentEncoding::identity;
  std::string body;
  Reservation body_room;  // the body's share of the budget for bodies
};

// The verdict on a request that was stored.
struct Outcome {
  int64_t rejected_spans = 0;
  std::string message;  // why, when spans were rejected
};

using Done = std::move_only_function<void(Result<Outcome>)>;
using Sink = std::function<void(Received, Done)>;

}  // namespace vivace::receive
