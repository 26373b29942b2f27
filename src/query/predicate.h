// `value op literal`, compiled once and asked many times: of single values, and of whole columns.
// Of a column of texts each code is judged once, then rows are looked up by code; a dictionary that
// is small beside its rows is judged whole, and if none of it passes the rows are not looked at.
//
// The rules are those of traceql/compute.h; over the elements of an array, `!=` and `!~` must hold
// for all, everything else for any. What is absent, or no value of the language (bytes, maps,
// arrays of several types), satisfies nothing.
//
// One thread at a time: it remembers what it judged.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "query/bits.h"
#include "query/group_columns.h"
#include "traceql/ast.h"
#include "traceql/regex.h"

namespace vivace {

class Predicate {
 public:
  // The literal may stand on either side.
  static Result<Predicate> compare(traceql::Op op, const traceql::Datum& literal,
                                   bool literal_first);
  static Predicate present();  // any value
  static Predicate truth();    // the boolean; no element of an array

  // For what is compared as ids are: zeros in front do not count, on either side.
  void ignore_leading_zeros();

  bool operator()(const traceql::Datum& value) const;
  bool operator()(const Value& value) const;
  bool text(std::string_view value) const;
  bool integer(int64_t value) const;  // also of a duration
  bool real(double value) const;
  bool boolean(bool value) const;

  // What a value must be to pass, if that is one text or numbers of one range: what a part can rule
  // out (Part::may_hold). Values of other types may pass only inside arrays.
  std::optional<WantedValue> wanted() const;

  // Sets the bits of the owners that have a value which passes: owner - base. `serial` is that of
  // the column's PartColumns.
  void mark(const TypedColumn& column, uint32_t base, uint64_t serial, Bits& out);

 private:
  enum class Literal : uint8_t { any, text, whole, real, boolean, other };

  // What is known of the texts of one dictionary.
  struct Verdicts {
    const Texts* texts = nullptr;
    ValueType type = ValueType::string;
    std::shared_ptr<const void> keep;
    std::vector<uint8_t> of_codes;  // kUnknown, kNo, kYes
    bool complete = false;
    bool any = false;  // if complete
  };

  Predicate() = default;
  bool all_of_array() const;
  bool judge(ValueType type, std::string_view text) const;
  Verdicts& verdicts(const TypedColumn& column, uint64_t serial);
  void mark_texts(const TypedColumn& column, uint32_t base, uint64_t serial, Bits& out);
  void mark_integers(const TypedColumn& column, uint32_t base, Bits& out) const;

  traceql::Op op_ = traceql::Op::equal;
  Literal kind_ = Literal::any;
  traceql::Datum literal_;
  std::string text_;
  int64_t whole_ = 0;
  double real_ = 0;  // also of a whole literal
  bool boolean_ = false;
  bool ignore_leading_zeros_ = false;
  bool takes_arrays_ = true;
  std::optional<traceql::Regex> regex_;
  uint64_t serial_ = 0;
  std::vector<Verdicts> verdicts_;
};

}  // namespace vivace
