// From spans to sides to edges to series; the header tells which way a span goes. Names and
// dimensions of a side are views into the batch; they are copied only if the side has to wait.
#include "generator/service_graphs.h"

#include <algorithm>

#include "generator/value_text.h"

namespace vivace::generator {
namespace {

enum Metric : uint32_t { kTotal, kFailed, kServerSeconds, kClientSeconds, kMessagingSeconds };

TableSpec table_spec(const config::ServiceGraphs& config) {
  using enum MetricSpec::Kind;
  const std::string name = "traces_service_graph_request_";
  return {.metrics = {{.names = {name + "total"}, .kind = counter},
                      {.names = {name + "failed_total"}, .kind = counter, .on_first_use = true},
                      {.names = {name + "server_seconds"}, .kind = histogram},
                      {.names = {name + "client_seconds"}, .kind = histogram},
                      {.names = {name + "messaging_system_seconds"},
                       .kind = histogram,
                       .on_first_use = true}},
          .bounds = config.histogram_buckets};
}

constexpr int32_t kServer = 2;
constexpr int32_t kClient = 3;
constexpr int32_t kProducer = 4;
constexpr int32_t kConsumer = 5;
constexpr int32_t kError = 2;
constexpr std::string_view kUser = "user";

bool is_empty(const BatchAttribute& attribute) {
  return is_text(attribute.value.type) ? attribute.value.text.empty()
                                       : attribute.value.type == ValueType::empty;
}

}  // namespace

ServiceGraphs::ServiceGraphs(const config::ServiceGraphs& config, AttributeLookup& lookup,
                             Registry& registry, int64_t bytes_max)
    : config_(config),
      lookup_(lookup),
      policies_(config.filter_policies, lookup),
      table_(table_spec(config), registry),
      sides_({.sides_max = config.max_items, .bytes_max = bytes_max}, config.dimensions.size()),
      service_(lookup.want("service.name")),
      multiplier_(lookup.want(config.span_multiplier_key)),
      peer_service_(lookup.want("peer.service")),
      server_address_(lookup.want("server.address")),
      network_address_(lookup.want("network.peer.address")),
      network_port_(lookup.want("network.peer.port")),
      values_(config.dimensions.size()),
      scratches_(config.dimensions.size()) {
  for (const std::string& key : config.peer_attributes) peers_.push_back(lookup.want(key));
  for (const std::string& key : config.database_name_attributes) {
    databases_.push_back(lookup.want(key));
  }
  for (const std::string& key : config.dimensions) {
    dimensions_.push_back(lookup.want(key));
    labels_of_dimensions_.push_back(label_name(key));
  }
}

void ServiceGraphs::begin(const Batch& batch) {
  sides_.begin(batch.body);
  resources_.clear();
  resources_.resize(batch.resources.size());
  resource_dimensions_.resize(batch.resources.size() * dimensions_.size());
}

const ServiceGraphs::Resource& ServiceGraphs::resource_of(const BatchSpan& span) {
  Resource& to = resources_[span.resource];
  if (to.is_known) [[likely]]
    return to;
  const AttributeRun& attributes = lookup_.batch().resources[span.resource].attributes;
  to.is_known = true;
  to.service = text(lookup_.find(attributes, service_), to.scratch);
  to.service_hash = text_hash(to.service);
  to.weight = lookup_.find(attributes, multiplier_);
  for (size_t i = 0; i < dimensions_.size(); ++i) {
    resource_dimensions_[span.resource * dimensions_.size() + i] =
        lookup_.find(attributes, dimensions_[i]);
  }
  return to;
}

SpanMetrics::Taken ServiceGraphs::take(const BatchSpan& span, int64_t now_ms) {
  using Taken = SpanMetrics::Taken;
  const bool is_client = span.kind == kClient || span.kind == kProducer;
  const bool is_server = span.kind == kServer || span.kind == kConsumer;
  if (!is_client && !is_server) return Taken::counted;
  if (!policies_.pass(span, lookup_)) return Taken::filtered;
  const bool good = is_client ? take_client(span, now_ms) : take_server(span, now_ms);
  return good ? Taken::counted : Taken::invalid_utf8;
}

// The resource's value before the span's.
const BatchAttribute* ServiceGraphs::find(const BatchSpan& span, AttributeLookup::Slot slot) {
  const AttributeRun& resource = lookup_.batch().resources[span.resource].attributes;
  const BatchAttribute* const found = lookup_.find(resource, slot);
  return found != nullptr ? found : lookup_.find(span.attributes, slot);
}

std::string_view ServiceGraphs::text(const BatchAttribute* attribute, std::string& scratch) {
  return attribute == nullptr ? std::string_view() : value_text(attribute->value, scratch);
}

EdgeSide ServiceGraphs::side_of(const BatchSpan& span, bool is_server) {
  const Resource& resource = resource_of(span);
  EdgeSide side;
  side.is_server = is_server;
  side.is_failed = span.status_code == kError;
  side.is_messaging = span.kind == kProducer || span.kind == kConsumer;
  if (span.end_ns > span.start_ns) {
    side.seconds = static_cast<double>(span.end_ns - span.start_ns) / 1e9;
  }
  side.time_ns = is_server ? span.start_ns : span.end_ns;
  side.service = resource.service;
  if (side.service.empty()) return side;
  side.hash = resource.service_hash;
  if (!config_.span_multiplier_key.empty()) {
    const BatchAttribute* const own = lookup_.find(span.attributes, multiplier_);
    side.weight = weight_from(own != nullptr ? own : resource.weight);
  }
  for (const AttributeLookup::Slot slot : peers_) {
    side.peer = text(lookup_.find(span.attributes, slot), peer_scratch_);
    if (!side.peer.empty()) break;
  }
  for (size_t i = 0; i < dimensions_.size(); ++i) {
    const BatchAttribute* found = resource_dimensions_[span.resource * dimensions_.size() + i];
    if (found == nullptr) found = lookup_.find(span.attributes, dimensions_[i]);
    values_[i] = text(found, scratches_[i]);
    const bool is_string = found != nullptr && found->value.type == ValueType::string;
    side.hash = mix64(side.hash * 5 ^ (is_string ? found->hash : text_hash(values_[i])));
  }
  side.dimensions = values_;
  return side;
}

// The name of the database that a client span asks, or nothing.
std::string_view ServiceGraphs::database_of(const BatchSpan& span) {
  const BatchAttribute* fallback = nullptr;
  for (const AttributeLookup::Slot slot : databases_) {
    const BatchAttribute* const found = find(span, slot);
    if (fallback == nullptr || (found != nullptr && is_empty(*fallback))) fallback = found;
  }
  if (fallback == nullptr) return {};
  for (const AttributeLookup::Slot slot : {peer_service_, server_address_}) {
    const std::string_view name = text(find(span, slot), database_scratch_);
    if (!name.empty()) return name;
  }
  const std::string_view address = text(find(span, network_address_), database_scratch_);
  if (address.empty()) return text(fallback, database_scratch_);
  const std::string_view port = text(find(span, network_port_), port_scratch_);
  if (port.empty()) return address;
  std::string name(address);
  name.append(":").append(port);
  return database_scratch_ = std::move(name);
}

bool ServiceGraphs::take_client(const BatchSpan& span, int64_t now_ms) {
  const EdgeSide client = side_of(span, false);
  if (client.service.empty()) return true;
  const EdgeKey key{span.trace_id, span.span_id};
  const EdgeSide* const other = sides_.find(key);
  const std::string_view database = database_of(span);
  Edge edge{.client = &client, .client_name = client.service, .trace = span.trace_id};
  if (!database.empty()) {
    EdgeSide server = client;  // takes as long as the client says, and says nothing else
    server.dimensions = {};
    edge.server = &server;
    edge.server_name = database;
    edge.connection = Connection::database;
    if (other != nullptr && other->is_server) sides_.erase(key);
    counts_.edges += other == nullptr ? 1 : 0;
    return complete(edge, now_ms);
  }
  if (other == nullptr) return wait_for_other(key, client, now_ms);
  if (!other->is_server) return true;  // a second span of this id
  edge.server = other;
  edge.server_name = other->service;
  edge.connection = other->is_messaging ? Connection::messaging : Connection::normal;
  const bool good = complete(edge, now_ms);
  sides_.erase(key);
  return good;
}

bool ServiceGraphs::take_server(const BatchSpan& span, int64_t now_ms) {
  const EdgeSide server = side_of(span, true);
  if (server.service.empty()) return true;
  Edge edge{.server = &server, .server_name = server.service, .trace = span.trace_id};
  if (span.parent_id.is_zero()) {
    edge.client_name = server.peer.empty() ? kUser : server.peer;
    edge.connection = Connection::virtual_node;
    ++counts_.edges;
    return complete(edge, now_ms);
  }
  const EdgeKey key{span.trace_id, span.parent_id};
  const EdgeSide* const other = sides_.find(key);
  if (other == nullptr) return wait_for_other(key, server, now_ms);
  if (other->is_server) return true;  // a second child; the first one counts
  edge.client = other;
  edge.client_name = other->service;
  edge.connection = server.is_messaging ? Connection::messaging : Connection::normal;
  const bool good = complete(edge, now_ms);
  sides_.erase(key);
  return good;
}

bool ServiceGraphs::wait_for_other(const EdgeKey& key, const EdgeSide& side, int64_t now_ms) {
  if (sides_.insert(key, side, now_ms)) {
    ++counts_.edges;
  } else {
    ++counts_.dropped_spans;
  }
  return true;
}

void ServiceGraphs::expire_sides(int64_t now_ms) {
  sides_.expire(now_ms - config_.wait_ns / 1'000'000,
                [&](const EdgeKey& key, const EdgeSide& side) {
                  if (side.is_server || side.peer.empty()) {
                    ++counts_.expired_edges;
                    return;
                  }
                  complete({.client = &side,
                            .client_name = side.service,
                            .server_name = side.peer,
                            .connection = Connection::virtual_node,
                            .trace = key.trace},
                           now_ms);
                });
}

// False when a label is not UTF-8.
bool ServiceGraphs::complete(const Edge& edge, int64_t now_ms) {
  const uint64_t key = key_of(edge);
  SeriesTable::Row row = table_.find(key);
  if (row == SeriesTable::kUnknown) row = enter(key, edge);
  if (row == SeriesTable::kInvalid) return false;
  table_.touch(row, now_ms);
  const double weight = edge.server != nullptr ? edge.server->weight : edge.client->weight;
  const bool failed = (edge.client != nullptr && edge.client->is_failed) ||
                      (edge.server != nullptr && edge.server->is_failed);
  table_.add(row, kTotal, weight);
  if (failed) table_.add(row, kFailed, weight);
  const auto seconds = [](const EdgeSide* side) { return side == nullptr ? 0 : side->seconds; };
  table_.observe(row, kServerSeconds, seconds(edge.server), weight, edge.trace);
  table_.observe(row, kClientSeconds, seconds(edge.client), weight, edge.trace);
  if (config_.enable_messaging_system_latency_histogram &&
      edge.connection == Connection::messaging) {
    count_messaging(row, edge, weight);
  }
  return true;
}

void ServiceGraphs::count_messaging(SeriesTable::Row row, const Edge& edge, double weight) {
  if (edge.server->time_ns <= edge.client->time_ns) {
    ++counts_.odd_latencies;
    return;
  }
  const double seconds = static_cast<double>(edge.server->time_ns - edge.client->time_ns) / 1e9;
  table_.observe(row, kMessagingSeconds, seconds, weight, edge.trace);
}

// The sides' hashes stand for their names and dimensions; a name that is no side's is hashed here.
uint64_t ServiceGraphs::key_of(const Edge& edge) const {
  static const uint64_t kUserHash = text_hash(kUser);
  const auto named = [](std::string_view name) {
    return name == kUser ? kUserHash : text_hash(name);
  };
  const bool is_named = edge.server == nullptr || edge.connection == Connection::database;
  uint64_t key = static_cast<uint64_t>(edge.connection) * 2 + (is_named ? 1 : 0);
  key = mix64(key ^ (edge.client == nullptr ? named(edge.client_name) : edge.client->hash));
  return mix64(key * 3 ^ (is_named ? named(edge.server_name) : edge.server->hash));
}

SeriesTable::Row ServiceGraphs::enter(uint64_t key, const Edge& edge) {
  labels_.clear();
  for (const EdgeSide* side : {edge.client, edge.server}) {
    if (side == nullptr) continue;
    const std::string_view prefix = side == edge.client ? "client_" : "server_";
    for (size_t i = 0; i < side->dimensions.size(); ++i) {
      std::string name = labels_of_dimensions_[i];
      if (config_.enable_client_server_prefix) name.insert(0, prefix);
      labels_.add(name, side->dimensions[i]);
    }
  }
  labels_.add("client", edge.client_name);
  labels_.add("server", edge.server_name);
  switch (edge.connection) {
    case Connection::normal:
      break;
    case Connection::messaging:
      labels_.add("connection_type", "messaging_system");
      break;
    case Connection::database:
      labels_.add("connection_type", "database");
      break;
    case Connection::virtual_node:
      labels_.add("connection_type", "virtual_node");
      if (config_.enable_virtual_node_label) {
        labels_.add("virtual_node", edge.client == nullptr ? "client" : "server");
      }
  }
  return table_.enter(key, labels_);
}

void ServiceGraphs::collect(std::span<RoundWriter* const> writers) { table_.collect(writers); }

void ServiceGraphs::expire(int64_t before_ms) { table_.expire(before_ms); }

}  // namespace vivace::generator
