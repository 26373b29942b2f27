// The threads of the generator: offers from several at once, a receiver that is not there, a stop.
#include "generator/generator.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"

namespace vivace::generator {
namespace {

constexpr int kThreads = 4;
constexpr int kOffers = 200;

class GeneratorTest : public testing::Test {
 protected:
  static GeneratorOptions options() {
    GeneratorOptions out{.config = calls_only(), .instance = "host", .user_agent = "test"};
    config::RemoteWrite& receiver = out.config.remote_write.emplace_back();
    receiver.name = "nobody";
    receiver.url = "http://127.0.0.1:1/write";  // refuses connections
    out.config.collection_interval_ns = 1'000'000;
    out.config.flush_deadline_ns = 50'000'000;
    return out;
  }
  double metric(const std::string& name) {
    const std::string text = metrics_.render();
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
  }
  double received() {
    return metric("tempo_metrics_generator_spans_received_total{tenant=\"a\"}") +
           metric("tempo_metrics_generator_spans_received_total{tenant=\"b\"}");
  }
  double skipped() {
    const std::string name = "tempo_metrics_generator_spans_discarded_total{reason=\"behind\",";
    return metric(name + "tenant=\"a\"}") + metric(name + "tenant=\"b\"}");
  }
  void offer_from_all(Generator& generator) {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&generator, t] {
        for (int i = 0; i < kOffers; ++i) {
          generator.offer(t % 2 == 0 ? "a" : "b", Made{.name = fmt::format("n{}", i % 7)}.batch(),
                          {}, kNowNs);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  Metrics metrics_;
  SystemClock clock_;
};

TEST_F(GeneratorTest, CountsWhatIsOfferedByAll) {
  auto generator = Generator::start(options(), clock_, metrics_);
  ASSERT_TRUE(generator);
  offer_from_all(**generator);
  (*generator)->stop();
  EXPECT_EQ(received(), kThreads * kOffers);
  EXPECT_EQ(skipped(), 0);
  EXPECT_GT(metric("tempo_metrics_generator_registry_collections_total{tenant=\"a\"}"), 0);
}

TEST_F(GeneratorTest, SkipsAndCountsWhatFindsNoRoom) {
  GeneratorOptions small = options();
  small.queue_bytes_max = 1;
  auto generator = Generator::start(small, clock_, metrics_);
  ASSERT_TRUE(generator);
  offer_from_all(**generator);
  (*generator)->stop();
  EXPECT_EQ(received(), 0);
  EXPECT_EQ(skipped(), kThreads * kOffers);
}

TEST_F(GeneratorTest, RepeatsAreNotCounted) {
  Metrics metrics;
  SeriesBudget series;
  Tenant tenant(calls_only(), {.tenant = "t", .instance = "", .series_max_default = 100}, series,
                metrics);
  const std::vector<uint32_t> repeats{0};
  tenant.take(*Made{}.batch(), repeats, kNowNs);
  EXPECT_EQ(tenant.active_series(), 0);
}

TEST_F(GeneratorTest, RulesThatMakeNoSenseStopTheStart) {
  GeneratorOptions bad = options();
  bad.config.remote_write[0].relabels.push_back({.regex = "(", .target_label = "x"});
  const auto generator = Generator::start(bad, clock_, metrics_);
  ASSERT_FALSE(generator);
  EXPECT_EQ(generator.error().code, Code::invalid_argument);
  EXPECT_THAT(metrics_.render(), testing::HasSubstr("vivace_generator_queue_bytes 0"))
      << "who looks at it then does not ask one that is gone";
}

TEST_F(GeneratorTest, TenantsPastTheBoundAreNotCountedAndTold) {
  GeneratorOptions few = options();
  few.tenants_max = 3;
  auto generator = Generator::start(few, clock_, metrics_);
  ASSERT_TRUE(generator);
  for (int i = 0; i < 100; ++i) {
    (*generator)->offer(fmt::format("t{}", i), Made{}.batch(), {}, kNowNs);
  }
  (*generator)->stop();
  EXPECT_EQ(metric("vivace_generator_tenants"), 3);
  EXPECT_EQ(metric("vivace_generator_tenants_max"), 3);
  EXPECT_EQ(metric("tempo_metrics_generator_spans_received_total{tenant=\"t2\"}"), 1);
  EXPECT_EQ(metric("tempo_metrics_generator_spans_discarded_total{reason=\"too_many_tenants\","
                   "tenant=\"<others>\"}"),
            97);
  EXPECT_THAT(metrics_.render(), testing::Not(testing::HasSubstr("tenant=\"t3\"")));
}

TEST_F(GeneratorTest, TenantsThatTheOverridesNameAlwaysFindRoom) {
  GeneratorOptions few = options();
  few.tenants_max = 1;
  auto overrides = std::make_shared<config::Overrides>();
  overrides->tenants["named"].generator = few.config;
  few.overrides = [overrides] { return overrides; };
  auto generator = Generator::start(few, clock_, metrics_);
  ASSERT_TRUE(generator);
  for (const char* tenant : {"x", "y", "z", "named"}) {
    (*generator)->offer(tenant, Made{}.batch(), {}, kNowNs);
  }
  (*generator)->stop();
  EXPECT_EQ(metric("tempo_metrics_generator_spans_received_total{tenant=\"named\"}"), 1);
  EXPECT_EQ(metric("tempo_metrics_generator_spans_received_total{tenant=\"z\"}"), 0);
}

TEST_F(GeneratorTest, NamedTenantsThatSendNothingMakeNoRoomForOthers) {
  GeneratorOptions few = options();
  few.tenants_max = 2;
  auto overrides = std::make_shared<config::Overrides>();
  for (int i = 0; i < 50; ++i) {
    overrides->tenants[fmt::format("silent {}", i)].generator = few.config;
  }
  few.overrides = [overrides] { return overrides; };
  auto generator = Generator::start(few, clock_, metrics_);
  ASSERT_TRUE(generator);
  const auto offer = [&](const std::string& tenant) {
    (*generator)->offer(tenant, Made{}.batch(), {}, kNowNs);
  };
  for (int i = 0; i < 20; ++i) offer(fmt::format("made up {}", i));
  offer("silent 7");
  (*generator)->stop();
  EXPECT_EQ(metric("vivace_generator_tenants"), 3) << "two, and one that is named";
  EXPECT_EQ(metric("tempo_metrics_generator_spans_received_total{tenant=\"silent 7\"}"), 1);
  EXPECT_EQ(metric("tempo_metrics_generator_spans_discarded_total{reason=\"too_many_tenants\","
                   "tenant=\"<others>\"}"),
            18);
}

// Whether a tenant is named changes while it is there.
TEST_F(GeneratorTest, TenantsAreCountedByWhatTheOverridesNameNow) {
  GeneratorOptions few = options();
  few.tenants_max = 2;
  const auto none = std::make_shared<const config::Overrides>();
  auto two = std::make_shared<config::Overrides>();
  for (const char* tenant : {"a", "b"}) two->tenants[tenant].generator = few.config;
  std::atomic<bool> names_two = false;
  few.overrides = [&]() -> config::OverridesSnapshot { return names_two ? two : none; };
  auto generator = Generator::start(few, clock_, metrics_);
  ASSERT_TRUE(generator);
  const auto received = [this](const std::string& tenant) {
    return metric("tempo_metrics_generator_spans_received_total{tenant=\"" + tenant + "\"}");
  };
  const auto offer = [&](const std::string& tenant) {
    (*generator)->offer(tenant, Made{}.batch(), {}, kNowNs);
    const int64_t until_ns = clock_.steady_ns() + 30'000'000'000;
    while (metric("vivace_generator_queue_bytes") > 0 && clock_.steady_ns() < until_ns) {
      std::this_thread::yield();
    }
  };
  for (const char* tenant : {"a", "b", "c"}) offer(tenant);
  names_two = true;
  for (const char* tenant : {"c", "d", "e"}) offer(tenant);
  names_two = false;
  for (const char* tenant : {"f", "a"}) offer(tenant);
  (*generator)->stop();
  EXPECT_EQ(received("c"), 1) << "once there was room";
  EXPECT_EQ(received("d"), 1);
  EXPECT_EQ(received("e"), 0);
  EXPECT_EQ(received("f"), 0) << "four are there";
  EXPECT_EQ(received("a"), 2);
}

// No clock is moved here: everything is stale at once, and an interval is a millisecond.
TEST_F(GeneratorTest, ForgetsTenantsWhoseSeriesWentStale) {
  GeneratorOptions brief = options();
  brief.config.stale_duration_ns = 1'000'000;
  brief.config.remote_write.clear();  // a series that was sent is remembered for two minutes
  auto generator = Generator::start(brief, clock_, metrics_);
  ASSERT_TRUE(generator);
  for (int i = 0; i < 50; ++i) {
    (*generator)->offer(fmt::format("t{}", i), Made{}.batch(), {}, kNowNs);
  }
  const auto is_gone = [this](const std::string& text) {
    return text.find("vivace_generator_queue_bytes 0\n") != text.npos &&
           text.find("vivace_generator_tenants 0\n") != text.npos &&
           text.find("tenant=\"t") == text.npos;
  };
  const int64_t until_ns = clock_.steady_ns() + 30'000'000'000;
  while (!is_gone(metrics_.render()) && clock_.steady_ns() < until_ns) std::this_thread::yield();
  EXPECT_TRUE(is_gone(metrics_.render())) << metrics_.render();
  (*generator)->offer("t1", Made{}.batch(), {}, kNowNs);
  (*generator)->stop();
}

// A tenant without series of its own that are left, but with one that must not begin anew too soon.
TEST_F(GeneratorTest, ATenantIsEmptyOnceNothingWouldBeLost) {
  config::Generator config = calls_only();
  config.service_graphs.is_on = true;
  config.stale_duration_ns = 30'000'000'000;
  Fixture one(config);
  EXPECT_TRUE(one.is_empty());
  one.take(Made{.kind = 3, .parent = 7});
  EXPECT_FALSE(one.is_empty());
  one.collect();
  one.advance(31'000);
  one.collect();
  EXPECT_EQ(one.metric("tempo_metrics_generator_registry_active_series{tenant=\"t\"}"), 0);
  EXPECT_FALSE(one.is_empty()) << "a zero of now may be older than what was sent";
  one.advance(121'000);
  one.collect();
  EXPECT_TRUE(one.is_empty());
  one.take(Made{.kind = 3, .ago_ms = -152'000, .parent = 7});
  EXPECT_FALSE(one.is_empty());
}

class SeriesPoolsTest : public testing::Test {
 protected:
  Tenant& tenant(const std::string& name, std::optional<int64_t> series_max) {
    config::Generator config = calls_only();
    config.max_active_series = series_max;
    return *tenants_.emplace_back(std::make_unique<Tenant>(
        config, TenantOptions{.tenant = name, .instance = "", .series_max_default = 10}, series_,
        metrics_));
  }
  static int64_t fill(Tenant& tenant, int names) {
    for (int i = 0; i < names; ++i) {
      tenant.take(*Made{.name = fmt::format("op {}", i)}.batch(), {}, kNowNs);
    }
    return tenant.active_series();
  }

  Metrics metrics_;
  SeriesBudget series_{.unbounded = {.series_max = 10}, .bounded = {.series_max = 50}};
  std::vector<std::unique_ptr<Tenant>> tenants_;
};

TEST_F(SeriesPoolsTest, WhoHasABoundTakesNothingFromThoseWhoShareOne) {
  EXPECT_EQ(fill(tenant("own", 30), 100), 31) << "and one for those past the bound";
  EXPECT_EQ(fill(tenant("a", std::nullopt), 6), 6);
  EXPECT_EQ(fill(tenant("b", std::nullopt), 100), 5) << "four were left, and one for the rest";
}

TEST_F(SeriesPoolsTest, WhoHasABoundIsHeldByMemoryToo) {
  EXPECT_EQ(fill(tenant("own", 30), 30), 30);
  EXPECT_EQ(fill(tenant("none", 0), 100), 21) << "0 takes the own bound away, not memory's";
  EXPECT_EQ(fill(tenant("a", std::nullopt), 10), 10);
}

TEST_F(SeriesPoolsTest, LongLabelsTakeMoreOfTheRoom) {
  series_.unbounded.series_max = 1000;
  series_.unbounded.label_bytes_max = 100'000;
  config::Generator config = calls_only();
  config.max_active_series = std::nullopt;
  Tenant one(config, TenantOptions{.tenant = "long", .instance = "", .series_max_default = 1000},
             series_, metrics_);
  for (int i = 0; i < 200; ++i) {
    one.take(*Made{.name = std::string(1'500, 'x') + fmt::format("{}", i)}.batch(), {}, kNowNs);
  }
  EXPECT_GT(one.active_series(), 50);
  EXPECT_LT(one.active_series(), 68) << "100,000 bytes, and one for the rest";
  EXPECT_LT(fill(tenant("short", std::nullopt), 60), 30) << "the room is shared";
  EXPECT_LE(series_.unbounded.label_bytes, 101'000);
}

TEST_F(SeriesPoolsTest, ATenantTakesItsSeriesAlongWhenItGetsABound) {
  Tenant& first = tenant("first", std::nullopt);
  EXPECT_EQ(fill(first, 10), 10);
  config::Generator bounded = calls_only();
  bounded.max_active_series = 20;
  first.reconfigure(bounded);
  EXPECT_EQ(first.active_series(), 10);
  EXPECT_EQ(fill(tenant("second", std::nullopt), 10), 10) << "all of the shared room is free";
  EXPECT_EQ(series_.bounded.used, 10);
  EXPECT_GT(series_.bounded.label_bytes, 0);
  tenants_.clear();
  EXPECT_EQ(series_.bounded.label_bytes, 0);
  EXPECT_EQ(series_.bounded.used, 0);
  EXPECT_EQ(series_.unbounded.used, 0);
}

TEST_F(GeneratorTest, CountersOfEdgesGoOnWhenServiceGraphsBeginAnew) {
  config::Generator config = graphs_only();
  config.service_graphs.wait_ns = 1'000'000'000;
  Fixture one(config);
  const std::string edges = "tempo_metrics_generator_processor_service_graphs_edges{tenant=\"t\"}";
  const std::string expired =
      "tempo_metrics_generator_processor_service_graphs_expired_edges{tenant=\"t\"}";
  for (uint64_t i = 1; i <= 5; ++i) one.take(Made{.kind = 3, .trace = i, .id = i, .parent = 9});
  one.advance(5'000);
  one.collect();
  EXPECT_EQ(one.metric(edges), 5);
  EXPECT_EQ(one.metric(expired), 5);
  one.take(Made{.kind = 3, .trace = 6, .id = 6, .parent = 9});  // not shown yet
  config.service_graphs.dimensions = {"x"};
  one.reconfigure(config);
  EXPECT_EQ(one.metric(edges), 6);
  EXPECT_EQ(one.metric("vivace_generator_waiting_edges{tenant=\"t\"}"), 0);
  one.take(Made{.kind = 3, .trace = 7, .id = 7, .parent = 9});
  one.collect();
  EXPECT_EQ(one.metric(edges), 7);
  config.service_graphs.is_on = false;
  one.reconfigure(config);
  config.service_graphs.is_on = true;
  one.reconfigure(config);
  one.take(Made{.kind = 3, .trace = 8, .id = 8, .parent = 9});
  one.collect();
  EXPECT_EQ(one.metric(edges), 8);
}

}  // namespace
}  // namespace vivace::generator
