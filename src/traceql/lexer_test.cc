// Tokens: numbers, durations, strings, comments, operators that share their first characters.
#include "traceql/lexer.h"

#include <gtest/gtest.h>

#include "traceql/number.h"

namespace vivace::traceql {
namespace {

// Tokens as a message would call them, with their values, joined by blanks.
std::string tokens_of(std::string_view text) {
  Lexer lexer(text);
  std::string result;
  for (Token token = lexer.next(); token.kind != Tok::end; token = lexer.next()) {
    if (!result.empty()) result += ' ';
    if (token.kind == Tok::error) return result + "ERROR " + token.text;
    result += shown(token);
    const bool has_text =
        token.kind == Tok::identifier || token.kind == Tok::name || token.kind == Tok::string;
    if (has_text) result += ":" + token.text;
    if (token.number.type() != Type::nil) result += ":" + datum_text(token.number);
  }
  return result;
}

std::string duration_of(std::string_view text) {
  const auto duration = read_duration(text);
  return duration ? duration_text(*duration) : "none";
}

TEST(Lexer, LongestOperatorWins) {
  EXPECT_EQ(tokens_of("!>>!<<&>>&<<!=!~=~<=>=<<>>&&||!>!<&>&<&~"),
            "!>> !<< &>> &<< != !~ =~ <= >= << >> && || !> !< &> &< &~");
  EXPECT_EQ(tokens_of(">>> <> == ~~"), ">> > < > = = ~ ~");
  EXPECT_EQ(tokens_of("& ; :"), "IDENTIFIER:& IDENTIFIER:; IDENTIFIER::");
}

TEST(Lexer, PrefixesAreOneToken) {
  EXPECT_EQ(tokens_of("span.a resource.b .c"),
            "span. IDENTIFIER:a resource. IDENTIFIER:b . IDENTIFIER:c");
  EXPECT_EQ(tokens_of("span:id event:name"), "span: id event: name");
  EXPECT_EQ(tokens_of("span .a"), "IDENTIFIER:span . IDENTIFIER:a");
  EXPECT_EQ(tokens_of("parent.span.x parent.event.x parent:id"),
            "parent. span. IDENTIFIER:x parent. IDENTIFIER:event.x parent IDENTIFIER:: id");
  EXPECT_EQ(tokens_of("span. x"), "span. END_ATTRIBUTE IDENTIFIER:x");
  EXPECT_EQ(tokens_of("status.foo"), "status . IDENTIFIER:foo");
}

TEST(Lexer, NamesEndAtWhiteSpaceAndOperators) {
  EXPECT_EQ(tokens_of(".a+b*c/d%e:f;g[0]@#$?=1"), ". IDENTIFIER:a+b*c/d%e:f;g[0]@#$? = INTEGER:1");
  EXPECT_EQ(tokens_of(".a\xc2\xa0"), ". IDENTIFIER:a IDENTIFIER:\xc2\xa0");
  EXPECT_EQ(tokens_of(".a\"b c\"d"), ". IDENTIFIER:ab cd");
  EXPECT_EQ(tokens_of(".\"{=}\""), ". IDENTIFIER:{=}");
  EXPECT_EQ(tokens_of(".a, .b)"), ". IDENTIFIER:a , . IDENTIFIER:b )");
}

TEST(Lexer, Numbers) {
  EXPECT_EQ(tokens_of("0 010 1. .5 1.5 1e3 1.5E-3 1e+09"),
            "INTEGER:0 INTEGER:10 FLOAT:1.0 FLOAT:0.5 FLOAT:1.5 FLOAT:1000.0 FLOAT:0.0015 "
            "FLOAT:1e+09");
  EXPECT_EQ(tokens_of("9223372036854775807"), "INTEGER:9223372036854775807");
  EXPECT_EQ(tokens_of("08.5 089.e0"), "FLOAT:8.5 FLOAT:89.0");
  EXPECT_EQ(tokens_of("0x1F"), "ERROR strconv.Atoi: parsing \"0x1F\": invalid syntax");
  EXPECT_EQ(tokens_of("1_0.5"), "ERROR strconv.ParseFloat: parsing \"1_0.5\": invalid syntax");
  EXPECT_EQ(tokens_of("1e400"), "ERROR strconv.ParseFloat: parsing \"1e400\": value out of range");
  EXPECT_EQ(tokens_of("1e-400"), "FLOAT:0.0");
  EXPECT_EQ(tokens_of("1e"), "ERROR exponent has no digits");
  EXPECT_EQ(tokens_of("019"), "ERROR invalid digit '9' in octal literal");
}

TEST(Lexer, DurationsAreLookedAheadFor) {
  EXPECT_EQ(tokens_of("1d12h 1.5h 1h15m30.9s 1m1h 100ns 5µs .5s 5.s"),
            "DURATION:36h0m0s DURATION:1h30m0s DURATION:1h15m30.9s DURATION:1h1m0s DURATION:100ns "
            "DURATION:5µs DURATION:500ms DURATION:5s");
  EXPECT_EQ(tokens_of("1.5d 10t 1d1.5h 1e3s"),
            "FLOAT:1.5 IDENTIFIER:d INTEGER:10 IDENTIFIER:t INTEGER:1 IDENTIFIER:d1 DURATION:30m0s "
            "FLOAT:1000.0 IDENTIFIER:s");
  EXPECT_EQ(tokens_of("5min"), "DURATION:5m0s IDENTIFIER:in");
  EXPECT_EQ(tokens_of("300y"), "INTEGER:300 IDENTIFIER:y");
}

TEST(Duration, CalendarThenClock) {
  EXPECT_EQ(duration_of("1y2d3ms"), "8808h0m0.003s");
  EXPECT_EQ(duration_of("2w"), "336h0m0s");
  EXPECT_EQ(duration_of("1h1h"), "2h0m0s");
  EXPECT_EQ(duration_of("1h1d"), "none");
  EXPECT_EQ(duration_of("2562047h47m16.854775807s"), "2562047h47m16.854775807s");
  EXPECT_EQ(duration_of("2562047h47m16.854775808s"), "none");
  EXPECT_EQ(duration_of("1_0s"), "none");
  EXPECT_EQ(duration_of("1.5_0s"), "none");
  EXPECT_EQ(duration_of(".s"), "none");
  EXPECT_EQ(duration_of("99999999999999999999s"), "none");
  EXPECT_EQ(duration_of("0.000000000000000000000000001s"), "0s");
}

TEST(Lexer, Strings) {
  EXPECT_EQ(tokens_of(R"("\a\b\f\n\r\t\v\\\"")"), "STRING:\a\b\f\n\r\t\v\\\"");
  EXPECT_EQ(tokens_of(R"("\101\x41\u00e9\U0001F600")"), "STRING:AA\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(tokens_of("`a\\d\r\nb`"), "STRING:a\\d\nb");
  for (const char* bad : {R"("\d")", R"("\'")", R"("\8")", R"("\400")", R"("\ud800")",
                          R"("\U00110000")", R"("\x4")"}) {
    EXPECT_EQ(tokens_of(bad), "ERROR invalid char escape") << bad;
  }
  EXPECT_EQ(tokens_of("\"a\nb\""), "ERROR literal not terminated");
  EXPECT_EQ(tokens_of("\"a"), "ERROR literal not terminated");
  EXPECT_EQ(tokens_of("`a"), "ERROR literal not terminated");
  EXPECT_EQ(tokens_of("'a'"), "IDENTIFIER:'a'");
  EXPECT_EQ(tokens_of("'ab'"), "ERROR invalid char literal");
}

TEST(Lexer, CommentsVanish) {
  EXPECT_EQ(tokens_of("1 // 2 \n/* 3 \n * / */ 4"), "INTEGER:1 INTEGER:4");
  EXPECT_EQ(tokens_of("1 /* 2"), "INTEGER:1 ERROR comment not terminated");
}

TEST(Lexer, ErrorsStay) {
  Lexer lexer("`");
  EXPECT_EQ(lexer.next().kind, Tok::error);
  EXPECT_EQ(lexer.next().text, "literal not terminated");
}

}  // namespace
}  // namespace vivace::traceql
