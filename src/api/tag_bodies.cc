// Appends, member by member, in the order of the protobuf messages. Answers are at most some
// megabytes (the limit of bytes), so that they are written whole.
#include "api/tag_bodies.h"

#include <utility>

#include <fmt/format.h>
#include <protozero/pbf_writer.hpp>

#include "wire/json.h"

namespace vivace::api {
namespace {

using protozero::pbf_writer;

void append_list(std::string& out, const auto& texts) {
  out += '[';
  bool first = true;
  for (const auto& text : texts) {
    if (!std::exchange(first, false)) out += ',';
    append_json_string(out, text);
  }
  out += ']';
}

void append_metrics(std::string& out, const Inspected& inspected) {
  out += ",\"metrics\":{";
  if (inspected.bytes > 0) {
    out += "\"inspectedBytes\":";
    append_json_uint64(out, inspected.bytes);
  }
  out += "}}";
}

void append_metrics(pbf_writer& out, const Inspected& inspected) {
  std::string metrics;
  if (inspected.bytes > 0) pbf_writer(metrics).add_uint64(1, inspected.bytes);
  out.add_message(2, metrics);
}

}  // namespace

// SearchTagsResponse and SearchTagValuesResponse have the same fields.
std::string texts_body(Form form, std::string_view member, const std::vector<std::string>& texts,
                       const Inspected& inspected) {
  std::string out;
  if (form == Form::protobuf) {
    pbf_writer writer(out);
    for (const std::string& text : texts) writer.add_string(1, text);
    append_metrics(writer, inspected);
    return out;
  }
  out = fmt::format("{{\"{}\":", member);
  append_list(out, texts);
  append_metrics(out, inspected);
  return out;
}

std::string scopes_body(Form form, const std::vector<NamedScope>& scopes,
                        const Inspected& inspected) {
  std::string out;
  if (form == Form::protobuf) {
    pbf_writer writer(out);
    for (const NamedScope& scope : scopes) {
      pbf_writer inner(writer, 1);
      inner.add_string(1, scope.name.data(), scope.name.size());
      for (const std::string& tag : scope.tags) inner.add_string(2, tag);
    }
    append_metrics(writer, inspected);
    return out;
  }
  out = "{\"scopes\":[";
  for (const NamedScope& scope : scopes) {
    if (&scope != scopes.data()) out += ',';
    out += fmt::format("{{\"name\":\"{}\",\"tags\":", scope.name);
    append_list(out, scope.tags);
    out += '}';
  }
  out += ']';
  append_metrics(out, inspected);
  return out;
}

std::string typed_body(Form form, const TagValues& values) {
  std::string out;
  if (form == Form::protobuf) {
    pbf_writer writer(out);
    for (const TagValue& value : values.values) {
      pbf_writer inner(writer, 1);
      const std::string_view type = text_of(value.type);
      inner.add_string(1, type.data(), type.size());
      inner.add_string(2, value.text);
    }
    append_metrics(writer, values.inspected);
    return out;
  }
  out = "{\"tagValues\":[";
  for (const TagValue& value : values.values) {
    if (&value != values.values.data()) out += ',';
    out += fmt::format("{{\"type\":\"{}\",\"value\":", text_of(value.type));
    append_json_string(out, value.text);
    out += '}';
  }
  out += ']';
  append_metrics(out, values.inspected);
  return out;
}

std::string llm_body(const TagValues& values) {
  std::string out = "{\"tagValues\":{";
  for (size_t i = 0; i < values.values.size();) {
    const TagType type = values.values[i].type;
    std::vector<std::string_view> texts;
    for (; i < values.values.size() && values.values[i].type == type; ++i) {
      texts.push_back(values.values[i].text);
    }
    if (out.back() != '{') out += ',';
    out += fmt::format("\"{}\":", text_of(type));
    append_list(out, texts);
  }
  out += '}';
  append_metrics(out, values.inspected);
  return out;
}

}  // namespace vivace::api
