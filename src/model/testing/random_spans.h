// Spans for tests: plain structs that own what they say, and a generator that fills them with
// everything OTLP can carry, likely or not, from a seed. What a test sends it keeps as these
// structs, and what it reads back must equal them: they are the oracle, and know nothing of
// batches, heads or logs.
//
//   RandomSpans random(seed);
//   std::vector<SentSpan> sent = random.request(20);
//   auto batch = decode_otlp(to_otlp(sent), {});       // otlp_bytes.h
//   ...
//   EXPECT_EQ(difference(sent[i], got), "");           // same_span.h
//
// Not part of the product. One thread a generator.
#pragma once

#include <bit>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "model/ids.h"
#include "model/value.h"

namespace vivace {

struct SentValue {
  ValueType type = ValueType::empty;
  uint64_t bits = 0;
  std::string text;
  bool operator==(const SentValue&) const = default;
};

struct SentAttribute {
  std::string key;
  SentValue value;
  bool operator==(const SentAttribute&) const = default;
};
using SentAttributes = std::vector<SentAttribute>;

struct SentResource {
  SentAttributes attributes;
  uint32_t dropped_attributes = 0;
  std::string schema_url;
  bool operator==(const SentResource&) const = default;
};

struct SentScope {
  std::string name;
  std::string version;
  SentAttributes attributes;
  uint32_t dropped_attributes = 0;
  std::string schema_url;
  bool operator==(const SentScope&) const = default;
};

struct SentEvent {
  uint64_t time_ns = 0;
  std::string name;
  SentAttributes attributes;
  uint32_t dropped_attributes = 0;
  bool operator==(const SentEvent&) const = default;
};

struct SentLink {
  TraceId trace_id;
  SpanId span_id;
  std::string trace_state;
  SentAttributes attributes;
  uint32_t dropped_attributes = 0;
  uint32_t flags = 0;
  bool operator==(const SentLink&) const = default;
};

struct SentSpan {
  std::shared_ptr<const SentResource> resource = std::make_shared<SentResource>();
  std::shared_ptr<const SentScope> scope = std::make_shared<SentScope>();
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;
  std::string trace_state;
  std::string name;
  int32_t kind = 0;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  SentAttributes attributes;
  uint32_t dropped_attributes = 0;
  std::vector<SentEvent> events;
  uint32_t dropped_events = 0;
  std::vector<SentLink> links;
  uint32_t dropped_links = 0;
  std::string status_message;
  int32_t status_code = 0;
  uint32_t flags = 0;
};

inline TraceId make_trace_id(uint64_t high, uint64_t low) {
  TraceId id;
  store(id.bytes.data(), std::byteswap(high));
  store(id.bytes.data() + 8, std::byteswap(low));
  return id;
}
// As people write it: make_span_id(1) is 0000000000000001 in wire order.
inline SpanId make_span_id(uint64_t number) { return {std::byteswap(number)}; }

// Makes no trace id and no span id twice, within this generator and beside those of other seeds.
class RandomSpans {
 public:
  explicit RandomSpans(uint64_t seed) : random_(seed), ids_(mix64(seed + 1) | 1) {}

  uint64_t number(uint64_t below) { return random_() % below; }
  bool chance(int percent) { return number(100) < static_cast<uint64_t>(percent); }

  // Spans of a few traces, resources and scopes, mixed; some traces came up in earlier requests.
  std::vector<SentSpan> request(size_t spans) {
    std::vector<SentSpan> out;
    const size_t resources = 1 + number(3);
    for (size_t r = 0; r < resources; ++r) {
      auto resource = std::make_shared<const SentResource>(this->resource());
      for (size_t s = 0; s < 2; ++s) {
        auto scope = std::make_shared<const SentScope>(this->scope());
        const size_t here =
            r + 1 == resources && s == 1 ? spans - out.size() : number(spans - out.size() + 1);
        for (size_t i = 0; i < here; ++i) {
          out.push_back(span());
          out.back().resource = resource;
          out.back().scope = scope;
        }
      }
    }
    return out;
  }

  // With a resource and a scope that have nothing.
  SentSpan span() {
    SentSpan out;
    out.trace_id = trace_id();
    out.span_id = {mix64(ids_ + ++made_)};
    if (!chance(20)) out.parent_id.raw = random_();
    if (chance(10)) out.trace_state = text();
    if (!chance(3)) out.name = chance(80) ? "name " + std::to_string(number(8)) : text();
    out.kind = enumeration(6);
    out.start_ns = time_ns();
    out.end_ns = chance(90) ? out.start_ns + number(1 << 30) : time_ns();
    out.attributes = attributes();
    out.dropped_attributes = rare();
    for (uint64_t left = chance(30) ? number(4) : 0; left > 0; --left) {
      out.events.push_back({time_ns(), text(), attributes(), rare()});
    }
    out.dropped_events = rare();
    for (uint64_t left = chance(20) ? number(4) : 0; left > 0; --left) {
      out.links.push_back(link());
    }
    out.dropped_links = rare();
    if (chance(10)) out.status_message = text();
    out.status_code = enumeration(3);
    out.flags = rare();
    return out;
  }

  SentResource resource() {
    SentResource out;
    if (chance(90)) {
      out.attributes.push_back(
          {"service.name", {ValueType::string, 0, "service " + std::to_string(number(5))}});
    }
    if (chance(30))
      for (auto& a : attributes()) out.attributes.push_back(std::move(a));
    out.dropped_attributes = rare();
    if (chance(20)) out.schema_url = text();
    return out;
  }

  SentScope scope() {
    SentScope out;
    if (chance(90)) out.name = "library " + std::to_string(number(5));
    if (chance(50)) out.version = std::to_string(number(5));
    if (chance(20)) out.attributes = attributes();
    out.dropped_attributes = rare();
    if (chance(10)) out.schema_url = text();
    return out;
  }

  // Mostly a handful of keys again and again; now and then a new one, the same twice, or none.
  SentAttributes attributes() {
    SentAttributes out;
    for (uint64_t left = number(8); left > 0; --left) {
      const uint64_t which = number(100);
      std::string key = "key " + std::to_string(number(12));
      if (which < 10 && !out.empty()) key = out.back().key;
      if (which == 10) key = "";
      if (which == 11) key = "new " + std::to_string(random_());
      if (which == 12) key = std::string(number(600), 'k');
      out.push_back({std::move(key), value()});
    }
    return out;
  }

  SentValue value() {
    SentValue out{.type = static_cast<ValueType>(number(kValueTypes)), .bits = 0, .text = {}};
    switch (out.type) {
      case ValueType::empty:
        break;
      case ValueType::string:
        out.text = chance(50) ? "value " + std::to_string(number(9)) : text();
        break;
      case ValueType::boolean:
        out.bits = number(2);
        break;
      case ValueType::integer:
        out.bits = chance(50) ? number(600) : random_();
        break;
      case ValueType::real:
        out.bits = real();
        break;
      case ValueType::bytes:
        out.text = raw_bytes(number(300));
        break;
      case ValueType::array:
        out.text = nested(ValueType::array, 0);
        break;
      case ValueType::map:
        out.text = nested(ValueType::map, 0);
        break;
    }
    return out;
  }

  // Texts of every length around the places where lengths are stored in another way.
  std::string text() {
    constexpr size_t kLengths[] = {0, 1, 2, 15, 16, 17, 127, 128, 253, 254, 255, 256, 257, 700};
    const size_t length = chance(70) ? number(24) : kLengths[number(std::size(kLengths))];
    std::string out;
    while (out.size() < length) out.push_back(static_cast<char>('a' + number(26)));
    if (length > 2 && chance(10)) out.replace(0, 2, "\u00e4");
    if (length > 2 && chance(5)) out[number(length)] = '\0';
    return out;
  }

 private:
  TraceId trace_id() {
    if (!traces_.empty() && chance(60)) return traces_[number(traces_.size())];
    const TraceId id = make_trace_id(ids_, ++made_);
    if (traces_.size() < 50) {
      traces_.push_back(id);
    } else {
      traces_[number(traces_.size())] = id;
    }
    return id;
  }

  SentLink link() {
    SentLink out;
    if (!chance(10)) out.trace_id = make_trace_id(random_(), random_());
    if (!chance(10)) out.span_id.raw = random_();
    if (chance(20)) out.trace_state = text();
    out.attributes = attributes();
    out.dropped_attributes = rare();
    out.flags = rare();
    return out;
  }

  int32_t enumeration(uint64_t known) {
    constexpr int32_t kOdd[] = {-1,
                                100,
                                253,
                                254,
                                255,
                                256,
                                65536,
                                std::numeric_limits<int32_t>::min(),
                                std::numeric_limits<int32_t>::max()};
    return chance(95) ? static_cast<int32_t>(number(known)) : kOdd[number(std::size(kOdd))];
  }

  uint64_t time_ns() {
    if (chance(4)) return random_();
    if (chance(2)) return chance(50) ? 0 : std::numeric_limits<uint64_t>::max();
    return 1'700'000'000'000'000'000 + number(100'000'000'000);
  }

  uint32_t rare() { return chance(90) ? 0 : static_cast<uint32_t>(random_() >> number(64)); }

  uint64_t real() {
    constexpr double kOdd[] = {0.0, -0.0, 1.5, std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::denorm_min()};
    return chance(50) ? random_() : std::bit_cast<uint64_t>(kOdd[number(std::size(kOdd))]);
  }

  std::string raw_bytes(uint64_t count) {
    std::string out;
    while (out.size() < count) out.push_back(static_cast<char>(random_()));
    return out;
  }

  // Content of an ArrayValue or a KeyValueList, which may hold more of them.
  std::string nested(ValueType type, int depth) {
    std::string out;
    protozero::pbf_writer list(out);
    for (uint64_t left = number(4); left > 0; --left) {
      std::string element;
      protozero::pbf_writer any(element);
      const uint64_t what = number(depth < 3 ? 5 : 3);
      if (what == 0) any.add_string(1, text());
      if (what == 1) any.add_int64(3, static_cast<int64_t>(random_()));
      if (what == 3) any.add_message(5, nested(ValueType::array, depth + 1));
      if (what == 4) any.add_message(6, nested(ValueType::map, depth + 1));
      if (type == ValueType::array) {
        list.add_message(1, element);
      } else {
        std::string pair;
        protozero::pbf_writer key_value(pair);
        key_value.add_string(1, text());
        key_value.add_message(2, element);
        list.add_message(1, pair);
      }
    }
    return out;
  }

  std::mt19937_64 random_;
  uint64_t ids_;
  uint64_t made_ = 0;
  std::vector<TraceId> traces_;
};

}  // namespace vivace
