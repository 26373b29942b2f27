// Every query of tests/traceql/parse_cases.jsonl: whether it is read, what is said when it is not,
// its canonical text, and that both printed forms read back to the same tree.
#include <gtest/gtest.h>

#include "traceql/testing/cases.h"
#include "traceql/testing/dump.h"
#include "traceql/traceql.h"

namespace vivace::traceql {
namespace {

using testing::Case;
using testing::dump;

std::string value_or(const Case& test, const std::string& key, const std::string& otherwise) {
  const auto found = test.find(key);
  return found == test.end() ? otherwise : found->second;
}

std::string kind_of(const QueryError& error) {
  switch (error.kind) {
    case ErrorKind::lexical:
    case ErrorKind::syntax:
      return "parse_error";
    case ErrorKind::type:
      return "validate_error";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::limit:
      return "limit";
  }
  return "";
}

// Line 0 in a case stands for the line that we report.
std::string with_line(std::string text, int line) {
  const std::string zero = "line 0,";
  if (const size_t at = text.find(zero); at != std::string::npos) {
    text.replace(at, zero.size(), "line " + std::to_string(line) + ",");
  }
  return text;
}

void expect_reads_back(const Query& query, const std::string& text) {
  const auto again = parse_unchecked(text);
  ASSERT_TRUE(again) << text << ": " << again.error().text();
  EXPECT_EQ(dump(*again), dump(query)) << text;
}

// Of a valid query, and of one that only the checks refuse.
void expect_prints(const Query& query, const Case& test) {
  const std::string text = canonical(query);
  EXPECT_EQ(text, value_or(test, "our_canonical", test.at("canonical")));
  expect_reads_back(query, to_text(query));
  if (!test.contains("not_back")) expect_reads_back(query, text);
}

void expect_refused(const Case& test) {
  const auto query = parse(test.at("q"));
  ASSERT_FALSE(query);
  const std::string text = value_or(test, "ours", test.at("error"));
  EXPECT_EQ(kind_of(query.error()), test.at("kind"));
  EXPECT_EQ(query.error().text(), with_line(text, query.error().line));
  EXPECT_LE(query.error().line, 1);  // no refused query here has two
}

TEST(ParseCases, All) {
  const auto cases = testing::read_cases("tests/traceql/parse_cases.jsonl");
  EXPECT_GT(cases.size(), 2400u);
  for (const Case& test : cases) {
    SCOPED_TRACE(test.at("q"));
    const bool differs = test.contains("ours") || test.contains("our_canonical");
    EXPECT_EQ(differs, test.contains("why")) << "what differs needs a reason";
    if (test.at("kind") == "valid") {
      const auto query = parse(test.at("q"));
      ASSERT_TRUE(query) << query.error().text();
      expect_prints(*query, test);
      continue;
    }
    expect_refused(test);
    if (test.contains("canonical")) {
      const auto query = parse_unchecked(test.at("q"));
      ASSERT_TRUE(query) << query.error().text();
      expect_prints(*query, test);
    }
  }
}

}  // namespace
}  // namespace vivace::traceql
