// Trees of single traces: who is connected, what relations return, nested-set numbers, and that
// circles and long chains come to an end.
#include "query/trace_tree.h"

#include <string>

#include <gtest/gtest.h>

namespace vivace {
namespace {

using traceql::Form;
using traceql::Relation;
using Node = TraceTree::Node;

constexpr int32_t kServer = 2;
constexpr int32_t kClient = 3;

Node node(uint64_t id, uint64_t parent, int32_t kind = 1) {
  return {.id = {id}, .parent_id = {parent}, .kind = kind};
}

SpanBits bits(uint32_t size, std::initializer_list<uint32_t> set) {
  SpanBits out(size);
  for (const uint32_t i : set) out.set(i);
  return out;
}

std::string letters(const SpanBits& set) {
  std::string out;
  set.each([&](uint32_t i) { out += static_cast<char>('a' + i); });
  return out;
}

// a root; b, c below it; d, e below b; f an orphan, g below it; h a second root.
TraceTree family() {
  TraceTree tree;
  tree.link(std::vector{node(1, 0), node(2, 1), node(3, 1), node(4, 2), node(5, 2), node(6, 99),
                        node(7, 6), node(8, 0)});
  return tree;
}

std::string apply(TraceTree& tree, Relation relation, Form form, const std::string& a,
                  const std::string& b) {
  SpanBits left(tree.size());
  SpanBits right(tree.size());
  for (const char c : a) left.set(static_cast<uint32_t>(c - 'a'));
  for (const char c : b) right.set(static_cast<uint32_t>(c - 'a'));
  return letters(tree.apply({relation, form}, left, right));
}

TEST(TraceTree, RelationsReturnTheRightSide) {
  TraceTree tree = family();
  const std::string all = "abcdefgh";
  const auto plain = [&](Relation relation, const std::string& a, const std::string& b) {
    return apply(tree, relation, Form::plain, a, b);
  };
  EXPECT_EQ(plain(Relation::child, "a", all), "bc");
  EXPECT_EQ(plain(Relation::descendant, "a", all), "bcde");
  EXPECT_EQ(plain(Relation::parent, "d", all), "b");
  EXPECT_EQ(plain(Relation::ancestor, "d", all), "ab");
  EXPECT_EQ(plain(Relation::sibling, "d", all), "e");
  EXPECT_EQ(plain(Relation::sibling, "de", all), "de");
  EXPECT_EQ(plain(Relation::sibling, "a", all), "h") << "roots are siblings";
  EXPECT_EQ(plain(Relation::child, "f", all), "") << "unconnected spans stand in no relation";
  EXPECT_EQ(plain(Relation::descendant, "f", all), "");
  EXPECT_EQ(plain(Relation::parent, "g", all), "");
  EXPECT_EQ(plain(Relation::child, "", all), "");
}

TEST(TraceTree, NegatedAndUnitedForms) {
  TraceTree tree = family();
  EXPECT_EQ(apply(tree, Relation::child, Form::negated, "a", "abcdf"), "adf");
  EXPECT_EQ(apply(tree, Relation::child, Form::negated, "", "abg"), "abg");
  EXPECT_EQ(apply(tree, Relation::ancestor, Form::negated, "d", "abch"), "ch");
  EXPECT_EQ(apply(tree, Relation::child, Form::united, "abh", "bde"), "abde");
  EXPECT_EQ(apply(tree, Relation::descendant, Form::united, "ah", "e"), "ae");
  EXPECT_EQ(apply(tree, Relation::ancestor, Form::united, "dc", "a"), "acd");
  EXPECT_EQ(apply(tree, Relation::parent, Form::united, "dc", "b"), "bd");
  EXPECT_EQ(apply(tree, Relation::sibling, Form::united, "d", "ce"), "de");
}

std::string numbers(TraceTree& tree) {
  std::vector<TraceTree::Numbers> all;
  tree.number(all);
  std::string out;
  for (const auto& each : all) {
    out += std::to_string(each.left) + "-" + std::to_string(each.right) + "/" +
           std::to_string(each.parent) + "/" + std::to_string(each.children) + " ";
  }
  return out;
}

TEST(TraceTree, NestedSets) {
  TraceTree tree = family();
  EXPECT_EQ(numbers(tree), "1-10/-1/2 2-7/1/2 8-9/1/0 3-4/2/0 5-6/2/0 0-0/0/1 0-0/0/0 11-12/-1/0 ");
}

TEST(TraceTree, CirclesAreNotConnected) {
  TraceTree tree;
  tree.link(std::vector{node(1, 3), node(2, 1), node(3, 2), node(4, 4), node(5, 0), node(6, 1)});
  EXPECT_EQ(numbers(tree), "0-0/0/2 0-0/0/1 0-0/0/1 0-0/0/0 1-2/-1/0 0-0/0/0 ");
  EXPECT_EQ(apply(tree, Relation::descendant, Form::plain, "abcdef", "abcdef"), "");
  EXPECT_EQ(apply(tree, Relation::ancestor, Form::plain, "abcdef", "abcdef"), "");
}

TEST(TraceTree, HalvesOfACallShareAnId) {
  TraceTree tree;  // client a and server b; c names the pair, the server names it, too
  tree.link(std::vector{node(1, 0, kClient), node(1, 1, kServer), node(2, 1)});
  EXPECT_EQ(apply(tree, Relation::child, Form::plain, "a", "abc"), "b");
  EXPECT_EQ(apply(tree, Relation::child, Form::plain, "b", "abc"), "c");
  // Neither is a server: the child is lost, the two are not.
  tree.link(std::vector{node(1, 0, kClient), node(1, 0, 1), node(2, 1)});
  EXPECT_EQ(numbers(tree), "1-2/-1/0 3-4/-1/0 0-0/0/0 ");
  // Three of one id: nothing is known of the trace.
  tree.link(std::vector{node(1, 0), node(2, 0, 1), node(2, 0, 2), node(2, 0, 3)});
  EXPECT_EQ(numbers(tree), "0-0/0/0 0-0/0/0 0-0/0/0 0-0/0/0 ");
  EXPECT_EQ(apply(tree, Relation::sibling, Form::plain, "abcd", "abcd"), "");
}

TEST(TraceTree, RowsOfParents) {
  TraceTree tree;
  EXPECT_FALSE(tree.link_rows(std::vector{kNoRow, kOtherRow}, 100));
  ASSERT_TRUE(tree.link_rows(std::vector{102U, kNoRow, 101U, 102U}, 100));
  EXPECT_EQ(numbers(tree), "3-4/2/0 1-8/-1/1 2-7/1/2 5-6/2/0 ");
  EXPECT_EQ(apply(tree, Relation::descendant, Form::plain, "b", "abcd"), "acd");
  ASSERT_TRUE(tree.link_rows(std::vector{101U, 100U, kNoRow}, 100));
  EXPECT_EQ(numbers(tree), "0-0/0/1 0-0/0/1 1-2/-1/0 ");
  // A parent that is not there: where rows are known, nobody shares an id.
  ASSERT_TRUE(tree.link_rows(std::vector{kNoRow, 100U, kOtherRow, 102U}, 100));
  EXPECT_EQ(numbers(tree), "1-4/-1/1 2-3/1/0 0-0/0/1 0-0/0/0 ");
  ASSERT_TRUE(tree.link_rows(std::vector{kNoRow, kNoRow}, 100));
  EXPECT_EQ(numbers(tree), "1-2/-1/0 3-4/-1/0 ");
  EXPECT_FALSE(tree.link_rows(std::vector{kNoRow, kNoRow, kNoRow}, 100));
  ASSERT_TRUE(tree.link_rows(std::vector{kOtherRow}, 100));
  EXPECT_EQ(numbers(tree), "0-0/0/0 ");
}

TEST(TraceTree, AChainOfAMillion) {
  constexpr uint32_t kSpans = 1'000'000;
  std::vector<Node> nodes;
  for (uint32_t i = 0; i < kSpans; ++i) nodes.push_back(node(kSpans - i, kSpans - i - 1));
  TraceTree tree;
  tree.link(nodes);  // each span comes before its parent
  const SpanBits all(kSpans, true);
  EXPECT_EQ(tree.related(Relation::descendant, all, all).count(), kSpans - 1);
  EXPECT_EQ(tree.related(Relation::ancestor, all, all).count(), kSpans - 1);
  const SpanBits root = bits(kSpans, {kSpans - 1});
  EXPECT_EQ(tree.related(Relation::descendant, root, all).count(), kSpans - 1);
  std::vector<TraceTree::Numbers> numbers;
  tree.number(numbers);
  EXPECT_EQ(numbers.front().left, int32_t{kSpans});
  EXPECT_EQ(numbers.back().right, 2 * int32_t{kSpans});
}

}  // namespace
}  // namespace vivace
