// The query API over a store in memory, asked through its handler as the server would.
//
//   options.multitenancy = true;             // before the first question
//   data.push(plain::request_of({...}));
//   EXPECT_EQ(get("/api/traces/1").body(), ...);
//
// Not part of the product.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "api/api.h"
#include "net/testing/fake_exchange.h"
#include "store/testing/test_store.h"

namespace vivace::api {

class ApiTest : public testing::Test {
 protected:
  // Made at the first use, with the options as they then are.
  Api& api() {
    if (api_ == nullptr) {
      const Call::Context context{
          .clock = &clock, .metrics = &metrics, .maybe_query_memory = maybe_query_memory};
      api_ = std::make_unique<Api>(options, context, *queries);
      api_->set_store(&data.store());
      api_->set_phase(Phase::ready);
    }
    return *api_;
  }
  net::FakeAnswer get(std::string_view target, std::vector<net::Header> headers = {}) {
    return net::ask(api().handler(), net::fake_request(target, std::move(headers)));
  }

  TestStore data;
  ManualClock clock;
  Metrics metrics;
  ApiOptions options{.http_api_prefix = "", .version = "2.10.8+vivace.1", .revision = "abc"};
  QueryBudget* maybe_query_memory = nullptr;
  std::unique_ptr<Workers> queries = std::make_unique<Workers>("query", 1, 100);

 private:
  std::unique_ptr<Api> api_;
};

}  // namespace vivace::api
