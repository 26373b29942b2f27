// WriteRequest { 1: TimeSeries { 1: Label, 2: Sample, 3: Exemplar } }; Sample { 1: value, 2: ms };
// Exemplar { 1: Label, 2: value, 3: ms }; a native histogram is field 4 in place of 2. Sizes are
// known before anything is written, labels are copied as they are kept.
#include "generator/round_writer.h"

#include <algorithm>

#include "base/bytes.h"
#include "wire/compression.h"
#include "wire/protobuf_writer.h"

namespace vivace::generator {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr size_t kBodyBytesMax = 64 << 20;
constexpr size_t kRawBytesMax = 4 << 20;  // a body closes that has as many

// A Sample field of a TimeSeries.
void write_sample(std::string& out, double value, int64_t time_ms) {
  const auto time = static_cast<uint64_t>(time_ms);
  out.clear();
  append_key(out, 2, Wire::bytes);
  append_varint(out, 1 + 8 + 1 + varint_size(time));
  append_double(out, 1, value);
  append_uint(out, 2, time);
}

std::string_view without_zeros(std::string_view hex) {
  return hex.substr(std::min(hex.find_first_not_of('0'), hex.size() - 1));
}

}  // namespace

RoundWriter::RoundWriter(const RoundOptions& options, int64_t time_ms)
    : options_(options), time_ms_(time_ms), zero_ms_(time_ms - time_ms % kMinuteMs - 1000) {
  write_sample(zero_, 0, zero_ms_);
}

void RoundWriter::add(const Point& point) {
  const SeriesLabels* labels = point.labels;
  Point to = point;
  if (options_.relabeling != nullptr) {
    if (!relabel(point)) return;
    labels = &relabeled_;
    to.name = {};
    to.bound = {};
  }
  if (point.begins_at_zero && zero_ms_ > point.known_until_ms) add_zero(*labels, to);
  to.exemplar = options_.exemplars ? point.exemplar : nullptr;
  if (point.native != nullptr) {
    point.native->encode(sample_, time_ms_);
    ++values_.histograms;
  } else {
    write_sample(sample_, point.value, time_ms_);
  }
  append_series(values_.raw, *labels, to, sample_);
  if (to.exemplar != nullptr) ++values_.exemplars;
  if (is_full_with_one_more(values_)) close(values_, round_.values, time_ms_);
}

void RoundWriter::add_zero(const SeriesLabels& labels, Point point) {
  point.exemplar = nullptr;
  if (point.native != nullptr) {
    point.native->encode_empty(sample_, zero_ms_);
    append_series(zeros_.raw, labels, point, sample_);
    ++zeros_.histograms;
  } else {
    append_series(zeros_.raw, labels, point, zero_);
  }
  if (is_full_with_one_more(zeros_)) close(zeros_, round_.zeros, zero_ms_);
}

void RoundWriter::append_series(std::string& out, const SeriesLabels& labels, const Point& point,
                                std::string_view sample) {
  exemplar_.clear();
  if (point.exemplar != nullptr) {
    const std::string hex = to_hex(point.exemplar->trace.view());
    std::string body = label_field(options_.exemplar_label, without_zeros(hex));
    append_double(body, 2, point.exemplar->value);
    append_uint(body, 3, static_cast<uint64_t>(time_ms_));
    append_bytes(exemplar_, 3, body);
  }
  const std::string_view bytes = labels.bytes;
  append_key(out, 1, Wire::bytes);
  append_varint(out, bytes.size() + point.name.size() + point.bound.size() + sample.size() +
                         exemplar_.size());
  out += bytes.substr(0, labels.name_at);
  out += point.name;
  out += bytes.substr(labels.name_at, labels.le_at - labels.name_at);
  out += point.bound;
  out += bytes.substr(labels.le_at);
  out += sample;
  out += exemplar_;
}

// False when the series is not for this receiver.
bool RoundWriter::relabel(const Point& point) {
  const std::string_view bytes = point.labels->bytes;
  std::string fields(point.name);
  fields += point.bound;
  fields += bytes;
  std::vector<Label> labels = decode_labels(fields);
  if (!options_.relabeling->apply(labels)) return false;
  relabeled_ = encode_labels(labels);
  return true;
}

// Counts a sample. Long labels fill a body before many samples do.
bool RoundWriter::is_full_with_one_more(Open& open) const {
  return ++open.samples >= options_.samples_max || open.raw.size() >= kRawBytesMax;
}

void RoundWriter::close(Open& open, std::vector<WriteBody>& to, int64_t time_ms) {
  to.push_back({.packed = pack_snappy_block(open.raw),
                .samples = open.samples,
                .histograms = open.histograms,
                .exemplars = open.exemplars,
                .time_ms = time_ms,
                .is_zeros = &open == &zeros_});
  open.raw.clear();
  open.samples = 0;
  open.histograms = 0;
  open.exemplars = 0;
}

Round RoundWriter::finish() {
  if (zeros_.samples > 0) close(zeros_, round_.zeros, zero_ms_);
  if (values_.samples > 0) close(values_, round_.values, time_ms_);
  return std::move(round_);
}

namespace {

// A part of another body.
class PartWriter {
 public:
  void add(std::string_view series) {
    append_bytes(raw_, 1, series);
    ++body_.samples;
    ProtoReader fields(series);
    while (fields.next()) {
      if (fields.key() == proto_key(3, Wire::bytes)) ++body_.exemplars;
      if (fields.key() == proto_key(4, Wire::bytes)) ++body_.histograms;
      fields.skip();
    }
  }
  WriteBody finish(const WriteBody& of) {
    body_.packed = pack_snappy_block(raw_);
    body_.time_ms = of.time_ms;
    body_.is_zeros = of.is_zeros;
    return std::move(body_);
  }

 private:
  std::string raw_;
  WriteBody body_;
};

std::string unpack_body(const WriteBody& body) {
  auto raw = unpack(ContentEncoding::snappy_block, body.packed, kBodyBytesMax);
  ASSERT(raw.has_value());  // our own
  return std::move(*raw);
}

}  // namespace

std::pair<WriteBody, WriteBody> split_body(const WriteBody& body) {
  const std::string raw = unpack_body(body);
  PartWriter first;
  PartWriter second;
  uint32_t series = 0;
  ProtoReader in(raw);
  while (in.next()) (series++ < body.samples / 2 ? first : second).add(in.bytes());
  return {first.finish(body), second.finish(body)};
}

WriteBody one_of_body(const WriteBody& body, uint32_t series) {
  const std::string raw = unpack_body(body);
  PartWriter one;
  uint32_t at = 0;
  ProtoReader in(raw);
  while (in.next()) {
    const std::string_view bytes = in.bytes();
    if (at++ == series) one.add(bytes);
  }
  return one.finish(body);
}

}  // namespace vivace::generator
