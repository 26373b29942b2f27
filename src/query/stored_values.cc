// Values as the language has them. Arrays are unpacked into values of their own, which costs an
// allocation an element: single rows are few, and columns judge an array once a dictionary.
#include "query/stored_values.h"

#include <algorithm>

#include <protozero/pbf_writer.hpp>

#include "query/tags_arrays.h"

namespace vivace {
namespace {

using traceql::Computed;
using traceql::Datum;
using traceql::Op;
using traceql::Type;

Datum array_datum(std::string_view bytes) {
  if (bytes.empty()) return datum(std::vector<std::string>());
  const std::vector<Value> elements = array_elements(bytes);
  if (elements.empty()) return {};
  const auto collect = [&]<class T>(std::vector<T> out, auto get) {
    for (const Value& element : elements) out.push_back(get(element));
    return datum(std::move(out));
  };
  switch (elements.front().type) {
    case ValueType::string:
      return collect(std::vector<std::string>(),
                     [](const Value& v) { return std::string(v.text); });
    case ValueType::integer:
      return collect(std::vector<int64_t>(), [](const Value& v) { return v.as_integer(); });
    case ValueType::real:
      return collect(std::vector<double>(), [](const Value& v) { return v.as_real(); });
    case ValueType::boolean:
      return collect(std::vector<bool>(), [](const Value& v) { return v.as_boolean(); });
    default:
      return {};
  }
}

bool is_empty_array(const Datum& value) {
  const auto* strings = value.get_if<std::vector<std::string>>();
  return strings != nullptr && strings->empty();
}

bool is_negative(Op op) { return op == Op::not_equal || op == Op::not_matches; }

Computed combine_array(Op op, const Datum& lhs, const Datum& rhs) {
  const bool left = traceql::is_array(lhs.type());
  if (left && traceql::is_array(rhs.type())) return std::unexpected("comparison of two arrays");
  const auto passes = [&](const Datum& element) {
    const Computed result =
        left ? traceql::compute(op, element, rhs) : traceql::compute(op, lhs, element);
    return result && is_true(*result);
  };
  const std::vector<Datum> elements = elements_of(left ? lhs : rhs);
  return datum<bool>(is_negative(op) ? std::ranges::all_of(elements, passes)
                                     : std::ranges::any_of(elements, passes));
}

// ArrayValue (opentelemetry-proto common/v1).
std::string array_bytes(const Datum& array) {
  std::string out;
  protozero::pbf_writer list(out);
  for (const Datum& element : elements_of(array)) {
    std::string bytes;
    protozero::pbf_writer any(bytes);
    if (const auto* text = element.get_if<std::string>()) any.add_string(1, *text);
    if (const auto* boolean = element.get_if<bool>()) any.add_bool(2, *boolean);
    if (const auto* integer = element.get_if<int64_t>()) any.add_int64(3, *integer);
    if (const auto* real = element.get_if<double>()) any.add_double(4, *real);
    list.add_message(1, bytes);
  }
  return out;
}

}  // namespace

Datum to_datum(const Value& value) {
  switch (value.type) {
    case ValueType::string:
      return datum(std::string(value.text));
    case ValueType::boolean:
      return datum<bool>(value.as_boolean());
    case ValueType::integer:
      return datum<int64_t>(value.as_integer());
    case ValueType::real:
      return datum<double>(value.as_real());
    case ValueType::array:
      return array_datum(value.text);
    case ValueType::empty:
    case ValueType::bytes:
    case ValueType::map:
      return {};
  }
  return {};
}

Value to_value(const Datum& value, std::string& room) {
  switch (value.type()) {
    case Type::string:
      return {.type = ValueType::string, .bits = 0, .text = value.as<std::string>()};
    case Type::boolean:
      return {.type = ValueType::boolean, .bits = value.as<bool>(), .text = {}};
    case Type::integer:
      return {.type = ValueType::integer,
              .bits = static_cast<uint64_t>(value.as<int64_t>()),
              .text = {}};
    case Type::real:
      return {
          .type = ValueType::real, .bits = std::bit_cast<uint64_t>(value.as<double>()), .text = {}};
    default:
      break;
  }
  const bool array = traceql::is_array(value.type());
  room = array ? array_bytes(value) : traceql::datum_text(value);
  return {.type = array ? ValueType::array : ValueType::string, .bits = 0, .text = room};
}

std::vector<Datum> elements_of(const Datum& array) {
  std::vector<Datum> out;
  std::visit(
      [&]<class T>(const T& values) {
        if constexpr (requires { typename T::value_type; } && !std::is_same_v<T, std::string>) {
          for (const auto& value : values) {
            out.push_back(datum<typename T::value_type>(value));
          }
        }
      },
      array.payload);
  return out;
}

Computed combine(Op op, const Datum& lhs, const Datum& rhs) {
  if (lhs.type() == Type::nil || rhs.type() == Type::nil) return datum<bool>(false);
  const auto has_elements = [](const Datum& value) {  // or could be one
    return value.type() != Type::status && value.type() != Type::kind;
  };
  if ((is_empty_array(lhs) && has_elements(rhs)) || (is_empty_array(rhs) && has_elements(lhs))) {
    if (traceql::is_arithmetic(op)) return std::unexpected("arithmetic on an array");
    return datum<bool>(is_negative(op));
  }
  if (!traceql::types_meet(lhs.type(), rhs.type()) || !traceql::takes(op, lhs.type()) ||
      !traceql::takes(op, rhs.type())) {
    return datum<bool>(false);
  }
  if (!traceql::is_array(lhs.type()) && !traceql::is_array(rhs.type())) {
    return traceql::compute(op, lhs, rhs);
  }
  if (traceql::is_arithmetic(op)) return std::unexpected("arithmetic on an array");
  return combine_array(op, lhs, rhs);
}

Computed combine(Op op, const Datum& operand) {
  if (operand.type() == Type::nil) return Datum{};
  return traceql::compute(op, operand);
}

traceql::Status to_status(uint64_t otlp) {
  if (otlp == 1) return traceql::Status::ok;
  return otlp == 2 ? traceql::Status::error : traceql::Status::unset;
}

traceql::Kind to_kind(uint64_t otlp) {
  using traceql::Kind;
  constexpr Kind kKinds[] = {Kind::unspecified, Kind::internal, Kind::server,
                             Kind::client,      Kind::producer, Kind::consumer};
  return otlp < std::size(kKinds) ? kKinds[otlp] : Kind::unspecified;
}

}  // namespace vivace
