// For tests: plain requests (otlp_testing.h) as OTLP/JSON. Without a random source members stand in
// the order of their numbers, defaults are left out, ids are lower-case and 64-bit integers
// strings; with one, every member is spelled in one of the ways that the contract allows, in any
// order, with unknown members and white space in between.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"
#include "decode/otlp_testing.h"
#include "decode/random_request_testing.h"

namespace vivace::plain {

class JsonWriter {
 public:
  explicit JsonWriter(Random* random = nullptr) : random_(random) {}

  std::string request(const Request& request) {
    Members out;
    list(out, "resourceSpans", request, [&](const ResourceSpans& one) { return show(one); });
    return object(std::move(out));
  }

  static std::string base64(std::string_view bytes, bool padded = true) {
    constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t at = 0; at < bytes.size(); at += 3) {
      const size_t left = std::min<size_t>(3, bytes.size() - at);
      uint32_t bits = 0;
      for (size_t i = 0; i < 3; ++i) {
        bits = bits << 8 | (i < left ? static_cast<uint8_t>(bytes[at + i]) : 0U);
      }
      for (size_t i = 0; i <= left; ++i) out += kDigits[bits >> (18 - 6 * i) & 63];
      if (padded) out.append(3 - left, '=');
    }
    return out;
  }

 private:
  using Members = std::vector<std::string>;

  bool maybe(unsigned one_in) { return random_ != nullptr && chance(*random_, one_in); }
  uint64_t number(uint64_t below) { return (*random_)() % below; }

  std::string space() {
    constexpr std::array<const char*, 4> kSpaces = {" ", "\n", "\t\t", "\r\n  "};
    return maybe(12) ? kSpaces[number(kSpaces.size())] : "";
  }

  static std::string snake(std::string_view name) {
    std::string out;
    for (const char c : name) {
      if (c >= 'A' && c <= 'Z') out += '_';
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
  }

  static void append_escape(std::string& out, uint32_t unit) {
    out += fmt::format("\\u{:04x}", unit);
  }

  // One UTF-8 character as an escape, or two for a pair of surrogates.
  static void append_escaped(std::string& out, std::string_view character) {
    if (character.size() == 1) return append_escape(out, static_cast<uint8_t>(character[0]));
    uint32_t code = static_cast<uint8_t>(character[0]) & (0x7fU >> character.size());
    for (const char c : character.substr(1)) code = code << 6 | (static_cast<uint8_t>(c) & 63U);
    if (code < 0x10000) return append_escape(out, code);
    append_escape(out, 0xd800 + ((code - 0x10000) >> 10));
    append_escape(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
  }

  std::string quoted(std::string_view text) {
    std::string out = "\"";
    while (!text.empty()) {
      const int ones = std::countl_one(static_cast<uint8_t>(text[0]));
      const std::string_view character = text.substr(0, ones == 0 ? 1 : static_cast<size_t>(ones));
      text.remove_prefix(character.size());
      if (character == "\"" || character == "\\" || (character == "/" && maybe(2))) {
        out += '\\';
        out += character;
      } else if (static_cast<uint8_t>(character[0]) < ' ' || maybe(15)) {
        append_escaped(out, character);
      } else {
        out += character;
      }
    }
    return out + '"';
  }

  std::string member(std::string_view name, const std::string& value) {
    const std::string key = maybe(2) ? snake(name) : std::string(name);
    std::string out = quoted(key);
    out += space();
    out += ':';
    out += space();
    return out + value;
  }
  std::string unknown() {
    constexpr std::array<const char*, 8> kUnknown = {
        R"("x":null)",
        R"("":-1.5e-7)",
        R"("instrumentationLibrarySpans":[{"spans":[{"traceId":"no id","kind":[]}]}])",
        R"("entityRefs":[[],{},[[{"a":[true,false,null]}]]])",
        R"("Name":"\"]}\\")",
        R"("trace-id":{"kind":{"kind":3}})",
        R"("time_unix_nanos":123456789012345678901234567890)",
        R"("keys":[" \n",{"values":[{"intValue":1}]}])",
    };
    return kUnknown[number(kUnknown.size())];
  }

  std::string object(Members members) {
    if (random_ != nullptr) std::ranges::shuffle(members, *random_);
    std::string out = "{";
    std::string comma;
    const auto add = [&](const std::string& one) {
      out += comma + space() + one + space();
      comma = ",";
    };
    for (const std::string& one : members) {
      if (maybe(15)) add(unknown());
      add(one);
    }
    if (maybe(15)) add(unknown());
    return out + "}";
  }

  template <class T, class Show>
  void list(Members& out, std::string_view name, const std::vector<T>& values, const Show& show) {
    if (values.empty()) {
      if (maybe(3)) out.push_back(member(name, maybe(2) ? "null" : "[]"));
      return;
    }
    std::string text = "[";
    for (const T& one : values) {
      if (text.size() > 1) text += ',';
      text += space() + show(one) + space();
    }
    out.push_back(member(name, text + "]"));
  }

  // A member that has a default, which may be left out or null. What it had before, if it is twice
  // there, is overwritten: both are one string, so that shuffling keeps their order.
  void scalar(Members& out, std::string_view name, bool is_default, std::string_view other,
              const std::string& value) {
    if (is_default && !maybe(3)) {
      if (maybe(5)) out.push_back(member(name, "null"));
      return;
    }
    std::string text;
    if (maybe(20)) text = member(name, std::string(other)) + ",";
    text += member(name, value);
    if (maybe(20)) text += "," + member(name, "null");
    out.push_back(std::move(text));
  }

  void text(Members& out, std::string_view name, const std::string& value) {
    scalar(out, name, value.empty(), "\"other\"", quoted(value));
  }
  void id(Members& out, std::string_view name, const std::string& id) {
    std::string digits = to_hex(id);
    for (char& c : digits) {
      if (c >= 'a' && maybe(2)) c = static_cast<char>(c - 'a' + 'A');
    }
    scalar(out, name, id.empty(), "\"\"", quoted(digits));
  }

  // 1200 is also 1.2e3, 12E+02, 1200.0 and "1200".
  std::string integer(bool negative, uint64_t magnitude, bool string_by_default) {
    std::string digits = fmt::to_string(magnitude);
    if (maybe(4) && digits.ends_with('0') && magnitude != 0) {
      size_t zeros = 0;
      while (digits.ends_with('0')) {
        digits.pop_back();
        ++zeros;
      }
      const size_t moved = number(digits.size());
      if (moved > 0) digits.insert(digits.size() - moved, 1, '.');
      digits += fmt::format("{}{}{}", maybe(2) ? "e" : "E", maybe(2) ? "+" : "", zeros + moved);
    } else if (maybe(10)) {
      digits += maybe(2) ? ".0" : "e0";
    }
    if (negative) digits.insert(0, 1, '-');
    const bool as_string = random_ == nullptr ? string_by_default : maybe(2);
    return as_string ? "\"" + digits + "\"" : digits;
  }
  void count(Members& out, std::string_view name, uint32_t value) {
    scalar(out, name, value == 0, "4294967295", integer(false, value, false));
  }
  void time(Members& out, std::string_view name, uint64_t value) {
    scalar(out, name, value == 0, "\"5\"", integer(false, value, true));
  }
  void enumeration(Members& out, std::string_view name, int32_t value,
                   const std::vector<std::string>& names) {
    const bool named = value >= 0 && static_cast<size_t>(value) < names.size() && maybe(2);
    const auto magnitude = static_cast<uint64_t>(std::abs(int64_t{value}));
    std::string digits = integer(value < 0, magnitude, false);
    std::erase(digits, '"');  // a string is a name
    scalar(out, name, value == 0, "-7",
           named ? quoted(names[static_cast<size_t>(value)]) : std::move(digits));
  }

  std::string real(double value) {
    if (std::isnan(value)) return "\"NaN\"";
    if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    std::string digits = maybe(2) ? fmt::format("{:.17g}", value) : fmt::format("{}", value);
    return maybe(3) ? "\"" + digits + "\"" : digits;
  }

  std::string show(const Value& value) {
    Members out;
    switch (value.type) {
      case ValueType::empty:
        if (maybe(4)) out.push_back(member("stringValue", "null"));
        break;
      case ValueType::string:
        out.push_back(member("stringValue", quoted(value.text)));
        break;
      case ValueType::boolean:
        out.push_back(member("boolValue", value.bits != 0 ? "true" : "false"));
        break;
      case ValueType::integer: {
        const auto number = static_cast<int64_t>(value.bits);
        const uint64_t magnitude = number < 0 ? 0 - value.bits : value.bits;
        out.push_back(member("intValue", integer(number < 0, magnitude, true)));
        break;
      }
      case ValueType::real:
        out.push_back(member("doubleValue", real(std::bit_cast<double>(value.bits))));
        break;
      case ValueType::bytes:
        out.push_back(member("bytesValue", quoted(base64(value.text, !maybe(3)))));
        break;
      case ValueType::array: {
        Members values;
        list(values, "values", value.array, [&](const Value& one) {
          return one.type == ValueType::empty && maybe(2) ? std::string("null") : show(one);
        });
        out.push_back(member("arrayValue", object(std::move(values))));
        break;
      }
      case ValueType::map: {
        Members values;
        attributes(values, "values", value.map);
        out.push_back(member("kvlistValue", object(std::move(values))));
        break;
      }
    }
    return object(std::move(out));
  }

  void attributes(Members& out, std::string_view name, const Attributes& attributes) {
    list(out, name, attributes, [&](const KeyValue& one) {
      Members pair;
      text(pair, "key", one.key);
      if (one.value.type != ValueType::empty || !maybe(3)) {
        pair.push_back(member("value", show(one.value)));
      } else if (maybe(2)) {
        pair.push_back(member("value", "null"));
      }
      return object(std::move(pair));
    });
  }

  std::string show(const Event& event) {
    Members out;
    time(out, "timeUnixNano", event.time_ns);
    text(out, "name", event.name);
    attributes(out, "attributes", event.attributes);
    count(out, "droppedAttributesCount", event.dropped_attributes);
    return object(std::move(out));
  }
  std::string show(const Link& link) {
    Members out;
    id(out, "traceId", link.trace_id);
    id(out, "spanId", link.span_id);
    text(out, "traceState", link.trace_state);
    attributes(out, "attributes", link.attributes);
    count(out, "droppedAttributesCount", link.dropped_attributes);
    count(out, "flags", link.flags);
    return object(std::move(out));
  }
  std::string status(const Span& span) {
    Members out;
    text(out, "message", span.status_message);
    enumeration(out, "code", span.status_code,
                {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"});
    return object(std::move(out));
  }
  std::string show(const Span& span) {
    Members out;
    id(out, "traceId", span.trace_id);
    id(out, "spanId", span.span_id);
    text(out, "traceState", span.trace_state);
    id(out, "parentSpanId", span.parent_id);
    text(out, "name", span.name);
    enumeration(out, "kind", span.kind,
                {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                 "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"});
    time(out, "startTimeUnixNano", span.start_ns);
    time(out, "endTimeUnixNano", span.end_ns);
    attributes(out, "attributes", span.attributes);
    count(out, "droppedAttributesCount", span.dropped_attributes);
    list(out, "events", span.events, [&](const Event& one) { return show(one); });
    count(out, "droppedEventsCount", span.dropped_events);
    list(out, "links", span.links, [&](const Link& one) { return show(one); });
    count(out, "droppedLinksCount", span.dropped_links);
    out.push_back(member("status", status(span)));
    count(out, "flags", span.flags);
    return object(std::move(out));
  }
  std::string show(const ScopeSpans& one) {
    Members scope;
    text(scope, "name", one.name);
    text(scope, "version", one.version);
    attributes(scope, "attributes", one.attributes);
    count(scope, "droppedAttributesCount", one.dropped_attributes);
    Members out;
    out.push_back(member("scope", object(std::move(scope))));
    list(out, "spans", one.spans, [&](const Span& each) { return show(each); });
    text(out, "schemaUrl", one.schema_url);
    return object(std::move(out));
  }
  std::string show(const ResourceSpans& one) {
    Members resource;
    attributes(resource, "attributes", one.attributes);
    count(resource, "droppedAttributesCount", one.dropped_attributes);
    Members out;
    out.push_back(member("resource", object(std::move(resource))));
    list(out, "scopeSpans", one.scopes, [&](const ScopeSpans& each) { return show(each); });
    text(out, "schemaUrl", one.schema_url);
    return object(std::move(out));
  }

  Random* random_;
};

}  // namespace vivace::plain
