// Reads OTLP's ArrayValue (opentelemetry-proto common/v1) with protozero, which throws: stored
// arrays were checked when they came, so that it is damage, and then there are no elements.
#include "query/tags_arrays.h"

#include <protozero/pbf_reader.hpp>

namespace vivace {
namespace {

using protozero::pbf_wire_type;
using protozero::tag_and_type;

// One AnyValue; empty for what is no string, boolean or number.
Value read_element(protozero::pbf_reader any) {
  Value out;
  while (any.next()) {
    switch (any.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::length_delimited): {
        const protozero::data_view text = any.get_view();
        out = {.type = ValueType::string, .text = {text.data(), text.size()}};
        break;
      }
      case tag_and_type(2, pbf_wire_type::varint):
        out = {.type = ValueType::boolean, .bits = any.get_uint64() != 0 ? 1U : 0U, .text = {}};
        break;
      case tag_and_type(3, pbf_wire_type::varint):
        out = {.type = ValueType::integer, .bits = any.get_uint64(), .text = {}};
        break;
      case tag_and_type(4, pbf_wire_type::fixed64):
        out = {.type = ValueType::real, .bits = any.get_fixed64(), .text = {}};
        break;
      default:
        out = {};
        any.skip();
    }
  }
  return out;
}

}  // namespace

std::vector<Value> array_elements(std::string_view array) {
  std::vector<Value> out;
  try {
    protozero::pbf_reader list(array.data(), array.size());
    while (list.next(1, pbf_wire_type::length_delimited)) {
      out.push_back(read_element(list.get_message()));
      if (out.back().type == ValueType::empty || out.back().type != out.front().type) return {};
    }
  } catch (const protozero::exception&) {
    return {};
  }
  return out;
}

}  // namespace vivace
