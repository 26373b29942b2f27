// Queues of tenants that come and go, to receivers that are not there.
#include "generator/remote_write.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"

namespace vivace::generator {
namespace {

using testing::HasSubstr;
using testing::Not;

class RemoteWriteTest : public testing::Test {
 protected:
  RemoteWriteTest() {
    for (const char* name : {"one", "other"}) {
      config::RemoteWrite& receiver = receivers_.emplace_back();
      receiver.name = name;
      receiver.url = "http://127.0.0.1:1/write";  // refuses connections
    }
    remote_write_ = std::make_unique<RemoteWrite>(
        receivers_, RemoteWriteOptions{.user_agent = "test", .flush_deadline_ns = 50'000'000},
        clock_, metrics_);
  }

  static Round round(bool has_series) {
    static const RoundOptions kOptions;
    RoundWriter writer(kOptions, kNowMs);
    const SeriesLabels labels = encode_labels({{"a", "b"}});
    const std::string name = label_field("__name__", "x");
    if (has_series) writer.add({.labels = &labels, .name = name, .value = 1});
    return writer.finish();
  }
  void push(const std::string& tenant, bool has_series) {
    for (size_t i = 0; i < receivers_.size(); ++i) {
      remote_write_->push(i, tenant, std::make_shared<const HeaderMap>(), round(has_series));
    }
  }
  // Queues that /metrics tells of.
  size_t queues() {
    const std::string text = metrics_.render();
    const std::string_view name = "\nvivace_remote_write_up{";
    size_t out = 0;
    for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) ++out;
    return out;
  }
  template <class Condition>
  void wait_until(Condition condition) {
    const int64_t until_ns = clock_.steady_ns() + 30'000'000'000;
    while (!condition() && clock_.steady_ns() < until_ns) std::this_thread::yield();
  }
  void expect_queues(size_t count) {
    wait_until([&] { return queues() == count; });
    EXPECT_EQ(queues(), count);
  }

  Metrics metrics_;
  SystemClock clock_;
  std::vector<config::RemoteWrite> receivers_;
  std::unique_ptr<RemoteWrite> remote_write_;
};

TEST_F(RemoteWriteTest, QueuesOfATenantGoWhenItIsForgottenAndNothingWaits) {
  push("a", false);
  push("b", false);
  push("c", true);
  expect_queues(6);
  remote_write_->forget("a");
  remote_write_->forget("c");
  expect_queues(4);
  EXPECT_THAT(metrics_.render(), Not(HasSubstr("tenant=\"a\"")));
  EXPECT_THAT(metrics_.render(), HasSubstr("tenant=\"c\"")) << "something waits";
  remote_write_->forget("nobody");
  push("a", true);
  expect_queues(6);
}

TEST_F(RemoteWriteTest, QueuesOfForgottenTenantsAreBoundedWhileAReceiverIsAway) {
  for (int i = 0; i < 300; ++i) {
    push(fmt::format("made-up-{}", i), true);
    remote_write_->forget(fmt::format("made-up-{}", i));
  }
  push("stays", true);
  wait_until([&] { return metrics_.render().find("tenant=\"stays\"") != std::string::npos; });
  expect_queues(256 + 2);
  EXPECT_THAT(metrics_.render(), HasSubstr("tenant=\"made-up-299\"")) << "the oldest went";
}

}  // namespace
}  // namespace vivace::generator
