// The service graph: which service called which, how often, how long it took on either side, and
// what failed. An edge is a client (or producer) span and the server (or consumer) span that is its
// child, wherever and in whichever order they come.
//
//   client span --+-- names a database --> edge at once
//                 +-- server waits? ----> edge
//                 +-- else it waits; when its time is over and it names a peer: virtual node
//   server span --+-- no parent --------> edge from a virtual node at once: nothing can pair
//                 +-- client waits? ----> edge
//                 +-- else it waits, and is dropped when its time is over
//
// Where two sides disagree (a dimension without prefix, the weight) the server's word counts.
//
// Spans are taken some at a time, so that memory can be asked for before it is needed: first the
// places where other sides may wait, then the rows of edges, then what is added to them.
//
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
  ServiceGraphs(const config::ServiceGraphs& config, AttributeLookup& lookup, Registry& registry);

  // A batch begins.
  void begin(const Batch& batch);
  // Some of its spans.
  void take(std::span<const BatchSpan* const> spans, int64_t now_ms);
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

  // The name of an end that no span tells of: an attribute, perhaps with a port, or a text.
  struct Name {
    const BatchAttribute* attribute = nullptr;
    const BatchAttribute* port = nullptr;
    std::string_view text;
  };
  // An end of an edge: a side, whose texts are those of the span at hand or of one that waited, or
  // else a name.
  struct End {
    const EdgeSide* side = nullptr;
    const BatchSpan* span = nullptr;
    uint32_t waited = HalfEdges::kNone;
    Name name;
  };
  struct Edge {
    End client;
    End server;
    Connection connection = Connection::normal;
    TraceId trace;
  };
  // A span and where its other side would be.
  struct Candidate {
    const BatchSpan* span = nullptr;
    EdgeKey key;
    uint64_t hash = 0;  // of the key
    bool is_client = false;
  };
  // What is to be added to the row of an edge.
  struct Observed {
    SeriesTable::Row row = 0;
    bool is_failed = false;
    double weight = 1;
    double server_seconds = 0;
    double client_seconds = 0;
    double messaging_seconds = 0;  // 0: not to be told
    TraceId trace;
  };

  // What all spans of a resource share, worked out once a batch.
  struct Resource {
    bool is_known = false;
    bool is_skipped = false;        // it has no name
    bool names_a_database = false;  // or what would be the name of one
    bool has_all_dimensions = true;
    uint64_t hash = 0;  // of the service and its dimensions as far as the resource has them
    const BatchAttribute* service = nullptr;
    const BatchAttribute* weight = nullptr;
  };

  const Resource& resource_of(const BatchSpan& span);
  void learn(Resource& to, uint32_t index);
  EdgeSide side_of(const BatchSpan& span, bool is_server);
  const BatchAttribute* peer_of(const BatchSpan& span);
  bool find_database(const BatchSpan& span, Name& name);
  void take_client(const Candidate& at, int64_t now_ms);
  void take_server(const Candidate& at, int64_t now_ms);
  void wait(const Candidate& at, const EdgeSide& side, int64_t now_ms);
  void complete(const Edge& edge);
  void count_observed(int64_t now_ms);
  uint64_t key_of(const Edge& edge) const;
  SeriesTable::Row enter(uint64_t key, const Edge& edge);
  SideTexts texts_of(const BatchSpan& span);
  std::string_view add_end(const End& end, bool is_client);
  std::string_view text(const BatchAttribute* attribute, std::string& scratch);
  std::string_view text(const Name& name, std::string& scratch);

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

  // Of the spans at hand.
  std::vector<Candidate> candidates_;
  std::vector<Observed> observed_;

  // For texts: of the service, of the peer, of each dimension.
  std::vector<std::string_view> values_;
  std::vector<std::string> scratches_;
  std::string service_scratch_, peer_scratch_, name_scratch_;
  LabelSet labels_;
};

}  // namespace vivace::generator
