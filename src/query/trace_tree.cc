// Walks up from spans to their roots, with the path in an array, so that a chain of a million spans
// is as good as any other; each span is passed once a question.
#include "query/trace_tree.h"

#include <algorithm>
#include <utility>

namespace vivace {

using traceql::Form;
using traceql::Relation;

namespace {

constexpr int32_t kServer = 2;  // OTLP's numbers
constexpr int32_t kClient = 3;

}  // namespace

// ------------------------------------------------------------------------------- who is whose

void TraceTree::link(std::span<const Node> nodes) {
  by_id_.clear();
  all_lost_ = false;
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    Shared& shared = by_id_[nodes[i].id.raw];
    if (shared.first == kLost) {
      shared.first = i;
    } else if (shared.second == kLost) {
      shared.second = i;
    } else {
      shared.more = all_lost_ = true;
    }
  }
  parents_.resize(nodes.size());
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    parents_[i] = nodes[i].parent_id.is_zero() ? kRoot : kLost;
    if (parents_[i] == kRoot) continue;
    const auto shared = by_id_.find(nodes[i].parent_id.raw);
    if (shared == by_id_.end()) continue;
    const uint32_t parent = parent_among(nodes[i], shared->second, nodes);
    if (parent != i) parents_[i] = parent;
  }
  connect();
}

uint32_t TraceTree::parent_among(const Node& node, const Shared& shared,
                                 std::span<const Node> nodes) const {
  if (shared.more) return kLost;
  if (shared.second == kLost) return shared.first;
  const int32_t wanted = node.kind == kServer ? kClient : kServer;
  if (nodes[shared.first].kind == wanted) return shared.first;
  return nodes[shared.second].kind == wanted ? shared.second : kLost;
}

bool TraceTree::link_rows(std::span<const uint32_t> parent_rows, uint32_t first_row) {
  const auto count = static_cast<uint32_t>(parent_rows.size());
  parents_.resize(count);
  all_lost_ = false;
  bool in_order = true;
  bool has_rows = false;
  uint32_t roots = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = parent_rows[i];
    const bool is_row = row < kOtherRow;
    parents_[i] = is_row ? row - first_row : row;
    has_rows = has_rows || is_row;
    roots += row == kNoRow;
    in_order = in_order && (is_row ? row - first_row < i : row == kNoRow);
  }
  // Spans that share an id would be alone among spans without rows.
  if (!has_rows && count > 1 && (roots < count || count > 2)) return false;
  // Parents that all come first are not in a circle, and nobody is lost.
  all_connected_ = in_order;
  if (!in_order) connect_any_order();
  return true;
}

void TraceTree::connect() {
  all_connected_ = false;
  connected_.assign(size(), 0);
  if (all_lost_) return;
  connect_any_order();
}

void TraceTree::connect_any_order() {
  enum : uint8_t { kUnknown, kYes, kNo, kOnPath };
  marks_.assign(size(), kUnknown);
  connected_.assign(size(), 0);
  for (uint32_t i = 0; i < size(); ++i) {
    path_.clear();
    uint32_t at = i;
    while (at < kLost && marks_[at] == kUnknown) {
      marks_[at] = kOnPath;
      path_.push_back(at);
      at = parents_[at];
    }
    const bool reaches_root = at == kRoot || (at != kLost && marks_[at] == kYes);
    for (const uint32_t passed : path_) {
      marks_[passed] = reaches_root ? kYes : kNo;
      connected_[passed] = reaches_root ? 1 : 0;
    }
  }
}

// ------------------------------------------------------------------------------- relations

SpanBits TraceTree::apply(traceql::SpansetOp op, const SpanBits& a, const SpanBits& b) {
  if (op.form == Form::plain) return related(op.relation, a, b);
  if (op.form == Form::negated) {
    SpanBits out = b;
    return std::move(out -= related(op.relation, a, b));
  }
  constexpr auto kInverse = [](Relation relation) {
    switch (relation) {
      case Relation::child:
        return Relation::parent;
      case Relation::parent:
        return Relation::child;
      case Relation::descendant:
        return Relation::ancestor;
      case Relation::ancestor:
        return Relation::descendant;
      default:
        return relation;
    }
  };
  SpanBits out = related(op.relation, a, b);
  return std::move(out |= related(kInverse(op.relation), b, a));
}

SpanBits TraceTree::related(Relation relation, const SpanBits& a, const SpanBits& b) {
  SpanBits out(size());
  const auto is_connected = [this](uint32_t i) { return all_connected_ || connected_[i] != 0; };
  switch (relation) {
    case Relation::both:
      if (a.none() || b.none()) return out;
      [[fallthrough]];
    case Relation::either:
      return std::move((out |= a) |= b);
    case Relation::child:
      b.each([&](uint32_t i) {
        if (has_parent(i) && a.test(parents_[i]) && is_connected(i)) out.set(i);
      });
      return out;
    case Relation::parent:
      a.each([&](uint32_t i) {
        if (has_parent(i) && b.test(parents_[i]) && is_connected(i)) out.set(parents_[i]);
      });
      return out;
    case Relation::descendant:
      return below(a, b);
    case Relation::ancestor:
      return above(a, b);
    case Relation::sibling:
      return beside(a, b);
  }
  ASSERT(false);
}

SpanBits TraceTree::below(const SpanBits& a, const SpanBits& b) {
  enum : uint8_t { kUnknown, kYes, kNo };
  SpanBits out(size());
  if (a.none() || b.none()) return out;
  marks_.assign(size(), kUnknown);  // whether something above the span is in A
  b.each([&](uint32_t i) {
    if (!all_connected_ && connected_[i] == 0) return;
    path_.clear();
    uint32_t at = i;
    uint8_t found = kNo;
    for (; marks_[at] == kUnknown; at = parents_[at]) {
      path_.push_back(at);
      if (!has_parent(at)) break;
      if (a.test(parents_[at])) {
        found = kYes;
        break;
      }
    }
    if (marks_[at] != kUnknown) found = marks_[at];
    for (const uint32_t passed : path_) marks_[passed] = found;
    if (found == kYes) out.set(i);
  });
  return out;
}

SpanBits TraceTree::above(const SpanBits& a, const SpanBits& b) const {
  SpanBits out(size());
  if (a.none() || b.none()) return out;
  SpanBits passed(size());
  a.each([&](uint32_t i) {
    if (!all_connected_ && connected_[i] == 0) return;
    for (uint32_t at = i; has_parent(at);) {
      at = parents_[at];
      if (passed.test(at)) break;
      passed.set(at);
      if (b.test(at)) out.set(at);
    }
  });
  return out;
}

SpanBits TraceTree::beside(const SpanBits& a, const SpanBits& b) {
  SpanBits out(size());
  if (a.none() || b.none()) return out;
  const auto is_connected = [this](uint32_t i) { return all_connected_ || connected_[i] != 0; };
  const auto place = [this](uint32_t i) { return has_parent(i) ? parents_[i] : size(); };
  counts_.assign(size_t{size()} + 1, 0);  // how many of A are below each; the last: roots
  a.each([&](uint32_t i) {
    if (is_connected(i)) ++counts_[place(i)];
  });
  b.each([&](uint32_t i) {
    if (is_connected(i) && counts_[place(i)] > (a.test(i) ? 1U : 0U)) out.set(i);
  });
  return out;
}

// ------------------------------------------------------------------------------- nested sets

void TraceTree::number(std::vector<Numbers>& out) {
  out.assign(size(), {});
  first_child_.assign(size(), kLost);
  next_sibling_.assign(size(), kLost);
  for (uint32_t i = size(); i-- > 0;) {
    if (!has_parent(i)) continue;
    const uint32_t parent = parents_[i];
    ++out[parent].children;
    next_sibling_[i] = std::exchange(first_child_[parent], i);
  }
  if (all_lost_) return;
  int32_t next = 1;
  for (uint32_t root = 0; root < size(); ++root) {
    if (parents_[root] == kRoot) number_below(root, next, out);
  }
}

// Down to a first child, else on to a sibling, else up again.
void TraceTree::number_below(uint32_t root, int32_t& next, std::vector<Numbers>& out) const {
  for (uint32_t at = root;;) {
    out[at].left = next++;
    out[at].parent = at == root ? -1 : out[parents_[at]].left;
    if (first_child_[at] != kLost) {
      at = first_child_[at];
      continue;
    }
    for (;; at = parents_[at]) {
      out[at].right = next++;
      if (at == root) return;
      if (next_sibling_[at] == kLost) continue;
      at = next_sibling_[at];
      break;
    }
  }
}

}  // namespace vivace
