// Parts to traces, and the numbers of trees. The numbering is the walk that the reference
// describes, with a stack of its own so that a chain of thousands of spans does not end the test.
#include "query/testing/naive_span.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace vivace::naive {
namespace {

constexpr int32_t kServer = 2;
constexpr int32_t kClient = 3;

using ById = std::map<uint64_t, std::vector<size_t>>;

// Which span is the parent of this one. Of two spans with one id it is the server, but for a server
// the client.
std::optional<size_t> parent_of(const Trace& trace, const ById& by_id, size_t child) {
  const SentSpan& span = trace.spans[child];
  const auto found = by_id.find(span.parent_id.raw);
  if (found == by_id.end()) return std::nullopt;
  const std::vector<size_t>& candidates = found->second;
  if (candidates.size() == 1) return candidates.front();
  if (candidates.size() > 2) return std::nullopt;
  const int32_t wanted = span.kind == kServer ? kClient : kServer;
  for (const size_t candidate : candidates) {
    if (trace.spans[candidate].kind == wanted) return candidate;
  }
  return std::nullopt;
}

class Numbering {
 public:
  explicit Numbering(Trace& trace) : trace_(trace), children_(trace.spans.size()) {}

  void run() {
    ById by_id;
    for (size_t i = 0; i < trace_.spans.size(); ++i) {
      by_id[trace_.spans[i].span_id.raw].push_back(i);
    }
    bool is_a_tree = true;
    for (const auto& [id, spans] : by_id) is_a_tree = is_a_tree && spans.size() <= 2;
    trace_.places.assign(trace_.spans.size(), {});
    for (size_t i = 0; i < trace_.spans.size(); ++i) {
      if (trace_.spans[i].parent_id.is_zero()) {
        roots_.push_back(i);
      } else if (const auto parent = parent_of(trace_, by_id, i); parent && *parent != i) {
        children_[*parent].push_back(i);
      }
    }
    for (size_t i = 0; i < children_.size(); ++i) {
      trace_.places[i].children = static_cast<int64_t>(children_[i].size());
    }
    if (!is_a_tree) return;
    for (const size_t root : roots_) walk(root);
  }

 private:
  void walk(size_t root) {
    struct Step {
      size_t span;
      size_t next_child;
    };
    std::vector<Step> path;
    const auto enter = [&](size_t span, int64_t parent) {
      trace_.places[span].left = ++counter_;
      trace_.places[span].parent = parent;
      path.push_back({span, 0});
    };
    enter(root, -1);
    while (!path.empty()) {
      Step& step = path.back();
      if (step.next_child < children_[step.span].size()) {
        const size_t child = children_[step.span][step.next_child++];
        enter(child, trace_.places[step.span].left);
      } else {
        trace_.places[step.span].right = ++counter_;
        path.pop_back();
      }
    }
  }

  Trace& trace_;
  std::vector<std::vector<size_t>> children_;
  std::vector<size_t> roots_;
  int64_t counter_ = 0;
};

// OpenTracing's way to say that a span without a parent has one.
bool is_child_by_link(const SentSpan& span) {
  for (const SentLink& link : span.links) {
    if (link.trace_id != span.trace_id) continue;
    for (const SentAttribute& a : link.attributes) {
      if (a.key == "opentracing.ref_type" && a.value.type == ValueType::string &&
          a.value.text == "child_of") {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

std::vector<Trace> traces_of(const std::vector<std::vector<SentSpan>>& parts) {
  std::map<TraceId, Trace> traces;
  std::set<std::tuple<TraceId, SpanId, int32_t>> seen;
  for (const auto& part : parts) {
    for (const SentSpan& span : part) {
      if (!seen.emplace(span.trace_id, span.span_id, span.kind).second) continue;
      traces[span.trace_id].spans.push_back(span);
    }
  }
  std::vector<Trace> out;
  for (auto& [id, trace] : traces) {
    trace.id = id;
    std::ranges::sort(trace.spans, {},
                      [](const SentSpan& s) { return std::tuple(s.start_ns, s.span_id, s.kind); });
    out.push_back(std::move(trace));
  }
  for (Trace& trace : out) {
    for (const SentSpan& span : trace.spans) {
      trace.start_ns = std::min(trace.start_ns, span.start_ns);
      trace.end_ns = std::max(trace.end_ns, span.end_ns);
      if (span.parent_id.is_zero() && !is_child_by_link(span)) trace.root = &span;
    }
    Numbering(trace).run();
  }
  return out;
}

std::string service_of(const SentSpan& span) {
  for (const SentAttribute& a : span.resource->attributes) {
    if (a.key == "service.name") return a.value.type == ValueType::string ? a.value.text : "";
  }
  return "";
}

}  // namespace vivace::naive
