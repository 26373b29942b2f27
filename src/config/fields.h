// What all that turn settings into fields have in common: numbers with a bound, and a place for
// what is wrong. Used at start by apply.cc and its parts.
#pragma once

#include <cstdint>
#include <string_view>

#include "config/settings.h"

namespace vivace::config {

class FieldReader {
 protected:
  FieldReader(const Settings& settings, Problems& problems)
      : settings_(settings), problems_(problems) {}

  int64_t not_negative(std::string_view path) {
    const int64_t value = settings_.integer(path);
    if (value < 0) wrong(path, "must not be negative");
    return value;
  }

  int64_t positive(std::string_view path) {
    const int64_t value = settings_.integer(path);
    if (value <= 0) wrong(path, "must be greater than 0");
    return value;
  }

  void wrong(std::string_view path, std::string_view what) {
    problems_.push_back(problem_of(settings_, path, what));
  }

  const Settings& settings_;
  Problems& problems_;
};

}  // namespace vivace::config
