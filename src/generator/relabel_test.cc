// Relabelling rules, one case an action, with the answers of Prometheus.
#include "generator/relabel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::generator {
namespace {

using Rules = std::vector<config::Relabel>;

// "a=1 b=2" after the rules; "dropped".
std::string applied(const Rules& rules, std::vector<Label> labels = {
                                            {"__name__", "calls"}, {"a", "foo"}, {"b", "Bar"}}) {
  const auto relabeling = Relabeling::make(rules);
  if (!relabeling) return relabeling.error().message;
  if (!(*relabeling)->apply(labels)) return "dropped";
  std::string out;
  for (const auto& [name, value] : labels) out += (out.empty() ? "" : " ") + name + "=" + value;
  return out;
}

TEST(Relabeling, Actions) {
  const std::string same = "__name__=calls a=foo b=Bar";
  EXPECT_EQ(applied({}), same);
  EXPECT_EQ(applied({{.source_labels = {"a", "b"}, .target_label = "c"}}), same + " c=foo;Bar");
  EXPECT_EQ(applied({{.source_labels = {"a"},
                      .regex = "f(.)(?P<last>.)",
                      .target_label = "c",
                      .replacement = "$1-${last}-$$"}}),
            same + " c=o-o-$");
  EXPECT_EQ(applied({{.source_labels = {"a"}, .regex = "o", .target_label = "c"}}), same);
  EXPECT_EQ(applied({{.regex = "(.*)", .target_label = "a", .replacement = ""}}),
            "__name__=calls b=Bar");
  EXPECT_EQ(applied({{.source_labels = {"a"}, .regex = "foo|x", .action = "keep"}}), same);
  EXPECT_EQ(applied({{.source_labels = {"a"}, .regex = "fo", .action = "keep"}}), "dropped");
  EXPECT_EQ(applied({{.source_labels = {"__name__"}, .regex = "c.*", .action = "drop"}}),
            "dropped");
  EXPECT_EQ(applied({{.regex = "a", .action = "labeldrop"}}), "__name__=calls b=Bar");
  EXPECT_EQ(applied({{.regex = "__name__|b", .action = "labelkeep"}}), "__name__=calls b=Bar");
  EXPECT_EQ(applied({{.regex = "(a|b)", .replacement = "${1}_x", .action = "labelmap"}}),
            "__name__=calls a=foo a_x=foo b=Bar b_x=Bar");
  EXPECT_EQ(applied({{.source_labels = {"b"}, .target_label = "b", .action = "lowercase"}}),
            "__name__=calls a=foo b=bar");
  EXPECT_EQ(applied({{.source_labels = {"a"}, .target_label = "a", .action = "uppercase"}}),
            "__name__=calls a=FOO b=Bar");
  EXPECT_EQ(applied({{.source_labels = {"a"}, .target_label = "b", .action = "keepequal"}}),
            "dropped");
  EXPECT_EQ(applied({{.source_labels = {"a"}, .target_label = "a", .action = "dropequal"}}),
            "dropped");
  // The MD5 sum of "foo" ends in edef654fccc4a4d8, a big-endian number.
  EXPECT_EQ(
      applied(
          {{.source_labels = {"a"}, .modulus = 1000, .target_label = "h", .action = "hashmod"}}),
      same + " h=696");
}

TEST(Relabeling, NonsenseIsRefused) {
  EXPECT_NE(applied({{.regex = "("}}).find("regex"), std::string::npos);
  EXPECT_NE(applied({{.action = "hashmod"}}).find("modulus"), std::string::npos);
}

}  // namespace
}  // namespace vivace::generator
