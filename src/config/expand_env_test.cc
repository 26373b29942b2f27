// The forms of `${...}`, one a line of a table.
#include "config/expand_env.h"

#include <map>

#include <gtest/gtest.h>

namespace vivace::config {
namespace {

std::string lookup(const std::string& name) {
  static const std::map<std::string, std::string> variables = {
      {"NAME", "vivace"},  {"Mixed", "aBc"},         {"PATH_", "/var/lib/data.tar.gz"},
      {"EMPTY", ""},       {"BRACE", "${NAME}"},     {"DOTS", "a.b.c"},
      {"BACKSLASH", "\\"}, {"DIGITS", "0123456789"},
  };
  const auto found = variables.find(name);
  return found == variables.end() ? "" : found->second;
}

TEST(ExpandEnv, Forms) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {"no dollar", "no dollar"},
      {"a: ${NAME}/${NAME}", "a: vivace/vivace"},
      {"$NAME stays, ${NAME} goes", "$NAME stays, vivace goes"},
      {"price: 5$", "price: 5$"},
      {"$$", "$"},
      {"$${NAME}", "${NAME}"},
      {"$$$${NAME}", "$${NAME}"},
      {"${UNSET}", ""},
      {"${1}", ""},
      {"${BRACE}", "${NAME}"},  // values are not expanded again
      {"${UNSET:-d}${EMPTY:-d}${NAME:-d}", "ddvivace"},
      {"${UNSET:=d}", "d"},
      {"${UNSET=d}", "d"},
      {"${UNSET-d}", "d"},
      {"${UNSET:-}", ""},
      {"${UNSET:-http://host:9090/api}", "http://host:9090/api"},
      {"${UNSET:-${EMPTY:-${NAME}}}!", "vivace!"},
      {"${UNSET:-a\\}b}", "a}b"},
      {"${UNSET:-$$}", "$"},
      {"${BACKSLASH:-x}", "\\"},
      {"${#NAME}${#UNSET}", "60"},
      {"${NAME^}${NAME^^}", "VivaceVIVACE"},
      {"${Mixed,}${Mixed,,}${UNSET^}", "aBcabc"},
      {"${DIGITS:3}", "3456789"},
      {"${DIGITS:3:2}", "34"},
      {"${DIGITS:0:0}${DIGITS:99}${DIGITS:8:9}", "89"},
      {"${PATH_#*/}", "var/lib/data.tar.gz"},
      {"${PATH_##*/}", "data.tar.gz"},
      {"${PATH_%.*}", "/var/lib/data.tar"},
      {"${PATH_%%.*}", "/var/lib/data"},
      {"${NAME#v[a-k]v}", "ace"},
      {"${NAME#v[!a-k]v}", "vivace"},
      {"${NAME#?????}", "e"},
      {"${NAME#x}", "vivace"},
      {"${DOTS/./-}", "a-b.c"},
      {"${DOTS//./-}", "a-b-c"},
      {"${DOTS//./}", "abc"},
      {"${PATH_//\\//:}", ":var:lib:data.tar.gz"},
      {"${DOTS/${UNSET:-b}/${NAME}}", "a.vivace.c"},
  };
  for (const auto& [text, expected] : cases) {
    const auto out = expand_env(text, lookup);
    ASSERT_TRUE(out) << text << ": " << out.error().message;
    EXPECT_EQ(*out, expected) << text;
  }
}

TEST(ExpandEnv, Errors) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "${A:-";
  deep += std::string(100, '}');
  const std::pair<std::string, std::string_view> cases[] = {
      {"a\nb: ${NAME", "line 2: ${ without a closing }"},
      {"${", "line 1: ${ without a closing }"},
      {"${}", "line 1: ${} is not an expression that can be expanded"},
      {"${NAME!x}", "line 1: ${NAME!x} is not an expression that can be expanded"},
      {"${NAME:?x}", "line 1: ${NAME:?x} is not an expression that can be expanded"},
      {"${NAME/a}", "line 1: ${NAME/a} is not an expression that can be expanded"},
      {"${#NAME:-x}", "line 1: ${#NAME:-x} is not an expression that can be expanded"},
      {"${NAME:-1x:2}\n${NAME:x}", "line 2: ${NAME:x} is not an expression that can be expanded"},
      {deep, "line 1: nested too deeply"},
  };
  for (const auto& [text, expected] : cases) {
    const auto out = expand_env(text, lookup);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().message, expected);
  }
}

}  // namespace
}  // namespace vivace::config
