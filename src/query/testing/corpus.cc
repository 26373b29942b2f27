// JSON to spans, and expectations to text. Trace ids come in several lengths; texts have all
// digits.
#include "query/testing/corpus.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/testing/otlp_bytes.h"
#include "query/testing/naive_field.h"
#include "traceql/testing/cases.h"

namespace vivace::corpus {

std::string text_at(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? "" : std::string(value->as_string());
}
uint64_t number_at(const json::object& object, const char* key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? 0 : value->to_number<uint64_t>();
}

TraceId trace_id_of(std::string text) {
  text.insert(0, 32 - std::min<size_t>(32, text.size()), '0');
  return make_trace_id(std::stoull(text.substr(text.size() - 32, 16), nullptr, 16),
                       std::stoull(text.substr(text.size() - 16), nullptr, 16));
}
SpanId span_id_of(const std::string& text) {
  return text.empty() ? SpanId{} : make_span_id(std::stoull(text, nullptr, 16));
}

// {"s": "x"} and so on; lists are OTLP arrays.
SentValue value_of(const json::value& tagged) {
  const auto& [tag, value] = *tagged.as_object().begin();
  SentValue out;
  if (tag == "s") return {ValueType::string, 0, std::string(value.as_string())};
  if (tag == "b") return {ValueType::boolean, value.as_bool(), ""};
  if (tag == "i") {
    return {ValueType::integer, static_cast<uint64_t>(value.to_number<int64_t>()), ""};
  }
  if (tag == "d") return {ValueType::real, std::bit_cast<uint64_t>(value.to_number<double>()), ""};
  out.type = ValueType::array;
  protozero::pbf_writer list(out.text);
  for (const json::value& element : value.as_array()) {
    const json::object inner{{std::string_view(tag).substr(1), element}};
    write_message(list, 1, [&](protozero::pbf_writer& any) { write_value(any, value_of(inner)); });
  }
  return out;
}

SentAttributes attributes_of(const json::object& object, const char* key) {
  SentAttributes out;
  const json::value* attributes = object.if_contains(key);
  if (attributes == nullptr) return out;
  for (const auto& [name, value] : attributes->as_object()) {
    out.push_back({std::string(name), value_of(value)});
  }
  return out;
}

namespace {

int32_t index_of(std::initializer_list<std::string_view> words, std::string_view word) {
  return static_cast<int32_t>(std::ranges::find(words, word) - words.begin());
}

SentSpan span_of(const json::object& from, TraceId trace) {
  SentSpan out;
  out.trace_id = trace;
  out.span_id = span_id_of(text_at(from, "id"));
  out.parent_id = span_id_of(text_at(from, "parent"));
  out.name = text_at(from, "name");
  out.kind = index_of({"unspecified", "internal", "server", "client", "producer", "consumer"},
                      text_at(from, "kind"));
  out.status_code = index_of({"unset", "ok", "error"}, text_at(from, "status"));
  out.status_message = text_at(from, "statusMessage");
  out.start_ns = number_at(from, "start");
  out.end_ns = out.start_ns + number_at(from, "dur");
  out.attributes = attributes_of(from, "attrs");
  SentResource resource;
  resource.attributes = attributes_of(from, "resource");
  out.resource = std::make_shared<const SentResource>(std::move(resource));
  if (const json::value* scope = from.if_contains("scope")) {
    SentScope sent;
    sent.name = text_at(scope->as_object(), "name");
    sent.version = text_at(scope->as_object(), "version");
    sent.attributes = attributes_of(scope->as_object(), "attrs");
    out.scope = std::make_shared<const SentScope>(std::move(sent));
  }
  if (const json::value* events = from.if_contains("events")) {
    for (const json::value& event : events->as_array()) {
      const json::object& e = event.as_object();
      out.events.push_back({out.start_ns + number_at(e, "offset"), text_at(e, "name"),
                            attributes_of(e, "attrs"), 0});
    }
  }
  if (const json::value* links = from.if_contains("links")) {
    for (const json::value& link : links->as_array()) {
      const json::object& l = link.as_object();
      SentLink sent;
      sent.trace_id = trace_id_of(text_at(l, "traceID"));
      sent.span_id = span_id_of(text_at(l, "spanID"));
      sent.attributes = attributes_of(l, "attrs");
      out.links.push_back(std::move(sent));
    }
  }
  return out;
}

}  // namespace

std::map<std::string, std::vector<SentSpan>> read_datasets() {
  std::ifstream file(traceql::testing::source_root() + "tests/traceql/eval_datasets.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::map<std::string, std::vector<SentSpan>> out;
  const json::value all = json::parse(text);
  for (const auto& [name, dataset] : all.as_object()) {
    if (!dataset.is_object()) continue;
    for (const json::value& trace : dataset.at("traces").as_array()) {
      const TraceId id = trace_id_of(text_at(trace.as_object(), "traceID"));
      for (const json::value& span : trace.at("spans").as_array()) {
        out[name].push_back(span_of(span.as_object(), id));
      }
    }
  }
  return out;
}

std::vector<json::object> read_cases() {
  std::ifstream file(traceql::testing::source_root() + "tests/traceql/eval_cases.jsonl");
  std::vector<json::object> out;
  for (std::string line; std::getline(file, line);) out.push_back(json::parse(line).as_object());
  return out;
}

namespace {

std::string hex_trace(std::string_view text) {
  return to_hex(trace_id_of(std::string(text)).view());
}
std::string hex_span(const json::value& text) {
  return to_hex(span_id_of(std::string(text.as_string())).view());
}

std::vector<naive::Label> labels_of(const json::object& labels) {
  std::vector<naive::Label> out;
  for (const auto& [key, value] : labels) {
    out.push_back({std::string(key), naive::datum_of(value_of(value))});
  }
  return out;
}

}  // namespace

std::string expected_spans(const json::object& test) {
  std::string out;
  std::map<std::string, std::set<std::string>> traces;
  for (const auto& [trace, spans] : test.at("expect").as_object()) {
    for (const json::value& span : spans.as_array())
      traces[hex_trace(trace)].insert(hex_span(span));
  }
  for (const auto& [trace, spans] : traces) {
    out += fmt::format("{}: {}\n", trace, fmt::join(spans, " "));
  }
  return out;
}

std::string expected_sets(const json::object& test) {
  std::set<std::string> lines;
  for (const auto& [trace, sets] : test.at("spansets").as_object()) {
    for (const json::value& set : sets.as_array()) {
      std::string line = hex_trace(trace) + ":";
      for (const naive::Label& label : labels_of(set.at("attributes").as_object())) {
        line += fmt::format(" {}={}", label.name, traceql::datum_text(label.value));
      }
      std::set<std::string> spans;
      for (const json::value& span : set.at("spans").as_array()) spans.insert(hex_span(span));
      lines.insert(fmt::format("{} [{}] matched {}\n", line, fmt::join(spans, " "),
                               number_at(set.as_object(), "matched")));
    }
  }
  return fmt::format("{}", fmt::join(lines, ""));
}

naive::MetricRange range_of(const json::object& test) {
  const json::object& request = test.at("request").as_object();
  return {.start_ns = number_at(request, "start_ns"),
          .end_ns = number_at(request, "end_ns"),
          .step_ns = number_at(request, "step_ns"),
          .is_instant = request.contains("instant")};
}

std::vector<naive::Series> expected_series(const json::object& test) {
  std::vector<naive::Series> out;
  for (const json::value& value : test.at("series").as_array()) {
    const json::object& series = value.as_object();
    naive::Series one{labels_of(series.at("labels").as_object()), {}};
    if (const json::value* instant = series.if_contains("value")) {
      one.points[range_of(test).end_ns] = instant->to_number<double>();
    } else {
      for (const json::value& sample : series.at("samples").as_array()) {
        const uint64_t time_ns = sample.at(0).to_number<uint64_t>() * 1'000'000;
        one.points[time_ns] = sample.at(1).to_number<double>();
      }
    }
    out.push_back(std::move(one));
  }
  return out;
}

bool concerns(const json::object& test, const std::vector<naive::Label>& labels) {
  const std::string only = text_at(test, "only_label");
  return only.empty() ||
         std::ranges::any_of(labels, [&](const naive::Label& l) { return l.name == only; });
}

const std::map<std::string, std::string>& otherwise() {
  static const std::map<std::string, std::string> kOtherwise = {
      {"e202", "2 ^ 3 is 8"},
      {"e289", "quantiles are exact, not those of buckets"},
      {"e323", "quantiles are exact, not those of buckets"},
      {"e337", "quantiles are exact, not those of buckets"},
      {"e338", "quantiles are exact, not those of buckets"},
  };
  return kOtherwise;
}

}  // namespace vivace::corpus
