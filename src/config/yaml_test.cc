// The YAML tree: merges, aliases, quoting, lines, and that no text is too bad to be refused in
// bounds.
#include "config/yaml.h"

#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace vivace::config {
namespace {

// As one line: {a=1,b=[x,~]}; merged keys with a +.
std::string show(const Document& document, NodeId id) {
  const Node& node = document[id];
  std::string out;
  switch (node.kind) {
    case Node::Kind::null:
      return "~";
    case Node::Kind::scalar:
      return node.quoted ? fmt::format("'{}'", node.text) : node.text;
    case Node::Kind::list:
      for (const NodeId item : node.items) out += (out.empty() ? "" : ",") + show(document, item);
      return fmt::format("[{}]", out);
    case Node::Kind::map:
      for (const MapEntry& entry : node.entries) {
        out += fmt::format("{}{}{}={}", out.empty() ? "" : ",", entry.merged ? "+" : "", entry.key,
                           show(document, entry.value));
      }
      return fmt::format("{{{}}}", out);
  }
  return out;
}

std::string read(const std::string& text) {
  const auto document = parse_yaml(text);
  return document ? show(*document, document->root) : document.error().message;
}

TEST(Yaml, Values) {
  EXPECT_EQ(read(""), "~");
  EXPECT_EQ(read("# only a remark\n"), "~");
  EXPECT_EQ(read("---\n"), "~");
  EXPECT_EQ(read("a: 1\nb:\nc: ~\nd: null\ne: [x, \"y\"]\nf: {}"),
            "{a=1,b=~,c=~,d=~,e=[x,'y'],f={}}");
  EXPECT_EQ(read("a: 'null'\nb: !!str 5\nc: |\n  two\n  lines\n"),
            "{a='null',b='5',c='two\nlines\n'}");
  EXPECT_EQ(read("a: 1\na: 2"), "{a=1,a=2}");
  EXPECT_EQ(read("a: 1\n---\nb: 2"), "{a=1}");
}

TEST(Yaml, Lines) {
  const auto document = parse_yaml("# remark\na: 1\nb:\n  c: [x,\n      y]\n");
  ASSERT_TRUE(document);
  const Node& root = (*document)[document->root];
  EXPECT_EQ(root.entries[0].line, 2);
  EXPECT_EQ(root.entries[1].line, 3);
  const Node& b = (*document)[root.entries[1].value];
  const Node& c = (*document)[b.entries[0].value];
  EXPECT_EQ((*document)[c.items[1]].line, 5);
}

TEST(Yaml, MergesAndAliases) {
  EXPECT_EQ(read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}"), "{x={a=1,b=2},y={b=3,+a=1}}");
  EXPECT_EQ(read("x: &x {a: 1}\nz: &z {a: 2, c: 3}\ny: {<<: [*x, *z]}"),
            "{x={a=1},z={a=2,c=3},y={+a=1,+c=3}}");
  EXPECT_EQ(read("y: {<<: {a: 1}}"), "{y={+a=1}}");
  EXPECT_EQ(read("w: &w {a: 1}\nx: &x {<<: *w, b: 2}\ny: {<<: *x}"),
            "{w={a=1},x={b=2,+a=1},y={+b=2,+a=1}}");
  EXPECT_EQ(read("x: &x 1\ny: *x\n*x : z"), "{x=1,y=1,1=z}");
  EXPECT_EQ(read("y: {\"<<\": 1}"), "{y={<<=1}}");
  EXPECT_EQ(read("a: 1\n<<: 5"), "line 2: << takes a map or a list of maps");
  EXPECT_EQ(read("<<: [1]"), "line 1: << takes a map or a list of maps");
  EXPECT_EQ(read("x: &x\n  y: *x"), "line 2: an alias must not lie inside its own anchor");
  EXPECT_EQ(read("? [a]\n: b"), "line 1: a key must be a plain word, not a list or a map");
  EXPECT_EQ(read("~: b"), "line 1: a key must be a plain word");
}

TEST(Yaml, Bounds) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += fmt::format("a{}: &a{} [", i, i);
    for (int j = 0; j < 10; ++j) bomb += fmt::format("*a{}, ", i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(read(bomb), "line 6: more than 200000 values, each use of an alias counted");

  std::string merges = "a: &a {";
  for (int i = 0; i < 2000; ++i) merges += fmt::format("k{}: 1, ", i);
  merges += "}\nb:\n";
  for (int i = 0; i < 2000; ++i) merges += "- <<: *a\n";
  EXPECT_EQ(read(merges), "line 100: more than 200000 values, each use of an alias counted");

  const std::string long_text = fmt::format("a: &a {}\nb: [", std::string(1'000'000, 'x'));
  std::string copies = long_text;
  for (int i = 0; i < 100; ++i) copies += "*a, ";
  EXPECT_EQ(read(copies + "]"), "line 2: more than 200000 values, each use of an alias counted");

  EXPECT_EQ(read(std::string(100, '[') + std::string(100, ']')),
            "line 1: nested more than 64 deep");
  EXPECT_TRUE(read(std::string(100'000, '[')).starts_with("line 1: "));
  EXPECT_EQ(read(std::string(kYamlBytesMax + 1, ' ')), "larger than 4 MiB");
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) chain += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  EXPECT_EQ(read(chain), "line 64: nested more than 64 deep");
}

TEST(Yaml, SyntaxErrorsNameTheLine) {
  EXPECT_TRUE(read("a: 1\nb: [1, 2\nc: 3").starts_with("line "));
  EXPECT_TRUE(read("a: *nowhere").starts_with("line 1: "));
  EXPECT_TRUE(read("a:\n\t- b").starts_with("line "));
}

// Bytes of YAML's own alphabet, and pieces of a good file out of order: whatever comes back, it
// comes back.
TEST(Yaml, SurvivesNonsense) {
  constexpr std::string_view kAlphabet = "a1:,-?[]{}&*!|>'\"%@`#~<= \n\n  \t\\\xff";
  constexpr std::string_view kPieces[] = {
      "a: ", "- ", "&x ", "*x", "\n",    "  ",  "<<: ", "{",           "}", "[",  "]", "? ",
      "!t ", "|",  "\"",  "'",  "---\n", "...", "#",    "%YAML 1.2\n", "b", ": ", ","};
  std::mt19937 random(1);
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    const size_t length = random() % 60;
    for (size_t i = 0; i < length; ++i) {
      if (round % 2 == 0) {
        text += kAlphabet[random() % kAlphabet.size()];
      } else {
        text += kPieces[random() % std::size(kPieces)];
      }
    }
    SCOPED_TRACE(text);
    EXPECT_FALSE(read(text).empty() && !text.empty() && text[0] == 'z');
  }
}

}  // namespace
}  // namespace vivace::config
