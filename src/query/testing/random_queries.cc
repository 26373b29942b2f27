// One function for each kind of text; probabilities are chosen so that some third of the answers
// has something in it and everything comes up in one query of a hundred.
#include "query/testing/random_queries.h"

#include <utility>

namespace vivace {

RandomQuery RandomQueries::search() {
  Text text = pipeline();
  if (chance(5)) text += " with(most_recent=true)";
  return take(std::move(text));
}

RandomQuery RandomQueries::metrics() {
  Text text = chance(75) ? filter() : chance(50) ? spanset(1) : pipeline();
  if (text.front() == '(') text = filter();  // what is wrapped ends there
  if (chance(15)) text = "{ }";
  return take(text + " | " + metric());
}

// ------------------------------------------------------------------------------- one span

std::string RandomQueries::scoped(std::initializer_list<const char*> scopes, const char* name) {
  return used("scope", scopes.begin()[number(scopes.size())]) + name;
}

std::string RandomQueries::condition(int depth) {
  const uint64_t what = number(depth > 0 ? 14 : 7);
  if (what < 7) return comparison();
  if (what < 10) {
    used("op", "&&");
    return "(" + condition(depth - 1) + " && " + condition(depth - 1) + ")";
  }
  if (what < 13) {
    used("op", "||");
    return condition(0) + " || " + condition(depth - 1);
  }
  used("op", "!");
  return "!(" + condition(depth - 1) + ")";
}

std::string RandomQueries::comparison() {
  switch (number(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return texts();
    case 4:
    case 5:
    case 6:
      return numbers();
    case 7:
    case 8:
      return durations();
    case 9:
      return booleans();
    case 10:
      return enums();
    case 11:
    case 12:
      return arrays();
    case 13:
      return nil_test();
    case 14:
      return chance(50) ? "true" : anything();
    default:
      return anything();
  }
}

std::string RandomQueries::texts() {
  const Text patterns[] = {"\"[ab]\"", "\".*[b-d]\"", "\"(op|event|lib|shop) .\"", "\"\"", "\".\""};
  const uint64_t what = number(18);
  if (what == 0) return used("intrinsic", "name") + order() + "\"op " + word().substr(1);
  if (what == 1) return used("intrinsic", "rootName") + equality() + "\"op " + word().substr(1);
  if (what == 2) {
    return used("intrinsic", "rootServiceName") + order() + "\"shop " + word().substr(1);
  }
  if (what == 3) return used("intrinsic", "event:name") + order() + "\"event " + word().substr(1);
  if (what == 4) {
    return used("intrinsic", "instrumentation:name") + order() + "\"lib " + word().substr(1);
  }
  if (what == 5) {
    return use("intrinsic", {"statusMessage", "instrumentation:version"}) + order() + word();
  }
  if (what == 6 || what == 14) {
    return use("intrinsic", {"span:id", "span:parentID", "link:spanID"}) + order() +
           "\"000000000000000" + std::to_string(number(9)) + "\"";
  }
  if (what == 13) {  // with more zeros in front, or fewer
    const Text id = std::to_string(seed_) + "000000000000000" + std::to_string(number(9));
    return use("intrinsic", {"trace:id", "link:traceID"}) + equality() + "\"" +
           (chance(50) ? "000" : "") + id + "\"";
  }
  if (what == 7) {
    return use("intrinsic", {"name", "event:name", "rootServiceName", "link:traceID", "trace:id",
                             "link:traceID", "trace:id"}) +
           " " + use("op", {"=~", "!~"}) + " " +
           (chance(50) ? patterns[number(std::size(patterns))] : Text("\".*[0-4a-b]\""));
  }
  if (what == 8) {
    return scoped({".", "resource."}, "service.name") + order() + "\"shop " + word().substr(1);
  }
  const Text name = scoped({".", "span.", "resource.", "event.", "link.", "instrumentation."}, "s");
  if (what == 9) return name + " " + use("op", {"=~", "!~"}) + " " + patterns[number(5)];
  if (what == 10) return word() + order() + name;
  return name + order() + word();
}

std::string RandomQueries::number_operand(int depth) {
  switch (number(depth > 0 ? 8 : 6)) {
    case 0:
      return scoped({".", "span.", "event.", "link.", "instrumentation."}, "i");
    case 1:
      return scoped({".", "span."}, "f");
    case 2:
      return chance(50) ? scoped({"span."}, "i") : used("intrinsic", "span:childCount");
    case 3:
      return use("intrinsic", {"nestedSetLeft", "nestedSetRight", "nestedSetParent"});
    case 4:
    case 5:
      return scoped({"span.", "."}, "i");
    default:
      return arithmetic(depth - 1);
  }
}

std::string RandomQueries::arithmetic(int depth) {
  const Text op = use("op", {"+", "-", "*", "/", "%", "^"});
  const Text left = number_operand(depth);
  if (op == "/" || op == "%" || op == "^") {
    return "(" + left + " " + op + " " + (chance(50) ? "2" : "1.5") + ")";
  }
  if (chance(20)) {
    used("op", "unary -");
    return "(-" + left + " " + op + " " + number_operand(0) + ")";
  }
  return "(" + left + " " + op + " " + number_operand(0) + ")";
}

std::string RandomQueries::numbers() {
  const Text literal = chance(70) ? whole() : real();
  if (chance(10)) return literal + order() + number_operand(1);
  if (chance(15)) return number_operand(1) + order() + number_operand(1);
  return number_operand(2) + order() + literal;
}

std::string RandomQueries::durations() {
  const Text name =
      use("intrinsic", {"duration", "duration", "traceDuration", "event:timeSinceStart"});
  if (chance(10)) return name + " * 2" + order() + duration();
  if (chance(10)) return duration() + order() + name;
  if (chance(10)) return name + order() + "5000000";
  return name + order() + duration();
}

std::string RandomQueries::booleans() {
  const Text name = scoped({".", "span.", "instrumentation."}, "b");
  if (chance(40)) return name;
  if (chance(20)) {
    used("op", "!");
    return "!" + name;
  }
  used("type", "bool");
  return name + equality() + (chance(50) ? "true" : "false");
}

std::string RandomQueries::enums() {
  if (chance(50)) {
    used("type", "status");
    return used("intrinsic", "status") + equality() + one_of({"ok", "error", "unset"});
  }
  used("type", "kind");
  return used("intrinsic", "kind") + equality() +
         one_of({"server", "client", "internal", "producer", "consumer", "unspecified"});
}

std::string RandomQueries::arrays() {
  switch (number(5)) {
    case 0:
      used("type", "array of strings");
      return scoped({".", "span.", "event.", "resource."}, "as") + order() + word();
    case 1:
      used("type", "array of strings");
      return scoped({"."}, "as") + " " + use("op", {"=~", "!~"}) + " \"[ab]\"";
    case 2:
      used("type", "array of ints");
      return chance(30) ? whole() + order() + scoped({"."}, "ai")
                        : scoped({"."}, "ai") + order() + whole();
    case 3:
      used("type", "array of floats");
      return scoped({"span."}, "af") + order() + real();
    default:
      used("type", "array of bools");
      return scoped({"."}, "ab") + equality() + (chance(50) ? "true" : "false");
  }
}

// Where types may not fit.
std::string RandomQueries::anything() {
  const Text name = chance(70) ? scoped({".", "span.", "resource."}, "m")
                               : scoped({".", "span.", "resource."}, "is");
  switch (number(6)) {
    case 0:
      return name + order() + word();
    case 1:
      return name + order() + whole();
    case 2:
      return name + order() + real();
    case 3:
      return name + order() + duration();
    case 4:
      return name + equality() + one_of({"true", "ok", "server"});
    default:
      return name + order() + scoped({".", "span."}, chance(50) ? "i" : "s");
  }
}

std::string RandomQueries::nil_test() {
  used("type", "nil");
  if (chance(15)) return "name != nil";
  const Text name = scoped({".", "span.", "resource.", "event.", "link.", "instrumentation."},
                           one_of({"s", "i", "m", "b", "as", "none"}).c_str());
  return name + equality() + "nil";
}

// ------------------------------------------------------------------------------- one trace

std::string RandomQueries::spanset(int depth) {
  if (depth == 0 || chance(25)) return chance(30) ? "{ }" : filter();
  const Text op = use("relation", {"&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<",
                                   "!~", "&>", "&>>", "&<", "&<<", "&~", ">", ">>"});
  const Text right = spanset(depth - 1);
  const bool is_filter = right.front() == '{' && right.find('}') + 1 == right.size();
  return spanset(depth - 1) + " " + op + " " +
         (is_filter || chance(30) ? right : "(" + right + ")");
}

std::string RandomQueries::pipeline() {
  if (chance(6)) {  // pipelines as operands
    const Text op = use("relation", {"&&", "||", ">>", "<", "!>", "&~"});
    used("stage", "(pipeline)");
    return "(" + filter() + " | " + scalar() + ") " + op + " (" +
           (chance(50) ? filter() : spanset(1)) + (chance(50) ? " | " + scalar() : "") + ")";
  }
  Text text = chance(80)   ? spanset(static_cast<int>(number(3)))
              : chance(50) ? scalar()
              : chance(50) ? group()
                           : select();
  for (uint64_t left = chance(45) ? 1 + number(3) : 0; left > 0; --left) text += " | " + stage();
  return text;
}

std::string RandomQueries::stage() {
  switch (number(8)) {
    case 0:
    case 1:
      return scalar();
    case 2:
    case 3:
      return group();
    case 4:
      return used("stage", "coalesce") + "()";
    case 5:
      return select();
    default:
      used("stage", "filter");
      return chance(70) ? filter() : spanset(1);
  }
}

std::string RandomQueries::scalar() {
  used("stage", "scalar");
  const Text function = use("aggregate", {"count", "min", "max", "avg", "sum"});
  const Text op = order();
  if (function == "count") return "count()" + op + std::to_string(number(5));
  switch (number(4)) {
    case 0:
      return function + "(" + used("intrinsic", "duration") + ")" + op + duration();
    case 1:
      return function + "(" + arithmetic(0) + ")" + op + whole();
    default:
      return function + "(" +
             (chance(70) ? scoped({".", "span."}, "i") : scoped({".", "span."}, "f")) + ")" + op +
             (chance(50) ? whole() : real());
  }
}

std::string RandomQueries::group() {
  used("stage", "by");
  const Text inner = chance(80) ? attribute() : chance(50) ? arithmetic(0) : numbers();
  return "by(" + inner + ")";
}

std::string RandomQueries::attribute() {
  if (chance(40)) {
    return use("intrinsic", {"name", "kind", "status", "rootName", "rootServiceName", "duration",
                             "statusMessage", "nestedSetParent", "span:childCount",
                             "instrumentation:name", "event:name"});
  }
  return scoped({".", "span.", "resource.", "instrumentation."},
                one_of({"s", "i", "b", "service.name", "m", "f"}).c_str());
}

std::string RandomQueries::select() {
  return used("stage", "select") + "(" + attribute() + (chance(50) ? ", " + attribute() : "") + ")";
}

// ------------------------------------------------------------------------------- over time

std::string RandomQueries::by(uint64_t most) {
  if (!chance(55)) return "";
  used("metrics", "by");
  Text out = " by(" + attribute();
  for (uint64_t left = chance(40) ? number(most) : 0; left > 0; --left) out += ", " + attribute();
  return out + ")";
}

std::string RandomQueries::metric() {
  const Text function =
      use("metrics", {"rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time",
                      "sum_over_time", "quantile_over_time", "histogram_over_time", "compare"});
  if (function == "compare") {
    const Text top = chance(50) ? "" : ", " + std::to_string(1 + number(20));
    return function + "(" + filter() + top + ")";
  }
  Text call = function + "()";
  if (function.ends_with("_over_time") && function != "count_over_time") {
    call = function + "(" +
           (chance(40)   ? used("intrinsic", "duration")
            : chance(20) ? use("intrinsic", {"traceDuration", "event:timeSinceStart"})
            : chance(70) ? scoped({".", "span."}, "i")
                         : scoped({".", "span."}, chance(50) ? "f" : "m")) +
           (function == "quantile_over_time" ? one_of({", .5", ", 0, .9, 1", ", .25, .99"}) : "") +
           ")";
  }
  const bool is_narrow = function.starts_with("quantile") || function.starts_with("histogram") ||
                         function.starts_with("avg");
  return call + by(is_narrow ? 4 : 5) + second_stages();
}

std::string RandomQueries::second_stages() {
  Text out;
  for (uint64_t left = chance(30) ? 1 + number(2) : 0; left > 0; --left) {
    if (chance(50)) {
      out +=
          " | " + use("metrics", {"topk", "bottomk"}) + "(" + std::to_string(1 + number(4)) + ")";
    } else {
      out += order() + (chance(70) ? std::to_string(number(4)) : one_of({"0.05", "30ms", "1s"}));
      used("metrics", "second filter");
    }
  }
  return out;
}

}  // namespace vivace
