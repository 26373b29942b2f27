// Printing of expressions on one span, and of the names and values in them. Slot (printer.h)
// decides about parentheses.
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "traceql/lexer.h"
#include "traceql/printer.h"
#include "traceql/utf8.h"

namespace vivace::traceql {
namespace {

bool has_sign(const Datum& value) {
  if (const auto* integer = value.get_if<int64_t>()) return *integer < 0;
  if (const auto* real = value.get_if<double>()) return std::signbit(*real);
  if (const auto* duration = value.get_if<Duration>()) return duration->ns < 0;
  return false;
}

bool would_end(std::string_view name) {
  for (size_t at = 0; at < name.size();) {
    const Character c = character_at(name, at);
    if (c.size == 0 || ends_name(c.code)) return true;
    at += c.size;
  }
  return false;
}

bool may_be_raw(const std::string& value) {
  return value.find_first_of(std::string_view("`\r\0", 3)) == std::string::npos &&
         first_invalid(value) == value.size();
}

}  // namespace

void Printer::field(const FieldExpr& expression) { field(expression, Slot()); }

void Printer::field(const FieldExpr& expression, Slot slot) {
  if (const auto* value = expression.get_if<Datum>()) {
    literal(*value, slot);
  } else if (const auto* named = expression.get_if<Attribute>()) {
    attribute(*named);
  } else if (const auto* negated = expression.get_if<Unary>()) {
    unary(*negated, slot);
  } else if (const auto* node = expression.get_if<Binary>()) {
    binary(*node, slot);
  } else {
    const auto& test = *expression.get_if<NilTest>();
    enclose(slot.min_level > kComparison, slot, [&](Slot) {
      field(*test.operand, {exact_ ? kComparison : kTightest, kComparison});
      put(test.wants_nil ? " = nil" : " != nil");
    });
  }
}

// A prefix operator may stand wherever an operand may; what matters is what comes behind it.
void Printer::unary(const Unary& unary, Slot slot) {
  const int level = level_of(unary.op);
  const bool parentheses = exact_ ? level < slot.next_level : slot.min_level > 0;
  enclose(parentheses, slot, [&](Slot inner) {
    put(text_of(unary.op));
    field(*unary.operand, {exact_ ? level + 1 : kTightest, inner.next_level});
  });
}

void Printer::binary(const Binary& binary, Slot slot) {
  const int level = level_of(binary.op);
  const int right = binary.op == Op::power ? 0 : 1;
  enclose(slot.min_level > level, slot, [&](Slot inner) {
    field(*binary.lhs, {exact_ ? level + 1 - right : kTightest, level});
    put(" ");
    put(text_of(binary.op));
    put(" ");
    field(*binary.rhs, {exact_ ? level + right : kTightest, inner.next_level});
  });
}

void Printer::literal(const Datum& value, Slot slot) {
  if (!exact_) return put(datum_text(value));
  if (const auto* text = value.get_if<std::string>()) return exact_string(*text);
  if (const auto* integer = value.get_if<int64_t>();
      integer != nullptr && *integer == std::numeric_limits<int64_t>::min()) {
    return put("minInt");
  }
  if (const auto* real = value.get_if<double>(); real != nullptr && !std::isfinite(*real)) {
    // The literals have no word for these; folding makes them again.
    return put(std::isnan(*real) ? "(0.0 / 0.0)" : *real > 0 ? "(1.0 / 0.0)" : "(1.0 / -0.0)");
  }
  enclose(has_sign(value) && kSum < slot.next_level, {}, [&](Slot) { put(datum_text(value)); });
}

void Printer::exact_string(const std::string& value) {
  if (may_be_raw(value)) return put("`" + value + "`");
  put("\"");
  for (size_t at = 0; at < value.size();) {
    const Character c = character_at(value, at);
    if (c.size == 0 || c.code < 0x20) {
      put(fmt::format("\\x{:02x}", static_cast<unsigned char>(value[at])));
    } else {
      if (c.code == '"' || c.code == '\\') put("\\");
      put(std::string_view(value).substr(at, c.size));
    }
    at += std::max<size_t>(c.size, 1);
  }
  put("\"");
}

void Printer::attribute(const Attribute& attribute) {
  if (attribute.intrinsic != Intrinsic::none) return put(name_of(attribute.intrinsic).printed);
  const bool bare_parent = attribute.of_parent && attribute.scope == Scope::any;
  if (attribute.of_parent) put("parent.");
  if (!bare_parent) put(scope_prefix(attribute.scope));
  name(attribute);
}

void Printer::name(const Attribute& attribute) {
  const std::string& text = attribute.name;
  bool quotes = would_end(text);
  if (!exact_) return put(quotes ? "\"" + text + "\"" : text);

  const bool digit_first = !text.empty() && text[0] >= '0' && text[0] <= '9';
  const bool scope_first = text.starts_with("span.") || text.starts_with("resource.");
  quotes = quotes || text.empty() || text.find('"') != std::string::npos ||
           (attribute.scope == Scope::any && (digit_first || (attribute.of_parent && scope_first)));
  if (!quotes) return put(text);
  put("\"");
  for (const char c : text) {
    if (c == '"' || c == '\\') put("\\");
    out_ += c;
  }
  put("\"");
}

}  // namespace vivace::traceql
