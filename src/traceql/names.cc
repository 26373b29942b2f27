// The table of intrinsics. It is the only place that knows their names; lexer, parser and printer
// look here.
#include "traceql/names.h"

#include <array>

namespace vivace::traceql {
namespace {

using enum Intrinsic;

// In the order of the enum. An instrumentation scope's name and version are not type checked.
constexpr std::array<IntrinsicName, 23> kNames = {{
    {none, "", "", "", "", Type::unknown},
    {duration, "duration", "span:", "duration", "duration", Type::duration},
    {name, "name", "span:", "name", "name", Type::string},
    {status, "status", "span:", "status", "status", Type::status},
    {status_message, "statusMessage", "span:", "statusMessage", "statusMessage", Type::string},
    {kind, "kind", "span:", "kind", "kind", Type::kind},
    {span_id, "span:id", "span:", "id", "", Type::string},
    {parent_id, "span:parentID", "span:", "parentID", "", Type::string},
    {child_count, "span:childCount", "span:", "childCount", "", Type::integer},
    {trace_duration, "traceDuration", "trace:", "duration", "traceDuration", Type::duration},
    {root_name, "rootName", "trace:", "rootName", "rootName", Type::string},
    {root_service, "rootServiceName", "trace:", "rootService", "rootServiceName", Type::string},
    {trace_id, "trace:id", "trace:", "id", "", Type::string},
    {event_name, "event:name", "event:", "name", "", Type::string},
    {event_time_since_start, "event:timeSinceStart", "event:", "timeSinceStart", "",
     Type::duration},
    {link_trace_id, "link:traceID", "link:", "traceID", "", Type::string},
    {link_span_id, "link:spanID", "link:", "spanID", "", Type::string},
    {instrumentation_name, "instrumentation:name", "instrumentation:", "name", "", Type::unknown},
    {instrumentation_version, "instrumentation:version", "instrumentation:", "version", "",
     Type::unknown},
    {nested_set_left, "nestedSetLeft", "", "", "nestedSetLeft", Type::integer},
    {nested_set_right, "nestedSetRight", "", "", "nestedSetRight", Type::integer},
    {nested_set_parent, "nestedSetParent", "", "", "nestedSetParent", Type::integer},
    {parent, "parent", "", "", "parent", Type::unknown},
}};

constexpr bool in_order() {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (static_cast<size_t>(kNames[i].intrinsic) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

const IntrinsicName& name_of(Intrinsic intrinsic) { return kNames[static_cast<size_t>(intrinsic)]; }

std::optional<Intrinsic> bare_intrinsic(std::string_view word) {
  if (word.empty()) return std::nullopt;
  for (const IntrinsicName& known : kNames) {
    if (known.bare == word) return known.intrinsic;
  }
  return std::nullopt;
}

std::optional<Intrinsic> scoped_intrinsic(std::string_view prefix, std::string_view word) {
  if (prefix.empty()) return std::nullopt;
  for (const IntrinsicName& known : kNames) {
    if (known.prefix == prefix && known.word == word) return known.intrinsic;
  }
  return std::nullopt;
}

std::string_view scope_prefix(Scope scope) {
  switch (scope) {
    case Scope::any:
      return ".";
    case Scope::span:
      return "span.";
    case Scope::resource:
      return "resource.";
    case Scope::event:
      return "event.";
    case Scope::link:
      return "link.";
    case Scope::instrumentation:
      return "instrumentation.";
  }
  return ".";
}

}  // namespace vivace::traceql
