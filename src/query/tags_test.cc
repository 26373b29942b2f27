// Names and values of tags, case by case: scopes, types, arrays, intrinsics, limits, windows and
// retention. (Against an oracle over random spans: tags_oracle_test.cc.)
#include <gmock/gmock.h>

#include "query/tags_testing.h"

namespace vivace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using traceql::Intrinsic;
using Texts = std::vector<std::string>;

TEST(TagNamesTest, NothingStored) {
  const TagNames names = names_of({});
  for (const Texts& list : names.names) EXPECT_THAT(list, IsEmpty());
  EXPECT_THAT(names_of_spans(snapshot_of({{}})), IsEmpty());
}

TEST(TagNamesTest, EachScopeHasItsOwn) {
  SentSpan one = span(1, {{"b", text("x")}, {"a", integer(1)}, {"a", text("y")}, {"", text("z")}});
  one.resource = resource_with({{"service.name", text("shop")}});
  one.scope = scope_with({{"s", text("x")}});
  one.events.push_back(event_with({{"e1", text("x")}}));
  one.links.push_back(link_with({{"l1", text("x")}, {"l0", text("x")}}));
  const Snapshot snapshot = snapshot_of({{one}, {span(2, {{"c", {}}})}});
  const TagNames names = names_of(snapshot);
  EXPECT_THAT(names.names[at(Scope::span)], ElementsAre("a", "b", "c"));
  EXPECT_THAT(names.names[at(Scope::resource)], ElementsAre("service.name"));
  EXPECT_THAT(names.names[at(Scope::scope)], ElementsAre("s"));
  EXPECT_THAT(names.names[at(Scope::event)], ElementsAre("e1"));
  EXPECT_THAT(names.names[at(Scope::link)], ElementsAre("l0", "l1"));

  const TagNames some = names_of(snapshot, {}, ScopeSet().set(at(Scope::event)));
  EXPECT_THAT(some.names[at(Scope::event)], ElementsAre("e1"));
  EXPECT_THAT(some.names[at(Scope::span)], IsEmpty());
}

TEST(TagNamesTest, LimitsEndTheListSilently) {
  const Snapshot snapshot =
      snapshot_of({{span(1, {{"aaa", text("")}, {"bbb", text("")}, {"ccc", text("")}})}});
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .count_max = 2}).size(), 2U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .count_max = 3}).size(), 3U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .bytes_max = 9}).size(), 3U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .bytes_max = 8}).size(), 2U);
  EXPECT_EQ(names_of_spans(snapshot, {.filter = {}, .bytes_max = 1}).size(), 0U);
}

TEST(TagValuesTest, TypesAndOrder) {
  const Snapshot snapshot = snapshot_of(
      {{span(1, {{"k", text("b")}}), span(2, {{"k", integer(10)}}), span(3, {{"k", integer(-9)}})},
       {span(4, {{"k", integer(9)}}), span(5, {{"k", real(1.5)}}), span(6, {{"k", real(-20)}}),
        span(7, {{"k", boolean(true)}}), span(8, {{"k", text("")}}), span(9, {{"k", text("a")}}),
        span(10, {{"k", text("b")}}), span(11, {{"k", boolean(false)}})}});
  EXPECT_THAT(values_of(snapshot, of_span("k")),
              ElementsAre("string ", "string a", "string b", "int -9", "int 9", "int 10",
                          "float -20.0", "float 1.5", "bool false", "bool true"));
  EXPECT_THAT(values_of(snapshot, of_span("other")), IsEmpty());
  EXPECT_THAT(values_of(snapshot, {.scope = traceql::Scope::resource, .name = "k"}), IsEmpty());
}

TEST(TagValuesTest, ArraysGiveTheirElements) {
  const Snapshot snapshot =
      snapshot_of({{span(1, {{"k", array({text("x"), text("y")})}}),
                    span(2, {{"k", array({integer(4), integer(9)})}}),
                    span(3, {{"k", array({real(0.5)})}}), span(4, {{"k", array({boolean(true)})}}),
                    span(5, {{"k", array({text("mixed"), integer(7)})}}),
                    span(6, {{"k", array({})}}), span(7, {{"k", {ValueType::bytes, 0, "raw"}}}),
                    span(8, {{"k", array({array({text("deep")})})}})}});
  EXPECT_THAT(values_of(snapshot, of_span("k")),
              ElementsAre("string x", "string y", "int 4", "int 9", "float 0.5", "bool true"));
}

TEST(TagValuesTest, WithoutAScopeItIsTheThreeOfASpan) {
  SentSpan one = span(1, {{"k", text("span")}});
  one.resource = resource_with({{"k", text("resource")}});
  one.scope = scope_with({{"k", text("scope")}});
  one.events.push_back(event_with({{"k", text("event")}}));
  one.links.push_back(link_with({{"k", text("link")}}));
  const Snapshot snapshot = snapshot_of({{one}});
  using enum traceql::Scope;
  EXPECT_THAT(values_of(snapshot, {.scope = any, .name = "k"}),
              ElementsAre("string resource", "string scope", "string span"));
  EXPECT_THAT(values_of(snapshot, {.scope = event, .name = "k"}), ElementsAre("string event"));
  EXPECT_THAT(values_of(snapshot, {.scope = link, .name = "k"}), ElementsAre("string link"));
  EXPECT_THAT(values_of(snapshot, {.scope = instrumentation, .name = "k"}),
              ElementsAre("string scope"));
}

TEST(TagValuesTest, Intrinsics) {
  SentSpan root = span(1);
  root.name = "GET /";
  root.status_message = "boom";
  root.resource = resource_with({{"service.name", text("shop")}});
  SentScope scope;
  scope.name = "lib";
  scope.version = "1.0";
  root.scope = std::make_shared<const SentScope>(scope);
  root.events.push_back(event_with({}));
  root.events[0].name = "exception";
  SentSpan child = span(2);
  child.trace_id = root.trace_id;
  child.parent_id = root.span_id;
  child.name = "SELECT";
  child.resource = resource_with({{"service.name", text("db")}});
  const Snapshot snapshot = snapshot_of({{child}, {root}});
  using enum Intrinsic;
  EXPECT_THAT(values_of(snapshot, intrinsic(name)), ElementsAre("string GET /", "string SELECT"));
  EXPECT_THAT(values_of(snapshot, intrinsic(root_name)), ElementsAre("string GET /"));
  EXPECT_THAT(values_of(snapshot, intrinsic(root_service)), ElementsAre("string shop"));
  EXPECT_THAT(values_of(snapshot, intrinsic(status_message)), ElementsAre("string boom"));
  EXPECT_THAT(values_of(snapshot, intrinsic(event_name)), ElementsAre("string exception"));
  EXPECT_THAT(values_of(snapshot, intrinsic(instrumentation_name)), ElementsAre("string lib"));
  EXPECT_THAT(values_of(snapshot, intrinsic(instrumentation_version)), ElementsAre("string 1.0"));
  for (const Intrinsic none :
       {duration, span_id, parent_id, child_count, trace_duration, trace_id, event_time_since_start,
        link_trace_id, link_span_id, nested_set_left, nested_set_right, nested_set_parent}) {
    EXPECT_THAT(values_of(snapshot, intrinsic(none)), IsEmpty());
  }
  EXPECT_THAT(values_of({}, intrinsic(status)),
              ElementsAre("keyword error", "keyword ok", "keyword unset"));
  EXPECT_EQ(values_of({}, intrinsic(kind)).size(), 6U);
}

TEST(TagValuesTest, LimitsEndTheListSilently) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 1; i <= 50; ++i) {
    spans.push_back(span(i, {{"k", text(fmt::format("value {:02}", i))},
                             {"n", integer(static_cast<int64_t>(i % 10))}}));
  }
  const Snapshot snapshot = snapshot_of({spans, {span(60, {{"k", text("the newest")}})}});
  EXPECT_EQ(values_of(snapshot, of_span("k"), {.filter = {}, .count_max = 7}).size(), 7U);
  EXPECT_EQ(values_of(snapshot, of_span("k"), {.filter = {}, .bytes_max = 26}).size(), 3U);
  EXPECT_EQ(values_of(snapshot, of_span("k"), {.filter = {}, .bytes_max = 25}).size(), 2U);
  EXPECT_EQ(values_of(snapshot, of_span("n"), {.filter = {}, .bytes_max = 4}).size(), 4U);
  // The newest part comes first.
  EXPECT_THAT(values_of(snapshot, of_span("k"), {.filter = {}, .count_max = 1}),
              ElementsAre("string the newest"));
}

TEST(TagsTest, AWindowTakesRowGroupsThatOverlapIt) {
  const Snapshot snapshot = snapshot_of(
      {{span(1, {{"old", text("x")}}), span(2)}, {span(10, {{"new", text("x")}}), span(11)}});
  const auto names = [&](uint64_t start_ns, uint64_t end_ns) {
    return names_of_spans(snapshot, {.filter = {}, .start_ns = start_ns, .end_ns = end_ns});
  };
  EXPECT_THAT(names(0, 999), IsEmpty());
  EXPECT_THAT(names(0, 1'000), ElementsAre("old"));
  EXPECT_THAT(names(2'010, 9'999), ElementsAre("old"));
  EXPECT_THAT(names(2'011, 9'999), IsEmpty());
  EXPECT_THAT(names(2'011, 10'000), ElementsAre("new"));
  EXPECT_THAT(names(0, 10'000), ElementsAre("new", "old"));
}

TEST(TagsTest, WhatIsPastRetentionIsHidden) {
  Snapshot snapshot;
  for (const int64_t received_ns : {100, 200}) {
    auto head = std::make_shared<Head>();
    const SentSpan one =
        span(static_cast<uint64_t>(received_ns), {{fmt::format("key {}", received_ns), text("x")}});
    auto batch = decode_otlp(to_otlp({&one, 1}), {});
    ASSERT_TRUE(batch);
    head->append(**batch, received_ns);
    snapshot.parts.push_back(std::make_shared<HeadPart>(std::move(head)));
  }
  EXPECT_THAT(names_of_spans(snapshot), ElementsAre("key 100", "key 200"));
  snapshot.received_after_ns = 101;
  EXPECT_THAT(names_of_spans(snapshot), ElementsAre("key 200"));
  EXPECT_THAT(values_of(snapshot, of_span("key 100")), IsEmpty());
}

TEST(TagsTest, WhoeverLeavesEndsTheQuestion) {
  std::stop_source stop;
  stop.request_stop();
  const Snapshot snapshot = snapshot_of({{span(1)}});
  const auto names = tag_names({&snapshot, 1}, all_scopes(), {}, {.stop = stop.get_token()});
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, Code::cancelled);
}

}  // namespace
}  // namespace vivace
