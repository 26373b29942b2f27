// Metrics and what follows them:
//
//   metric = "rate" "(" ")" [by] | "min_over_time" "(" attribute ")" [by] | ...
//          | "quantile_over_time" "(" attribute "," number { "," number } ")" [by]
//          | "compare" "(" filter [ "," INT [ "," INT "," INT ] ] ")"
//   by     = "by" "(" attribute { "," attribute } ")"
//   second = "|" ( "topk" | "bottomk" ) "(" INT ")" | cmp ["-"] number
#include "traceql/compute.h"
#include "traceql/parser.h"

namespace vivace::traceql {
namespace {

std::optional<Metric::Function> metric_of(const Token& token) {
  if (token.kind != Tok::word) return std::nullopt;
  using enum Metric::Function;
  for (const auto function : {rate, count_over_time, min_over_time, max_over_time, avg_over_time,
                              sum_over_time, quantile_over_time, histogram_over_time, compare}) {
    if (text_of(function) == token.text) return function;
  }
  return std::nullopt;
}

double as_real(const Datum& number) {
  if (const auto* integer = number.get_if<int64_t>()) return static_cast<double>(*integer);
  if (const auto* duration = number.get_if<Duration>()) {
    return static_cast<double>(duration->ns) / 1e9;
  }
  return number.as<double>();
}

}  // namespace

bool Parser::at_metric() const { return metric_of(token_).has_value(); }

Parser::Parsed<void> Parser::metric() {
  Metric metric{.function = *metric_of(token_)};
  CHECK_OK(advance());
  CHECK_OK(expect("("));
  CHECK_OK(metric_arguments(metric));
  if (at("by") && metric.function != Metric::Function::compare) {
    CHECK_OK(advance());
    CHECK_OK(expect("("));
    metric.by = TRY(attributes());
  }
  query_.metric = std::move(metric);
  return second_stages();
}

Parser::Parsed<void> Parser::metric_arguments(Metric& metric) {
  using enum Metric::Function;
  switch (metric.function) {
    case rate:
    case count_over_time:
      return expect(")");
    case compare:
      return comparison(metric);
    case quantile_over_time:
      return quantiles(metric);
    default:
      metric.of = TRY(attribute());
      return expect(")");
  }
}

Parser::Parsed<void> Parser::quantiles(Metric& metric) {
  metric.of = TRY(attribute());
  CHECK_OK(expect(","));
  while (true) {
    if (token_.kind != Tok::integer && token_.kind != Tok::real) {
      return unexpected("INTEGER or FLOAT");
    }
    metric.quantiles.push_back(as_real(token_.number));
    CHECK_OK(advance());
    if (!at(",")) return expect(")", ") or ,");
    CHECK_OK(advance());
  }
}

Parser::Parsed<void> Parser::comparison(Metric& metric) {
  Spanset selected = TRY(filter());
  Comparison comparison{.selection = std::move(std::get<Filter>(selected.node).condition)};
  if (at(",")) {
    CHECK_OK(advance());
    comparison.top = TRY(integer());
    if (at(",")) {
      CHECK_OK(advance());
      const int64_t start_ns = TRY(integer());
      CHECK_OK(expect(","));
      comparison.window = {start_ns, TRY(integer())};
    }
  }
  CHECK_OK(expect(")", comparison.window ? ")" : ") or ,"));
  metric.comparison = std::move(comparison);
  return {};
}

Parser::Parsed<void> Parser::second_stages() {
  while (true) {
    if (at("|")) {
      CHECK_OK(advance());
      query_.second_stages.push_back(TRY(top()));
    } else if (at_comparison()) {
      query_.second_stages.push_back(TRY(threshold()));
    } else {
      return {};
    }
  }
}

Parser::Parsed<SecondStage> Parser::top() {
  using enum SecondStage::Function;
  if (!at("topk") && !at("bottomk")) return unexpected("topk or bottomk");
  SecondStage stage{.function = at("topk") ? topk : bottomk};
  CHECK_OK(advance());
  CHECK_OK(expect("("));
  stage.limit = TRY(integer());
  CHECK_OK(expect(")"));
  return stage;
}

Parser::Parsed<SecondStage> Parser::threshold() {
  SecondStage stage{.function = SecondStage::Function::compare, .op = *at_comparison()};
  CHECK_OK(advance());
  stage.value = as_real(TRY(signed_number("INTEGER or FLOAT or DURATION or -")));
  return stage;
}

Parser::Parsed<int64_t> Parser::integer() {
  if (token_.kind != Tok::integer) return unexpected("INTEGER");
  const auto value = token_.number.as<int64_t>();
  CHECK_OK(advance());
  return value;
}

Parser::Parsed<Datum> Parser::signed_number(std::string_view expecting) {
  const bool negative = at("-");
  if (negative) {
    CHECK_OK(advance());
    expecting = "INTEGER or FLOAT or DURATION";
  }
  if (token_.number.type() == Type::nil) return unexpected(expecting);
  Datum number = std::move(token_.number);
  CHECK_OK(advance());
  if (!negative) return number;
  return *compute(Op::negate, number);
}

}  // namespace vivace::traceql
