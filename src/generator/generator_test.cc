// The threads of the generator: offers from several at once, a receiver that is not there, a stop.
#include "generator/generator.h"

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
  SeriesBudget series{.series_max = 100};
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
}

}  // namespace
}  // namespace vivace::generator
