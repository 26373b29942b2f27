// Random filters over what RandomSpans makes: names and literals that often meet, and some that do
// not. They come as texts, so that a failing one can be read and run again; not all pass the check
// of types.
//
// Not part of the product.
#pragma once

#include <string>

#include "model/testing/random_spans.h"

namespace vivace {

class RandomFilters {
 public:
  explicit RandomFilters(RandomSpans& random) : random_(random) {}

  std::string filter() { return "{ " + condition(3) + " }"; }

 private:
  template <size_t N>
  std::string one_of(const char* const (&texts)[N]) {
    return texts[random_.number(N)];
  }
  std::string number_text(uint64_t below) { return std::to_string(random_.number(below)); }

  std::string condition(int depth) {
    const uint64_t what = random_.number(depth > 0 ? 12 : 7);
    if (what < 5) return comparison();
    if (what == 5) return nil_test();
    if (what == 6) return random_.chance(70) ? attribute() : arithmetic();
    if (what < 9) return "(" + condition(depth - 1) + " && " + condition(depth - 1) + ")";
    if (what < 11) return "(" + condition(depth - 1) + " || " + condition(depth - 1) + ")";
    return "!(" + condition(depth - 1) + ")";
  }

  std::string comparison() {
    if (random_.chance(45)) return typed_intrinsic();
    if (random_.chance(10)) return attribute() + op() + attribute();
    if (random_.chance(15)) return attribute() + pattern_op() + pattern();
    if (random_.chance(10)) return literal() + op() + attribute();
    return attribute() + op() + literal();
  }

  std::string nil_test() { return attribute() + (random_.chance(50) ? " = nil" : " != nil"); }

  std::string arithmetic() {
    return attribute() + one_of({" + ", " * ", " / ", " % ", " - "}) +
           (random_.chance(50) ? attribute() : number_text(4)) + op() + literal();
  }

  std::string op() { return one_of({" = ", " != ", " < ", " <= ", " > ", " >= "}); }
  std::string pattern_op() { return one_of({" =~ ", " !~ "}); }
  std::string pattern() {
    return one_of({"\"value .\"", "\"value [0-4]\"", "\".*\"", "\"\"", "\"none\"", "\".*e.*\""});
  }

  std::string attribute() {
    const std::string scope =
        one_of({".", "span.", "span.", "resource.", "event.", "link.", "instrumentation."});
    if (random_.chance(5)) return scope + "nosuch";
    if (random_.chance(10)) return scope + "service.name";
    return scope + "\"key " + number_text(12) + "\"";
  }

  std::string literal() {
    switch (random_.number(7)) {
      case 0:
      case 1:
        return "\"value " + number_text(9) + "\"";
      case 2:
        return number_text(600);
      case 3:
        return one_of({"0.0", "1.5", "-1.5", "300.5"});
      case 4:
        return one_of({"true", "false"});
      case 5:
        return one_of({"300ns", "0s", "-1"});
      default:
        return "\"service " + number_text(5) + "\"";
    }
  }

  std::string typed_intrinsic() {
    switch (random_.number(14)) {
      case 0:
        return "name" + op() + "\"name " + number_text(8) + "\"";
      case 1:
        return "name" + pattern_op() + "\"name [0-3]\"";
      case 2:
        return "status" + one_of({" = ", " != "}) + one_of({"ok", "error", "unset"});
      case 3:
        return "kind" + one_of({" = ", " != "}) +
               one_of({"server", "client", "unspecified", "internal", "consumer"});
      case 4:
        return "duration" + op() + one_of({"500ms", "0s", "10s", "1000000", "0.5"});
      case 5:
        return "statusMessage" + op() + one_of({"\"\"", "\"m\""});
      case 6:
        return "traceDuration" + op() + one_of({"20s", "90s", "0s"});
      case 7:
        return "rootName" + op() + one_of({"\"\"", "\"name 3\"", "\"name 5\""});
      case 8:
        return "rootServiceName" + op() + "\"service " + number_text(5) + "\"";
      case 9:
        return "event:name" + op() + one_of({"\"m\"", "\"\""});
      case 10:
        return "event:timeSinceStart" + op() + one_of({"1s", "0s"});
      case 11:
        return "instrumentation:name" + op() + one_of({"\"\"", "\"library 2\""});
      case 12:
        return one_of({"span:parentID", "link:spanID", "link:traceID", "span:id", "trace:id"}) +
               op() + one_of({"\"\"", "\"8\"", "\"0000000000000000\""});
      default:
        return "span:parentID =~ \"[0-7].*\"";
    }
  }

  RandomSpans& random_;
};

}  // namespace vivace
