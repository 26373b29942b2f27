// The labels of a series. They are gathered as texts once, when a series is new, and kept in the
// form in which they are sent: Label fields of a TimeSeries message, sorted by name, with the two
// places where `__name__` and `le` go in when one of the metrics with these labels is written.
//
//   LabelSet set;
//   set.add("service", "shop");
//   set.add("http_method", "");           // empty: no label
//   SeriesLabels labels = set.encode(limits);
//
// One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vivace::generator {

struct SeriesLabels {
  std::string bytes;
  uint32_t name_at = 0;
  uint32_t le_at = 0;
};

struct LabelLimits {  // bytes
  size_t name_max = 1024;
  size_t value_max = 2048;
};

using Label = std::pair<std::string, std::string>;

class LabelSet {
 public:
  void clear() { labels_.clear(); }
  // A later label takes the place of an earlier one of the same name; an empty value is no label.
  void add(std::string_view name, std::string_view value) {
    if (!value.empty()) labels_.emplace_back(name, value);
  }

  // Whether Prometheus would take the values.
  bool is_utf8() const;
  // Cuts what is too long, sorts, leaves out what is empty.
  SeriesLabels encode(const LabelLimits& limits);

 private:
  std::vector<Label> labels_;
};

// One Label field of a TimeSeries message.
std::string label_field(std::string_view name, std::string_view value);

// From sorted labels, all of which are sent.
SeriesLabels encode_labels(const std::vector<Label>& sorted);

// The labels in such fields.
std::vector<Label> decode_labels(std::string_view fields);

// The name of the label for an attribute: what Prometheus does not allow becomes `_`, also a digit
// in front.
std::string label_name(std::string_view attribute);

// 0.002, 1.6, 10, +Inf: shortest, without an exponent.
std::string bound_text(double bound);

}  // namespace vivace::generator
