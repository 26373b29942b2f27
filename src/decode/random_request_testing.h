// For tests: makes up requests from a seed. Half of their keys and texts come from small sets, so
// that shapes repeat; numbers are often those at a limit; some spans have no ids.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "decode/otlp_testing.h"

namespace vivace::plain {

using Random = std::mt19937_64;

inline bool chance(Random& random, unsigned one_in) { return random() % one_in == 0; }

class Imagination {
 public:
  explicit Imagination(Random& random) : random_(random) {}

  Request request() {
    Request out(random_() % 4);
    for (ResourceSpans& one : out) {
      one = {attributes(5, 0), count(), {}, text()};
      one.scopes.resize(random_() % 4);
      for (ScopeSpans& scope : one.scopes) {
        scope = {text(), text(), attributes(3, 0), count(), {}, text()};
        scope.spans.resize(random_() % 5);
        for (Span& each : scope.spans) each = span();
      }
    }
    return out;
  }

 private:
  // Characters of one to four bytes.
  std::string text() {
    constexpr std::array<const char*, 8> kPieces = {"a", "bc", "/", "é", "日", "😀", "\n", "x"};
    if (chance(random_, 3)) return "";
    std::string out;
    for (uint64_t n = random_() % 10; n > 0; --n) out += kPieces[random_() % kPieces.size()];
    return out;
  }
  std::string key() {
    constexpr std::array<const char*, 4> kKeys = {"a", "http.method", "k8s.pod.name.of.ours", "é"};
    return chance(random_, 4) ? text() : kKeys[random_() % kKeys.size()];
  }
  std::string noise(size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  std::string id(size_t size) {
    std::string out = noise(size);
    out[0] = 'x';  // not zero
    return out;
  }
  std::string maybe_id(size_t size) { return chance(random_, 4) ? std::string() : id(size); }
  uint64_t number() {
    constexpr std::array<uint64_t, 6> kLimits = {0,          1,          INT64_MAX,
                                                 1ULL << 63, UINT64_MAX, UINT32_MAX};
    return chance(random_, 2) ? kLimits[random_() % kLimits.size()] : random_() >> random_() % 64;
  }
  uint32_t count() { return chance(random_, 2) ? 0 : static_cast<uint32_t>(number()); }

  Value value(int depth) {
    switch (random_() % (depth < 4 ? 8 : 6)) {
      case 0:
        return {};
      case 1:
        return plain::text(text());
      case 2:
        return plain::boolean(chance(random_, 2));
      case 3:
        return plain::integer(static_cast<int64_t>(number()));
      case 4:
        return plain::real(std::bit_cast<double>(number()));
      case 5:
        return plain::bytes(noise(random_() % 20));
      case 6: {
        std::vector<Value> values(random_() % 4);
        for (Value& one : values) one = value(depth + 1);
        return plain::array(std::move(values));
      }
      default:
        return plain::map(attributes(4, depth + 1));
    }
  }
  Attributes attributes(uint64_t below, int depth) {
    Attributes out(random_() % below);
    for (KeyValue& one : out) one = {key(), value(depth)};
    return out;
  }

  Span span() {
    Span out{.trace_id = chance(random_, 15) ? std::string() : id(16),
             .span_id = chance(random_, 15) ? std::string(8, '\0') : id(8),
             .trace_state = text(),
             .parent_id = maybe_id(8),
             .name = text(),
             .kind = static_cast<int32_t>(chance(random_, 4) ? number() : random_() % 6),
             .start_ns = number(),
             .end_ns = number(),
             .attributes = attributes(8, 0),
             .dropped_attributes = count(),
             .events = {},
             .dropped_events = count(),
             .links = {},
             .dropped_links = count(),
             .status_message = text(),
             .status_code = static_cast<int32_t>(chance(random_, 4) ? number() : 2),
             .flags = count()};
    for (uint64_t n = random_() % 4; n > 0 && chance(random_, 2); --n) {
      out.events.push_back({number(), text(), attributes(4, 0), count()});
    }
    for (uint64_t n = random_() % 4; n > 0 && chance(random_, 2); --n) {
      out.links.push_back({maybe_id(16), maybe_id(8), text(), attributes(4, 0), count(), count()});
    }
    return out;
  }

  Random& random_;
};

}  // namespace vivace::plain
