// Single values: what is read, and what is not.
#include "config/values.h"

#include <limits>

#include <gtest/gtest.h>

#include "config/nearest.h"

namespace vivace::config {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(Values, GoDurations) {
  const std::pair<std::string_view, std::optional<int64_t>> cases[] = {
      {"0", 0},
      {"0s", 0},
      {"30s", 30 * kSecond},
      {"1h30m", 5400 * kSecond},
      {"1.5h", 5400 * kSecond},
      {".5s", kSecond / 2},
      {"5.s", 5 * kSecond},
      {"500ms", kSecond / 2},
      {"3us", 3000},
      {"3µs", 3000},
      {"7ns", 7},
      {"-2s", -2 * kSecond},
      {"+2s", 2 * kSecond},
      {"168h", 168 * 3600 * kSecond},
      {"2562047h47m16.854775807s", std::numeric_limits<int64_t>::max()},
      {"2562047h47m16.854775808s", std::nullopt},
      {"99999999999999999999h", std::nullopt},
      {"", std::nullopt},
      {"-", std::nullopt},
      {"5", std::nullopt},
      {"5 s", std::nullopt},
      {"7d", std::nullopt},
      {"s", std::nullopt},
      {".s", std::nullopt},
      {"1h-3m", std::nullopt},
      {"1.2.3s", std::nullopt},
  };
  for (const auto& [text, ns] : cases) EXPECT_EQ(parse_duration(text), ns) << text;
}

TEST(Values, PrometheusDurations) {
  const std::pair<std::string_view, std::optional<int64_t>> cases[] = {
      {"7d", 7 * 86400 * kSecond},   {"2w", 14 * 86400 * kSecond},
      {"1y", 365 * 86400 * kSecond}, {"1d12h", 36 * 3600 * kSecond},
      {"30ms", 30'000'000},          {"0", 0},
      {"12h1d", std::nullopt},       {"1h1h", std::nullopt},
      {"1.5h", std::nullopt},        {"7", std::nullopt},
      {"d", std::nullopt},           {"999999y", std::nullopt},
  };
  for (const auto& [text, ns] : cases) EXPECT_EQ(parse_prometheus_duration(text), ns) << text;
}

TEST(Values, FormattedDurationsReadBack) {
  for (const int64_t ns : {int64_t{0}, int64_t{1}, 90 * kSecond, 36'000'500'000'000, -kSecond,
                           std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(parse_duration(format_duration(ns)), ns) << format_duration(ns);
  }
  EXPECT_EQ(format_duration(604800 * kSecond), "168h");
}

TEST(Values, Integers) {
  const std::pair<std::string_view, std::optional<int64_t>> cases[] = {
      {"0", 0},
      {"-5", -5},
      {"+5", 5},
      {"1_000", 1000},
      {"0x10", 16},
      {"0o17", 15},
      {"017", 15},
      {"0b11", 3},
      {"15e6", 15'000'000},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()},
      {"9223372036854775808", std::nullopt},
      {"1.5", std::nullopt},
      {"1e400", std::nullopt},
      {"", std::nullopt},
      {"-", std::nullopt},
      {"0x", std::nullopt},
      {"ten", std::nullopt},
      {"1 ", std::nullopt},
      {"_1", std::nullopt},
  };
  for (const auto& [text, value] : cases) EXPECT_EQ(parse_integer(text), value) << text;
}

TEST(Values, Bytes) {
  EXPECT_EQ(parse_bytes("2048"), 2048);
  EXPECT_EQ(parse_bytes("20MiB"), 20 << 20);
  EXPECT_EQ(parse_bytes("1TiB"), int64_t{1} << 40);
  EXPECT_EQ(parse_bytes("-1"), std::nullopt);
  EXPECT_EQ(parse_bytes("MiB"), std::nullopt);
  EXPECT_EQ(parse_bytes("20MB"), std::nullopt);
  EXPECT_EQ(parse_bytes("9223372036854775807KiB"), std::nullopt);
}

TEST(Values, Booleans) {
  for (const auto* text : {"true", "True", "TRUE", "yes", "on", "y"})
    EXPECT_EQ(parse_bool(text), true);
  for (const auto* text : {"false", "False", "no", "OFF", "n"}) EXPECT_EQ(parse_bool(text), false);
  for (const auto* text : {"1", "", "treu"}) EXPECT_EQ(parse_bool(text), std::nullopt) << text;
}

TEST(Values, Addresses) {
  const std::tuple<std::string_view, std::string_view, int> good[] = {
      {"0.0.0.0:4318", "0.0.0.0", 4318},
      {"localhost:4318", "localhost", 4318},
      {":4318", "", 4318},
      {"[::1]:4318", "::1", 4318},
      {"[::]:0", "::", 0},
      {"host.example:65535", "host.example", 65535},
  };
  for (const auto& [text, host, port] : good) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->host, host);
    EXPECT_EQ(address->port, port);
  }
  for (const auto* text : {"", "4318", "localhost", "localhost:", "localhost:x", "localhost:65536",
                           "localhost:-1", "localhost:+1", "::1:4318", "[::1:4318", "[]:1",
                           "http://localhost:4318", "a b:1", "h:000001"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST(Values, NearestName) {
  const std::string_view known[] = {"compactor", "querier", "server", "ingester"};
  EXPECT_EQ(nearest("compacter", known), "compactor");
  EXPECT_EQ(nearest("compcator", known), "compactor");
  EXPECT_EQ(nearest("sever", known), "server");
  EXPECT_EQ(nearest("something", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(100'000, 's'), known), "");
}

}  // namespace
}  // namespace vivace::config
