// Traces that hang together in every way that traces do, and in those that they should not: several
// roots, parents that nobody has, parents in circles, two and three spans of one id, one span and
// thousands; with attributes of every type under few names, so that random queries meet them
// (random_queries.h knows the names). Their spans lie in some parts, and some were sent twice.
//
//   RandomTraces random(seed);
//   std::vector<std::vector<SentSpan>> parts = random.parts({.traces = 20, .parts = 4});
//
// Not part of the product.
#pragma once

#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "model/testing/random_spans.h"

namespace vivace {

class RandomTraces {
 public:
  static constexpr uint64_t kStart = 1'700'000'000'000'000'000;
  static constexpr uint64_t kRange = 120'000'000'000;  // all spans start in it

  struct Shape {
    size_t traces = 10;
    size_t parts = 3;
    size_t spans_max = 40;  // of a trace
    bool one_is_large = false;
  };

  explicit RandomTraces(uint64_t seed) : random_(seed), seed_(seed) {}

  uint64_t number(uint64_t below) { return random_() % below; }
  bool chance(int percent) { return number(100) < static_cast<uint64_t>(percent); }

  std::vector<std::vector<SentSpan>> parts(const Shape& shape);

 private:
  using Spans = std::vector<SentSpan>;

  Spans trace(uint64_t number, size_t spans);
  SentSpan span(uint64_t begin_ns);
  void hang(Spans& spans);
  SentAttributes attributes(std::initializer_list<const char*> keys);
  SentValue value(std::string_view key);
  SentValue array(std::string_view key);
  std::string word() { return std::string(1, static_cast<char>('a' + number(4))); }

  std::mt19937_64 random_;
  uint64_t seed_;
  std::vector<std::shared_ptr<const SentResource>> resources_;
  std::vector<std::shared_ptr<const SentScope>> scopes_;
};

}  // namespace vivace
