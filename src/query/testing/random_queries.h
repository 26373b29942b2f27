// Random queries over the whole language and over the names that random_traces.h uses, as texts. A
// query knows what it is made of, so that a run can count what it has met.
//
//   RandomQueries queries(seed);
//   RandomQuery query = queries.search();       // query.text, query.features
//
// Types mostly fit, so that queries pass the check and match something.
//
// Not part of the product.
#pragma once

#include <initializer_list>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>

namespace vivace {

struct RandomQuery {
  std::string text;
  std::set<std::string> features;  // `op +`, `relation !>>`, `scope event.`, `type duration`
};

class RandomQueries {
 public:
  // The seed of the traces, whose ids come up.
  explicit RandomQueries(uint64_t seed) : random_(seed), seed_(seed) {}

  uint64_t number(uint64_t below) { return random_() % below; }
  bool chance(int percent) { return number(100) < static_cast<uint64_t>(percent); }

  RandomQuery search();
  RandomQuery metrics();

 private:
  using Text = std::string;

  template <size_t N>
  Text one_of(const char* const (&texts)[N]) {
    return texts[number(N)];
  }
  Text used(const char* kind, const Text& what) {
    features_.insert(Text(kind) + " " + what);
    return what;
  }
  template <size_t N>
  Text use(const char* kind, const char* const (&texts)[N]) {
    return used(kind, one_of(texts));
  }

  RandomQuery take(Text text) { return {std::move(text), std::exchange(features_, {})}; }

  // Conditions on one span.
  Text condition(int depth);
  Text comparison();
  Text texts();
  Text numbers();
  Text durations();
  Text booleans();
  Text enums();
  Text arrays();
  Text anything();
  Text nil_test();
  Text filter() { return "{ " + condition(2) + " }"; }

  Text order() { return " " + use("op", {"=", "!=", "<", "<=", ">", ">="}) + " "; }
  Text equality() { return " " + use("op", {"=", "!="}) + " "; }
  Text word() {
    return used_type("string", "\"" + Text(1, static_cast<char>('a' + number(4))) + "\"");
  }
  Text whole() { return used_type("int", std::to_string(static_cast<int>(number(12)) - 3)); }
  Text real() { return used_type("float", one_of({"0.5", "1.0", "1.5", "-3.25", "2.0", "0.0"})); }
  Text duration() {
    return used_type("duration", one_of({"0s", "3us", "7ms", "50ms", "500ms", "1s", "1.5s", "5s"}));
  }
  Text used_type(const char* type, Text text) {
    used("type", type);
    return text;
  }
  Text scoped(std::initializer_list<const char*> scopes, const char* name);
  Text number_operand(int depth);
  Text arithmetic(int depth);

  // Spans of a trace, stages.
  Text spanset(int depth);
  Text pipeline();
  Text stage();
  Text scalar();
  Text group();
  Text select();
  Text attribute();

  // Over time.
  Text metric();
  Text by(uint64_t most);
  Text second_stages();

  std::mt19937_64 random_;
  uint64_t seed_;
  std::set<std::string> features_;
};

}  // namespace vivace
