// Counters of tenants that come and go: exact for those that are known, bounded for all.
#include "app/tenant_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kSecond = 1'000'000'000;

class TenantCountersTest : public testing::Test {
 protected:
  ManualClock clock_;
  Metrics metrics_;
};

TEST_F(TenantCountersTest, BeginWithTheOneTenant) {
  const TenantCounters counters(clock_, metrics_);
  EXPECT_THAT(metrics_.render(),
              HasSubstr("tempo_distributor_spans_received_total{tenant=\"single-tenant\"} 0"));
}

TEST_F(TenantCountersTest, CountTenantsPastTheBoundTogether) {
  TenantCounters counters(clock_, metrics_, 3);
  for (const char* tenant : {"a", "b", "c", "d"}) {
    counters.count_received(tenant, 2, 10, 1);
    counters.count_discarded(tenant, "rate_limited", 3);
    counters.count_ingress(tenant, 7);
  }
  const std::string text = metrics_.render();
  EXPECT_THAT(text, HasSubstr("tempo_distributor_spans_received_total{tenant=\"b\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("tempo_distributor_spans_received_total{tenant=\"<others>\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("tempo_distributor_ingress_bytes_total{tenant=\"<others>\"} 14\n"));
  EXPECT_THAT(text, HasSubstr("tempo_discarded_spans_total{reason=\"rate_limited\","
                              "tenant=\"<others>\"} 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("tenant=\"c\"")));
  EXPECT_EQ(counters.tenants(), 3U);
}

TEST_F(TenantCountersTest, ForgetWhoIsIdleWhenThereIsNoRoom) {
  TenantCounters counters(clock_, metrics_, 3);
  counters.count_received("a", 2, 10, 0);
  counters.count_discarded("a", "storage_full", 1);
  counters.count_received("b", 2, 10, 0);
  clock_.advance(599 * kSecond);
  counters.count_received("b", 2, 10, 0);
  clock_.advance(kSecond);
  counters.count_received("c", 1, 10, 0);
  std::string text = metrics_.render();
  EXPECT_THAT(text, Not(HasSubstr("tenant=\"a\"")));
  EXPECT_THAT(text, HasSubstr("tempo_distributor_spans_received_total{tenant=\"b\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("tempo_distributor_spans_received_total{tenant=\"c\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tenant=\"single-tenant\"")) << "idle, but dashboards ask for it";
  clock_.advance(600 * kSecond);
  counters.count_received("a", 5, 10, 0);
  EXPECT_THAT(metrics_.render(),
              HasSubstr("tempo_distributor_spans_received_total{tenant=\"a\"} 5\n"));
}

}  // namespace
}  // namespace vivace
