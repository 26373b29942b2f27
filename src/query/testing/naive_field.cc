// Expressions, evaluated as they stand: a recursive walk, values copied about.
#include "query/testing/naive_field.h"

#include <algorithm>
#include <optional>
#include <string>

#include <protozero/pbf_reader.hpp>

#include "base/bytes.h"
#include "traceql/compute.h"

namespace vivace::naive {
namespace {

using traceql::Attribute;
using traceql::Datum;
using traceql::FieldExpr;
using traceql::Intrinsic;
using traceql::Op;
using traceql::Type;

std::optional<std::vector<Datum>> read_array(const std::string& bytes) {
  std::vector<Datum> out;
  protozero::pbf_reader list(bytes);
  while (list.next()) {
    protozero::pbf_reader any = list.get_message();
    Datum element;
    while (any.next()) {
      if (any.tag() == 1) {
        element = traceql::datum(any.get_string());
      } else if (any.tag() == 2) {
        element = traceql::datum<bool>(any.get_bool());
      } else if (any.tag() == 3) {
        element = traceql::datum<int64_t>(any.get_int64());
      } else if (any.tag() == 4) {
        element = traceql::datum<double>(any.get_double());
      } else {
        return std::nullopt;
      }
    }
    if (element.type() == Type::nil) return std::nullopt;
    if (!out.empty() && out.front().type() != element.type()) return std::nullopt;
    out.push_back(std::move(element));
  }
  return out;
}

// Nil, one value, or an array.
struct Any {
  Datum single;
  std::optional<std::vector<Datum>> array = std::nullopt;

  bool is_nil() const { return !array && single.type() == Type::nil; }
};

Any stored(const SentValue& value) {
  switch (value.type) {
    case ValueType::string:
      return {traceql::datum(value.text)};
    case ValueType::boolean:
      return {traceql::datum<bool>(value.bits != 0)};
    case ValueType::integer:
      return {traceql::datum<int64_t>(static_cast<int64_t>(value.bits))};
    case ValueType::real:
      return {traceql::datum<double>(std::bit_cast<double>(value.bits))};
    case ValueType::array:
      return {Datum{}, read_array(value.text)};
    default:
      return {};
  }
}

Any first_of(const SentAttributes& attributes, const std::string& key) {
  for (const SentAttribute& a : attributes) {
    if (a.key == key) return stored(a.value);
  }
  return {};
}

template <class T>
Datum array_of(const std::vector<Datum>& elements) {
  std::vector<T> out;
  for (const Datum& element : elements) out.push_back(element.as<T>());
  return traceql::datum(std::move(out));
}

Datum to_datum(const Any& value) {
  if (!value.array) return value.single;
  switch (value.array->empty() ? Type::string : value.array->front().type()) {
    case Type::integer:
      return array_of<int64_t>(*value.array);
    case Type::real:
      return array_of<double>(*value.array);
    case Type::boolean:
      return array_of<bool>(*value.array);
    default:
      return array_of<std::string>(*value.array);
  }
}

// Over one span, with an event and a link that stand for all those of the span.
class Evaluation {
 public:
  Evaluation(const Trace& trace, const SentSpan& span, const SentEvent* event, const SentLink* link)
      : trace_(trace), span_(span), event_(event), link_(link) {}

  bool passes(const FieldExpr& condition) { return is(run(condition), true); }
  Datum value(const FieldExpr& expression) { return to_datum(run(expression)); }
  Datum value(const Attribute& attribute) { return to_datum(attribute_value(attribute)); }

 private:
  static bool is(const Any& value, bool wanted) {
    const bool* boolean = value.single.get_if<bool>();
    return !value.array && boolean != nullptr && *boolean == wanted;
  }
  static Any boolean(bool value) { return {traceql::datum<bool>(value)}; }
  static Any text(std::string value) { return {traceql::datum(std::move(value))}; }

  Any run(const FieldExpr& e) {
    if (const auto* literal = e.get_if<Datum>()) return {*literal};
    if (const auto* attribute = e.get_if<Attribute>()) return attribute_value(*attribute);
    if (const auto* test = e.get_if<traceql::NilTest>()) return nil_test(*test);
    if (const auto* unary = e.get_if<traceql::Unary>()) return run_unary(*unary);
    return run_binary(*e.get_if<traceql::Binary>());
  }

  Any nil_test(const traceql::NilTest& test) {
    if (const auto* attribute = test.operand->get_if<Attribute>()) {
      if (wants_event(*attribute) && event_ == nullptr) return boolean(false);
      if (wants_link(*attribute) && link_ == nullptr) return boolean(false);
    }
    return boolean(run(*test.operand).is_nil() == test.wants_nil);
  }

  Any run_unary(const traceql::Unary& unary) {
    const Any operand = run(*unary.operand);
    if (operand.is_nil()) return {};
    if (operand.array) throw Failure("array");
    const auto result = traceql::compute(unary.op, operand.single);
    if (!result) throw Failure(std::string(result.error()));
    return {*result};
  }

  Any run_binary(const traceql::Binary& binary) {
    const Op op = binary.op;
    const Any left = run(*binary.lhs);
    if (op == Op::both) return boolean(is(left, true) && is(run(*binary.rhs), true));
    if (op == Op::either) return boolean(is(left, true) || is(run(*binary.rhs), true));
    const Any right = run(*binary.rhs);
    if (op == Op::equal || op == Op::not_equal) {
      const auto* name = binary.lhs->get_if<Attribute>();
      const auto* other = binary.rhs->get_if<Attribute>();
      const bool left_literal = binary.lhs->get_if<Datum>() != nullptr;
      const bool right_literal = binary.rhs->get_if<Datum>() != nullptr;
      if ((name != nullptr && name->intrinsic == Intrinsic::trace_id && right_literal) ||
          (other != nullptr && other->intrinsic == Intrinsic::trace_id && left_literal)) {
        const bool equal = trimmed(left) == trimmed(right);
        return boolean(equal == (op == Op::equal));
      }
    }
    return combine(op, left, right);
  }

  static std::string trimmed(const Any& id) {
    std::string out = id.single.as<std::string>();
    out.erase(0, std::min(out.find_first_not_of('0'), out.size()));
    return out;
  }

  static Any combine(Op op, const Any& left, const Any& right) {
    if (left.is_nil() || right.is_nil()) return boolean(false);
    if (!left.array && !right.array) return single(op, left.single, right.single);
    if (left.array && right.array) {
      if (!left.array->empty() && !right.array->empty()) {
        const Any elements = single(op, left.array->front(), right.array->front());
        const Type a = left.array->front().type();
        const Type b = right.array->front().type();
        if (!traceql::types_meet(a, b) || !traceql::takes(op, a) || !traceql::takes(op, b)) {
          return boolean(false);
        }
        static_cast<void>(elements);
        throw Failure("two arrays");
      }
    }
    const bool array_left = left.array && !(right.array && left.array->size() > 0);
    const std::vector<Datum>& elements = array_left ? *left.array : *right.array;
    const Datum& other = array_left ? right.single : left.single;
    const bool negative = op == Op::not_equal || op == Op::not_matches;
    if (elements.empty()) {
      const Type type = other.type();
      if (type == Type::status || type == Type::kind) return boolean(false);
      if (traceql::is_arithmetic(op)) throw Failure("arithmetic on an array");
      return boolean(negative);
    }
    const Type element = elements.front().type();
    if (!traceql::types_meet(element, other.type()) || !traceql::takes(op, element) ||
        !traceql::takes(op, other.type())) {
      return boolean(false);
    }
    if (traceql::is_arithmetic(op)) throw Failure("arithmetic on an array");
    bool any = false;
    bool all = true;
    for (const Datum& e : elements) {
      const bool passes = is(array_left ? single(op, e, other) : single(op, other, e), true);
      any = any || passes;
      all = all && passes;
    }
    return boolean(negative ? all : any);
  }

  static Any single(Op op, const Datum& a, const Datum& b) {
    if (!traceql::types_meet(a.type(), b.type()) || !traceql::takes(op, a.type()) ||
        !traceql::takes(op, b.type())) {
      return boolean(false);
    }
    const auto result = traceql::compute(op, a, b);
    if (!result) throw Failure(std::string(result.error()));
    return {*result};
  }

  static bool wants_event(const Attribute& a) {
    if (a.intrinsic == Intrinsic::none) return a.scope == traceql::Scope::event;
    return a.intrinsic == Intrinsic::event_name || a.intrinsic == Intrinsic::event_time_since_start;
  }
  static bool wants_link(const Attribute& a) {
    if (a.intrinsic == Intrinsic::none) return a.scope == traceql::Scope::link;
    return a.intrinsic == Intrinsic::link_trace_id || a.intrinsic == Intrinsic::link_span_id;
  }

  Any attribute_value(const Attribute& a) {
    if (wants_event(a) && event_ == nullptr) return {};
    if (wants_link(a) && link_ == nullptr) return {};
    if (a.intrinsic != Intrinsic::none) return intrinsic(a.intrinsic);
    switch (a.scope) {
      case traceql::Scope::any: {
        Any of_span = first_of(span_.attributes, a.name);
        return of_span.is_nil() ? first_of(span_.resource->attributes, a.name) : of_span;
      }
      case traceql::Scope::span:
        return first_of(span_.attributes, a.name);
      case traceql::Scope::resource:
        return first_of(span_.resource->attributes, a.name);
      case traceql::Scope::event:
        return first_of(event_->attributes, a.name);
      case traceql::Scope::link:
        return first_of(link_->attributes, a.name);
      case traceql::Scope::instrumentation:
        return first_of(span_.scope->attributes, a.name);
    }
    return {};
  }

  Any intrinsic(Intrinsic intrinsic) {
    using traceql::Duration;
    using traceql::Kind;
    using traceql::Status;
    const auto hex = [](const auto& id) { return id.is_zero() ? "" : to_hex(id.view()); };
    const auto duration = [](uint64_t ns) {
      return Any{traceql::datum(Duration{static_cast<int64_t>(ns)})};
    };
    switch (intrinsic) {
      case Intrinsic::duration:
        return duration(span_.end_ns - span_.start_ns);
      case Intrinsic::name:
        return text(span_.name);
      case Intrinsic::status:
        return {traceql::datum(span_.status_code == 1   ? Status::ok
                               : span_.status_code == 2 ? Status::error
                                                        : Status::unset)};
      case Intrinsic::status_message:
        return text(span_.status_message);
      case Intrinsic::kind:
        switch (span_.kind) {
          case 1:
            return {traceql::datum(Kind::internal)};
          case 2:
            return {traceql::datum(Kind::server)};
          case 3:
            return {traceql::datum(Kind::client)};
          case 4:
            return {traceql::datum(Kind::producer)};
          case 5:
            return {traceql::datum(Kind::consumer)};
          default:
            return {traceql::datum(Kind::unspecified)};
        }
      case Intrinsic::span_id:
        return text(hex(span_.span_id));
      case Intrinsic::parent_id:
        return text(hex(span_.parent_id));
      case Intrinsic::trace_duration:
        return duration(std::min<uint64_t>(trace_.end_ns - std::min(trace_.start_ns, trace_.end_ns),
                                           INT64_MAX));
      case Intrinsic::root_name:
        return text(trace_.root == nullptr ? "" : trace_.root->name);
      case Intrinsic::root_service:
        return text(trace_.root == nullptr ? "" : service_of(*trace_.root));
      case Intrinsic::trace_id:
        return text(to_hex(trace_.id.view()));
      case Intrinsic::event_name:
        return text(event_->name);
      case Intrinsic::event_time_since_start:
        return duration(event_->time_ns - span_.start_ns);
      case Intrinsic::link_trace_id:
        return text(hex(link_->trace_id));
      case Intrinsic::link_span_id:
        return text(hex(link_->span_id));
      case Intrinsic::instrumentation_name:
        return text(span_.scope->name);
      case Intrinsic::instrumentation_version:
        return text(span_.scope->version);
      case Intrinsic::nested_set_left:
        return whole(trace_.place_of(span_).left);
      case Intrinsic::nested_set_right:
        return whole(trace_.place_of(span_).right);
      case Intrinsic::nested_set_parent:
        return whole(trace_.place_of(span_).parent);
      case Intrinsic::child_count:
        return whole(trace_.place_of(span_).children);
      case Intrinsic::none:
      case Intrinsic::parent:
        break;
    }
    throw std::logic_error("no intrinsic that passes the check");
  }

  static Any whole(int64_t number) { return {traceql::datum<int64_t>(number)}; }

  const Trace& trace_;
  const SentSpan& span_;
  const SentEvent* event_;
  const SentLink* link_;
};

// Calls take(evaluation) for every event with every link; of each at least for "none".
template <class Take>
void each_pair(const Trace& trace, const SentSpan& span, Take take) {
  std::vector<const SentEvent*> events;
  std::vector<const SentLink*> links;
  for (const SentEvent& event : span.events) events.push_back(&event);
  for (const SentLink& link : span.links) links.push_back(&link);
  if (events.empty()) events.push_back(nullptr);
  if (links.empty()) links.push_back(nullptr);
  for (const SentEvent* event : events) {
    for (const SentLink* link : links) take(Evaluation(trace, span, event, link));
  }
}

template <class Expression>
Datum first_value(const Expression& expression, const Trace& trace, const SentSpan& span) {
  Datum out;
  each_pair(trace, span, [&](Evaluation evaluation) {
    if (out.type() == Type::nil) out = evaluation.value(expression);
  });
  return out;
}

}  // namespace

bool passes(const FieldExpr& condition, const Trace& trace, const SentSpan& span) {
  bool found = false;
  each_pair(trace, span,
            [&](Evaluation evaluation) { found = evaluation.passes(condition) || found; });
  return found;
}

Datum value_of(const FieldExpr& expression, const Trace& trace, const SentSpan& span) {
  return first_value(expression, trace, span);
}
Datum value_of(const Attribute& attribute, const Trace& trace, const SentSpan& span) {
  return first_value(attribute, trace, span);
}

Datum datum_of(const SentValue& value) { return to_datum(stored(value)); }

}  // namespace vivace::naive
