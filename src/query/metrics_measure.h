// The numbers that a function of time is about: `duration` of max_over_time(duration), an
// attribute's value, one of each picked row or none. Integers and durations stay exact integers.
//
// Used again and again, so that its arrays keep their memory. One thread.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <vector>

#include "query/metrics_rows.h"
#include "query/row_values.h"
#include "traceql/ast.h"

namespace vivace::metrics {

class Measured {
 public:
  enum class Form : uint8_t { none, integer, real };

  explicit Measured(std::optional<traceql::Attribute> of) : of_(std::move(of)) {}

  Result<void> read(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces);

  Form form(uint32_t place) const { return all_integers_ ? Form::integer : forms_[place]; }
  bool all_integers() const { return all_integers_; }
  int64_t integer(uint32_t place) const { return static_cast<int64_t>(bits_[place]); }
  double number(uint32_t place) const {
    return form(place) == Form::integer ? static_cast<double>(integer(place))
                                        : std::bit_cast<double>(bits_[place]);
  }
  // Calls take(place, number) for those that have one; NaN is none.
  template <class Take>
  void each(uint32_t count, Take take) const {
    if (all_integers_) {
      for (uint32_t place = 0; place < count; ++place) {
        take(place, static_cast<double>(integer(place)));
      }
      return;
    }
    for (uint32_t place = 0; place < count; ++place) {
      if (forms_[place] != Form::none) take(place, number(place));
    }
  }

  // Whether its integers are nanoseconds, and whether answers have them in seconds; of
  // histograms and quantiles that is the same.
  bool is_duration() const;
  bool is_in_seconds() const;

 private:
  Result<void> read_key(GroupColumns& group, const PickedRows& rows);
  Result<void> read_resource_key(GroupColumns& group, const PickedRows& rows);
  Result<void> read_rows(GroupColumns& group, const PickedRows& rows, TraceValues* maybe_traces);
  void set(uint32_t place, ValueType type, uint64_t bits);

  std::optional<traceql::Attribute> of_;
  bool all_integers_ = false;
  std::vector<uint64_t> bits_;
  std::vector<Form> forms_;  // unless all are integers
  std::vector<uint8_t> seen_;
};

}  // namespace vivace::metrics
