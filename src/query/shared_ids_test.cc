// Zipkin's shared span ids (query-API contract, 2.6): the server span gets an id of its own, and
// what hung below the shared id hangs below the server span.
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "query/testing/parts.h"

namespace vivace {
namespace {

constexpr int32_t kInternal = 1;
constexpr int32_t kServer = 2;
constexpr int32_t kClient = 3;
const TraceId kTrace = make_trace_id(0, 1);

SentSpan span_of(const std::string& name, uint64_t id, uint64_t parent, int32_t kind) {
  SentSpan span;
  span.trace_id = kTrace;
  span.name = name;
  span.span_id = make_span_id(id);
  span.parent_id = make_span_id(parent);
  span.kind = kind;
  return span;
}

// By name: (span id, parent id), as numbers in wire order.
using Tree = std::map<std::string, std::pair<uint64_t, uint64_t>>;

Tree tree_of(const Parts& parts) {
  Tree tree;
  for (const SentSpan& span : read_all(Trace::find(snapshot_of(parts), kTrace))) {
    tree[span.name] = {std::byteswap(span.span_id.raw), std::byteswap(span.parent_id.raw)};
  }
  return tree;
}

TEST(SharedIds, ArePartedAndTheTreeIsPutRight) {
  const Parts parts = {{span_of("root", 0x10, 0, kInternal), span_of("client", 0x20, 0x10, kClient),
                        span_of("server", 0x20, 0x10, kServer),
                        span_of("child", 0x30, 0x20, kInternal),
                        span_of("grandchild", 0x40, 0x30, kInternal)}};
  EXPECT_EQ(tree_of(parts), (Tree{{"root", {0x10, 0}},
                                  {"client", {0x20, 0x10}},
                                  {"server", {1, 0x20}},
                                  {"child", {0x30, 1}},
                                  {"grandchild", {0x40, 0x30}}}));
}

TEST(SharedIds, AreFoundAcrossParts) {
  const Parts parts = {{span_of("child", 0x30, 0x20, kInternal)},
                       {span_of("server", 0x20, 0, kServer)},
                       {span_of("client", 0x20, 0, kClient)}};
  EXPECT_EQ(tree_of(parts), (Tree{{"client", {0x20, 0}},  //
                                  {"server", {1, 0x20}},
                                  {"child", {0x30, 1}}}));
}

// Three hops, each client a child of the server before it, all with shared ids.
TEST(SharedIds, OfSeveralServersGetDifferentIds) {
  const Parts parts = {
      {span_of("client a", 0x20, 0, kClient), span_of("server a", 0x20, 0, kServer),
       span_of("client b", 0x21, 0x20, kClient), span_of("server b", 0x21, 0x20, kServer),
       span_of("client c", 0x22, 0x21, kClient), span_of("server c", 0x22, 0x21, kServer),
       span_of("leaf", 0x30, 0x22, kInternal)}};
  Tree tree = tree_of(parts);
  std::map<uint64_t, std::string> by_id;
  for (const auto& [name, ids] : tree) by_id[ids.first] = name;
  ASSERT_EQ(by_id.size(), 7U) << "ids are unique";
  EXPECT_EQ(tree["client a"], (std::pair<uint64_t, uint64_t>{0x20, 0}));
  EXPECT_EQ(by_id[tree["leaf"].second], "server c");
  EXPECT_EQ(by_id[tree["server c"].second], "client c");
  EXPECT_EQ(by_id[tree["client c"].second], "server b");
  EXPECT_EQ(by_id[tree["server b"].second], "client b");
  EXPECT_EQ(by_id[tree["client b"].second], "server a");
  EXPECT_EQ(by_id[tree["server a"].second], "client a");
}

TEST(SharedIds, GetIdsThatNobodyHas) {
  const Parts parts = {{span_of("one", 1, 0, kInternal), span_of("two", 2, 1, kInternal),
                        span_of("client", 0x20, 2, kClient), span_of("server", 0x20, 2, kServer),
                        span_of("client b", 4, 2, kClient), span_of("server b", 4, 2, kServer)}};
  Tree tree = tree_of(parts);
  EXPECT_EQ((std::set{tree["server"].first, tree["server b"].first}), (std::set<uint64_t>{3, 5}));
  EXPECT_EQ(tree["one"].first, 1U);
  EXPECT_EQ(tree["client b"].first, 4U);
}

// A parent that has not come yet is somebody as well: what waits for it must not find another.
TEST(SharedIds, GetIdsThatNobodyIsWaitingFor) {
  const Parts parts = {{span_of("orphan", 0x50, 1, kInternal), span_of("client", 0x20, 0, kClient),
                        span_of("server", 0x20, 0, kServer)}};
  Tree tree = tree_of(parts);
  EXPECT_EQ(tree["orphan"].second, 1U);
  EXPECT_NE(tree["server"].first, 1U);
}

TEST(SharedIds, StayWhenThereIsNoPair) {
  const Parts parts = {{span_of("server", 0x20, 0x10, kServer), span_of("client", 0x21, 0, kClient),
                        span_of("internal", 0x21, 0, kInternal), span_of("producer", 0x20, 0, 4),
                        span_of("child", 0x30, 0x20, kInternal),
                        span_of("child b", 0x31, 0x21, kInternal)}};
  EXPECT_EQ(tree_of(parts), (Tree{{"server", {0x20, 0x10}},
                                  {"client", {0x21, 0}},
                                  {"internal", {0x21, 0}},
                                  {"producer", {0x20, 0}},
                                  {"child", {0x30, 0x20}},
                                  {"child b", {0x31, 0x21}}}));
}

// A broken sender's span that names itself: the client stays as it is all the same.
TEST(SharedIds, LeaveAClientThatIsItsOwnParent) {
  const Parts parts = {
      {span_of("client", 0x20, 0x20, kClient), span_of("server", 0x20, 0x20, kServer)}};
  EXPECT_EQ(tree_of(parts), (Tree{{"client", {0x20, 0x20}}, {"server", {1, 0x20}}}));
}

TEST(SharedIds, OfAnotherTraceDoNotMatter) {
  SentSpan client = span_of("client", 0x20, 0, kClient);
  client.trace_id = make_trace_id(0, 2);
  const Parts parts = {{span_of("server", 0x20, 0, kServer), client}};
  EXPECT_EQ(tree_of(parts), (Tree{{"server", {0x20, 0}}}));
}

}  // namespace
}  // namespace vivace
