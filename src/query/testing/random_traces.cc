// A trace is made as a list of spans that know nothing of each other, then hung up span by span.
#include "query/testing/random_traces.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "model/testing/otlp_bytes.h"

namespace vivace {
namespace {

constexpr uint64_t kMs = 1'000'000;

SentValue text(std::string value) { return {ValueType::string, 0, std::move(value)}; }
SentValue whole(int64_t value) { return {ValueType::integer, static_cast<uint64_t>(value), ""}; }
SentValue real(double value) { return {ValueType::real, std::bit_cast<uint64_t>(value), ""}; }
SentValue boolean(bool value) { return {ValueType::boolean, value ? 1U : 0U, ""}; }

}  // namespace

SentValue RandomTraces::array(std::string_view key) {
  SentValue out{.type = ValueType::array, .bits = 0, .text = {}};
  protozero::pbf_writer list(out.text);
  for (uint64_t left = number(4); left > 0; --left) {
    const SentValue element = value(key.substr(1));
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, element); });
  }
  return out;
}

// By the name's first letter: s text, i whole, f real, b boolean, m any of these, a array of what
// follows.
SentValue RandomTraces::value(std::string_view key) {
  constexpr std::array<double, 7> kReals = {0, 0.5, 1, 1.5, 2, -3.25, 100.5};
  switch (key.front()) {
    case 'i':
      return whole(static_cast<int64_t>(number(12)) - 3);
    case 'f':
      return real(kReals[number(kReals.size())]);
    case 'b':
      return boolean(chance(50));
    case 'm':
      return value(std::array{"s", "i", "f", "b", "as", "ai"}[number(6)]);
    case 'a':
      return array(key);
    default:
      return text(chance(5) ? "" : word());
  }
}

SentAttributes RandomTraces::attributes(std::initializer_list<const char*> keys) {
  SentAttributes out;
  for (const char* key : keys) {
    if (chance(60)) out.push_back({key, value(key)});
  }
  return out;
}

SentSpan RandomTraces::span(uint64_t begin_ns) {
  SentSpan out;
  out.resource = resources_[number(resources_.size())];
  out.scope = scopes_[number(scopes_.size())];
  if (!chance(5)) out.name = "op " + word();
  out.kind = static_cast<int32_t>(number(6));
  out.status_code = static_cast<int32_t>(number(3));
  if (chance(30)) out.status_message = word();
  out.start_ns = begin_ns + number(20) * 100 * kMs;
  constexpr std::array<uint64_t, 6> kUnits = {1, 1'000, kMs, 10 * kMs, 100 * kMs, 1'000 * kMs};
  out.end_ns = out.start_ns + number(12) * kUnits[number(kUnits.size())];
  out.attributes = attributes({"s", "i", "f", "b", "m", "as", "ai", "af", "ab", "is"});
  for (uint64_t left = chance(40) ? number(3) : 0; left > 0; --left) {
    out.events.push_back(
        {out.start_ns + number(5) * 50 * kMs, "event " + word(), attributes({"s", "i", "as"}), 0});
  }
  for (uint64_t left = chance(30) ? number(3) : 0; left > 0; --left) {
    SentLink link;
    link.trace_id = make_trace_id(seed_, 1 + number(4));
    link.span_id = make_span_id(1 + number(4));
    link.attributes = attributes({"s", "i"});
    out.links.push_back(std::move(link));
  }
  return out;
}

// Ids and parents.
void RandomTraces::hang(Spans& spans) {
  for (size_t i = 0; i < spans.size(); ++i) {
    spans[i].span_id = make_span_id(1 + i);
    if (i == 0) {
      if (chance(8)) spans[i].parent_id = make_span_id(9'000'000);  // its parent never came
    } else if (chance(4)) {
      spans[i].parent_id = make_span_id(1 + number(spans.size()));  // later ones too: circles
    } else if (chance(4)) {
      spans[i].parent_id = make_span_id(9'000'000 + number(3));
    } else if (!chance(4)) {
      const uint64_t near = chance(50) ? i - std::min<uint64_t>(i, 3) : 0;
      spans[i].parent_id = make_span_id(1 + near + number(i - near));
    }
  }
  if (spans.size() < 2 || !chance(40)) return;
  for (uint64_t pairs = 1 + number(2); pairs > 0; --pairs) {  // two halves of a call
    const size_t first = number(spans.size() - 1);
    SentSpan& half = spans[first + 1];
    spans[first].kind = 3;
    half.kind = chance(90) ? 2 : 4;
    half.span_id = spans[first].span_id;
    half.parent_id = chance(70) ? spans[first].span_id : spans[first].parent_id;
  }
  if (spans.size() > 2 && chance(10)) {  // three of an id: no tree
    spans[0].kind = 1;
    spans[1].kind = 2;
    spans[2].kind = 3;
    spans[1].span_id = spans[2].span_id = spans[0].span_id;
  }
}

RandomTraces::Spans RandomTraces::trace(uint64_t number_of_it, size_t spans) {
  const uint64_t begin_ns = kStart + number(kRange / (100 * kMs) - 20) * 100 * kMs;
  Spans out;
  for (size_t i = 0; i < spans; ++i) out.push_back(span(begin_ns));
  hang(out);
  std::set<std::pair<SpanId, int32_t>> known;  // another span under the same identity is a repeat
  std::erase_if(out,
                [&](const SentSpan& one) { return !known.emplace(one.span_id, one.kind).second; });
  for (SentSpan& one : out) {
    one.trace_id = make_trace_id(seed_, number_of_it);
    if (!one.parent_id.is_zero() || !chance(15)) continue;  // a child by a link
    SentLink link;
    link.trace_id = chance(80) ? one.trace_id : make_trace_id(seed_, number_of_it + 1);
    link.span_id = make_span_id(1 + number(4));
    link.attributes.push_back({"opentracing.ref_type", text(chance(80) ? "child_of" : "other")});
    one.links.push_back(std::move(link));
  }
  return out;
}

std::vector<std::vector<SentSpan>> RandomTraces::parts(const Shape& shape) {
  resources_.clear();
  scopes_.clear();
  for (int i = 0; i < 5; ++i) {
    SentResource resource;
    if (i > 0) resource.attributes.push_back({"service.name", text("shop " + word())});
    for (SentAttribute& a : attributes({"s", "m", "is", "as", "zone"})) {
      resource.attributes.push_back(std::move(a));
    }
    resources_.push_back(std::make_shared<const SentResource>(std::move(resource)));
    SentScope scope;
    scope.name = chance(80) ? "lib " + word() : "";
    scope.version = chance(50) ? word() : "";
    scope.attributes = attributes({"s", "i", "b"});
    scopes_.push_back(std::make_shared<const SentScope>(std::move(scope)));
  }
  std::vector<Spans> out(shape.parts);
  for (size_t t = 0; t < shape.traces; ++t) {
    const bool is_large = shape.one_is_large && t == 0;
    const size_t size = is_large ? 5'000 : 1 + number(1 + number(shape.spans_max));
    const bool is_split = chance(40);
    const size_t home = number(shape.parts);
    for (SentSpan& one : trace(1 + t, size)) {
      out[is_split ? number(shape.parts) : home].push_back(std::move(one));
    }
  }
  for (size_t p = 1; p < shape.parts; ++p) {
    const Spans& older = out[number(p)];
    for (uint64_t left = older.empty() ? 0 : number(8); left > 0; --left) {
      SentSpan again = older[number(older.size())];
      if (chance(30)) again.name = "op changed";
      out[p].push_back(std::move(again));
    }
  }
  return out;
}

}  // namespace vivace
