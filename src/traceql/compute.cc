// Operators on values; see compute.h for the rules. Signed overflow is undefined in C++ and wraps
// in the language, so integers are computed unsigned.
#include "traceql/compute.h"

#include <cmath>
#include <compare>
#include <limits>

#include "traceql/regex.h"

namespace vivace::traceql {
namespace {

constexpr std::string_view kNoNumber = "arithmetic on a value that is no number";

bool is_whole(const Datum& value) {
  return value.type() == Type::integer || value.type() == Type::duration;
}

int64_t whole(const Datum& value) {
  if (const auto* duration = value.get_if<Duration>()) return duration->ns;
  return value.as<int64_t>();
}

double real(const Datum& value) {
  if (const auto* number = value.get_if<double>()) return *number;
  return static_cast<double>(whole(value));
}

// Two's complement, without the undefined overflow of signed types.
int64_t wrap(uint64_t value) { return static_cast<int64_t>(value); }

int64_t integer_power(int64_t base, int64_t exponent) {
  const double result =
      std::trunc(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  constexpr double kLimit = 9223372036854775808.0;
  if (!(result >= -kLimit && result < kLimit)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(result);
}

Computed integer_arithmetic(Op op, int64_t a, int64_t b) {
  const auto ua = static_cast<uint64_t>(a);
  const auto ub = static_cast<uint64_t>(b);
  switch (op) {
    case Op::add:
      return datum<int64_t>(wrap(ua + ub));
    case Op::subtract:
      return datum<int64_t>(wrap(ua - ub));
    case Op::multiply:
      return datum<int64_t>(wrap(ua * ub));
    case Op::divide:
      if (b == 0) return std::unexpected("division by zero");
      return datum<int64_t>(b == -1 ? wrap(0 - ua) : a / b);
    case Op::modulo:
      if (b == 0) return std::unexpected("modulo by zero");
      return datum<int64_t>(b == -1 ? 0 : a % b);
    default:
      return datum<int64_t>(integer_power(a, b));
  }
}

double real_arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return a / b;
    case Op::modulo:
      return std::fmod(a, b);
    default:
      return std::pow(a, b);
  }
}

bool holds(Op op, std::partial_ordering order) {
  switch (op) {
    case Op::equal:
      return order == 0;
    case Op::not_equal:
      return order != 0;
    case Op::less:
      return order < 0;
    case Op::less_equal:
      return order <= 0;
    case Op::greater:
      return order > 0;
    default:
      return order >= 0;
  }
}

bool compare_numbers(Op op, const Datum& lhs, const Datum& rhs) {
  if (is_whole(lhs) && is_whole(rhs)) return holds(op, whole(lhs) <=> whole(rhs));
  return holds(op, real(lhs) <=> real(rhs));
}

bool compare_strings(Op op, const std::string& lhs, const std::string& rhs) {
  if (op != Op::matches && op != Op::not_matches) return holds(op, lhs.compare(rhs) <=> 0);
  const auto regex = Regex::compile(rhs);
  return regex && regex->matches(lhs) == (op == Op::matches);
}

bool compare_booleans(Op op, bool lhs, bool rhs) {
  if (op == Op::both) return lhs && rhs;
  if (op == Op::either) return lhs || rhs;
  return (lhs == rhs) == (op == Op::equal);
}

bool compare(Op op, const Datum& lhs, const Datum& rhs) {
  if (!takes(op, lhs.type()) || !takes(op, rhs.type())) return false;
  if (is_number(lhs.type()) && is_number(rhs.type())) return compare_numbers(op, lhs, rhs);
  if (lhs.type() != rhs.type()) return false;
  switch (lhs.type()) {
    case Type::string:
      return compare_strings(op, lhs.as<std::string>(), rhs.as<std::string>());
    case Type::boolean:
      return compare_booleans(op, lhs.as<bool>(), rhs.as<bool>());
    case Type::status:
      return (lhs.as<Status>() == rhs.as<Status>()) == (op == Op::equal);
    case Type::kind:
      return (lhs.as<Kind>() == rhs.as<Kind>()) == (op == Op::equal);
    default:
      return false;
  }
}

}  // namespace

Computed compute(Op op, const Datum& lhs, const Datum& rhs) {
  if (!is_arithmetic(op)) return datum<bool>(compare(op, lhs, rhs));
  if (!is_number(lhs.type()) || !is_number(rhs.type())) return std::unexpected(kNoNumber);
  if (lhs.type() == Type::integer && rhs.type() == Type::integer) {
    return integer_arithmetic(op, lhs.as<int64_t>(), rhs.as<int64_t>());
  }
  return datum<double>(real_arithmetic(op, real(lhs), real(rhs)));
}

Computed compute(Op op, const Datum& operand) {
  if (op == Op::invert) {
    if (const auto* value = operand.get_if<bool>()) return datum<bool>(!*value);
    return std::unexpected("negation of a value that is no boolean");
  }
  if (const auto* number = operand.get_if<double>()) return datum<double>(-*number);
  if (!is_whole(operand)) return std::unexpected(kNoNumber);
  const int64_t negated = wrap(0 - static_cast<uint64_t>(whole(operand)));
  if (operand.type() == Type::duration) return datum<Duration>({negated});
  return datum<int64_t>(negated);
}

}  // namespace vivace::traceql
