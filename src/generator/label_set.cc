// Labels as Prometheus wants them: sorted by the bytes of their names, none twice, none empty,
// UTF-8. Called when a series is new, by the generator's thread.
#include "generator/label_set.h"

#include <algorithm>
#include <cmath>

#include "generator/value_text.h"
#include "wire/protobuf.h"
#include "wire/protobuf_writer.h"
#include "wire/utf8.h"

namespace vivace::generator {
namespace {

constexpr std::string_view kName = "__name__";
constexpr std::string_view kBound = "le";

// To at most `bytes_max`, without splitting a character.
void cut(std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  const size_t size =
      1 + varint_size(name.size()) + name.size() + 1 + varint_size(value.size()) + value.size();
  append_key(out, 1, Wire::bytes);
  append_varint(out, size);
  append_bytes(out, 1, name);
  append_bytes(out, 2, value);
}

}  // namespace

bool LabelSet::is_utf8() const {
  return std::ranges::all_of(labels_, [](const Label& l) { return vivace::is_utf8(l.second); });
}

SeriesLabels LabelSet::encode(const LabelLimits& limits) {
  for (auto& [name, value] : labels_) {
    cut(name, limits.name_max);
    cut(value, limits.value_max);
    // Those two are written beside these.
    if (name == kName || name == kBound) name.insert(0, "__");
  }
  std::ranges::stable_sort(labels_, {}, &Label::first);
  std::vector<Label> sorted;
  for (Label& label : labels_) {
    if (!sorted.empty() && sorted.back().first == label.first) {
      sorted.back() = std::move(label);
    } else {
      sorted.push_back(std::move(label));
    }
  }
  std::erase_if(sorted, [](const Label& l) { return l.first.empty() || l.second.empty(); });
  labels_.clear();
  return encode_labels(sorted);
}

std::string label_field(std::string_view name, std::string_view value) {
  std::string out;
  append_label(out, name, value);
  return out;
}

SeriesLabels encode_labels(const std::vector<Label>& sorted) {
  SeriesLabels out;
  for (const auto& [name, value] : sorted) {
    append_label(out.bytes, name, value);
    if (name < kName) out.name_at = static_cast<uint32_t>(out.bytes.size());
    if (name < kBound) out.le_at = static_cast<uint32_t>(out.bytes.size());
  }
  out.bytes.shrink_to_fit();
  return out;
}

std::vector<Label> decode_labels(std::string_view fields) {
  std::vector<Label> out;
  ProtoReader in(fields);
  while (in.next()) {
    ProtoReader label(in.bytes());
    Label& to = out.emplace_back();
    while (label.next()) (label.field() == 1 ? to.first : to.second) = label.bytes();
  }
  return out;
}

std::string label_name(std::string_view attribute) {
  std::string out;
  if (!attribute.empty() && attribute[0] >= '0' && attribute[0] <= '9') out += '_';
  for (const char c : attribute) {
    if ((static_cast<uint8_t>(c) & 0xc0) == 0x80) continue;  // one _ a character
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    out += good ? c : '_';
  }
  return out;
}

std::string bound_text(double bound) {
  if (std::isinf(bound)) return bound > 0 ? "+Inf" : "-Inf";
  std::string out;
  append_decimal(out, bound);
  return out;
}

}  // namespace vivace::generator
