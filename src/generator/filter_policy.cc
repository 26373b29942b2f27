// Policies as slots and compiled expressions, evaluated attribute by attribute, for each span of a
// processor that has policies. The generator's thread.
#include "generator/filter_policy.h"

#include <algorithm>

#include "generator/span_metrics.h"

namespace vivace::generator {
namespace {

bool equals(const Value& value, const config::PolicyValue& wanted) {
  switch (value.type) {
    case ValueType::string: {
      const auto* text = std::get_if<std::string>(&wanted);
      return text != nullptr && *text == value.text;
    }
    case ValueType::boolean: {
      const auto* boolean = std::get_if<bool>(&wanted);
      return boolean != nullptr && *boolean == value.as_boolean();
    }
    case ValueType::integer: {
      const auto* integer = std::get_if<int64_t>(&wanted);
      return integer != nullptr && *integer == value.as_integer();
    }
    case ValueType::real: {
      const auto* real = std::get_if<double>(&wanted);
      return real != nullptr && *real == value.as_real();
    }
    default:
      return false;
  }
}

}  // namespace

FilterPolicies::FilterPolicies(const std::vector<config::FilterPolicy>& policies,
                               AttributeLookup& lookup) {
  for (const config::FilterPolicy& from : policies) {
    Policy& to = policies_.emplace_back();
    if (from.include) to.include = compile(*from.include, lookup);
    if (from.include_any) to.include_any = compile(*from.include_any, lookup);
    if (from.exclude) to.exclude = compile(*from.exclude, lookup);
    to.has_include_any = from.include_any.has_value();
    to.has_exclude = from.exclude.has_value();
  }
}

FilterPolicies::Attributes FilterPolicies::compile(const config::PolicyMatch& match,
                                                   AttributeLookup& lookup) {
  using enum Attribute::Where;
  Attributes out;
  for (const config::PolicyAttribute& from : match.attributes) {
    Attribute& to = out.emplace_back();
    to.value = from.value;
    if (from.key == "kind") {
      to.where = kind;
    } else if (from.key == "name") {
      to.where = name;
    } else if (from.key == "status") {
      to.where = status;
    } else {
      to.where = from.key.starts_with("span.") ? span : resource;
      to.slot = lookup.want(from.key.substr(from.key.find('.') + 1));
    }
    if (!match.is_regex) continue;
    const auto* pattern = std::get_if<std::string>(&from.value);
    to.regex = std::make_unique<re2::RE2>(pattern == nullptr ? "" : *pattern, re2::RE2::Quiet);
  }
  return out;
}

bool FilterPolicies::pass(const BatchSpan& span, AttributeLookup& lookup) const {
  const auto matched = [&](const Attribute& a) { return matches(a, span, lookup); };
  return std::ranges::all_of(policies_, [&](const Policy& policy) {
    if (!std::ranges::all_of(policy.include, matched)) return false;
    if (policy.has_include_any && !std::ranges::any_of(policy.include_any, matched)) return false;
    return !policy.has_exclude || !std::ranges::all_of(policy.exclude, matched);
  });
}

bool FilterPolicies::matches(const Attribute& attribute, const BatchSpan& span,
                             AttributeLookup& lookup) {
  std::string scratch;
  Value value{.type = ValueType::string, .text = {}};
  switch (attribute.where) {
    case Attribute::Where::kind:
      value.text = kind_text(span.kind, scratch);
      break;
    case Attribute::Where::name:
      value.text = span.name;
      break;
    case Attribute::Where::status:
      value.text = status_text(span.status_code, scratch);
      break;
    default: {
      const AttributeRun& run = attribute.where == Attribute::Where::span
                                    ? span.attributes
                                    : lookup.batch().resources[span.resource].attributes;
      const BatchAttribute* const found = lookup.find(run, attribute.slot);
      if (found == nullptr) return false;
      value = found->value;
    }
  }
  if (attribute.regex == nullptr) return equals(value, attribute.value);
  return value.type == ValueType::string &&
         re2::RE2::PartialMatch(re2::StringPiece(value.text.data(), value.text.size()),
                                *attribute.regex);
}

}  // namespace vivace::generator
