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

Reservation counted(const SplitRoom& room, size_t bytes) {
  if (room.maybe_budget == nullptr) return {};
  return room.maybe_budget->reserve_always(static_cast<int64_t>(bytes));
}

}  // namespace

// ------------------------------------------------------------------------------- blocks

std::shared_ptr<const BlockSplits::List> BlockSplits::read(const Block& block,
                                                           const SplitRoom& room) {
  auto out = std::make_shared<List>();
  Inspected uncounted;
  const auto list = block.splits(uncounted);
  if (!list) {
    log::error("a block's list of split traces cannot be read; its traces are looked up one by one",
               {{"err", list.error().message}});
    out->is_damaged = true;
    return out;
  }
  out->traces = (*list)->size();
  out->hashes.reserve(out->traces);
  for (const SplitTrace& trace : **list) {
    out->hashes.push_back(trace.id.hash());
    out->start_min_ns = std::min(out->start_min_ns, trace.start_ns);
    out->end_max_ns = std::max({out->end_max_ns, trace.start_ns, trace.end_ns});
  }
  out->room = counted(room, sizeof *out + out->hashes.capacity() * sizeof(uint64_t));
  return out;
}

// With the filter of the next state beside that of this one.
int64_t BlockSplits::bytes_with_entries(size_t traces) {
  return static_cast<int64_t>((traces + 2 * SplitFilter::words_for(traces)) * sizeof(uint64_t));
}

std::shared_ptr<const BlockSplits> BlockSplits::of(
    Blocks blocks, const std::shared_ptr<const BlockSplits>& maybe_before, const SplitRoom& room) {
  if (maybe_before != nullptr && maybe_before->is_of(blocks, room)) return maybe_before;
  auto out = std::make_shared<BlockSplits>();
  if (maybe_before == nullptr || !out->go_on_from(*maybe_before, blocks, room)) {
    out->gather(blocks, maybe_before.get(), room);
  }
  if (!out->has_entries_ && (maybe_before == nullptr || maybe_before->has_entries_)) {
    log::warn(
        "many traces lie in several blocks; which ones is kept in fewer bytes from now on, "
        "and queries may be slower",
        {{"tenant", blocks.front()->identity().tenant}, {"traces", out->entries_}});
  }
  constexpr size_t kNodeBytes = 64;  // of the map, with its share of malloc's
  out->room_ = counted(room, sizeof *out + out->lists_.size() * kNodeBytes);
  return out;
}

bool BlockSplits::is_of(Blocks blocks, const SplitRoom& room) const {
  return damaged_ == 0 && lists_.size() == blocks.size() && fits(room) &&
         std::ranges::all_of(blocks, [&](const auto& block) { return find(*block) != nullptr; });
}

// Whether what it is is what it should be in this room.
bool BlockSplits::fits(const SplitRoom& room) const {
  if (has_entries_) return bytes_with_entries(entries_) <= room.bytes_max;
  const int64_t bytes = filter_->traces.bytes();
  const auto due = static_cast<int64_t>(SplitFilter::words_within(room.bytes_max / 2)) * 8;
  return bytes <= due && bytes > due / 4 && gone_ <= entries_ &&
         bytes_with_entries(entries_) > room.bytes_max / 2;
}

const BlockSplits::List* BlockSplits::find(const Block& block) const {
  const auto found = lists_.find(block.identity().number);
  return found == lists_.end() || found->second->is_damaged ? nullptr : found->second.get();
}

// From a state without entries, with its filter. False: it has to be made anew.
bool BlockSplits::go_on_from(const BlockSplits& before, Blocks blocks, const SplitRoom& room) {
  if (before.has_entries_) return false;
  for (const auto& block : blocks) {
    if (const List* known = before.find(*block)) {
      lists_.emplace(block->identity().number, before.lists_.at(block->identity().number));
      entries_ += known->traces;
    }
  }
  has_entries_ = false;
  filter_ = before.filter_;
  size_ = before.size_;
  gone_ = before.gone_ + before.entries_ - entries_;
  if (!fits(room)) {
    *this = BlockSplits();
    return false;
  }
  for (const auto& block : blocks) {
    if (find(*block) == nullptr) add(*block, read(*block, room), room);
  }
  return true;
}

void BlockSplits::gather(Blocks blocks, const BlockSplits* maybe_before, const SplitRoom& room) {
  const bool knows_entries = maybe_before != nullptr && maybe_before->has_entries_;
  for (const auto& block : blocks) {
    const bool is_known = knows_entries && maybe_before->find(*block) != nullptr;
    auto list = is_known ? maybe_before->lists_.at(block->identity().number) : read(*block, room);
    add(*block, std::move(list), room);
  }
  if (!has_entries_) return;
  make_filter(SplitFilter::words_for(entries_), room);
  for (const auto& [number, list] : lists_) fill_in(*list);
}

void BlockSplits::add(const Block& block, std::shared_ptr<const List> list, const SplitRoom& room) {
  if (list->is_damaged) ++damaged_;
  entries_ += list->traces;
  lists_.emplace(block.identity().number, std::move(list));
  if (has_entries_ && bytes_with_entries(entries_) > room.bytes_max) {
    has_entries_ = false;
    make_filter(SplitFilter::words_within(room.bytes_max / 2), room);
    for (auto& [number, known] : lists_) let_entries_go(known, room);
  } else if (!has_entries_) {
    let_entries_go(lists_.at(block.identity().number), room);
  }
}

// Into the filter.
void BlockSplits::let_entries_go(std::shared_ptr<const List>& list, const SplitRoom& room) {
  fill_in(*list);
  list = std::make_shared<List>(List{.traces = list->traces,
                                     .start_min_ns = list->start_min_ns,
                                     .end_max_ns = list->end_max_ns,
                                     .is_damaged = list->is_damaged,
                                     .room = counted(room, sizeof *list)});
}

void BlockSplits::make_filter(size_t words, const SplitRoom& room) {
  filter_ = std::make_shared<Filter>(SplitFilter(words), Reservation());
  filter_->room = counted(room, static_cast<size_t>(filter_->traces.bytes()));
}

void BlockSplits::fill_in(const List& list) {
  for (const uint64_t hash : list.hashes) size_ += filter_->traces.add(hash) ? 1 : 0;
}

bool BlockSplits::may_reach_into(const Block& block, uint64_t start_ns, uint64_t end_ns) const {
  const List& list = *lists_.at(block.identity().number);
  return list.is_damaged ||
         (list.traces > 0 && reaches_into(list.start_min_ns, list.end_max_ns, start_ns, end_ns));
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
      heads(), [hash = id.hash()](const auto& head) { return head->traces.may_have(hash); });
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
  std::vector<std::shared_ptr<const HeadPart>> older_heads;
  for (size_t i = 0; i < sources_.heads.size(); ++i) {
    const auto& [part, join] = sources_.heads[i];
    join->each_split(*part, older_than(i, older_heads), add);
  }
  std::ranges::sort(all, {}, &SplitTrace::id);
  size_t traces = 0;
  for (const SplitTrace& trace : all) {
    if (traces == 0 || all[traces - 1].id != trace.id) all[traces++] = trace;
    SplitTrace& whole = all[traces - 1];
    whole.start_ns = std::min(whole.start_ns, trace.start_ns);
    whole.end_ns = std::max(whole.end_ns, trace.end_ns);
  }
  all.resize(traces);
  return all;
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
