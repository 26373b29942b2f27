// The server over real loopback sockets.
#include "net/server.h"

#include <gtest/gtest.h>

namespace vivace::net {
namespace {

TEST(Server, BindsAndStops) {
  Metrics metrics;
  Server server(2, metrics);
  const auto port = server.listen({.name = "http", .address = "127.0.0.1"},
                                  [](Request, Responder r) { std::move(r).send({.body = "ok"}); });
  ASSERT_TRUE(port.has_value());
  EXPECT_GT(*port, 0);
  server.stop(std::chrono::milliseconds(0));
}

}  // namespace
}  // namespace vivace::net
