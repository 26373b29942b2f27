// Entries of single tenants: both shapes, what they replace, and what is told of a file that cannot
// be used.
#include "config/overrides.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"

namespace vivace::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kMain = R"(
metrics_generator:
  registry: {external_labels: {source: tempo}}
  processor: {span_metrics: {dimensions: [service.name]}}
overrides:
  defaults:
    ingestion: {rate_limit_bytes: 1000, burst_size_bytes: 2000}
    metrics_generator: {processors: [span-metrics], max_active_series: 7}
  per_tenant_override_config: /etc/overrides.yaml
  per_tenant_override_period: 1m
)";

class OverridesTest : public testing::Test {
 protected:
  OverridesTest() : file_(with(kMain).overrides) {}

  Overrides read(const std::string& text) {
    auto parsed = file_->parse(text);
    EXPECT_TRUE(parsed) << parsed.error();
    return parsed ? *std::move(parsed) : Overrides();
  }
  std::string error(const std::string& text) {
    const auto parsed = file_->parse(text);
    return parsed ? "accepted" : parsed.error();
  }

  std::shared_ptr<const OverridesFile> file_;
};

TEST_F(OverridesTest, TheMainFileNamesIt) {
  EXPECT_EQ(file_->path(), "/etc/overrides.yaml");
  EXPECT_EQ(file_->period_ns(), 60'000'000'000);
  EXPECT_EQ(with("").overrides, nullptr);
}

TEST_F(OverridesTest, AnEntryReplacesTheDefaultsAndNothingElse) {
  const Overrides found = read(
      "overrides: {a: {metrics_generator: {processors: [service-graphs]}}, b: {ingestion: "
      "{max_traces_per_user: 5}}}");
  const TenantSettings* const a = found.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_TRUE(a->generator.service_graphs.is_on);
  EXPECT_FALSE(a->generator.span_metrics.is_on());
  EXPECT_EQ(a->generator.max_active_series, std::nullopt);
  EXPECT_EQ(a->generator.external_labels.at("source"), "tempo");
  EXPECT_THAT(a->generator.span_metrics.dimensions, ElementsAre("service.name"));
  EXPECT_EQ(a->limits.rate_limit_bytes, 0);
  const TenantSettings* const b = found.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_FALSE(b->generator.has_processors());
  EXPECT_EQ(b->limits.max_traces_per_user, 5);
  EXPECT_EQ(found.find("c"), nullptr);
}

TEST_F(OverridesTest, BothShapesSayTheSame) {
  const Overrides found = read(R"(
overrides:
  new:
    ingestion: {rate_limit_bytes: 10, burst_size_bytes: 20, max_attribute_bytes: 9}
    global: {max_bytes_per_trace: 30}
    metrics_generator:
      processors: [span-metrics, service-graphs]
      max_active_series: 40
      collection_interval: 20s
      remote_write_headers: {X-Scope-OrgID: a, X-Other: b}
      ingestion_time_range_slack: 1m
      processor:
        span_metrics:
          dimensions: [http.method]
          histogram_buckets: [1, 2]
          intrinsic_dimensions: {service: false}
        service_graphs: {dimensions: [x], enable_client_server_prefix: true}
  old:
    ingestion_rate_limit_bytes: 10
    ingestion_burst_size_bytes: 20
    ingestion_max_attribute_bytes: 9
    max_bytes_per_trace: 30
    metrics_generator_processors: [span-metrics, service-graphs]
    metrics_generator_max_active_series: 40
    metrics_generator_collection_interval: 20s
    metrics_generator_remote_write_headers: {X-Scope-OrgID: a, X-Other: b}
    metrics_generator_ingestion_time_range_slack: 1m
    metrics_generator_processor_span_metrics_dimensions: [http.method]
    metrics_generator_processor_span_metrics_histogram_buckets: [1, 2]
    metrics_generator_processor_span_metrics_intrinsic_dimensions: {service: false}
    metrics_generator_processor_service_graphs_dimensions: [x]
    metrics_generator_processor_service_graphs_enable_client_server_prefix: true
)");
  ASSERT_NE(found.find("new"), nullptr);
  ASSERT_NE(found.find("old"), nullptr);
  EXPECT_EQ(*found.find("new"), *found.find("old"));
  const TenantSettings& one = *found.find("new");
  EXPECT_EQ(one.limits.burst_size_bytes, 20);
  EXPECT_EQ(one.limits.max_bytes_per_trace, 30);
  EXPECT_EQ(one.generator.collection_interval_ns, 20'000'000'000);
  EXPECT_EQ(one.generator.remote_write_headers.at("X-Other"), "b");
  EXPECT_FALSE(one.generator.span_metrics.service);
  EXPECT_TRUE(one.generator.service_graphs.enable_client_server_prefix);
}

TEST_F(OverridesTest, AStarIsForWhoHasNoEntry) {
  const Overrides found = read(
      "overrides: {a: {global: {max_bytes_per_trace: 1}}, '*': {global: {max_bytes_per_trace: "
      "2}}}");
  EXPECT_EQ(found.find("a")->limits.max_bytes_per_trace, 1);
  EXPECT_EQ(found.find("b")->limits.max_bytes_per_trace, 2);
}

TEST_F(OverridesTest, NothingIsAnEntryToo) {
  EXPECT_THAT(read("").tenants, IsEmpty());
  EXPECT_THAT(read("overrides:\n").tenants, IsEmpty());
  EXPECT_FALSE(read("overrides: {a: }").find("a")->generator.has_processors());
}

TEST_F(OverridesTest, WhatHasNoEffectForOneTenantIsNamed) {
  EXPECT_THAT(read("overrides: {a: {compaction: {block_retention: 1h}}}").inactive,
              ElementsAre("overrides.defaults.compaction.block_retention"));
  EXPECT_THAT(read("overrides: {a: {ingestion: {rate_limit_bytes: 9}}}").inactive, IsEmpty());
}

TEST_F(OverridesTest, MistakesAreNamedAllAtOnce) {
  const std::string text =
      "overrides:\n"
      "  a:\n"
      "    metrics_generator: {processor: [span-metrics]}\n"
      "    ingestion: {rate: 1}\n"
      "  b: {metrics_generator: {processors: [span-metrix]}}\n"
      "  c: {max_bytes_per_trace: 1, ingestion: {rate_limit_bytes: 1}}\n"
      "more: 1\n";
  EXPECT_EQ(
      error(text),
      "/etc/overrides.yaml:\n"
      "  line 3: overrides.a.metrics_generator.processor: expected a section, found a list\n"
      "  line 4: field rate not found in overrides.a.ingestion\n"
      "  line 5: overrides.b.metrics_generator.processors: unknown processor span-metrix (did "
      "you mean \"span-metrics\"?)\n"
      "  line 6: overrides.c.max_bytes_per_trace: flat keys and sections cannot stand in one "
      "entry\n"
      "  line 7: field more not found: the file holds \"overrides\" and nothing else");
  EXPECT_THAT(error("overrides: {a: {}, a: {}}"), HasSubstr("this tenant is there twice"));
  EXPECT_THAT(error("overrides: [a]"), HasSubstr("expected a section for each tenant"));
  EXPECT_THAT(error("overrides: {a: "), HasSubstr("line "));
}

TEST_F(OverridesTest, AFileThatIsNotThereOrBadStopsTheStart) {
  const TemporaryFile bad("overrides: {a: {b: 1}}");
  const TemporaryFile main(std::string(kStorage) +
                           "overrides: {per_tenant_override_config: " + bad.path() + "}");
  auto loaded = load({main.flag()});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("field b not found in overrides.a"));
  const TemporaryFile lost(std::string(kStorage) +
                           "overrides: {per_tenant_override_config: /nowhere/at/all}");
  loaded = load({lost.flag()});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("/nowhere/at/all: No such file or directory"));
}

}  // namespace
}  // namespace vivace::config
