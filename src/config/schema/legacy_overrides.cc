// overrides in the flat shape of Tempo 2.2 and before. Its names follow from those of the newer
// shape, which is read here instead of a second table:
//
//   defaults.ingestion.rate_limit_bytes        ingestion_rate_limit_bytes
//   defaults.ingestion.max_traces_per_user     max_traces_per_user
//   defaults.global.max_bytes_per_trace        max_bytes_per_trace     (read, compaction, storage
//   alike) defaults.metrics_generator.processor.span_metrics.dimensions
//                                              metrics_generator_processor_span_metrics_dimensions
//
// Run once by schema.cc.
#include <algorithm>
#include <string>

#include "base/result.h"
#include "config/schema.h"

namespace vivace::config::schema_text {
namespace {

// What a section's name adds to the flat names of its keys.
std::string prefix_of(const std::string& section) {
  const bool dropped =
      section == "global" || section == "read" || section == "compaction" || section == "storage";
  return dropped ? "" : section + "_";
}

std::string flat_name(const std::string& prefix, const std::string& name) {
  if (name == "max_traces_per_user" || name == "max_global_traces_per_user") return name;
  return prefix + name;
}

// A section that is a shape (intrinsic_dimensions, ...) is one key with sections inside in both
// forms.
void add(const Field& from, const std::string& path, const std::string& prefix, Field& to) {
  for (const Field& field : from.children) {
    const std::string below = path + "." + field.name;
    if (field.type == Type::section && !field.shape) {
      add(field, below, prefix + prefix_of(field.name), to);
      continue;
    }
    Field flat = field;
    flat.name = flat_name(prefix, field.name);
    flat.alias = below;
    to.children.push_back(std::move(flat));
  }
}

}  // namespace

void add_legacy_overrides(Field& overrides) {
  const auto found = std::ranges::find(overrides.children, "defaults", &Field::name);
  ASSERT(found != overrides.children.end());
  const Field defaults = *found;  // a copy: `overrides.children` grows
  add(defaults, "overrides.defaults", "", overrides);
}

}  // namespace vivace::config::schema_text
