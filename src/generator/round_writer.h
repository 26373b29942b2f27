// One collection on its way to one receiver: series are written one behind the other into bodies of
// remote write 1.0 (WriteRequest, snappy), at most so many samples each.
//
//   zeros:   a sample of 0 for each series that begins, just before the minute began
//   values:  a sample for each series, all of one time
//
// Zeros travel in requests of their own, ahead of the values: when the receiver knows the series
// from before a restart it refuses them, and nothing else is lost.
//
// The generator's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/label_set.h"
#include "generator/native_histogram.h"
#include "generator/relabel.h"
#include "model/ids.h"

namespace vivace::generator {

struct Exemplar {
  TraceId trace;
  double value = 0;
};

// One series at the moment of collection.
struct Point {
  const SeriesLabels* labels = nullptr;
  std::string_view name = {};   // label field of __name__
  std::string_view bound = {};  // of le, or empty
  double value = 0;
  const NativeHistogram* native = nullptr;  // takes the place of `value`
  const Exemplar* exemplar = nullptr;
  bool begins_at_zero = false;
  int64_t known_until_ms = 0;  // the receiver has samples of this series up to here
};

struct WriteBody {
  std::string packed;
  uint32_t samples = 0;     // and histograms: a series has one of either
  uint32_t histograms = 0;  // of them
  uint32_t exemplars = 0;
  int64_t time_ms = 0;
  bool is_zeros = false;
  // Of its queue alone.
  uint32_t attempts = 0;              // so far
  uint64_t failed_then = UINT64_MAX;  // id of the next request when it failed last; else: never
};

struct Round {
  std::vector<WriteBody> zeros;
  std::vector<WriteBody> values;
};

struct RoundOptions {
  size_t samples_max = 2000;  // of a body
  bool exemplars = false;
  std::string exemplar_label = "traceID";
  const Relabeling* relabeling = nullptr;  // or null
};

class RoundWriter {
 public:
  RoundWriter(const RoundOptions& options, int64_t time_ms);

  void add(const Point& point);
  int64_t time_ms() const { return time_ms_; }
  Round finish();

 private:
  struct Open {
    std::string raw;
    uint32_t samples = 0;
    uint32_t histograms = 0;
    uint32_t exemplars = 0;
  };
  void append_series(std::string& out, const SeriesLabels& labels, const Point& point,
                     std::string_view sample);
  void add_zero(const SeriesLabels& labels, Point point);
  bool relabel(const Point& point);
  bool is_full_with_one_more(Open& open) const;
  void close(Open& open, std::vector<WriteBody>& to, int64_t time_ms);

  const RoundOptions& options_;
  const int64_t time_ms_;
  const int64_t zero_ms_;
  std::string sample_;  // scratch
  std::string zero_;    // the sample of 0
  std::string exemplar_;
  SeriesLabels relabeled_;
  Open values_;
  Open zeros_;
  Round round_;
};

// The two halves of a body by series; the first is empty when there is only one.
std::pair<WriteBody, WriteBody> split_body(const WriteBody& body);

// One series of a body, by its place there.
WriteBody one_of_body(const WriteBody& body, uint32_t series);

}  // namespace vivace::generator
