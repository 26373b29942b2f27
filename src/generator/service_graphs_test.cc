// Edges: which spans pair, in which order, what becomes of those that do not; and for random
// requests in random order, against a list of who called whom.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"

namespace vivace::generator {
namespace {

using plain::integer;
using plain::text;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr int32_t kServer = 2;
constexpr int32_t kClient = 3;
constexpr int32_t kProducer = 4;
constexpr int32_t kConsumer = 5;

std::string edge(const std::string& labels, const std::string& name = "total") {
  return "traces_service_graph_request_" + name + "{" + labels + "}";
}

Made client(const std::string& service, uint64_t id = 1) {
  return {.service = service, .kind = kClient, .ms = 4, .id = id, .parent = 99};
}
Made server(const std::string& service, uint64_t parent = 1) {
  return {.service = service, .kind = kServer, .ms = 2, .id = 50, .parent = parent};
}

TEST(ServiceGraphs, BothOrdersMakeOneEdge) {
  for (const bool reversed : {false, true}) {
    Fixture fixture(graphs_only());
    fixture.take(reversed ? server("b") : client("a"));
    EXPECT_THAT(fixture.counters(), IsEmpty());
    fixture.advance(9'000);
    fixture.take(reversed ? client("a") : server("b"));
    const Shown values = fixture.collect().values;
    EXPECT_EQ(values.at(edge("client=\"a\",server=\"b\"")), 1);
    EXPECT_DOUBLE_EQ(values.at(edge("client=\"a\",server=\"b\"", "client_seconds_sum")), 0.004);
    EXPECT_DOUBLE_EQ(values.at(edge("client=\"a\",server=\"b\"", "server_seconds_sum")), 0.002);
    fixture.advance(60'000);
    EXPECT_EQ(fixture.counters().size(), 1U);
    EXPECT_EQ(fixture.metric("vivace_generator_waiting_edges{tenant=\"t\"}"), 0);
  }
}

TEST(ServiceGraphs, FailedOnEitherSide) {
  for (const int failing : {0, 1}) {
    Fixture fixture(graphs_only());
    Made a = client("a");
    Made b = server("b");
    (failing == 0 ? a : b).status = 2;
    fixture.take(a).take(b);
    EXPECT_THAT(fixture.counters(),
                UnorderedElementsAre(Pair(edge("client=\"a\",server=\"b\""), 1),
                                     Pair(edge("client=\"a\",server=\"b\"", "failed_total"), 1)));
  }
}

TEST(ServiceGraphs, MessagingAndItsLatency) {
  config::Generator config = graphs_only();
  config.service_graphs.enable_messaging_system_latency_histogram = true;
  Fixture fixture(config);
  Made producer = client("a");
  producer.kind = kProducer;
  producer.ago_ms = 5'000;
  Made consumer = server("b");
  consumer.kind = kConsumer;
  fixture.take(consumer).take(producer);
  const std::string labels = "client=\"a\",connection_type=\"messaging_system\",server=\"b\"";
  const Shown values = fixture.collect().values;
  EXPECT_EQ(values.at(edge(labels)), 1);
  EXPECT_DOUBLE_EQ(values.at(edge(labels, "messaging_system_seconds_sum")), 4.998);
}

TEST(ServiceGraphs, ADatabaseIsAnEdgeAtOnce) {
  struct Case {
    plain::Attributes attributes;
    std::string server;
  };
  const std::vector<Case> cases{
      {{{"db.system", text("postgresql")}, {"server.address", text("pg-1")}}, "pg-1"},
      {{{"db.name", text("orders")}, {"peer.service", text("peer")}}, "peer"},
      {{{"db.system", text("x")},
        {"network.peer.address", text("10.1.1.1")},
        {"network.peer.port", integer(5432)}},
       "10.1.1.1:5432"},
      {{{"db.system", text("redis")}}, "redis"},
      {{{"db.system.name", text("mysql")}}, "mysql"},
      {{{"db.system", text("redis")}, {"db.namespace", text("cache")}}, "cache"}};
  for (const auto& [attributes, name] : cases) {
    Fixture fixture(graphs_only());
    Made made = client("a");
    made.attributes = attributes;
    fixture.take(made);
    const std::string labels = "client=\"a\",connection_type=\"database\",server=\"" + name + "\"";
    const Shown values = fixture.collect().values;
    EXPECT_EQ(values.at(edge(labels)), 1);
    EXPECT_DOUBLE_EQ(values.at(edge(labels, "server_seconds_sum")), 0.004);
  }
}

TEST(ServiceGraphs, ARootServerIsCalledByAUser) {
  Fixture fixture(graphs_only());
  Made root = server("b");
  root.parent = 0;
  fixture.take(root);
  const std::string labels = "client=\"user\",connection_type=\"virtual_node\",server=\"b\"";
  const Shown values = fixture.collect().values;
  EXPECT_EQ(values.at(edge(labels)), 1);
  EXPECT_EQ(values.at(edge(labels, "client_seconds_sum")), 0);
  EXPECT_EQ(values.at(edge(labels, "client_seconds_count")), 1);
}

TEST(ServiceGraphs, WhatNothingPairsWith) {
  config::Generator config = graphs_only();
  config.service_graphs.enable_virtual_node_label = true;
  Fixture fixture(config);
  Made peer = client("a");
  peer.attributes = {{"peer.service", text("elsewhere")}};
  fixture.take(peer).take(client("c", 2)).take(server("orphan", 77));
  fixture.take({.service = "a", .kind = 1}).take({.service = "", .kind = kServer});
  fixture.advance(9'999);
  EXPECT_THAT(fixture.counters(), IsEmpty());
  fixture.advance(1);
  EXPECT_THAT(fixture.counters(),
              ElementsAre(Pair(edge("client=\"a\",connection_type=\"virtual_node\",server="
                                    "\"elsewhere\",virtual_node=\"server\""),
                               1)));
  EXPECT_EQ(fixture.metric(
                "tempo_metrics_generator_processor_service_graphs_expired_edges{tenant=\"t\"}"),
            2);
}

TEST(ServiceGraphs, DimensionsOfBothSides) {
  config::Generator config = graphs_only();
  config.service_graphs.dimensions = {"zone", "only.client"};
  Made a = client("a");
  a.attributes = {{"zone", text("east")}, {"only.client", text("x")}};
  Made b = server("b");
  b.attributes = {{"zone", text("west")}};
  for (const bool reversed : {false, true}) {
    Fixture fixture(config);
    fixture.take(reversed ? b : a).take(reversed ? a : b);
    EXPECT_THAT(
        fixture.counters(),
        ElementsAre(Pair(edge("client=\"a\",only_client=\"x\",server=\"b\",zone=\"west\""), 1)));
  }
  config.service_graphs.enable_client_server_prefix = true;
  Fixture fixture(config);
  fixture.take(b).take(a);
  EXPECT_THAT(fixture.counters(),
              ElementsAre(Pair(edge("client=\"a\",client_only_client=\"x\",client_zone=\"east\","
                                    "server=\"b\",server_zone=\"west\""),
                               1)));
}

TEST(ServiceGraphs, ALimitThatIsSetIsObeyed) {
  config::Generator config = graphs_only();
  config.service_graphs.max_items = 2;
  Fixture fixture(config);
  for (uint64_t id = 1; id <= 5; ++id) fixture.take(client("a", id));
  for (uint64_t id = 1; id <= 2; ++id) fixture.take(server("b", id));
  EXPECT_THAT(fixture.counters(), ElementsAre(Pair(edge("client=\"a\",server=\"b\""), 2)));
  EXPECT_EQ(fixture.metric(
                "tempo_metrics_generator_processor_service_graphs_dropped_spans{tenant=\"t\"}"),
            3);
}

TEST(ServiceGraphs, RandomRequestsInRandomOrder) {
  std::mt19937 random(11);
  config::Generator config = graphs_only();
  Fixture fixture(config);
  Shown truth;
  std::vector<Made> spans;
  for (uint64_t i = 1; i <= 2000; ++i) {
    const std::string from = fmt::format("s{}", random() % 5);
    const std::string to = fmt::format("s{}", random() % 5);
    const bool failed = random() % 4 == 0;
    Made a = client(from, 1 + random() % 3);
    Made b = server(to, a.id);
    a.trace = b.trace = i;
    b.status = failed ? 2 : 0;
    const std::string labels = "client=\"" + from + "\",server=\"" + to + "\"";
    truth[edge(labels)] += 1;
    if (failed) truth[edge(labels, "failed_total")] += 1;
    spans.push_back(a);
    spans.push_back(b);
  }
  std::ranges::shuffle(spans, random);
  for (const Made& one : spans) fixture.take(one);
  EXPECT_EQ(fixture.counters(), truth);
}

}  // namespace
}  // namespace vivace::generator
