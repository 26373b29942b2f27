// Snapshots as a store would make them, without its threads: the first parts are blocks on a disk
// in memory, each joined with those before it and written without what they have; the others are
// heads that nobody has asked about yet.
//
//   StoredParts stored;
//   Snapshot snapshot = stored.snapshot(parts, 2);   // two blocks; what is left are heads
//
// Not part of the product.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "block/block.h"
#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/otlp_bytes.h"
#include "storage/fault_storage.h"
#include "store/snapshot.h"

namespace vivace {

class StoredParts {
 public:
  using Spans = std::vector<SentSpan>;
  using BlockList = std::vector<std::shared_ptr<const Block>>;

  static std::shared_ptr<const HeadPart> head_of(const Spans& spans) {
    auto head = std::make_shared<Head>();
    append(*head, spans);
    return std::make_shared<const HeadPart>(std::move(head));
  }
  static void append(Head& head, const Spans& spans) {
    auto batch = decode_otlp(to_otlp(spans), {});
    ASSERT(batch);
    head.append(**batch, 1);
  }

  // Blocks of whose spans none is new are not there.
  BlockList blocks_of(std::span<const Spans> parts) {
    BlockList out;
    for (const Spans& spans : parts) {
      auto block = cut(spans, out);
      if (block != nullptr) out.push_back(std::move(block));
    }
    return out;
  }
  std::shared_ptr<const Block> cut(const Spans& spans, const BlockList& older) {
    const auto head = head_of(spans);
    HeadJoin join;
    CutJoin joined = join.at_cut(*head, {.blocks = older});
    if (joined.left_out.size() == head->rows()) return nullptr;
    return write({.sources = {{.part = head.get(), .left_out = std::move(joined.left_out)}},
                  .splits = std::move(joined.splits)});
  }
  // `others` are all blocks but those that are merged.
  std::shared_ptr<const Block> merge(const BlockList& merged, const BlockList& others) {
    BlockContent content;
    for (const auto& block : merged) content.sources.push_back({.part = block.get()});
    auto splits = splits_after_merge(merged, others);
    ASSERT(splits);
    content.splits = *std::move(splits);
    return write(content);
  }
  std::shared_ptr<const Block> write(const BlockContent& content) {
    const std::string path = "/blocks/" + std::to_string(++blocks_);
    ASSERT(write_block(disk_, path, {.tenant = "t", .number = blocks_}, content));
    auto block = Block::open(disk_, path, cache_);
    ASSERT(block);
    return *std::move(block);
  }

  // With a budget, what is known of split traces gets no more room than it cannot do without.
  Snapshot snapshot(std::span<const Spans> parts, size_t blocks, Budget* maybe_splits = nullptr) {
    std::vector<std::shared_ptr<const HeadPart>> heads;
    for (const Spans& spans : parts.subspan(blocks)) heads.push_back(head_of(spans));
    return snapshot_of(blocks_of(parts.first(blocks)), heads, maybe_splits);
  }
  static Snapshot snapshot_of(const BlockList& blocks,
                              const std::vector<std::shared_ptr<const HeadPart>>& heads,
                              Budget* maybe_splits = nullptr) {
    Snapshot out;
    const SplitRoom room = maybe_splits == nullptr ? SplitRoom() : SplitRoom{maybe_splits, 0};
    SplitTraces::Sources sources{.blocks = blocks,
                                 .of_blocks = BlockSplits::of(blocks, nullptr, room)};
    out.parts.assign(blocks.begin(), blocks.end());
    for (const auto& head : heads) {
      out.parts.push_back(head);
      sources.heads.push_back({head, std::make_shared<HeadJoin>(maybe_splits)});
    }
    out.splits = std::make_shared<const SplitTraces>(std::move(sources));
    return out;
  }

  FaultStorage& disk() { return disk_; }

 private:
  FaultStorage disk_{7};
  BlockCache cache_{8 << 20};
  uint64_t blocks_ = 0;
};

}  // namespace vivace
