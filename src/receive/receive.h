// What every receiver hands on, and what it is told back. Receivers run on io threads: `Sink` takes
// the body at once and calls `done` later, from any thread, exactly once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/budget.h"
#include "base/result.h"
#include "wire/compression.h"

namespace vivace::receive {

// What a body is once it is unpacked.
enum class BodyFormat : uint8_t { otlp_protobuf, otlp_json };

// A request body as it was received.
struct Received {
  std::string tenant;
  ContentEncoding encoding = ContentEncoding::identity;
  BodyFormat format = BodyFormat::otlp_protobuf;
  std::string body;
  Reservation body_room;          // the body's share of the budget for bodies
  size_t unpacked_bytes_max = 0;  // 0: the limit that holds for all
  // Says in the receiver's words what is wrong with a body that cannot be unpacked or decoded;
  // `bytes_max` is the limit that held for it. Null: the error as it is.
  Error (*unreadable)(const Error& error, size_t bytes_max) = nullptr;
  // From when it was handed over, the sender waits this long.
  std::optional<std::chrono::nanoseconds> timeout = {};
  std::stop_token stop = {};  // requested when the sender went away
};

// The verdict on a request that was stored.
struct Outcome {
  int64_t rejected_spans = 0;
  std::string message;  // why, when spans were rejected
};

using Done = std::move_only_function<void(Result<Outcome>)>;
using Sink = std::function<void(Received, Done)>;

}  // namespace vivace::receive
