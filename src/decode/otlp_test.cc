// The decoder's promises one by one: ids and what they refuse, wire types, merging, cutting, shapes
// and identities. Requests are made of the plain structs of otlp_testing.h; random ones are in
// otlp_random_test.cc, hostile ones in otlp_hostile_test.cc.
#include "decode/otlp.h"

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

TEST(Otlp, NothingIsAnEmptyBatch) {
  EXPECT_THAT(decode("")->spans, IsEmpty());
  EXPECT_THAT(decode(message(1, ""))->spans, IsEmpty());
  EXPECT_THAT(decode(message(1, message(2, "")))->rejected, IsEmpty());
  EXPECT_THAT(decode(message(7, "unknown"))->spans, IsEmpty());
}

TEST(Otlp, ASpanWithoutAnythingIsRefusedAlone) {
  const auto batch = decode(wrap_span(""));
  EXPECT_THAT(batch->spans, IsEmpty());
  EXPECT_THAT(batch->rejected, ElementsAre(0));
  EXPECT_EQ(batch->rejected_trace_ids, 1U);
  EXPECT_EQ(batch->rejected_span_ids, 0U);
}

TEST(Otlp, ZeroIdsAreRefusedByTheirOrdinals) {
  plain::Request request(2);
  request[0].scopes.resize(2);
  request[0].scopes[0].spans = {span(1), span(0), span(2)};
  request[0].scopes[1].spans = {span(3)};
  request[0].scopes[1].spans[0].trace_id = plain::trace_id(0);
  request[1].scopes.resize(1);
  request[1].scopes[0].spans = {span(4), span(5), span(0)};
  request[1].scopes[0].spans[1].trace_id.clear();
  request[1].scopes[0].spans[2].trace_id.clear();
  request[1].scopes[0].spans[2].span_id.clear();
  const auto batch = decode(plain::encode(request));
  EXPECT_THAT(batch->rejected, ElementsAre(1, 3, 5, 6));
  EXPECT_EQ(batch->rejected_trace_ids, 3U) << "a span that lacks both counts for its trace id";
  EXPECT_EQ(batch->rejected_span_ids, 1U);
  std::vector<uint64_t> ids;
  for (const BatchSpan& one : batch->spans) ids.push_back(std::byteswap(one.span_id.raw));
  EXPECT_THAT(ids, ElementsAre(1, 2, 4));
}

TEST(Otlp, WhatARefusedSpanHeldIsGone) {
  plain::Span bad = span(0, {{"k", plain::text("v")}, {"l", plain::integer(1)}});
  bad.events = {{.name = "e", .attributes = {{"m", plain::text("w")}}}};
  bad.links = {{.trace_id = plain::trace_id(9), .attributes = {{"n", plain::text("x")}}}};
  plain::Span good = span(1, {{"k", plain::text("kept")}});
  good.events = {{.name = "kept"}};
  const auto batch = decode(plain::encode(request_of({bad, good, bad})));
  EXPECT_EQ(batch->attributes.size(), 1U);
  EXPECT_EQ(batch->events.size(), 1U);
  EXPECT_EQ(batch->links.size(), 0U);
  EXPECT_EQ(plain::show(*batch), plain::show(request_of({good})));
}

TEST(Otlp, IdsOfAnotherLengthRefuseTheRequestAndNameThePlace) {
  for (const size_t size : {1UL, 7UL, 8UL, 15UL, 17UL, 32UL, 1000UL}) {
    plain::Request request(2);
    request[1].scopes.resize(3);
    request[1].scopes[2].spans = {span(1), span(2)};
    request[1].scopes[2].spans[1].trace_id.assign(size, 'x');
    EXPECT_EQ(error_of(plain::encode(request)),
              fmt::format("resource_spans[1].scope_spans[2].spans[1]: "
                          "trace_id must be 16 bytes, received {}",
                          size));
  }
  for (const size_t size : {1UL, 7UL, 9UL, 16UL}) {
    plain::Span one = span(1);
    one.span_id.assign(size, '\0');
    EXPECT_THAT(error_of(plain::encode(request_of({one}))),
                HasSubstr(fmt::format("span_id must be 8 bytes, received {}", size)));
    one = span(1);
    one.parent_id.assign(size, '\0');
    EXPECT_THAT(error_of(plain::encode(request_of({one}))),
                HasSubstr(fmt::format("parent_span_id must be 8 bytes, received {}", size)));
    one = span(1);
    one.links = {{.span_id = std::string(size, 'x')}};
    EXPECT_THAT(error_of(plain::encode(request_of({one}))),
                HasSubstr(fmt::format("link.span_id must be 8 bytes, received {}", size)));
  }
  plain::Span one = span(1);
  one.links = {{.trace_id = "short"}};
  EXPECT_THAT(error_of(plain::encode(request_of({one}))),
              HasSubstr("link.trace_id must be 16 bytes, received 5"));
}

TEST(Otlp, AWrongIdRefusesEvenWhereTheSpanWouldBe) {
  plain::Span bad = span(0);
  bad.trace_id = "x";
  EXPECT_THAT(error_of(plain::encode(request_of({span(1), bad}))), HasSubstr("spans[1]: trace_id"));
}

TEST(Otlp, KnownFieldsOfAnotherWireTypeAreRefused) {
  const auto refuses = [](const std::string& body) {
    EXPECT_THAT(error_of(body), HasSubstr("field with the wrong wire type"));
  };
  const std::string varint(1, '\x08');  // field 1 as a varint
  refuses(varint + '\1');
  refuses(message(1, varint + '\1'));
  refuses(message(1, message(1, message(1, varint + '\1'))));
  refuses(message(1, message(2, varint + '\1')));
  refuses(wrap_span(varint + '\1'));
  refuses(wrap_span(message(6, "x")));
  refuses(wrap_span(message(7, "x")));
  refuses(wrap_span(message(11, message(1, "x"))));
  refuses(wrap_span(message(13, varint + '\1')));
  refuses(wrap_span(message(15, message(3, "x"))));
  refuses(wrap_value(varint + '\1'));
  refuses(wrap_value(message(3, "x")));
  refuses(wrap_value(message(5, varint + '\1')));
  refuses(wrap_value(message(6, message(1, varint + '\1'))));
}

TEST(Otlp, TheOldStatusCodeIsIgnored) {
  std::string old;
  protozero::pbf_writer(old).add_uint32(1, 2);
  const auto batch = decode(wrap_span(ids() + message(15, old + message(2, "said"))));
  EXPECT_EQ(batch->spans.at(0).status_code, 0);
  EXPECT_EQ(batch->spans.at(0).status_message, "said");
}

TEST(Otlp, OldScopesCountOnlyWithoutNewOnes) {
  const std::string a = message(2, ids() + message(5, "new"));
  const std::string b = message(2, ids() + message(5, "old"));
  EXPECT_EQ(decode(message(1, message(1000, b)))->spans.at(0).name, "old");
  for (const std::string& both :
       {message(2, a) + message(1000, b), message(1000, b) + message(2, a)}) {
    const auto batch = decode(message(1, both));
    ASSERT_EQ(batch->spans.size(), 1U);
    EXPECT_EQ(batch->spans[0].name, "new");
  }
}

TEST(Otlp, AnArrayInManyPiecesIsJoinedOnce) {
  constexpr size_t kPieces = 200'000;
  std::string pieces;
  for (size_t i = 0; i < kPieces; ++i) pieces += message(5, message(1, message(1, "x")));
  const auto batch = decode(wrap_value(pieces));
  const Value& value = batch->attributes.at(0).value;
  EXPECT_EQ(plain::NestedReader::read(value).array.size(), kPieces);
  size_t joined = 0;
  for (const std::string& one : batch->joined) joined += one.size();
  EXPECT_LE(joined, pieces.size());

  // The pieces may be the value's, not the array's.
  std::string values;
  for (size_t i = 0; i < kPieces; ++i) values += message(2, message(6, message(1, "")));
  const auto other = decode(wrap_span(ids() + message(9, values)));
  EXPECT_EQ(plain::NestedReader::read(other->attributes.at(0).value).map.size(), kPieces);
  joined = 0;
  for (const std::string& one : other->joined) joined += one.size();
  EXPECT_LE(joined, values.size());
}

TEST(Otlp, LongAttributesAreCutAtACharacter) {
  const std::string exact(2048, 'x');
  const std::string accents = std::string(2047, 'x') + "é";    // 2 bytes across the border
  const std::string faces = std::string(2045, 'x') + "😀!";    // 4 bytes across the border
  const std::string fitting = std::string(2044, 'x') + "😀!";  // 4 bytes up to the border
  const plain::Attributes longs = {{exact, plain::text(exact)},
                                   {"a", plain::text(exact + "y")},
                                   {"b", plain::text(accents)},
                                   {"c", plain::text(faces)},
                                   {"d", plain::text(fitting)},
                                   {exact + "y", plain::integer(1)},
                                   {accents, plain::text(accents)},
                                   {"e", plain::bytes(exact + "y")},
                                   {"f", plain::array({plain::text(exact + "y")})},
                                   {"g", plain::map({{exact + "y", plain::text(exact + "y")}})},
                                   {"h", plain::text(std::string(5000, '\x80'))}};
  plain::Attributes cut = longs;
  cut[1].value.text = exact;
  cut[2].value.text = std::string(2047, 'x');
  cut[3].value.text = std::string(2045, 'x');
  cut[4].value.text = std::string(2044, 'x') + "😀";
  cut[5].key = exact;
  cut[6] = {std::string(2047, 'x'), plain::text(std::string(2047, 'x'))};
  cut[10].value.text.resize(2048);
  constexpr uint32_t kCuts = 7;

  plain::Request request = request_of({span(1, longs), span(2, longs)});
  request[0].attributes = longs;
  request[0].scopes[0].attributes = longs;
  for (plain::Span& one : request[0].scopes[0].spans) {
    one.name = exact + "y";
    one.status_message = exact + "y";
    one.events = {{.name = exact + "y", .attributes = longs}};
    one.links = {{.trace_state = exact + "y", .attributes = longs}};
  }
  plain::Request expected = request;
  expected[0].attributes = cut;
  expected[0].scopes[0].attributes = cut;
  for (plain::Span& one : expected[0].scopes[0].spans) one.attributes = cut;

  const auto batch = decode(plain::encode(request), {.attribute_bytes_max = 2048});
  EXPECT_EQ(plain::show(*batch), plain::show(expected));
  EXPECT_EQ(batch->truncated_attributes, 4 * kCuts);
  const auto whole = decode(plain::encode(request));
  EXPECT_EQ(plain::show(*whole), plain::show(request));
  EXPECT_EQ(whole->truncated_attributes, 0U);
}

TEST(Otlp, EqualKeysAndTypesShareAShape) {
  const auto text = plain::text("v");
  const auto number = plain::integer(1);
  const std::vector<plain::Attributes> kinds = {
      {},
      {{"a", text}},
      {{"a", number}},
      {{"b", text}},
      {{"a", text}, {"b", number}},
      {{"b", number}, {"a", text}},
      {{"a", text}, {"a", text}},
      {{"a", {}}},
      {{"", text}},
      {{"a", plain::bytes("v")}},
      {{"a", plain::array({})}},
      {{"a", plain::map({})}},
      {{"a", plain::boolean(true)}},
      {{"a", plain::real(1)}},
  };
  std::vector<plain::Span> spans;
  std::vector<size_t> kind_of;
  std::mt19937 random(4);
  for (uint64_t i = 1; i <= 500; ++i) {
    kind_of.push_back(random() % kinds.size());
    spans.push_back(span(i, kinds[kind_of.back()]));
    spans.back().events = {{.attributes = kinds[random() % kinds.size()]}};
  }
  const auto batch = decode(plain::encode(request_of(spans)));
  ASSERT_EQ(plain::show(*batch), plain::show(request_of(spans)));
  std::map<size_t, uint32_t> shape_of;
  std::map<uint32_t, size_t> meaning_of;
  for (size_t i = 0; i < spans.size(); ++i) {
    const uint32_t shape = batch->spans[i].attributes.shape;
    EXPECT_EQ(shape_of.try_emplace(kind_of[i], shape).first->second, shape);
    EXPECT_EQ(meaning_of.try_emplace(shape, kind_of[i]).first->second, kind_of[i]);
  }
  EXPECT_TRUE(plain::shapes_are_distinct(*batch));
}

TEST(Otlp, EqualResourcesAndScopesHaveEqualIdentities) {
  plain::Request request(3);
  for (plain::ResourceSpans& one : request) {
    one.attributes = {{"service.name", plain::text("shop")}};
    one.schema_url = "https://schema";
    one.scopes = {{.name = "lib", .version = "1", .spans = {span(1)}}};
  }
  const auto same = decode(plain::encode(request));
  EXPECT_EQ(same->resources[0].identity, same->resources[1].identity);
  EXPECT_EQ(same->scopes[0].identity, same->scopes[1].identity);

  request[1].attributes[0].value.text = "stop";
  request[2].schema_url = "https://other";
  request[1].scopes[0].version = "2";
  request[2].scopes[0].schema_url = "x";
  const auto other = decode(plain::encode(request));
  EXPECT_EQ(other->resources[0].identity, same->resources[0].identity);
  for (const auto& [a, b] : {std::pair{0, 1}, {0, 2}, {1, 2}}) {
    const auto i = static_cast<size_t>(a);
    const auto j = static_cast<size_t>(b);
    EXPECT_NE(other->resources[i].identity, other->resources[j].identity);
    EXPECT_NE(other->scopes[i].identity, other->scopes[j].identity);
  }
  // What is cut differently may be different.
  const auto cut = decode(plain::encode(request), {.attribute_bytes_max = 2});
  EXPECT_NE(cut->resources[0].identity, other->resources[0].identity);
}

TEST(Otlp, ABigRequestLeavesNoTraceInTheNext) {
  plain::Span big = span(1);
  for (int i = 0; i < 1000; ++i) big.attributes.push_back({std::to_string(i), plain::text("v")});
  decode(plain::encode(request_of({big})));
  EXPECT_FALSE(decode_otlp(plain::encode(request_of({big})) + "\xff", {}));
  const plain::Request small = request_of({span(2, {{"5", plain::text("w")}})});
  const auto batch = decode(plain::encode(small));
  EXPECT_EQ(plain::show(*batch), plain::show(small));
  EXPECT_EQ(batch->keys.size(), 1U);
  EXPECT_EQ(batch->shapes.size(), kScopes + 1);
}

TEST(CountSpans, CountsWhatIsThere) {
  EXPECT_EQ(count_spans(""), 0U);
  EXPECT_EQ(count_spans("no protobuf"), 0U);
  plain::Request request = request_of({span(1), span(2), span(3)});
  const plain::Request more = request_of({span(4)});
  request.insert(request.end(), more.begin(), more.end());
  request.back().scopes.push_back(more[0].scopes[0]);
  const std::string body = plain::encode(request);
  EXPECT_EQ(count_spans(body), 5U);
  EXPECT_LE(count_spans(std::string_view(body).substr(0, body.size() - 3)), 5U);
}

TEST(OtlpReceived, UnpacksWhatWasPacked) {
  const plain::Request request = request_of({span(1, {{"k", plain::text("v")}})});
  const std::string body = plain::encode(request);
  const auto identity = decode_received(ContentEncoding::identity, body, body.size(), {});
  const auto packed = decode_received(ContentEncoding::gzip, gzip(body), body.size(), {});
  EXPECT_EQ(plain::show(*identity.value()), plain::show(request));
  EXPECT_EQ(plain::show(*packed.value()), plain::show(request));
  EXPECT_EQ(decode_received(ContentEncoding::gzip, gzip(body), body.size() - 1, {}).error().code,
            Code::too_large);
  EXPECT_EQ(decode_received(ContentEncoding::gzip, body, 1000, {}).error().code,
            Code::invalid_argument);
  EXPECT_EQ(decode_received(static_cast<ContentEncoding>(9), body, 1000, {}).error().code,
            Code::unimplemented);
}

}  // namespace
}  // namespace vivace
