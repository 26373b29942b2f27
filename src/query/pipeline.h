// A pipeline of the language, compiled once and asked trace by trace: which spansets come out.
//
//   auto pipeline = TRY(Pipeline::compile(query.pipeline));
//   FilterBits bits(parts, pipeline.filters(), facts);       // trace_rows.h
//   for (const MatchedSpans& set : TRY(pipeline.evaluate(trace))) ...
//
// WHAT IT MEANS (TraceQL reference, 9 and 10). A trace begins as one spanset with all of its spans;
// each stage makes of each spanset none, one or several, and no spanset means that the trace does
// not match. A filter is asked of whole row groups, before any trace is looked at; one that might
// fail at run time and stands behind another stage is asked only of the spans that reach it.
//
// PRUNING. What a trace must have, at the least, is known before it is looked at: rows that may
// come out (`possible`), rows that pass filters which somebody must pass (`needed`), and how many
// of the former (`count_min`). Nearly all traces that do not match fail one of these.
//
// Attributes of spansets are the values of groups and aggregates, by canonical text, in the order
// of the stages; of an aggregate that comes twice, the later value.
//
// Everything is linear in the spans of the trace, but relations after by(), which are so for each
// spanset. Memory: a few bits a span for each filter, and some 200 bytes a spanset, charged to the
// control of the parts, which is also asked for the time.
//
// Errors: Code::invalid_argument for what fails at run time (a division by zero, relations between
// several spansets), those of reading and of the control. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "query/bits.h"
#include "query/filter.h"
#include "query/matched_spans.h"
#include "query/query_budget.h"
#include "query/trace_rows.h"
#include "traceql/ast.h"

namespace vivace {

class Pipeline {
 public:
  // Keeps nothing of the tree, which has passed the check of types.
  static Result<Pipeline> compile(const traceql::Pipeline& pipeline);

  std::span<Filter> filters() { return filters_; }
  // Filters (and select) in a row: every row that passes them all comes out.
  bool is_plain() const { return is_plain_; }
  // Whether names of roots are asked for, for TraceFactsOf.
  bool needs_roots() const;
  bool mentions(traceql::Intrinsic intrinsic) const;

  // The rows of a row group that may come out; of a plain pipeline, those that do. Null: none.
  Result<std::optional<Bits>> possible(FilterBits::OfGroup& group) const;
  // Filters that some span of the trace must pass.
  const std::vector<uint32_t>& needed() const { return needed_; }
  // How many possible rows a trace must have.
  uint32_t count_min() const { return count_min_; }

  // What comes out of a trace; good until the next call.
  Result<std::span<const MatchedSpans>> evaluate(TraceRows& trace);

  // The attributes that an answer shows of a span.
  Result<void> show(GroupColumns& group, uint32_t row, TraceValues* maybe_traces,
                    Filter::Shown& out);

 private:
  friend class PipelineCompiler;

  // One of a spanset in postfix order.
  struct Step {
    enum class Form : uint8_t { filter, filter_by_row, operation, pipeline };
    Form form = Form::filter;
    traceql::SpansetOp op = {};
    uint32_t index = 0;  // of a filter or a pipeline
  };
  struct Stage {
    enum class Form : uint8_t { spanset, scalar, group, coalesce };
    Form form = Form::spanset;
    std::vector<Step> steps;
    traceql::Aggregate::Function function = traceql::Aggregate::Function::count;
    traceql::Op op = traceql::Op::equal;
    traceql::Datum number;
    std::optional<Expression> expression;  // of an aggregate or a group
    std::string text;                      // its canonical form
  };
  using Stages = std::vector<Stage>;
  using Sets = std::vector<MatchedSpans>;
  // What an answer shows, in the order of the text.
  struct Shows {
    enum class Form : uint8_t { filter, expression, attribute };
    Form form = Form::filter;
    uint32_t index = 0;
  };
  // Some of these filters, all if `any`.
  struct Anchor {
    bool any = false;
    std::vector<uint32_t> filters;
  };

  Result<void> run(Stages& stages, TraceRows& trace, Sets& sets);
  Result<void> run_stage(Stage& stage, TraceRows& trace, Sets& sets);
  Result<void> run_spanset(const Stage& stage, TraceRows& trace, Sets& sets);
  Result<void> pick_of_each(const Step& step, TraceRows& trace, Sets& sets);
  Result<SpanBits> run_steps(const Stage& stage, TraceRows& trace, const MatchedSpans* maybe_input);
  Result<SpanBits> run_filter(const Step& step, TraceRows& trace, const MatchedSpans* maybe_input);
  Result<void> run_scalar(Stage& stage, TraceRows& trace, Sets& sets);
  Result<traceql::Datum> aggregate(Stage& stage, TraceRows& trace, const MatchedSpans& set);
  Result<void> run_group(Stage& stage, TraceRows& trace, Sets& sets);

  std::vector<Filter> filters_;
  Stages stages_;
  std::vector<std::unique_ptr<Stages>> pipelines_;  // operands
  std::vector<Shows> shows_;
  std::vector<Expression> shown_expressions_;
  std::vector<traceql::Attribute> shown_attributes_;
  std::vector<Anchor> anchors_;  // what comes out is in each of them
  std::vector<uint32_t> needed_;
  uint32_t count_min_ = 0;
  bool is_plain_ = true;
  Sets sets_;  // of the last trace
  MemoryCharge sets_memory_;
};

}  // namespace vivace
