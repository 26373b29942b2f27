// From a span to its row, and what the labels of a new row are. `take` runs for each span; `enter`
// and what it calls only for labels that are new.
#include "generator/span_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "generator/value_text.h"

namespace vivace::generator {
namespace {

constexpr auto kReserved = std::to_array<std::string_view>(
    {"service", "span_name", "span_kind", "status_code", "status_message", "le"});

// A label's name for a key, out of the way of the names that have a meaning of their own.
std::string safe_name(std::string_view key, bool has_job) {
  std::string name = label_name(key);
  const bool taken = std::ranges::find(kReserved, name) != kReserved.end() ||
                     (has_job && (name == "job" || name == "instance")) || name == "__name__";
  return taken ? "__" + name : name;
}

// A key is a sum of seeded hashes, each times a number of its own: sums need not wait for each
// other.
constexpr uint64_t kNameFactor = 0x9e3779b97f4a7c15ULL;
constexpr uint64_t kStatusFactor = 0xc2b2ae3d27d4eb4fULL;
constexpr uint64_t kMessageFactor = 0x165667b19e3779f9ULL;

constexpr uint64_t field_factor(size_t field) { return mix64(field + 1) | 1; }

MetricSpec metric(std::vector<std::string> names, MetricSpec::Kind kind) {
  return {.names = std::move(names), .kind = kind, .on_first_use = false};
}

TableSpec table_spec(const config::SpanMetrics& config) {
  TableSpec spec{.metrics = {}, .bounds = config.histogram_buckets};
  using enum MetricSpec::Kind;
  if (config.calls) spec.metrics.push_back(metric({"traces_spanmetrics_calls_total"}, counter));
  if (config.size) spec.metrics.push_back(metric({"traces_spanmetrics_size_total"}, counter));
  if (!config.latency) return spec;
  std::vector<std::string> names{"traces_spanmetrics_latency"};
  if (config.duration_seconds_alias) names.emplace_back("traces_spanmetrics_duration_seconds");
  spec.metrics.push_back(metric(std::move(names), histogram));
  return spec;
}

const TableSpec& target_spec() {
  static const TableSpec kSpec{.metrics = {metric({"traces_target_info"}, MetricSpec::Kind::gauge)},
                               .bounds = {}};
  return kSpec;
}

// Pairs of names from the two sides of OpenTelemetry's renaming.
constexpr auto kRenamed = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"http.method", "http.request.method"},
    {"http.status_code", "http.response.status_code"},
    {"http.target", "url.path"},
    {"http.url", "url.full"},
    {"http.scheme", "url.scheme"},
    {"http.client_ip", "client.address"},
    {"http.user_agent", "user_agent.original"},
    {"net.peer.name", "server.address"},
    {"net.peer.port", "server.port"},
    {"net.host.name", "server.address"},
    {"net.host.port", "server.port"},
    {"net.sock.peer.addr", "network.peer.address"},
    {"net.sock.peer.port", "network.peer.port"},
    {"db.system", "db.system.name"},
    {"db.name", "db.namespace"},
    {"db.statement", "db.query.text"},
    {"db.operation", "db.operation.name"},
    {"messaging.destination", "messaging.destination.name"},
    {"messaging.operation", "messaging.operation.type"},
    {"deployment.environment", "deployment.environment.name"},
});

}  // namespace

std::string_view kind_text(int32_t kind, std::string& scratch) {
  constexpr auto kTexts = std::to_array<std::string_view>(
      {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT",
       "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"});
  if (kind >= 0 && static_cast<size_t>(kind) < kTexts.size()) {
    return kTexts[static_cast<size_t>(kind)];
  }
  return scratch = fmt::format("{}", kind);
}

std::string_view status_text(int32_t status, std::string& scratch) {
  constexpr auto kTexts =
      std::to_array<std::string_view>({"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"});
  if (status >= 0 && static_cast<size_t>(status) < kTexts.size()) {
    return kTexts[static_cast<size_t>(status)];
  }
  return scratch = fmt::format("{}", status);
}

double weight_from(const BatchAttribute* ratio) {
  if (ratio == nullptr || ratio->value.type != ValueType::real) return 1;
  const double value = ratio->value.as_real();
  return value > 0 && std::isfinite(value) && 1 / value < 1e15 ? 1 / value : 1;
}

std::vector<std::string> same_meaning(const std::string& key) {
  std::vector<std::string> out{key};
  for (const auto& [older, newer] : kRenamed) {
    if (key == older) out.emplace_back(newer);
    if (key == newer) out.emplace_back(older);
  }
  return out;
}

SpanMetrics::SpanMetrics(const config::SpanMetrics& config, AttributeLookup& lookup,
                         Registry& registry)
    : config_(config),
      lookup_(lookup),
      policies_(config.filter_policies, lookup),
      table_(table_spec(config), registry),
      service_(lookup.want("service.name")),
      namespace_(lookup.want("service.namespace")),
      instance_(lookup.want("service.instance.id")),
      multiplier_(lookup.want(config.span_multiplier_key)) {
  uint32_t next = 0;
  if (config.calls) calls_ = next++;
  if (config.size) size_ = next++;
  if (config.latency) latency_ = next++;
  if (config.enable_target_info) targets_.emplace(target_spec(), registry);
  for (const std::string& name : config.dimensions) add_dimension(name, {add_field(name)}, "");
  for (const config::DimensionMapping& mapping : config.mappings) {
    std::vector<uint32_t> fields;
    for (const std::string& key : mapping.source_labels) fields.push_back(add_field(key));
    add_dimension(mapping.name, std::move(fields), mapping.join);
  }
}

uint32_t SpanMetrics::add_field(const std::string& key) {
  Field& field = fields_.emplace_back();
  field.factor = field_factor(fields_.size());
  const auto keys = config_.semconv_aliases ? same_meaning(key) : std::vector<std::string>{key};
  for (const std::string& one : keys) field.slots.push_back(lookup_.want(one));
  return static_cast<uint32_t>(fields_.size() - 1);
}

void SpanMetrics::add_dimension(const std::string& name, std::vector<uint32_t> fields,
                                const std::string& join) {
  dimensions_.push_back({.label = safe_name(name, config_.enable_target_info),
                         .fields = std::move(fields),
                         .join = join});
}

void SpanMetrics::begin(const Batch& batch) {
  resources_.clear();
  resources_.resize(batch.resources.size());
  open_fields_.clear();
  table_.begin_batch();
  if (targets_) targets_->begin_batch();
}

void SpanMetrics::take(std::span<const BatchSpan* const> spans, int64_t now_ms, Left& left) {
  found_.clear();
  for (const BatchSpan* const span : spans) {
    if (!policies_.pass(*span, lookup_)) {
      ++left.filtered;
      continue;
    }
    const Resource& resource = resource_of(*span);
    const uint64_t key = key_of(*span, resource);
    SeriesTable::Row row = table_.find(key);
    if (row == SeriesTable::kUnknown) row = enter(key, *span, resource);
    if (row == SeriesTable::kInvalid) {
      ++left.invalid_utf8;
      continue;
    }
    table_.prefetch(row);
    found_.push_back({span, row});
  }
  for (const auto& [span, row] : found_) {
    const Resource& resource = resources_[span->resource];
    table_.touch(row, now_ms);
    const double weight = weight_of(*span, resource);
    if (calls_ != kOff) table_.add(row, calls_, weight);
    if (size_ != kOff) table_.add(row, size_, span->bytes);
    if (latency_ != kOff) {
      const uint64_t ns = span->end_ns > span->start_ns ? span->end_ns - span->start_ns : 0;
      table_.observe(row, latency_, static_cast<double>(ns) / 1e9, weight, span->trace_id);
    }
    if (resource.target < SeriesTable::kInvalid) {
      targets_->touch(resource.target, now_ms);
      targets_->set(resource.target, 0, 1);
    }
  }
}

uint64_t SpanMetrics::key_of(const BatchSpan& span, const Resource& resource) {
  uint64_t key = resource.hash;
  if (config_.span_name) key += span.name_hash * kNameFactor;
  if (config_.status_message && !span.status_message.empty()) {
    key += text_hash(span.status_message) * kMessageFactor;
  }
  const auto kind = static_cast<uint32_t>(config_.span_kind ? span.kind : 0);
  const auto status = static_cast<uint32_t>(config_.status_code ? span.status_code : 0);
  key += (uint64_t{kind} << 32 | status) * kStatusFactor;
  const AttributeLookup::View own = lookup_.view(span.attributes);
  for (uint32_t i = resource.fields; i < resource.fields_end; ++i) {
    const OpenField& field = open_fields_[i];
    const BatchAttribute* found = own.find(field.slot);
    if (found == nullptr && field.more != nullptr) found = find_field(*field.more, span);
    key += value_hash(found) * field.factor;
  }
  return mix64(key);
}

// Of each key, the resource's value comes before the span's.
const BatchAttribute* SpanMetrics::find_field(const Field& field, const BatchSpan& span) {
  const AttributeRun& resource = lookup_.batch().resources[span.resource].attributes;
  for (const AttributeLookup::Slot slot : field.slots) {
    if (const auto* found = lookup_.find(resource, slot)) return found;
    if (const auto* found = lookup_.find(span.attributes, slot)) return found;
  }
  return nullptr;
}

double SpanMetrics::weight_of(const BatchSpan& span, const Resource& resource) {
  if (config_.span_multiplier_key.empty()) return 1;
  const BatchAttribute* const own = lookup_.find(span.attributes, multiplier_);
  return weight_from(own != nullptr ? own : resource.multiplier);
}

const SpanMetrics::Resource& SpanMetrics::resource_of(const BatchSpan& span) {
  Resource& resource = resources_[span.resource];
  if (!resource.is_known) learn_resource(resource, span.resource);
  return resource;
}

void SpanMetrics::learn_resource(Resource& to, uint32_t index) {
  const BatchResource& resource = lookup_.batch().resources[index];
  to.is_known = true;
  to.service = lookup_.find(resource.attributes, service_);
  if (config_.service) to.hash = mix_hash(to.hash, value_hash(to.service));
  to.fields = static_cast<uint32_t>(open_fields_.size());
  for (const Field& field : fields_) {
    // Of several keys an earlier one of a span comes before a later one of the resource.
    const BatchAttribute* const found = lookup_.find(resource.attributes, field.slots[0]);
    if (found != nullptr) {
      to.hash += value_hash(found) * field.factor;
    } else {
      open_fields_.push_back({.slot = field.slots[0],
                              .more = field.slots.size() > 1 ? &field : nullptr,
                              .factor = field.factor});
    }
  }
  to.fields_end = static_cast<uint32_t>(open_fields_.size());
  if (!config_.span_multiplier_key.empty()) {
    to.multiplier = lookup_.find(resource.attributes, multiplier_);
  }
  if (config_.enable_target_info) learn_target(to, resource);
}

void SpanMetrics::learn_target(Resource& to, const BatchResource& resource) {
  const auto text = [&](AttributeLookup::Slot slot) {
    const BatchAttribute* const found = lookup_.find(resource.attributes, slot);
    return std::string(found == nullptr ? "" : value_text(found->value, scratch_));
  };
  const std::string name = text(service_);
  const std::string space = text(namespace_);
  if (!name.empty()) to.job = space.empty() ? name : space + "/" + name;
  if (config_.enable_instance_label) to.instance = text(instance_);
  to.hash = mix_hash(mix_hash(to.hash, text_hash(to.job)), text_hash(to.instance));
  if (to.job.empty() && to.instance.empty()) return;
  const uint64_t key = mix_hash(resource.identity.low, resource.identity.high);
  to.target = targets_->find(key);
  if (to.target != SeriesTable::kUnknown) return;
  labels_.clear();
  bool has_more = false;
  const Batch& batch = lookup_.batch();
  uint32_t node = resource.attributes.shape;
  for (uint32_t i = resource.attributes.count; i > 0; --i, node = batch.shapes[node].parent) {
    const std::string_view attribute = batch.keys[batch.shapes[node].key].text;
    if (attribute == "service.name" || attribute == "service.namespace" ||
        attribute == "service.instance.id" || attribute.empty() ||
        std::ranges::find(config_.target_info_excluded_dimensions, attribute) !=
            config_.target_info_excluded_dimensions.end()) {
      continue;
    }
    const Value& value = batch.attributes[resource.attributes.first + i - 1].value;
    const std::string_view shown = value_text(value, scratch_);
    if (shown.empty()) continue;
    labels_.add(safe_name(attribute, true), shown);
    has_more = true;
  }
  labels_.add("job", to.job);
  labels_.add("instance", to.instance);
  if (has_more) to.target = targets_->enter(key, labels_);
}

SeriesTable::Row SpanMetrics::enter(uint64_t key, const BatchSpan& span, const Resource& resource) {
  labels_.clear();
  for (const Dimension& dimension : dimensions_) {
    std::string joined;
    for (const uint32_t field : dimension.fields) {
      const BatchAttribute* const value = find_field(fields_[field], span);
      if (value == nullptr) continue;
      const std::string_view text = value_text(value->value, scratch_);
      if (text.empty()) continue;
      if (!joined.empty()) joined += dimension.join;
      joined += text;
    }
    labels_.add(dimension.label, joined);
  }
  if (config_.service && resource.service != nullptr) {
    labels_.add("service", value_text(resource.service->value, scratch_));
  }
  if (config_.span_name) labels_.add("span_name", span.name);
  if (config_.span_kind) labels_.add("span_kind", kind_text(span.kind, scratch_));
  if (config_.status_code) labels_.add("status_code", status_text(span.status_code, scratch_));
  if (config_.status_message) labels_.add("status_message", span.status_message);
  labels_.add("job", resource.job);
  labels_.add("instance", resource.instance);
  return table_.enter(key, labels_);
}

void SpanMetrics::collect(std::span<RoundWriter* const> writers) {
  table_.collect(writers);
  if (targets_) targets_->collect(writers);
}

void SpanMetrics::expire(int64_t before_ms) {
  table_.expire(before_ms);
  if (targets_) targets_->expire(before_ms);
}

int64_t SpanMetrics::bytes() const { return table_.bytes() + (targets_ ? targets_->bytes() : 0); }

}  // namespace vivace::generator
