// Comparing two numbers that every span has, such as `duration < trace:duration`, for whole row
// groups: both sides become arrays of integers. Called by FilterRun, which goes row by row for all
// else.
#include <functional>

#include "query/filter_node.h"

namespace vivace {

using traceql::Intrinsic;

// The numbers of a span's own and its trace's, by place in the row group: those of the mask. False:
// some may be anything else.
Result<bool> FilterRun::whole_numbers(const FilterNode& node, const Bits& mask,
                                      std::vector<int64_t>& out) {
  if (node.form != FilterNode::Form::attribute) return false;
  const Intrinsic intrinsic = node.attribute.intrinsic;
  const Range rows = group_.owners(Scope::span);
  out.assign(rows.count, 0);
  if (intrinsic == Intrinsic::duration) {
    for (const Slice& slice : TRY(group_.field(Field::duration_ns))->column.slices) {
      const uint32_t at = slice.first_owner - rows.first;
      if (at > out.size() || slice.count > out.size() - at) continue;
      for (uint32_t i = 0; i < slice.count; ++i) {
        out[at + i] = static_cast<int64_t>(number_at(slice, i));
      }
    }
    return true;
  }
  if (intrinsic == Intrinsic::trace_duration) {
    ASSERT(maybe_traces_ != nullptr);
    CHECK_OK(maybe_traces_->durations(group_, mask, out));
    return true;
  }
  if (!is_of_tree(intrinsic)) return false;
  const auto numbers = TRY(maybe_traces_->numbers(group_));
  for (size_t i = 0; i < out.size(); ++i) out[i] = number_of(intrinsic, numbers[i]);
  return true;
}

Result<std::optional<Bits>> FilterRun::compare_columns(const FilterNode& node, const Bits& mask) {
  std::vector<int64_t> left;
  std::vector<int64_t> right;
  if (node.operands.size() != 2 || !traceql::is_comparison(node.op)) return std::nullopt;
  if (!TRY(whole_numbers(*node.operands[0], mask, left))) return std::nullopt;
  if (!TRY(whole_numbers(*node.operands[1], mask, right))) return std::nullopt;
  Bits out(mask.size());
  const auto mark = [&](auto test) {
    out.set_run(0, mask.size(), [&](uint32_t i) { return test(left[i], right[i]); });
    return out &= mask;
  };
  switch (node.op) {
    case traceql::Op::equal:
      return mark(std::equal_to());
    case traceql::Op::not_equal:
      return mark(std::not_equal_to());
    case traceql::Op::less:
      return mark(std::less());
    case traceql::Op::less_equal:
      return mark(std::less_equal());
    case traceql::Op::greater:
      return mark(std::greater());
    case traceql::Op::greater_equal:
      return mark(std::greater_equal());
    default:
      return std::nullopt;
  }
}

}  // namespace vivace
