// Names of labels that clients and configurations make up, as Prometheus takes them.
#include "generator/label_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::generator {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<Label> labels_of(const std::vector<Label>& in, const LabelLimits& limits = {}) {
  LabelSet set;
  for (const auto& [name, value] : in) set.add(name, value);
  return decode_labels(set.encode(limits).bytes);
}

TEST(LabelName, HasAnUnderscoreForEachCharacterThatMayNotBe) {
  EXPECT_EQ(label_name("http.status-code"), "http_status_code");
  EXPECT_EQ(label_name("\u00fcn\u00ef"), "_n_");
  EXPECT_EQ(label_name("\u4e16\u754c"), "__");
  EXPECT_EQ(label_name("\U0001f600"), "_");
  EXPECT_EQ(label_name("9th"), "_9th");
  EXPECT_EQ(label_name(""), "");
}

TEST(LabelSet, LeavesTheNamesOfTheMachineryToIt) {
  EXPECT_THAT(labels_of({{"le", "1"}, {"__name__", "x"}, {"a", "b"}}),
              ElementsAre(Pair("____name__", "x"), Pair("__le", "1"), Pair("a", "b")));
  EXPECT_THAT(labels_of({{"left", "1"}, {"__name__2", "x"}}, {.name_max = 8, .value_max = 9}),
              ElementsAre(Pair("____name__", "x"), Pair("left", "1")))
      << "also when they came by cutting";
}

TEST(LabelSet, KeepsTheLastOfANameAndNothingThatIsEmpty) {
  EXPECT_THAT(labels_of({{"b", "1"}, {"a", "2"}, {"b", "3"}, {"c", ""}, {"", "d"}}),
              ElementsAre(Pair("a", "2"), Pair("b", "3")));
}

}  // namespace
}  // namespace vivace::generator
