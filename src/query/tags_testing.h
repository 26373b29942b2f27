// For tests of tags: spans with few attributes, and the lists of a snapshot as texts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

#include "query/tags.h"
#include "query/testing/parts.h"

namespace vivace {

inline SentValue text(std::string value) { return {ValueType::string, 0, std::move(value)}; }
inline SentValue integer(int64_t value) {
  return {ValueType::integer, static_cast<uint64_t>(value), {}};
}
inline SentValue real(double value) {
  return {ValueType::real, std::bit_cast<uint64_t>(value), {}};
}
inline SentValue boolean(bool value) { return {ValueType::boolean, value ? 1U : 0U, {}}; }
inline SentValue array(const std::vector<SentValue>& values) {
  std::string out;
  protozero::pbf_writer list(out);
  for (const SentValue& value : values) {
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, value); });
  }
  return {ValueType::array, 0, out};
}

inline std::shared_ptr<const SentResource> resource_with(SentAttributes attributes) {
  SentResource out;
  out.attributes = std::move(attributes);
  return std::make_shared<const SentResource>(std::move(out));
}
inline std::shared_ptr<const SentScope> scope_with(SentAttributes attributes) {
  SentScope out;
  out.attributes = std::move(attributes);
  return std::make_shared<const SentScope>(std::move(out));
}
inline SentEvent event_with(SentAttributes attributes) {
  SentEvent out;
  out.attributes = std::move(attributes);
  return out;
}
inline SentLink link_with(SentAttributes attributes) {
  SentLink out;
  out.attributes = std::move(attributes);
  return out;
}

inline SentSpan span(uint64_t id, SentAttributes attributes = {}) {
  SentSpan out;
  out.trace_id = make_trace_id(0, id);
  out.span_id = make_span_id(id);
  out.start_ns = id * 1'000;
  out.end_ns = id * 1'000 + 10;
  out.attributes = std::move(attributes);
  return out;
}

inline ScopeSet all_scopes() { return ScopeSet().set(); }
inline size_t at(Scope scope) { return static_cast<size_t>(scope); }

inline TagNames names_of(const Snapshot& snapshot, const TagQuestion& question = {},
                         ScopeSet scopes = all_scopes()) {
  auto names = tag_names({&snapshot, 1}, scopes, question, {});
  EXPECT_TRUE(names) << names.error().message;
  return names ? std::move(*names) : TagNames();
}
inline std::vector<std::string> names_of_spans(const Snapshot& snapshot,
                                               const TagQuestion& question = {}) {
  return names_of(snapshot, question).names[at(Scope::span)];
}

// As "int 200".
inline std::vector<std::string> values_of(const Snapshot& snapshot,
                                          const traceql::Attribute& attribute,
                                          const TagQuestion& question = {}) {
  const auto values = tag_values({&snapshot, 1}, attribute, question, {});
  EXPECT_TRUE(values) << values.error().message;
  std::vector<std::string> out;
  if (!values) return out;
  for (const TagValue& value : values->values) {
    out.push_back(fmt::format("{} {}", text_of(value.type), value.text));
  }
  return out;
}
inline traceql::Attribute of_span(std::string name) {
  return {.scope = traceql::Scope::span, .name = std::move(name)};
}
inline traceql::Attribute intrinsic(traceql::Intrinsic which) { return {.intrinsic = which}; }

}  // namespace vivace
