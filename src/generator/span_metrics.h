// RED metrics of spans: calls, latencies and sizes by service, span name, kind, status and the
// dimensions that the config names; and traces_target_info, the attributes of resources.
//
//   resource attributes --+
//   span attributes ------+--> values of dimensions --> key --> row of the table --> +1, +seconds
//   span fields ----------+
//
// What a resource contributes is worked out once a batch. For a span whose labels were seen before
// nothing is allocated and no text is touched. Spans are taken some at a time: the rows of all are
// found, and their memory asked for, before the first is added to.
//
// The generator's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/generator.h"
#include "generator/attribute_lookup.h"
#include "generator/filter_policy.h"
#include "generator/series_table.h"
#include "model/batch.h"

namespace vivace::generator {

class SpanMetrics {
 public:
  SpanMetrics(const config::SpanMetrics& config, AttributeLookup& lookup, Registry& registry);

  // A batch begins; `lookup` has begun it.
  void begin(const Batch& batch);
  // Some of its spans.
  struct Left {  // out
    uint64_t filtered = 0;
    uint64_t invalid_utf8 = 0;
  };
  void take(std::span<const BatchSpan* const> spans, int64_t now_ms, Left& left);

  void collect(std::span<RoundWriter* const> writers);
  void expire(int64_t before_ms);
  int64_t bytes() const;

 private:
  static constexpr uint32_t kOff = UINT32_MAX;

  // A value that is looked up: under the first of its keys that the resource or the span has.
  struct Field {
    std::vector<AttributeLookup::Slot> slots;
    uint64_t factor = 0;  // of its value's hash in a key
  };
  // A field that a resource leaves to its spans.
  struct OpenField {
    AttributeLookup::Slot slot = 0;
    const Field* more = nullptr;  // it has several keys
    uint64_t factor = 0;
  };
  struct Dimension {
    std::string label;
    std::vector<uint32_t> fields;  // joined by `join`; a plain dimension has one
    std::string join;
  };
  struct Resource {  // of the batch
    bool is_known = false;
    uint64_t hash = 0;  // of what it gives to keys
    const BatchAttribute* service = nullptr;
    const BatchAttribute* multiplier = nullptr;
    SeriesTable::Row target = SeriesTable::kUnknown;
    uint32_t fields = 0;  // those that spans may give, from here in open_fields_
    uint32_t fields_end = 0;
    std::string job;
    std::string instance;
  };
  // Of a span that is at hand.
  struct Found {
    const BatchSpan* span = nullptr;
    SeriesTable::Row row = 0;
  };

  uint32_t add_field(const std::string& key);
  void add_dimension(const std::string& name, std::vector<uint32_t> fields,
                     const std::string& join);
  const Resource& resource_of(const BatchSpan& span);
  void learn_resource(Resource& to, uint32_t index);
  void learn_target(Resource& to, const BatchResource& resource);
  uint64_t key_of(const BatchSpan& span, const Resource& resource);
  const BatchAttribute* find_field(const Field& field, const BatchSpan& span);
  SeriesTable::Row enter(uint64_t key, const BatchSpan& span, const Resource& resource);
  double weight_of(const BatchSpan& span, const Resource& resource);

  const config::SpanMetrics config_;
  AttributeLookup& lookup_;
  const FilterPolicies policies_;
  SeriesTable table_;
  uint32_t calls_ = kOff;
  uint32_t size_ = kOff;
  uint32_t latency_ = kOff;
  std::optional<SeriesTable> targets_;

  std::vector<Field> fields_;
  std::vector<Dimension> dimensions_;
  AttributeLookup::Slot service_;
  AttributeLookup::Slot namespace_;
  AttributeLookup::Slot instance_;
  AttributeLookup::Slot multiplier_;

  std::vector<Resource> resources_;     // of the batch
  std::vector<OpenField> open_fields_;  // of resource after resource
  std::vector<Found> found_;
  LabelSet labels_;
  std::string scratch_;
};

// Texts of OTLP's enumerations: SPAN_KIND_SERVER, STATUS_CODE_ERROR; a number that has no name is
// its own text. `scratch` may hold it.
std::string_view kind_text(int32_t kind, std::string& scratch);
std::string_view status_text(int32_t status, std::string& scratch);

// How often a span counts: one over the ratio in the attribute, if that is a real number above 0.
double weight_from(const BatchAttribute* ratio);

// Names that mean the same in older and newer semantic conventions, `key` itself first.
std::vector<std::string> same_meaning(const std::string& key);

}  // namespace vivace::generator
