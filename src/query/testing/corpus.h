// The cases of tests/traceql/eval_cases.jsonl and the traces that they are about, as spans.
//
// Not part of the product.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "query/testing/naive_metrics.h"

namespace vivace::corpus {

namespace json = boost::json;

std::map<std::string, std::vector<SentSpan>> read_datasets();
std::vector<json::object> read_cases();

// Empty and 0 where the key is not there.
std::string text_at(const json::object& object, const char* key);
uint64_t number_at(const json::object& object, const char* key);

TraceId trace_id_of(std::string text);
SpanId span_id_of(const std::string& text);
SentValue value_of(const json::value& tagged);  // {"s": "x"}
SentAttributes attributes_of(const json::object& object, const char* key);

// The expectations of a search, as text: `trace: span span` a line; and, where the case states
// spansets, `trace: avg(duration)=`1.25s` [span span] matched 2`.
std::string expected_spans(const json::object& test);
std::string expected_sets(const json::object& test);

// Those of a metrics case.
naive::MetricRange range_of(const json::object& test);
std::vector<naive::Series> expected_series(const json::object& test);
// Whether the case is about series like this one.
bool concerns(const json::object& test, const std::vector<naive::Label>& labels);

// Cases that contradict what Vivace does on purpose, with the reason.
const std::map<std::string, std::string>& otherwise();

}  // namespace vivace::corpus
