// One typed value of the language: a literal of the query, or what an expression comes to. Arrays
// have no literal; they come from stored attributes alone. Text forms are those that Vivace shows
// in messages, group values and series labels.
//
// Called by the parser and by evaluators, from any thread; values own what they hold.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vivace::traceql {

// In the order of Datum::Payload; `unknown` is what an attribute has before a span is seen.
enum class Type : uint8_t {
  nil,
  integer,
  real,
  string,
  boolean,
  duration,
  status,
  kind,
  integers,
  reals,
  strings,
  booleans,
  unknown,
};

// The language numbers these its own way; OTLP has unset 0, ok 1, error 2 and server 2, client 3.
enum class Status : uint8_t { error, ok, unset };
enum class Kind : uint8_t { unspecified, internal, client, server, producer, consumer };

struct Duration {
  int64_t ns = 0;
  auto operator<=>(const Duration&) const = default;
};

struct Datum {
  using Payload = std::variant<std::monostate, int64_t, double, std::string, bool, Duration, Status,
                               Kind, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>, std::vector<bool>>;
  Payload payload;

  Type type() const { return static_cast<Type>(payload.index()); }
  template <class T>
  const T& as() const {
    return std::get<T>(payload);
  }
  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&payload);
  }
};

template <class T>
Datum datum(T value) {
  return Datum{Datum::Payload(std::in_place_type<T>, std::move(value))};
}

constexpr bool is_number(Type type) {
  return type == Type::integer || type == Type::real || type == Type::duration;
}
constexpr bool is_array(Type type) { return type >= Type::integers && type <= Type::booleans; }

// `[1, 2]`, `1m30s`, `1.0`, `error`; strings in back ticks.
std::string datum_text(const Datum& value);

// The shortest digits that read back, with an exponent below 1e-04 and from 1e+06.
std::string real_text(double value);
std::string duration_text(Duration value);  // `1h0m0s`, `1.5µs`, `0s`
std::string_view status_text(Status value);
std::string_view kind_text(Kind value);

}  // namespace vivace::traceql
