// The service graph: which service called which, how often, how long it took on either side, and
// what failed. An edge is a client (or producer) span and the server (or consumer) span that is its
// child, wherever and in whichever order they come.
//
//   client span --+-- names a database --> edge at once
//                 +-- server waits? ----> edge
//                 +-- else it waits; when its time is over and it names a peer: virtual node
//   server span --+-- no parent --------> edge from a virtual node at once: nothing can pair with
//   it
//                 +-- client waits? ----> edge
//                 +-- else it waits, and is dropped when its time is over
//
// Where two sides disagree (a dimension without prefix, the weight) the server's word counts.
// The generator's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "config/generator.h"
#include "generator/attribute_lookup.h"
#include "generator/filter_policy.h"
#include "generator/half_edges.h"
#include "generator/series_table.h"
#include "generator/span_metrics.h"
#include "model/batch.h"

namespace vivace::generator {

class ServiceGraphs {
 public:
  ServiceGraphs(const config::ServiceGraphs& config, AttributeLookup& lookup, Registry& registry,
                int64_t bytes_max);

  // A batch begins and ends; in between it must not move.
  void begin(const Batch& batch);
  void end() { sides_.keep(); }
  SpanMetrics::Taken take(const BatchSpan& span, int64_t now_ms);
  // Ends the wait of sides that are old enough.
  void expire_sides(int64_t now_ms);

  void collect(std::span<RoundWriter* const> writers);
  void expire(int64_t before_ms);

  struct Counts {
    uint64_t edges = 0;          // sides that began to wait or made an edge at once
    uint64_t expired_edges = 0;  // sides that waited in vain
    uint64_t dropped_spans = 0;  // sides without room
    uint64_t odd_latencies = 0;  // of messages that came before they were sent
  };
  const Counts& counts() const { return counts_; }
  const HalfEdges& sides() const { return sides_; }

 private:
  enum class Connection : uint8_t { normal, messaging, database, virtual_node };
  struct Edge {
    const EdgeSide* client = nullptr;  // one of the two may be null
    const EdgeSide* server = nullptr;
    std::string_view client_name;
    std::string_view server_name;
    Connection connection = Connection::normal;
    TraceId trace;
  };

  // What all spans of a resource share, worked out once a batch.
  struct Resource {
    bool is_known = false;
    std::string_view service;
    uint64_t service_hash = 0;
    const BatchAttribute* weight = nullptr;
    std::string scratch;
  };

  const Resource& resource_of(const BatchSpan& span);
  const BatchAttribute* find(const BatchSpan& span, AttributeLookup::Slot slot);
  std::string_view text(const BatchAttribute* attribute, std::string& scratch);
  EdgeSide side_of(const BatchSpan& span, bool is_server);
  std::string_view database_of(const BatchSpan& span);
  bool take_client(const BatchSpan& span, int64_t now_ms);
  bool take_server(const BatchSpan& span, int64_t now_ms);
  bool wait_for_other(const EdgeKey& key, const EdgeSide& side, int64_t now_ms);
  bool complete(const Edge& edge, int64_t now_ms);
  SeriesTable::Row enter(uint64_t key, const Edge& edge);
  uint64_t key_of(const Edge& edge) const;
  void count_messaging(SeriesTable::Row row, const Edge& edge, double weight);

  const config::ServiceGraphs config_;
  AttributeLookup& lookup_;
  const FilterPolicies policies_;
  SeriesTable table_;
  HalfEdges sides_;
  Counts counts_;

  AttributeLookup::Slot service_;
  AttributeLookup::Slot multiplier_;
  AttributeLookup::Slot peer_service_, server_address_, network_address_, network_port_;
  std::vector<AttributeLookup::Slot> peers_;
  std::vector<AttributeLookup::Slot> databases_;
  std::vector<AttributeLookup::Slot> dimensions_;
  std::vector<std::string> labels_of_dimensions_;

  // Of the batch.
  std::vector<Resource> resources_;
  std::vector<const BatchAttribute*> resource_dimensions_;  // of resource after resource; or null

  // Of the span at hand.
  std::vector<std::string_view> values_;
  std::vector<std::string> scratches_;
  std::string peer_scratch_, database_scratch_, port_scratch_;
  LabelSet labels_;
};

}  // namespace vivace::generator
