// From spans to sides to edges to series; the header tells which way a span goes. All the way it is
// hashes of names and dimensions that go, and the texts only where somebody says something new.
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

// Whether its text is not empty.
bool says(const BatchAttribute* attribute) {
  if (attribute == nullptr) return false;
  const Value& value = attribute->value;
  if (value.type == ValueType::string) return !value.text.empty();
  return value.type != ValueType::empty && value.type != ValueType::bytes;
}

}  // namespace

ServiceGraphs::ServiceGraphs(const config::ServiceGraphs& config, AttributeLookup& lookup,
                             Registry& registry)
    : config_(config),
      lookup_(lookup),
      policies_(config.filter_policies, lookup),
      table_(table_spec(config), registry),
      sides_(registry.all.sides, config.max_items),
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
  resources_.assign(batch.resources.size(), {});
  resource_dimensions_.resize(batch.resources.size() * dimensions_.size());
  table_.begin_batch();
}

const ServiceGraphs::Resource& ServiceGraphs::resource_of(const BatchSpan& span) {
  Resource& to = resources_[span.resource];
  if (!to.is_known) [[unlikely]]
    learn(to, span.resource);
  return to;
}

void ServiceGraphs::learn(Resource& to, uint32_t index) {
  const AttributeLookup::View own = lookup_.view(lookup_.batch().resources[index].attributes);
  to.is_known = true;
  to.service = own.find(service_);
  to.is_skipped = !says(to.service);
  to.weight = own.find(multiplier_);
  to.hash = value_hash(to.service);
  for (size_t i = 0; i < dimensions_.size(); ++i) {
    const BatchAttribute* const found = own.find(dimensions_[i]);
    resource_dimensions_[index * dimensions_.size() + i] = found;
    to.has_all_dimensions = to.has_all_dimensions && found != nullptr;
  }
  if (to.has_all_dimensions) {
    for (const AttributeLookup::Slot slot : dimensions_) {
      to.hash = mix_hash(to.hash, value_hash(own.find(slot)));
    }
  }
  const auto has = [&](AttributeLookup::Slot slot) { return own.find(slot) != nullptr; };
  to.names_a_database = std::ranges::any_of(databases_, has) || has(peer_service_) ||
                        has(server_address_) || has(network_address_) || has(network_port_);
}

void ServiceGraphs::take(std::span<const BatchSpan* const> spans, int64_t now_ms) {
  candidates_.clear();
  for (const BatchSpan* const span : spans) {
    const bool is_client = span->kind == kClient || span->kind == kProducer;
    const bool is_server = span->kind == kServer || span->kind == kConsumer;
    if (!is_client && !is_server) continue;
    if (!policies_.pass(*span, lookup_) || resource_of(*span).is_skipped) continue;
    const EdgeKey key{span->trace_id, is_client ? span->span_id : span->parent_id};
    const uint64_t hash = key.hash();
    sides_.prefetch(hash);
    candidates_.push_back({.span = span, .key = key, .hash = hash, .is_client = is_client});
  }
  for (const Candidate& one : candidates_) {
    if (one.is_client) {
      take_client(one, now_ms);
    } else {
      take_server(one, now_ms);
    }
  }
  count_observed(now_ms);
}

EdgeSide ServiceGraphs::side_of(const BatchSpan& span, bool is_server) {
  const Resource& resource = resource_of(span);
  uint64_t hash = resource.hash;
  if (!resource.has_all_dimensions) {
    for (size_t i = 0; i < dimensions_.size(); ++i) {
      const BatchAttribute* found = resource_dimensions_[span.resource * dimensions_.size() + i];
      if (found == nullptr) found = lookup_.find(span.attributes, dimensions_[i]);
      hash = mix_hash(hash, value_hash(found));
    }
  }
  EdgeSide side;
  side.mark = hash & ~EdgeSide::kFlags;
  if (is_server) side.mark |= EdgeSide::kServer;
  if (span.status_code == kError) side.mark |= EdgeSide::kFailed;
  if (span.kind == kProducer || span.kind == kConsumer) side.mark |= EdgeSide::kMessaging;
  if (span.end_ns > span.start_ns) side.duration_ns = span.end_ns - span.start_ns;
  side.time_ns = is_server ? span.start_ns : span.end_ns;
  if (!config_.span_multiplier_key.empty()) {
    const BatchAttribute* const own = lookup_.find(span.attributes, multiplier_);
    side.weight = weight_from(own != nullptr ? own : resource.weight);
  }
  return side;
}

// Whom the span names as the other side, or null.
const BatchAttribute* ServiceGraphs::peer_of(const BatchSpan& span) {
  const AttributeLookup::View own = lookup_.view(span.attributes);
  for (const AttributeLookup::Slot slot : peers_) {
    const BatchAttribute* const found = own.find(slot);
    if (says(found)) return found;
  }
  return nullptr;
}

// The name of the database that a client span asks, if it asks one. The resource's values count
// before the span's.
bool ServiceGraphs::find_database(const BatchSpan& span, Name& name) {
  const bool is_span_alone = !resource_of(span).names_a_database;
  const auto find = [&](AttributeLookup::Slot slot) {
    const AttributeRun& resource = lookup_.batch().resources[span.resource].attributes;
    const BatchAttribute* const found = is_span_alone ? nullptr : lookup_.find(resource, slot);
    return found != nullptr ? found : lookup_.find(span.attributes, slot);
  };
  const BatchAttribute* fallback = nullptr;
  for (const AttributeLookup::Slot slot : databases_) {
    const BatchAttribute* const found = find(slot);
    if (fallback == nullptr || (found != nullptr && is_empty(*fallback))) fallback = found;
  }
  if (fallback == nullptr) return false;
  for (const AttributeLookup::Slot slot : {peer_service_, server_address_, network_address_}) {
    name.attribute = find(slot);
    if (!says(name.attribute)) continue;
    if (slot == network_address_ && says(find(network_port_))) name.port = find(network_port_);
    return true;
  }
  name.attribute = fallback;
  return says(fallback);
}

void ServiceGraphs::take_client(const Candidate& at, int64_t now_ms) {
  const BatchSpan& span = *at.span;
  const EdgeSide client = side_of(span, false);
  const HalfEdges::Entry* const other = sides_.find(at.key, at.hash);
  Edge edge{.client = {.side = &client, .span = &span}, .server = {}, .trace = span.trace_id};
  if (find_database(span, edge.server.name)) {
    edge.server.side = &client;  // takes as long as the client says, and says nothing else
    edge.connection = Connection::database;
    if (other != nullptr && other->side.is_server()) sides_.erase(other);
    counts_.edges += other == nullptr ? 1 : 0;
    complete(edge);
    return;
  }
  if (other == nullptr) return wait(at, client, now_ms);
  if (!other->side.is_server()) return;  // a second span of this id
  edge.server = {.side = &other->side, .waited = other->texts};
  if (other->side.is_messaging()) edge.connection = Connection::messaging;
  complete(edge);
  sides_.erase(other);
}

void ServiceGraphs::take_server(const Candidate& at, int64_t now_ms) {
  const BatchSpan& span = *at.span;
  const EdgeSide server = side_of(span, true);
  Edge edge{.client = {}, .server = {.side = &server, .span = &span}, .trace = span.trace_id};
  if (span.parent_id.is_zero()) {
    const BatchAttribute* const peer = peer_of(span);
    edge.client.name = {.attribute = peer, .text = kUser};
    edge.connection = Connection::virtual_node;
    ++counts_.edges;
    complete(edge);
    return;
  }
  const HalfEdges::Entry* const other = sides_.find(at.key, at.hash);
  if (other == nullptr) return wait(at, server, now_ms);
  if (other->side.is_server()) return;  // a second child; the first one counts
  edge.client = {.side = &other->side, .waited = other->texts};
  if (server.is_messaging()) edge.connection = Connection::messaging;
  complete(edge);
  sides_.erase(other);
}

// Only a client's peer is ever asked for again.
void ServiceGraphs::wait(const Candidate& at, const EdgeSide& side, int64_t now_ms) {
  const BatchAttribute* const peer = side.is_server() ? nullptr : peer_of(*at.span);
  const uint64_t hash = mix_hash(side.hash(), value_hash(peer));
  uint32_t texts = sides_.known_texts(hash);
  if (texts == HalfEdges::kNone) {
    SideTexts said = texts_of(*at.span);
    said.peer = text(peer, peer_scratch_);
    texts = sides_.add_texts(hash, said);
  }
  if (texts != HalfEdges::kNone && sides_.insert(at.key, at.hash, side, texts, now_ms)) {
    ++counts_.edges;
  } else {
    ++counts_.dropped_spans;
  }
}

void ServiceGraphs::expire_sides(int64_t now_ms) {
  sides_.expire(now_ms, config_.wait_ns / 1'000'000, [&](const HalfEdges::Entry& entry) {
    const std::string_view peer = sides_.texts(entry.texts).peer;
    if (entry.side.is_server() || peer.empty()) {
      ++counts_.expired_edges;
      return;
    }
    complete({.client = {.side = &entry.side, .waited = entry.texts},
              .server = {.name = {.text = peer}},
              .connection = Connection::virtual_node,
              .trace = entry.key.trace});
    count_observed(now_ms);
  });
}

void ServiceGraphs::complete(const Edge& edge) {
  const uint64_t key = key_of(edge);
  SeriesTable::Row row = table_.find(key);
  if (row == SeriesTable::kUnknown) row = enter(key, edge);
  if (row == SeriesTable::kInvalid) return;
  table_.prefetch(row);
  const EdgeSide* const client = edge.client.side;
  const EdgeSide* const server = edge.server.side;
  Observed& to = observed_.emplace_back();
  to.row = row;
  to.weight = server != nullptr ? server->weight : client->weight;
  to.is_failed =
      (client != nullptr && client->is_failed()) || (server != nullptr && server->is_failed());
  if (client != nullptr) to.client_seconds = client->seconds();
  if (server != nullptr) to.server_seconds = server->seconds();
  to.trace = edge.trace;
  if (!config_.enable_messaging_system_latency_histogram ||
      edge.connection != Connection::messaging) {
    return;
  }
  if (server->time_ns > client->time_ns) {
    to.messaging_seconds = static_cast<double>(server->time_ns - client->time_ns) / 1e9;
  } else {
    ++counts_.odd_latencies;
  }
}

void ServiceGraphs::count_observed(int64_t now_ms) {
  for (const Observed& one : observed_) {
    table_.touch(one.row, now_ms);
    table_.add(one.row, kTotal, one.weight);
    if (one.is_failed) table_.add(one.row, kFailed, one.weight);
    table_.observe(one.row, kServerSeconds, one.server_seconds, one.weight, one.trace);
    table_.observe(one.row, kClientSeconds, one.client_seconds, one.weight, one.trace);
    if (one.messaging_seconds > 0) {
      table_.observe(one.row, kMessagingSeconds, one.messaging_seconds, one.weight, one.trace);
    }
  }
  observed_.clear();
}

// The sides' hashes stand for their names and dimensions.
uint64_t ServiceGraphs::key_of(const Edge& edge) const {
  static const uint64_t kUserHash = text_hash(kUser);
  const auto named = [](const Name& name) {
    if (name.attribute == nullptr) return name.text == kUser ? kUserHash : text_hash(name.text);
    const uint64_t hash = value_hash(name.attribute);
    return name.port == nullptr ? hash : mix_hash(hash, value_hash(name.port));
  };
  const bool is_named = edge.server.side == nullptr || edge.connection == Connection::database;
  const uint64_t client =
      edge.client.side == nullptr ? named(edge.client.name) : edge.client.side->hash();
  const uint64_t server = is_named ? named(edge.server.name) : edge.server.side->hash();
  const uint64_t kind = static_cast<uint64_t>(edge.connection) * 2 + (is_named ? 1 : 0);
  return mix_hash(mix_hash(kind, client), server);
}

std::string_view ServiceGraphs::text(const BatchAttribute* attribute, std::string& scratch) {
  return attribute == nullptr ? std::string_view() : value_text(attribute->value, scratch);
}

std::string_view ServiceGraphs::text(const Name& name, std::string& scratch) {
  if (name.attribute == nullptr) return name.text;
  const std::string_view shown = text(name.attribute, scratch);
  if (name.port == nullptr) return shown;
  std::string with_port(shown);
  with_port.append(":").append(text(name.port, peer_scratch_));
  return scratch = std::move(with_port);
}

// Without the peer.
SideTexts ServiceGraphs::texts_of(const BatchSpan& span) {
  for (size_t i = 0; i < dimensions_.size(); ++i) {
    const BatchAttribute* found = resource_dimensions_[span.resource * dimensions_.size() + i];
    if (found == nullptr) found = lookup_.find(span.attributes, dimensions_[i]);
    values_[i] = text(found, scratches_[i]);
  }
  return {.service = text(resource_of(span).service, service_scratch_),
          .peer = {},
          .dimensions = values_};
}

// Adds the dimensions of one end of an edge, and tells its name.
std::string_view ServiceGraphs::add_end(const End& end, bool is_client) {
  SideTexts said{.service = text(end.name, name_scratch_), .peer = {}, .dimensions = {}};
  if (end.waited != HalfEdges::kNone) said = sides_.texts(end.waited);
  if (end.span != nullptr) said = texts_of(*end.span);
  const std::string_view prefix = is_client ? "client_" : "server_";
  for (size_t i = 0; i < said.dimensions.size(); ++i) {
    std::string name = labels_of_dimensions_[i];
    if (config_.enable_client_server_prefix) name.insert(0, prefix);
    labels_.add(name, said.dimensions[i]);
  }
  return said.service;
}

SeriesTable::Row ServiceGraphs::enter(uint64_t key, const Edge& edge) {
  labels_.clear();
  const std::string_view client = add_end(edge.client, true);
  const std::string_view server = add_end(edge.server, false);
  labels_.add("client", client);
  labels_.add("server", server);
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
        labels_.add("virtual_node", edge.client.side == nullptr ? "client" : "server");
      }
  }
  return table_.enter(key, labels_);
}

void ServiceGraphs::collect(std::span<RoundWriter* const> writers) { table_.collect(writers); }

void ServiceGraphs::expire(int64_t before_ms) { table_.expire(before_ms); }

}  // namespace vivace::generator
