// Parameters of the query API: what is taken, and the very words of what is refused, which scripts
// and Grafana's error boxes show.
#include "api/params.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace vivace::api {
namespace {

std::string id_of(std::string_view text) {
  const auto id = parse_trace_id(text);
  if (id) return to_hex(id->view());
  EXPECT_EQ(id.error().code, Code::invalid_argument);
  return id.error().message;
}

std::string time_range(std::string_view query) {
  const auto checked = check_time_range(Params(query));
  return checked ? "good" : checked.error().message;
}

std::string internal(std::string_view query) {
  const auto checked = check_internal(Params(query));
  return checked ? "good" : checked.error().message;
}

TEST(Params, TheFirstOfANameCountsAndIsDecoded) {
  const Params params("a=1&b=x%20y+z&a=2&empty=&%63=d&bare");
  EXPECT_EQ(params.get("a"), "1");
  EXPECT_EQ(params.get("b"), "x y z");
  EXPECT_EQ(params.get("c"), "d");
  EXPECT_EQ(params.get("empty"), "");
  EXPECT_EQ(params.get("bare"), "");
  EXPECT_EQ(params.get("none"), "");
  EXPECT_EQ(Params("").get("a"), "");
  EXPECT_EQ(Params("a=%zz&a=3").get("a"), "3") << "malformed pairs are skipped";
}

TEST(TraceIds, AnyLengthUpTo32DigitsIsPaddedOnTheLeft) {
  const std::string one = "00000000000000000000000000000001";
  for (const char* text : {"1", "01", "001", "00000000000000000000000000000001"}) {
    EXPECT_EQ(id_of(text), one);
  }
  EXPECT_EQ(id_of("abc"), "00000000000000000000000000000abc");
  EXPECT_EQ(id_of("0123456789abcdef"), "00000000000000000123456789abcdef");
  EXPECT_EQ(id_of("2f3e0cee77ae5dc9c17ade3689eb2e54"), "2f3e0cee77ae5dc9c17ade3689eb2e54");
  EXPECT_EQ(id_of("2F3E0CEE77AE5DC9C17ADE3689EB2E54"), "2f3e0cee77ae5dc9c17ade3689eb2e54");
  EXPECT_EQ(id_of("f3e0Cee77ae5dc9c17ade3689eb2e54"), "0f3e0cee77ae5dc9c17ade3689eb2e54");
}

TEST(TraceIds, OtherCharactersAreNamedWithTheirPlace) {
  const auto refusal = [](char c, int position) {
    return std::string("trace IDs can only contain hex characters: invalid character '") + c +
           "' at position " + std::to_string(position);
  };
  EXPECT_EQ(id_of("z"), refusal('z', 1));
  EXPECT_EQ(id_of("12z4"), refusal('z', 3));
  EXPECT_EQ(id_of("abc-def"), refusal('-', 4));
  EXPECT_EQ(id_of("12 "), refusal(' ', 3));
  EXPECT_EQ(id_of("0x12"), refusal('x', 2));
  EXPECT_EQ(id_of("2f3e0cee77ae5dc9c17ade3689eb2e5g"), refusal('g', 32));
  EXPECT_EQ(id_of(std::string(40, '1') + "g"), refusal('g', 41)) << "before the length";
}

TEST(TraceIds, MoreThan32DigitsAreTooMany) {
  EXPECT_EQ(id_of(std::string(33, '0')), "trace IDs can't be larger than 128 bits");
  EXPECT_EQ(id_of(std::string(1000, 'f')), "trace IDs can't be larger than 128 bits");
}

TEST(TimeRange, SecondsAreOptional) {
  for (const char* query :
       {"", "start=1", "end=1", "start=&end=", "start=1&end=2", "start=0&end=0", "start=5&end=0",
        "start=0&end=5", "start=%2B1&end=%2B2", "start=-5&end=-4",
        "start=9223372036854775806&end=9223372036854775807", "other=x"}) {
    EXPECT_EQ(time_range(query), "good") << query;
  }
}

TEST(TimeRange, WhatIsNoNumberIsRefusedInGosWords) {
  for (const char* text : {"x", "1.5", "1s", " 1", "1 ", "0x10", "1_000", "+", "-", "+-5", "--5"}) {
    std::string sent(text);
    if (sent[0] == '+') sent.replace(0, 1, "%2B");
    const std::string said = std::string("parsing \"") + text + "\": invalid syntax";
    EXPECT_EQ(time_range("start=" + sent), "invalid start: strconv.ParseInt: " + said);
    EXPECT_EQ(time_range("end=" + sent), "invalid end: strconv.ParseInt: " + said);
  }
  EXPECT_EQ(time_range("start=9223372036854775808"),
            "invalid start: strconv.ParseInt: parsing \"9223372036854775808\": value out of range");
  EXPECT_EQ(time_range("end=-9223372036854775809"),
            "invalid end: strconv.ParseInt: parsing \"-9223372036854775809\": value out of range");
  EXPECT_EQ(time_range("start=x&end=y"),
            "invalid start: strconv.ParseInt: parsing \"x\": invalid syntax");
}

TEST(TimeRange, TheEndComesBehindTheStart) {
  EXPECT_EQ(time_range("start=200&end=100"),
            "http parameter start must be before end. received start=200 end=100");
  EXPECT_EQ(time_range("start=100&end=100"),
            "http parameter start must be before end. received start=100 end=100");
}

TEST(Internal, ModesAndBlocks) {
  for (const char* query : {"", "mode=", "mode=all", "mode=ingesters", "mode=blocks",
                            "mode=external", "blockStart=00000000-0000-0000-0000-000000000000",
                            "blockEnd=FFFFFFFF-ffff-ffff-FFFF-ffffffffffff"}) {
    EXPECT_EQ(internal(query), "good") << query;
  }
  EXPECT_EQ(internal("mode=none"), "invalid value for mode none");
  EXPECT_EQ(internal("mode=All"), "invalid value for mode All");
  for (const char* bad :
       {"x", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
        "00000000x0000-0000-0000-000000000000", "g0000000-0000-0000-0000-000000000000"}) {
    EXPECT_EQ(internal(std::string("blockStart=") + bad),
              std::string("invalid value for blockstart: ") + bad);
    EXPECT_EQ(internal(std::string("blockEnd=") + bad),
              std::string("invalid value for blockEnd: ") + bad);
  }
}

}  // namespace
}  // namespace vivace::api
