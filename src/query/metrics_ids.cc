// Values are told apart by type and content: the text "4", the integer 4 and the real 4.0 are three
// labels, as answers show them.
#include "query/metrics_ids.h"

#include <bit>

#include "query/stored_values.h"

namespace vivace::metrics {

using traceql::Datum;
using traceql::Type;

uint32_t ValueIds::add(Datum value, size_t bytes) {
  // Here and in a table, and what both move out of while they grow.
  constexpr size_t kOverheadBytes = 3 * sizeof(Datum) + 3 * 48;
  if (values_.size() > values_max_) {
    is_full_ = true;
    return kTooMany;
  }
  if (!memory_.take(bytes + kOverheadBytes)) return kTooMany;
  values_.push_back(std::move(value));
  return size() - 1;
}

uint32_t ValueIds::of_text(std::string_view text) {
  key_.assign(1, 's');
  key_ += text;
  const auto found = texts_.find(std::string_view(key_));
  if (found != texts_.end()) return found->second;
  const uint32_t id = add(datum(std::string(text)), 2 * text.size());
  if (id != kTooMany) texts_.emplace(key_, id);
  return id;
}

template <class Make>
uint32_t ValueIds::number(CachedIds& ids, uint64_t bits, Make make) {
  if (!ids.is_asked() && !memory_.take(CachedIds::kRecentBytes)) return kTooMany;
  return ids.get(bits, [&] { return add(make(), 0); });
}

uint32_t ValueIds::of_number(ValueType type, uint64_t bits) {
  switch (type) {
    case ValueType::integer:
      return number(numbers_[0], bits, [&] { return datum(static_cast<int64_t>(bits)); });
    case ValueType::real:
      return number(numbers_[1], bits, [&] { return datum(std::bit_cast<double>(bits)); });
    default:
      return number(numbers_[2], bits, [&] { return datum<bool>(bits != 0); });
  }
}

uint32_t ValueIds::of_stored(const Value& value) {
  switch (value.type) {
    case ValueType::string:
      return of_text(value.text);
    case ValueType::integer:
    case ValueType::real:
    case ValueType::boolean:
      return of_number(value.type, value.bits);
    default:
      return of(to_datum(value));
  }
}

uint32_t ValueIds::of(const Datum& value) {
  switch (value.type()) {
    case Type::nil:
      return kNil;
    case Type::string:
      return of_text(value.as<std::string>());
    case Type::integer:
      return of_number(ValueType::integer, static_cast<uint64_t>(value.as<int64_t>()));
    case Type::real:
      return of_number(ValueType::real, std::bit_cast<uint64_t>(value.as<double>()));
    case Type::boolean:
      return of_number(ValueType::boolean, value.as<bool>() ? 1 : 0);
    default:
      break;
  }
  const std::string text = traceql::datum_text(value);
  std::string key(1, static_cast<char>('A' + static_cast<int>(value.type())));
  key += text;
  const auto found = texts_.find(std::string_view(key));
  if (found != texts_.end()) return found->second;
  const uint32_t id = add(value, 4 * text.size());
  if (id != kTooMany) texts_.emplace(std::move(key), id);
  return id;
}

}  // namespace vivace::metrics
