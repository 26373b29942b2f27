// write_relabel_configs: rules that change or drop a series on its way to one receiver, as
// Prometheus has them (prometheus.io/docs, relabel_config). Regular expressions are anchored.
//
// Immutable once made; any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/generator.h"
#include "generator/label_set.h"

namespace vivace::generator {

class RelabelRule;

class Relabeling {
 public:
  // Code::invalid_argument: a regular expression or an action that is none.
  static Result<std::unique_ptr<Relabeling>> make(const std::vector<config::Relabel>& rules);
  ~Relabeling();

  // Changes the labels (any order, `__name__` among them) and sorts them. False: the series is
  // dropped.
  bool apply(std::vector<Label>& labels) const;

 private:
  Relabeling();
  std::vector<std::unique_ptr<const RelabelRule>> rules_;
};

}  // namespace vivace::generator
