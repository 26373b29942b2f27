// Filter policies: which spans a processor takes. A span is taken iff every policy lets it pass:
// all attributes of `include` match, at least one of `include_any`, not all of `exclude`. What is
// not there does not match. Strict means equal in type and value; regular expressions are looked
// for anywhere in texts.
//
// Made once; used by the generator's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <re2/re2.h>

#include "base/result.h"
#include "config/generator.h"
#include "generator/attribute_lookup.h"
#include "model/batch.h"

namespace vivace::generator {

class FilterPolicies {
 public:
  // Keys and patterns were checked with the config.
  FilterPolicies(const std::vector<config::FilterPolicy>& policies, AttributeLookup& lookup);

  bool pass(const BatchSpan& span, AttributeLookup& lookup) const;

 private:
  struct Attribute {
    enum class Where : uint8_t { kind, name, status, span, resource } where = Where::name;
    AttributeLookup::Slot slot = 0;
    config::PolicyValue value;
    std::unique_ptr<re2::RE2> regex;  // or null: strict
  };
  using Attributes = std::vector<Attribute>;
  struct Policy {
    Attributes include;
    Attributes include_any;
    Attributes exclude;
    bool has_include_any = false;
    bool has_exclude = false;
  };

  static Attributes compile(const config::PolicyMatch& match, AttributeLookup& lookup);
  static bool matches(const Attribute& attribute, const BatchSpan& span, AttributeLookup& lookup);

  std::vector<Policy> policies_;
};

}  // namespace vivace::generator
