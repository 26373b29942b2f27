// Starts the metrics-generator if the configuration asks for it, with its share of the memory.
// Called once at start, before the store that it listens to.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "config/config.h"
#include "generator/generator.h"
#include "storage/storage.h"

namespace vivace {

struct GeneratorStart {
  const config::Generator& config;
  int64_t memory_bytes = 0;
  std::function<config::OverridesSnapshot()> overrides = {};  // null: there never are any
};

// Null: no processor is on or can come on, or nothing says where its data may lie.
Result<std::unique_ptr<generator::Generator>> start_generator(const GeneratorStart& start,
                                                              Storage& storage, const Clock& clock,
                                                              Metrics& metrics);

}  // namespace vivace
