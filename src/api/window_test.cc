// Time windows: the formats that are taken, and the texts of refusals.
#include "api/window.h"

#include <gtest/gtest.h>

namespace vivace::api {
namespace {

constexpr int64_t kNow = 1'700'000'000'000'000'000;
constexpr int64_t kHour = 3'600'000'000'000;

Result<std::optional<Window>> parse(std::string_view query, int64_t range_max_ns = 0) {
  return parse_window(Params(query), kNow, range_max_ns);
}
Window window(std::string_view query) {
  const auto parsed = parse(query);
  EXPECT_TRUE(parsed && *parsed) << query;
  return parsed && *parsed ? **parsed : Window();
}
std::string refusal(std::string_view query, int64_t range_max_ns = 0) {
  const auto parsed = parse(query, range_max_ns);
  EXPECT_FALSE(parsed) << query;
  return parsed ? "" : parsed.error().message;
}

TEST(WindowTest, WithoutOneEverythingIsAsked) {
  for (const char* query : {"", "start=&end=", "start=0&end=0", "limit=3"}) {
    const auto parsed = parse(query);
    EXPECT_TRUE(parsed && !*parsed) << query;
  }
}

TEST(WindowTest, Formats) {
  for (const char* start : {"1700000000", "1700000000000000000", "1700000000.000",
                            "2023-11-14T22:13:20Z", "2023-11-14T23:13:20%2B01:00",
                            "2023-11-14T17:43:20-04:30", "2023-11-14t22:13:20.000000z"}) {
    const Window got = window(std::string("start=") + start + "&end=1700003600");
    EXPECT_EQ(got.start_ns, kNow) << start;
    EXPECT_EQ(got.end_ns, kNow + kHour) << start;
  }
  EXPECT_EQ(window("start=1700000000.25&end=1700003600").start_ns, kNow + 250'000'000);
  EXPECT_EQ(window("start=2023-11-14T22:13:20.5Z&end=1700003600").start_ns, kNow + 500'000'000);
  EXPECT_EQ(window("start=-5&end=5").start_ns, -5'000'000'000);
}

TEST(WindowTest, Since) {
  const Window got = window("since=1h");
  EXPECT_EQ(got.start_ns, kNow - kHour);
  EXPECT_EQ(got.end_ns, kNow);
  EXPECT_EQ(window("since=1h&start=10&end=20").end_ns, 20'000'000'000);
  EXPECT_EQ(refusal("since=x"), "invalid since: not a valid duration string: \"x\"");
}

TEST(WindowTest, Refusals) {
  const std::string half =
      "error parsing date range: only one of start and end provided: must provide both or neither";
  EXPECT_EQ(refusal("start=1"), half);
  EXPECT_EQ(refusal("end=1"), half);
  EXPECT_EQ(refusal("start=x&end=2"),
            "invalid start: strconv.ParseInt: parsing \"x\": invalid syntax");
  EXPECT_EQ(refusal("start=1&end=2h"),
            "invalid end: strconv.ParseInt: parsing \"2h\": invalid syntax");
  EXPECT_EQ(
      refusal("start=99999999999999999999&end=2"),
      "invalid start: strconv.ParseInt: parsing \"99999999999999999999\": value out of range");
  EXPECT_EQ(refusal("start=2023-13-14T22:13:20Z&end=2"),
            "invalid start: strconv.ParseInt: parsing \"2023-13-14T22:13:20Z\": invalid syntax");
  EXPECT_EQ(refusal("start=2&end=1"),
            "http parameter start must be before end. received start=2 end=1");
  EXPECT_EQ(refusal("start=2&end=2"),
            "http parameter start must be before end. received start=2 end=2");
  EXPECT_EQ(refusal("start=1&end=9999999", 168 * kHour),
            "range specified by start and end exceeds 168h0m0s. received start=1 end=9999999");
  EXPECT_TRUE(parse("start=1&end=9999999"));
}

}  // namespace
}  // namespace vivace::api
