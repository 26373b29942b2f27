// What an attribute's name can mean: the scopes, and the intrinsics with both of their spellings.
// An intrinsic is a property of the span, its trace, event, link or scope; everything else is an
// attribute that somebody set. `.duration` and `span.duration` are attributes of that name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "traceql/datum.h"

namespace vivace::traceql {

enum class Scope : uint8_t {
  any,              // `.x`: the span's attribute; where it has none, the resource's
  span,             // `span.x`
  resource,         // `resource.x`
  event,            // `event.x`: any event of the span
  link,             // `link.x`: any link of the span
  instrumentation,  // `instrumentation.x`
};

enum class Intrinsic : uint8_t {
  none,
  duration,
  name,
  status,
  status_message,
  kind,
  span_id,
  parent_id,
  child_count,
  trace_duration,
  root_name,
  root_service,
  trace_id,
  event_name,
  event_time_since_start,
  link_trace_id,
  link_span_id,
  instrumentation_name,
  instrumentation_version,
  nested_set_left,
  nested_set_right,
  nested_set_parent,
  parent,  // reads, and is refused by the check
};

struct Attribute {
  Scope scope = Scope::any;
  Intrinsic intrinsic = Intrinsic::none;  // not none: scope and name say nothing
  bool of_parent = false;                 // `parent.x`: reads, and is refused by the check
  std::string name{};                     // as stored, without scope and quotes

  bool operator==(const Attribute&) const = default;
};

struct IntrinsicName {
  Intrinsic intrinsic;
  std::string_view printed;  // one name for both spellings
  std::string_view prefix;   // of the scoped spelling: "span:"; empty if there is none
  std::string_view word;     // after the prefix
  std::string_view bare;     // the old spelling; empty if there is none
  Type type;
};

const IntrinsicName& name_of(Intrinsic intrinsic);
std::optional<Intrinsic> bare_intrinsic(std::string_view word);
std::optional<Intrinsic> scoped_intrinsic(std::string_view prefix, std::string_view word);

// "span." and so on; "." for Scope::any.
std::string_view scope_prefix(Scope scope);

}  // namespace vivace::traceql
