// traces_host_info: which hosts send spans. A gauge of 1 for each host that a resource names, by
// the first of the attributes that the config lists. The generator's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/generator.h"
#include "generator/attribute_lookup.h"
#include "generator/series_table.h"
#include "generator/value_text.h"
#include "model/batch.h"

namespace vivace::generator {

class HostInfo {
 public:
  HostInfo(const config::HostInfo& config, AttributeLookup& lookup, Registry& registry)
      : config_(config),
        lookup_(lookup),
        table_({.metrics = {{.names = {config.metric_name}, .kind = MetricSpec::Kind::gauge}},
                .bounds = {}},
               registry) {
    for (const std::string& key : config.host_identifiers) slots_.push_back(lookup.want(key));
  }

  // All resources of a batch that `lookup` has begun.
  void take(const Batch& batch, int64_t now_ms) {
    for (const BatchResource& resource : batch.resources) {
      for (size_t i = 0; i < slots_.size(); ++i) {
        const BatchAttribute* const found = lookup_.find(resource.attributes, slots_[i]);
        if (found == nullptr) continue;
        const std::string_view host = value_text(found->value, scratch_);
        if (host.empty()) continue;
        note(i, host, now_ms);
        break;
      }
    }
  }

  void collect(std::span<RoundWriter* const> writers) { table_.collect(writers); }
  void expire(int64_t before_ms) { table_.expire(before_ms); }

 private:
  void note(size_t source, std::string_view host, int64_t now_ms) {
    const uint64_t key = mix64(text_hash(host) + source);
    SeriesTable::Row row = table_.find(key);
    if (row == SeriesTable::kUnknown) {
      labels_.clear();
      labels_.add("grafana_host_id", host);
      labels_.add("host_source", config_.host_identifiers[source]);
      row = table_.enter(key, labels_);
    }
    if (row == SeriesTable::kInvalid) return;
    table_.touch(row, now_ms);
    table_.set(row, 0, 1);
  }

  const config::HostInfo config_;
  AttributeLookup& lookup_;
  SeriesTable table_;
  std::vector<AttributeLookup::Slot> slots_;
  LabelSet labels_;
  std::string scratch_;
};

}  // namespace vivace::generator
