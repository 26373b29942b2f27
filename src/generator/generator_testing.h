// For tests: batches of one plain span, and the series that a collection gives, as texts that can
// be compared. Collected bodies are unpacked and parsed again, by a reader of their own.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/metrics.h"
#include "decode/otlp.h"
#include "decode/otlp_testing.h"
#include "generator/round_writer.h"
#include "generator/tenant.h"
#include "wire/compression.h"
#include "wire/protobuf.h"

namespace vivace::generator {

constexpr int64_t kNowMs = 1'790'000'000'000 / 60'000 * 60'000 + 20'123;  // 20 s into a minute
constexpr int64_t kNowNs = kNowMs * 1'000'000;

// A span that ended at `kNowMs`, alone in its request.
struct Made {
  std::string service = "shop";
  std::string name = "op";
  int32_t kind = 2;
  int32_t status = 0;
  double ms = 1;
  int64_t ago_ms = 0;
  uint64_t trace = 1;
  uint64_t id = 1;
  uint64_t parent = 0;
  plain::Attributes attributes = {};
  plain::Attributes resource = {};

  std::unique_ptr<Batch> batch() const {
    plain::Span span;
    span.trace_id = plain::trace_id(trace);
    span.span_id = plain::span_id(id);
    if (parent != 0) span.parent_id = plain::span_id(parent);
    span.name = name;
    span.kind = kind;
    span.status_code = status;
    span.end_ns = static_cast<uint64_t>(kNowNs - ago_ms * 1'000'000);
    span.start_ns = span.end_ns - static_cast<uint64_t>(ms * 1e6);
    span.attributes = attributes;
    plain::ResourceSpans one;
    if (!service.empty()) one.attributes.push_back({"service.name", plain::text(service)});
    one.attributes.insert(one.attributes.end(), resource.begin(), resource.end());
    one.scopes.emplace_back().spans.push_back(span);
    return *decode_otlp(plain::encode({one}), {});
  }
};

// {"name{a="1",b="2"}": value}; labels in the order in which they were sent.
using Shown = std::map<std::string, double>;

struct Collected {
  Shown values;
  Shown zeros;
  std::map<std::string, std::string> exemplars;  // by series: "label=id value"
  int64_t time_ms = 0;
  int64_t zero_ms = 0;
  bool is_sorted = true;  // the labels of every series are in the order of their names
  size_t bodies = 0;
};

struct ShownSeries {
  std::string name;
  std::string labels;
  std::string last_label;
  std::string exemplar;
  double value = 0;
  int64_t time_ms = 0;
  bool is_sorted = true;

  void read_label(ProtoReader label) {
    std::string key;
    std::string text;
    while (label.next()) (label.field() == 1 ? key : text) = label.bytes();
    is_sorted = is_sorted && last_label < key;
    last_label = key;
    if (key == "__name__") {
      name = text;
    } else {
      labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", key, text);
    }
  }
  void read_sample(ProtoReader sample) {
    while (sample.next()) {
      if (sample.field() == 1) {
        value = std::bit_cast<double>(sample.fixed64());
      } else {
        time_ms = static_cast<int64_t>(sample.varint());
      }
    }
  }
  void read_exemplar(ProtoReader in) {
    while (in.next()) {
      if (in.field() == 1) {
        ProtoReader label(in.bytes());
        while (label.next())
          exemplar += (label.field() == 1 ? "" : "=") + std::string(label.bytes());
      } else if (in.field() == 2) {
        exemplar += fmt::format(" {}", std::bit_cast<double>(in.fixed64()));
      } else {
        in.varint();
      }
    }
  }
};

inline void read_series(std::string_view bytes, Collected& out, bool is_zero) {
  ShownSeries series;
  ProtoReader in(bytes);
  while (in.next()) {
    const ProtoReader part(in.bytes());
    if (in.field() == 1) series.read_label(part);
    if (in.field() == 2) series.read_sample(part);
    if (in.field() == 3) series.read_exemplar(part);
  }
  out.is_sorted = out.is_sorted && series.is_sorted;
  (is_zero ? out.zero_ms : out.time_ms) = series.time_ms;
  const std::string key = fmt::format("{}{{{}}}", series.name, series.labels);
  (is_zero ? out.zeros : out.values)[key] = series.value;
  if (!series.exemplar.empty()) out.exemplars[key] = series.exemplar;
}

inline void read_body(const WriteBody& body, Collected& out) {
  const std::string raw = *unpack(ContentEncoding::snappy_block, body.packed, 64 << 20);
  ++out.bodies;
  ProtoReader in(raw);
  while (in.next()) read_series(in.bytes(), out, body.is_zeros);
}

inline Collected show(const Round& round) {
  Collected out;
  for (const WriteBody& body : round.zeros) read_body(body, out);
  for (const WriteBody& body : round.values) read_body(body, out);
  return out;
}

// One tenant with its clock.
class Fixture {
 public:
  explicit Fixture(const config::Generator& config, int64_t series_max = 1'000'000)
      : tenant_(std::make_unique<Tenant>(
            config,
            TenantOptions{.tenant = "t", .instance = "host", .series_max_default = series_max},
            series_, metrics_)) {
    series_.unbounded.series_max = series_max;
  }

  void reconfigure(const config::Generator& config) { tenant_->reconfigure(config); }

  Fixture& take(const Made& made) { return take(*made.batch()); }
  Fixture& take(const Batch& batch) {
    tenant_->take(batch, {}, now_ms_ * 1'000'000);
    return *this;
  }
  bool is_empty() const { return tenant_->is_empty(); }
  void advance(int64_t ms) {
    now_ms_ += ms;
    tenant_->tick(now_ms_);
  }
  Collected collect(const RoundOptions& options = {.exemplars = true}) {
    RoundWriter writer(options, now_ms_);
    RoundWriter* const writers[] = {&writer};
    tenant_->collect(writers, now_ms_);
    return show(writer.finish());
  }
  // Without the histograms' parts and labels that all series have.
  Shown counters() {
    Shown out;
    for (const auto& [key, value] : collect().values) {
      if (key.find("_total{") == std::string::npos) continue;
      out[key] = value;
    }
    return out;
  }
  double metric(const std::string& name) {
    const std::string text = metrics_.render();
    const size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }

 private:
  Metrics metrics_;
  SeriesBudget series_;
  std::unique_ptr<Tenant> tenant_;
  int64_t now_ms_ = kNowMs;
};

// Span metrics of calls alone, so that series are few to look at.
inline config::Generator calls_only() {
  config::Generator config;
  config.span_metrics.calls = true;
  config.instance_label = false;
  return config;
}

inline config::Generator graphs_only() {
  config::Generator config;
  config.service_graphs.is_on = true;
  config.instance_label = false;
  return config;
}

}  // namespace vivace::generator
