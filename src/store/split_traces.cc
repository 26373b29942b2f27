// Lists are read once, when their block appears; a question that needs their times reads those
// again that lie near the edges of its window, by way of the cache.
#include "store/split_traces.h"

#include <algorithm>

#include "base/log.h"

namespace vivace {
namespace {

bool reaches_into(uint64_t from_ns, uint64_t to_ns, uint64_t start_ns, uint64_t end_ns) {
  const bool overlaps = from_ns <= end_ns && to_ns >= start_ns;
  const bool lies_inside = from_ns >= start_ns && std::max(from_ns, to_ns) <= end_ns;
  return overlaps && !lies_inside;
}

}  // namespace

// ------------------------------------------------------------------------------- blocks

std::shared_ptr<const BlockSplits::List> BlockSplits::read(const Block& block) {
  auto out = std::make_shared<List>();
  Inspected uncounted;
  const auto list = block.splits(uncounted);
  if (!list) {
    log::error("a block's list of split traces cannot be read; its traces are looked up one by one",
               {{"err", list.error().message}});
    out->is_damaged = true;
    return out;
  }
  out->hashes.reserve((*list)->size());
  for (const SplitTrace& trace : **list) {
    out->hashes.push_back(trace.id.hash());
    out->start_min_ns = std::min(out->start_min_ns, trace.start_ns);
    out->end_max_ns = std::max({out->end_max_ns, trace.start_ns, trace.end_ns});
  }
  return out;
}

std::shared_ptr<const BlockSplits> BlockSplits::of(Blocks blocks, const BlockSplits* maybe_before) {
  auto out = std::make_shared<BlockSplits>();
  for (const auto& block : blocks) {
    const uint64_t number = block->identity().number;
    std::shared_ptr<const List> list;
    if (maybe_before != nullptr && maybe_before->lists_.contains(number)) {
      list = maybe_before->lists_.at(number);
    }
    if (list == nullptr || list->is_damaged) list = read(*block);
    if (list->is_damaged) ++out->damaged_;
    out->hashes_.insert(list->hashes.begin(), list->hashes.end());
    out->lists_.emplace(number, std::move(list));
  }
  return out;
}

int64_t BlockSplits::memory_bytes() const {
  size_t bytes = sizeof *this + hashes_.bucket_count() * (sizeof(uint64_t) + 1);
  for (const auto& [number, list] : lists_) bytes += sizeof *list + list->hashes.capacity() * 8;
  return static_cast<int64_t>(bytes);
}

bool BlockSplits::may_reach_into(const Block& block, uint64_t start_ns, uint64_t end_ns) const {
  const List& list = *lists_.at(block.identity().number);
  return list.is_damaged || (!list.hashes.empty() &&
                             reaches_into(list.start_min_ns, list.end_max_ns, start_ns, end_ns));
}

// ------------------------------------------------------------------------------- a snapshot

OlderParts SplitTraces::older_than(size_t head,
                                   std::vector<std::shared_ptr<const HeadPart>>& heads) const {
  heads.clear();
  for (size_t i = 0; i < head; ++i) heads.push_back(sources_.heads[i].part);
  return {
      .blocks = sources_.blocks, .heads = heads, .received_after_ns = sources_.received_after_ns};
}

const std::vector<std::shared_ptr<const HeadSplits>>& SplitTraces::heads() const {
  std::call_once(joined_, [this] {
    std::vector<std::shared_ptr<const HeadPart>> heads;
    for (size_t i = 0; i < sources_.heads.size(); ++i) {
      const auto& [part, join] = sources_.heads[i];
      heads_.push_back(join->splits(*part, older_than(i, heads)));
    }
  });
  return heads_;
}

bool SplitTraces::is_split(const TraceId& id) const {
  if (sources_.of_blocks != nullptr && sources_.of_blocks->has(id)) return true;
  return std::ranges::any_of(
      heads(), [hash = id.hash()](const auto& head) { return head->hashes.contains(hash); });
}

Result<std::vector<SplitTrace>> SplitTraces::reaching_into(uint64_t start_ns,
                                                           uint64_t end_ns) const {
  std::vector<SplitTrace> all;
  const auto add = [&](const auto& trace) {
    if (!reaches_into(trace.start_ns, trace.end_ns, start_ns, end_ns)) return;
    all.push_back({trace.id, trace.start_ns, trace.end_ns});
  };
  for (const auto& block : sources_.blocks) {
    if (!sources_.of_blocks->may_reach_into(*block, start_ns, end_ns)) continue;
    Inspected uncounted;
    const auto list = TRY(block->splits(uncounted));
    std::ranges::for_each(*list, add);
  }
  for (const auto& head : heads()) std::ranges::for_each(head->traces, add);
  std::ranges::sort(all, {}, &SplitTrace::id);
  std::vector<SplitTrace> out;
  for (const SplitTrace& trace : all) {
    if (out.empty() || out.back().id != trace.id) out.push_back(trace);
    out.back().start_ns = std::min(out.back().start_ns, trace.start_ns);
    out.back().end_ns = std::max(out.back().end_ns, trace.end_ns);
  }
  return out;
}

SplitTraces::Rows SplitTraces::repeats(uint32_t part) const {
  static const auto kNone = std::make_shared<const std::vector<uint32_t>>();
  if (part < blocks()) return kNone;
  const size_t head = part - blocks();
  std::vector<std::shared_ptr<const HeadPart>> heads;
  const auto& [of_part, join] = sources_.heads[head];
  return join->repeats(*of_part, older_than(head, heads));
}

uint32_t SplitTraces::damaged() const {
  uint32_t out = 0;
  for (const HeadSource& head : sources_.heads) out += head.join->damaged();
  return out;
}

}  // namespace vivace
