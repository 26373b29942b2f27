// Loops over columns, one for each form that values have in memory. Integers against a whole
// literal are a test of one range, so that every operator runs at the speed of `=`.
#include "query/predicate.h"

#include <algorithm>
#include <limits>

#include "query/stored_values.h"
#include "traceql/compute.h"

namespace vivace {
namespace {

using traceql::Datum;
using traceql::Op;
using traceql::Type;

constexpr uint8_t kUnknown = 0;
constexpr uint8_t kNo = 1;
constexpr uint8_t kYes = 2;
constexpr size_t kDictionariesMax = 4;  // remembered

template <class T>
bool holds(Op op, const T& value, const T& literal) {
  switch (op) {
    case Op::equal:
      return value == literal;
    case Op::not_equal:
      return value != literal;
    case Op::less:
      return value < literal;
    case Op::less_equal:
      return value <= literal;
    case Op::greater:
      return value > literal;
    case Op::greater_equal:
      return value >= literal;
    default:
      return false;
  }
}

// Calls loop(test) with the operator built into the test.
template <class Loop>
void with_real_test(Op op, double literal, Loop loop) {
  switch (op) {
    case Op::equal:
      return loop([=](double v) { return v == literal; });
    case Op::not_equal:
      return loop([=](double v) { return v != literal; });
    case Op::less:
      return loop([=](double v) { return v < literal; });
    case Op::less_equal:
      return loop([=](double v) { return v <= literal; });
    case Op::greater:
      return loop([=](double v) { return v > literal; });
    case Op::greater_equal:
      return loop([=](double v) { return v >= literal; });
    default:
      return;
  }
}

// `at(i)`: whether the i-th value passes.
template <class At>
void mark_slice(const Slice& slice, uint32_t base, Bits& out, At at) {
  if (slice.owners == nullptr) {
    const uint32_t first = slice.first_owner - base;
    if (first >= out.size()) return;
    return out.set_run(first, std::min(slice.count, out.size() - first), at);
  }
  for (uint32_t i = 0; i < slice.count;) {
    const uint32_t count = std::min<uint32_t>(64, slice.count - i);
    uint64_t word = 0;
    for (uint32_t b = 0; b < count; ++b) word |= uint64_t{at(i + b)} << b;
    for (; word != 0; word &= word - 1) {
      const uint32_t owner = slice.owners[i + static_cast<uint32_t>(std::countr_zero(word))] - base;
      if (owner < out.size()) out.set(owner);
    }
    i += count;
  }
}

// `test` takes the number of a value.
template <class Test>
void mark_numbers(const Column& column, uint32_t base, Bits& out, Test test) {
  for (const Slice& slice : column.slices) {
    if (slice.longs != nullptr) {
      mark_slice(slice, base, out, [&, v = slice.longs](uint32_t i) { return test(v[i]); });
    } else if (slice.words != nullptr) {
      mark_slice(slice, base, out,
                 [&, v = slice.words](uint32_t i) { return test(uint64_t{v[i]}); });
    } else {
      mark_slice(slice, base, out, [&](uint32_t) { return test(uint64_t{0}); });
    }
  }
}

bool mark_all(const Column& column, uint32_t base, Bits& out) {
  for (const Slice& slice : column.slices) {
    mark_slice(slice, base, out, [](uint32_t) { return true; });
  }
  return true;
}

std::string_view without_leading_zeros(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('0'), text.size()));
}

}  // namespace

Result<Predicate> Predicate::compare(Op op, const Datum& literal, bool literal_first) {
  Predicate out;
  out.op_ = literal_first ? mirrored(op) : op;
  out.literal_ = literal;
  out.kind_ = Literal::other;
  if (!traceql::takes(op, literal.type())) return out;  // nothing passes
  if (const auto* text = literal.get_if<std::string>()) {
    out.kind_ = Literal::text;
    out.text_ = *text;
  } else if (const auto* boolean = literal.get_if<bool>()) {
    out.kind_ = Literal::boolean;
    out.boolean_ = *boolean;
  } else if (const auto* real = literal.get_if<double>()) {
    out.kind_ = Literal::real;
    out.real_ = *real;
  } else if (traceql::is_number(literal.type())) {
    const auto* duration = literal.get_if<traceql::Duration>();
    out.kind_ = Literal::whole;
    out.whole_ = duration != nullptr ? duration->ns : literal.as<int64_t>();
    out.real_ = static_cast<double>(out.whole_);
  }
  if (op == Op::matches || op == Op::not_matches) {
    out.regex_ = TRY(traceql::Regex::compile(out.text_));
  }
  return out;
}

Predicate Predicate::present() { return {}; }

Predicate Predicate::truth() {
  Predicate out;
  out.kind_ = Literal::boolean;
  out.boolean_ = true;
  out.takes_arrays_ = false;
  return out;
}

void Predicate::ignore_leading_zeros() {
  if (op_ != Op::equal && op_ != Op::not_equal) return;
  ignore_leading_zeros_ = true;
  text_ = without_leading_zeros(text_);
}

std::optional<WantedValue> Predicate::wanted() const {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (kind_ == Literal::text) {
    if (op_ != Op::equal || ignore_leading_zeros_) return std::nullopt;
    return WantedValue{.text = text_};
  }
  if (kind_ != Literal::whole && kind_ != Literal::real) return std::nullopt;
  switch (op_) {
    case Op::equal:
      return WantedValue{.low = real_, .high = real_};
    case Op::less:
    case Op::less_equal:
      return WantedValue{.low = -kInfinity, .high = real_};
    case Op::greater:
    case Op::greater_equal:
      return WantedValue{.low = real_, .high = kInfinity};
    default:
      return std::nullopt;
  }
}

bool Predicate::all_of_array() const { return op_ == Op::not_equal || op_ == Op::not_matches; }

bool Predicate::text(std::string_view value) const {
  if (kind_ == Literal::any) return true;
  if (kind_ != Literal::text) return false;
  if (regex_) return regex_->matches(value) == (op_ == Op::matches);
  if (ignore_leading_zeros_) value = without_leading_zeros(value);
  return holds(op_, value, std::string_view(text_));
}

bool Predicate::integer(int64_t value) const {
  if (kind_ == Literal::any) return true;
  if (kind_ == Literal::whole) return holds(op_, value, whole_);
  return kind_ == Literal::real && holds(op_, static_cast<double>(value), real_);
}

bool Predicate::real(double value) const {
  if (kind_ == Literal::any) return true;
  return (kind_ == Literal::whole || kind_ == Literal::real) && holds(op_, value, real_);
}

bool Predicate::boolean(bool value) const {
  if (kind_ == Literal::any) return true;
  return kind_ == Literal::boolean && holds(op_, value, boolean_);
}

bool Predicate::operator()(const Datum& value) const {
  switch (value.type()) {
    case Type::nil:
      return false;
    case Type::string:
      return text(value.as<std::string>());
    case Type::integer:
      return integer(value.as<int64_t>());
    case Type::duration:
      return integer(value.as<traceql::Duration>().ns);
    case Type::real:
      return real(value.as<double>());
    case Type::boolean:
      return boolean(value.as<bool>());
    default:
      break;
  }
  if (kind_ == Literal::any) return true;
  if (!traceql::is_array(value.type())) {  // status, kind
    const auto result = traceql::compute(op_, value, literal_);
    return result && is_true(*result);
  }
  if (kind_ == Literal::other || !takes_arrays_) return false;
  const std::vector<Datum> elements = elements_of(value);
  const auto passes = [this](const Datum& element) { return (*this)(element); };
  return all_of_array() ? std::ranges::all_of(elements, passes)
                        : std::ranges::any_of(elements, passes);
}

bool Predicate::operator()(const Value& value) const {
  switch (value.type) {
    case ValueType::integer:
      return integer(value.as_integer());
    case ValueType::real:
      return real(value.as_real());
    case ValueType::boolean:
      return boolean(value.as_boolean());
    default:
      return judge(value.type, value.text);
  }
}

bool Predicate::judge(ValueType type, std::string_view value) const {
  if (type == ValueType::string) return text(value);
  if (type != ValueType::array) return false;
  return (*this)(to_datum(Value{.type = type, .bits = 0, .text = value}));
}

// ------------------------------------------------------------------------------- columns

void Predicate::mark(const TypedColumn& column, uint32_t base, uint64_t serial, Bits& out) {
  const Column& values = column.column;
  switch (column.type) {
    case ValueType::empty:
    case ValueType::bytes:
    case ValueType::map:
      return;
    case ValueType::string:
    case ValueType::array:
      return mark_texts(column, base, serial, out);
    case ValueType::boolean:
      return mark_numbers(values, base, out, [&](uint64_t v) { return boolean(v != 0); });
    case ValueType::integer:
      return mark_integers(column, base, out);
    case ValueType::real:
      if (kind_ == Literal::any) mark_all(values, base, out);
      if (kind_ != Literal::whole && kind_ != Literal::real) return;
      return with_real_test(op_, real_, [&](auto test) {
        mark_numbers(values, base, out, [&](uint64_t v) { return test(std::bit_cast<double>(v)); });
      });
  }
}

void Predicate::mark_integers(const TypedColumn& column, uint32_t base, Bits& out) const {
  const Column& values = column.column;
  if (kind_ == Literal::any) mark_all(values, base, out);
  if (kind_ == Literal::real) {
    return with_real_test(op_, real_, [&](auto test) {
      mark_numbers(values, base, out,
                   [&](uint64_t v) { return test(static_cast<double>(static_cast<int64_t>(v))); });
    });
  }
  if (kind_ != Literal::whole) return;
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  int64_t low = whole_;
  int64_t high = whole_;
  if (op_ == Op::less || op_ == Op::less_equal) low = kMin;
  if (op_ == Op::greater || op_ == Op::greater_equal) high = kMax;
  if (op_ == Op::less && high-- == kMin) return;
  if (op_ == Op::greater && low++ == kMax) return;
  const auto first = static_cast<uint64_t>(low);
  const uint64_t width = static_cast<uint64_t>(high) - first;
  if (op_ == Op::not_equal) {
    return mark_numbers(values, base, out, [=](uint64_t v) { return v != first; });
  }
  mark_numbers(values, base, out, [=](uint64_t v) { return v - first <= width; });
}

Predicate::Verdicts& Predicate::verdicts(const TypedColumn& column, uint64_t serial) {
  if (serial != serial_) verdicts_.clear();
  serial_ = serial;
  for (Verdicts& known : verdicts_) {
    if (known.texts == column.column.texts && known.type == column.type) return known;
  }
  if (verdicts_.size() == kDictionariesMax) verdicts_.erase(verdicts_.begin());
  Verdicts& fresh = verdicts_.emplace_back();
  fresh.texts = column.column.texts;
  fresh.type = column.type;
  fresh.keep = column.column.keep;  // so that no other dictionary can take its address
  return fresh;
}

void Predicate::mark_texts(const TypedColumn& column, uint32_t base, uint64_t serial, Bits& out) {
  if (kind_ == Literal::other) return;
  if (kind_ == Literal::any && column.type == ValueType::string) {
    mark_all(column.column, base, out);
    return;
  }
  Verdicts& known = verdicts(column, serial);
  const Texts& texts = *column.column.texts;
  const auto judge_code = [&](uint32_t code) {
    return known.of_codes[code] = judge(column.type, texts[code]) ? kYes : kNo;
  };
  if (!known.complete) {
    const uint32_t codes = texts.size();
    known.of_codes.resize(std::max<size_t>(known.of_codes.size(), codes));
    uint64_t values = 0;
    for (const Slice& slice : column.column.slices) values += slice.count;
    if (codes <= values) {
      for (uint32_t code = 0; code < codes; ++code) {
        if (known.of_codes[code] == kUnknown) judge_code(code);
      }
      known.complete = true;
      known.any = std::ranges::find(known.of_codes, kYes) != known.of_codes.end();
    }
  }
  if (known.complete && !known.any) return;
  const uint8_t* of_codes = known.of_codes.data();
  const uint64_t codes = known.of_codes.size();
  if (known.complete) {
    return mark_numbers(column.column, base, out,
                        [=](uint64_t code) { return code < codes && of_codes[code] == kYes; });
  }
  mark_numbers(column.column, base, out, [&](uint64_t code) {
    if (code >= codes) return false;
    const uint8_t verdict = of_codes[code];
    return (verdict == kUnknown ? judge_code(static_cast<uint32_t>(code)) : verdict) == kYes;
  });
}

}  // namespace vivace
