// What a hostile or broken sender may try: bytes cut off, values nested without end, messages in
// hundreds of thousands of pieces, empty things by the million. The answer is an error or a batch,
// never a crash, and never memory far beyond the body's size.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decode/batch_testing.h"
#include "decode/otlp_testing.h"

namespace vivace {
namespace {

using plain::decode;
using plain::error_of;
using plain::ids;
using plain::message;
using plain::request_of;
using plain::span;
using plain::wrap_span;
using plain::wrap_value;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An array or map nested `depth` deep, by protobuf's hand.
std::string nested(size_t depth, const std::function<bool(size_t)>& is_map) {
  std::vector<std::string> headers;  // inside out
  size_t size = 0;
  for (size_t level = depth; level-- > 0;) {
    // AnyValue{5 or 6: ArrayValue{1: inner} or KeyValueList{1: KeyValue{2: inner}}}
    const bool map = is_map(level);
    std::string header;
    const auto prefix = [&](char key, size_t length) {
      std::string out(1, key);
      protozero::add_varint_to_buffer(&out, length);
      return out;
    };
    if (level + 1 < depth) {
      header = prefix(map ? '\x12' : '\x0a', size);
      if (map) header = prefix('\x0a', header.size() + size) + header;
    }
    header = prefix(map ? '\x32' : '\x2a', header.size() + size) + header;
    size += header.size();
    headers.push_back(std::move(header));
  }
  std::string out;
  out.reserve(size);
  for (size_t i = headers.size(); i-- > 0;) out += headers[i];
  return out;
}

TEST(HostileOtlp, ValuesNestAHundredDeep) {
  const std::vector<std::function<bool(size_t)>> kinds = {
      [](size_t) { return false; }, [](size_t) { return true; },
      [](size_t level) { return level % 2 == 0; }};
  for (const auto& is_map : kinds) {
    EXPECT_EQ(error_of(wrap_value(nested(1, is_map))), "decoded");
    EXPECT_EQ(error_of(wrap_value(nested(100, is_map))), "decoded");
    for (const size_t depth : {101UL, 102UL, 10'000UL}) {
      EXPECT_THAT(error_of(wrap_value(nested(depth, is_map))),
                  HasSubstr("value nested more than 100 deep"));
    }
  }
  EXPECT_THAT(error_of(wrap_value(nested(1'000'000, kinds[2]))),
              HasSubstr("value nested more than 100 deep"));
  // Where each level comes in two pieces too, and under an event.
  EXPECT_THAT(error_of(wrap_value(nested(1, kinds[0]) + nested(101, kinds[0]))),
              HasSubstr("value nested more than 100 deep"));
  const std::string deep = message(3, message(2, nested(101, kinds[2])));
  EXPECT_THAT(error_of(wrap_span(ids() + message(11, deep))),
              HasSubstr("value nested more than 100 deep"));
}

TEST(HostileOtlp, NonsenseInsideNestedValuesIsRefused) {
  EXPECT_THAT(error_of(wrap_value(message(5, "\x0a"))), HasSubstr("ends inside a field"));
  EXPECT_THAT(error_of(wrap_value(message(5, message(1, "\x0a\x05")))),
              HasSubstr("length beyond the end"));
  EXPECT_THAT(error_of(wrap_value(message(6, message(1, message(2, "\x20"))))),
              HasSubstr("wrong wire type"));
  EXPECT_THAT(error_of(wrap_value(message(5, message(1, message(5, message(1, "\xff")))))),
              HasSubstr("ends inside a field"));
}

// Pieces of one array are joined: that must cost no more than the pieces.
TEST(HostileOtlp, PiecesDeepInsideAreNotJoined) {
  std::string value = message(1, std::string(100'000, 'x'));
  for (int depth = 0; depth < 90; ++depth) value = message(5, "") + message(5, message(1, value));
  const auto batch = decode(wrap_value(value));
  size_t joined = 0;
  for (const std::string& one : batch->joined) joined += one.size();
  EXPECT_LE(joined, value.size());
}

TEST(HostileOtlp, CutAnywhereItIsAnErrorOrItsFirstSpans) {
  plain::Request request(2);
  for (uint64_t i = 0; i < 2; ++i) {
    request[i].attributes = {{"service.name", plain::text("shop")}};
    request[i].scopes = {{.name = "lib", .spans = {}}, {.spans = {}}};
    for (plain::ScopeSpans& scope : request[i].scopes) {
      for (uint64_t n = 1; n <= 3; ++n) {
        plain::Span one = span(n, {{"a", plain::array({plain::text("x"), plain::map({})})}});
        one.events = {{.time_ns = 5, .name = "e"}};
        one.status_code = 2;
        scope.spans.push_back(one);
      }
    }
  }
  const std::string body = plain::encode(request);
  const std::vector<std::string> all = plain::show(request);
  size_t decoded = 0;
  for (size_t size = 0; size < body.size(); ++size) {
    // In memory of exactly that size, so that a read past it is seen.
    std::string part(body, 0, size);
    part.shrink_to_fit();
    const auto batch = decode_otlp(std::move(part), {});
    if (!batch) continue;
    ++decoded;
    const std::vector<std::string> first = plain::show(**batch);
    ASSERT_LE(first.size(), all.size());
    EXPECT_TRUE(std::equal(first.begin(), first.end(), all.begin())) << size;
  }
  EXPECT_EQ(decoded, 2U) << "nothing, and the first ResourceSpans";
}

TEST(HostileOtlp, AHundredThousandAttributesInOneSpan) {
  plain::Span same = span(1);
  plain::Span distinct = span(2);
  for (int i = 0; i < 100'000; ++i) {
    same.attributes.push_back({"k", plain::integer(i)});
    distinct.attributes.push_back({"key." + std::to_string(i), plain::text("v")});
  }
  const plain::Request once = request_of({same, distinct});
  EXPECT_TRUE(plain::show(*decode(plain::encode(once))) == plain::show(once));
  const auto batch = decode(plain::encode(request_of({same, distinct, same, distinct})));
  EXPECT_EQ(batch->keys.size(), 100'001U);
  EXPECT_EQ(batch->spans[0].attributes.shape, batch->spans[2].attributes.shape);
  EXPECT_EQ(batch->spans[1].attributes.shape, batch->spans[3].attributes.shape);
  EXPECT_EQ(batch->shapes.size(), kScopes + 200'000);
}

size_t memory_of(const Batch& batch) {
  const auto room = [](const auto& items) { return items.capacity() * sizeof items[0]; };
  return room(batch.keys) + room(batch.shapes) + room(batch.attributes) + room(batch.resources) +
         room(batch.scopes) + room(batch.spans) + room(batch.events) + room(batch.links);
}

std::string repeat(const std::string& what, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += what;
  return out;
}

// Two bytes each in the body, and up to a hundred in memory.
TEST(HostileOtlp, EmptyThingsByTheMillionTakeNoMemory) {
  constexpr size_t kMany = 300'000;
  for (const std::string& body :
       {repeat(message(1, ""), kMany), message(1, repeat(message(2, ""), kMany)),
        message(1, message(2, repeat(message(2, ""), kMany)))}) {
    EXPECT_LE(memory_of(*decode(body)), 2 * body.size());
  }
  for (const uint32_t field : {9U, 11U, 13U}) {
    EXPECT_EQ(error_of(wrap_span(ids() + repeat(message(field, ""), kMany))),
              "resource_spans[0].scope_spans[0].spans[0]: "
              "too many empty attributes, events or links");
    EXPECT_EQ(error_of(wrap_span(ids() + repeat(message(field, ""), 100'000))), "decoded");
  }
  const std::string attributes = repeat(message(9, ""), 1000);
  EXPECT_THAT(error_of(repeat(wrap_span(ids() + attributes), 1000)), HasSubstr("too many empty"));
}

TEST(HostileOtlp, SmallButRealThingsByTheMillionAreFine) {
  const std::string attribute = message(9, message(1, "k") + message(2, std::string("\x18\x01")));
  EXPECT_EQ(decode(wrap_span(ids() + repeat(attribute, 200'000)))->attributes.size(), 200'000U);
  const std::string event = message(11, message(2, "event"));
  EXPECT_EQ(decode(wrap_span(ids() + repeat(event, 200'000)))->events.size(), 200'000U);
  EXPECT_EQ(decode(repeat(wrap_span(ids()), 100'000))->resources.size(), 100'000U);
}

}  // namespace
}  // namespace vivace
