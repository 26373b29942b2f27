// What the list says is what there is: changes are made to a copy of it, written, and only then
// adopted here. Files come before the list that names them, and go after the list that does not.
#include "store/block_folder.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/log.h"
#include "model/tenant.h"

namespace vivace {
namespace {

constexpr std::string_view kSuffix = ".block";
constexpr size_t kDigits = 16;
constexpr int64_t kSplitBytesMin = 1024;  // of a tenant, however many there are

// The number in the name of a block's file; files with other names are not ours.
std::optional<uint64_t> number_of(std::string_view name) {
  if (name.size() != kDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + kDigits, number, 16);
  if (failed != std::errc() || end != name.data() + kDigits) return std::nullopt;
  return number;
}

struct BlockFile {
  std::string tenant;
  uint64_t number = 0;
};

Result<std::vector<BlockFile>> find_files(Storage& storage, const std::string& folder) {
  std::vector<BlockFile> out;
  for (const std::string& tenant : TRY(storage.list(folder))) {
    if (!is_valid_tenant(tenant) || tenant.starts_with("blocks.list") || tenant == "LOCK") continue;
    const auto names = storage.list(folder + "/" + tenant);
    if (!names) continue;  // a file
    for (const std::string& name : *names) {
      if (const auto number = number_of(name)) out.push_back({tenant, *number});
    }
  }
  return out;
}

ListedBlock listed(const Block& block) {
  return {.number = block.identity().number,
          .tenant = block.identity().tenant,
          .bytes = block.summary().file_bytes,
          .rows = block.summary().rows,
          .received_max_ns = block.summary().received_max_ns};
}

}  // namespace

Result<std::unique_ptr<BlockFolder>> BlockFolder::open(Storage& storage, const std::string& folder,
                                                       BlockCache& cache, Budget& splits) {
  std::unique_ptr<BlockFolder> out(new BlockFolder(storage, folder, cache, splits));
  CHECK_OK(storage.make_folders(folder));
  out->lock_ = TRY(storage.lock(folder));
  CHECK_OK(out->load_list());
  CHECK_OK(out->open_listed());
  CHECK_OK(out->sweep());
  out->publish();
  return out;
}

std::string BlockFolder::path_of(const std::string& tenant, uint64_t number) const {
  return fmt::format("{}/{}/{:016x}{}", folder_, tenant, number, kSuffix);
}

Result<void> BlockFolder::load_list() {
  auto list = read_block_list(storage_, folder_);
  if (list) {
    list_ = std::move(*list);
    next_number_ = list_.next_number;
    return {};
  }
  if (list.error().code == Code::corrupt) {
    log::error("the block list is damaged; it is kept as blocks.list.damaged and made anew",
               {{"err", list.error().message}});
    CHECK_OK(storage_.rename(folder_ + "/blocks.list", folder_ + "/blocks.list.damaged"));
    return rebuild_list();
  }
  if (list.error().code == Code::not_found) return rebuild_list();
  return std::unexpected(std::move(list).error());
}

// All blocks whose footers can be read, less those that were merged into another of them, and the
// whole log again: spans of the log that are in a block already are known by their ids. A list is
// written even when there is nothing to name: where there is none, blocks cannot be leftovers.
Result<void> BlockFolder::rebuild_list() {
  BlockList list;
  std::set<uint64_t> replaced;
  for (const BlockFile& file : TRY(find_files(storage_, folder_))) {
    const std::string path = path_of(file.tenant, file.number);
    list.next_number = std::max(list.next_number, file.number + 1);
    auto block = Block::open(storage_, path, cache_);
    if (block && (*block)->identity().number == file.number &&
        (*block)->identity().tenant == file.tenant) {
      list.blocks.push_back(listed(**block));
      const auto& replaces = (*block)->identity().replaces;
      replaced.insert(replaces.begin(), replaces.end());
      continue;
    }
    if (!block && block.error().code != Code::corrupt) return std::unexpected(block.error());
    log::error("a block without a list cannot be read; it is kept as .damaged", {{"path", path}});
    CHECK_OK(storage_.rename(path, path + ".damaged"));
  }
  std::erase_if(list.blocks, [&](const auto& block) { return replaced.contains(block.number); });
  std::ranges::sort(list.blocks, {}, &ListedBlock::number);
  if (!list.blocks.empty()) {
    log::warn("the block list was made anew from the blocks", {{"blocks", list.blocks.size()}});
  }
  next_number_ = list.next_number;
  return write_list(std::move(list));
}

Result<void> BlockFolder::open_listed() {
  for (const ListedBlock& block : list_.blocks) {
    const std::string path = path_of(block.tenant, block.number);
    auto opened = Block::open(storage_, path, cache_);
    if (!opened) {
      if (opened.error().code == Code::unimplemented) return std::unexpected(opened.error());
      log::error("a block cannot be opened; answers without it are partial",
                 {{"path", path}, {"err", opened.error().message}});
    }
    live_[block.number] = {block, opened ? std::move(*opened) : nullptr};
  }
  return {};
}

Result<void> BlockFolder::sweep() {
  for (const BlockFile& file : TRY(find_files(storage_, folder_))) {
    if (live_.contains(file.number)) continue;
    const std::string path = path_of(file.tenant, file.number);
    log::info("removing a block that was never committed", {{"path", path}});
    CHECK_OK(storage_.remove(path));
  }
  return {};
}

Lsn BlockFolder::replay_from() const {
  const std::lock_guard lock(mutex_);
  return list_.replay_from;
}

std::shared_ptr<const BlockSet> BlockFolder::blocks() const {
  const std::lock_guard lock(mutex_);
  return blocks_;
}

BlockList BlockFolder::list() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

Result<std::shared_ptr<Block>> BlockFolder::write(BlockIdentity identity,
                                                  const BlockContent& content) {
  {
    const std::lock_guard lock(mutex_);
    identity.number = next_number_++;
  }
  const std::string path = path_of(identity.tenant, identity.number);
  const std::string tenant_folder = folder_ + "/" + identity.tenant;
  CHECK_OK(storage_.make_folders(tenant_folder));
  auto written = write_block(storage_, path, identity, content);
  auto synced = written ? storage_.sync_directory(tenant_folder)
                        : Result<void>(std::unexpected(written.error()));
  if (synced) synced = storage_.sync_directory(folder_);
  auto block = synced ? Block::open(storage_, path, cache_)
                      : Result<std::shared_ptr<Block>>(std::unexpected(synced.error()));
  if (!block) (void)storage_.remove(path);  // if this fails too, the next start does it
  return block;
}

void BlockFolder::discard(std::shared_ptr<Block> block) {
  const std::lock_guard lock(mutex_);
  if (list_is_certain_) {
    block->remove_when_unused();
  } else {
    discarded_.push_back(std::move(block));
  }
}

Result<void> BlockFolder::commit(const std::vector<std::shared_ptr<Block>>& added,
                                 Lsn replay_from) {
  const std::lock_guard lock(mutex_);
  BlockList list = list_;
  list.replay_from = replay_from;
  for (const auto& block : added) list.blocks.push_back(listed(*block));
  std::ranges::sort(list.blocks, {}, &ListedBlock::number);
  CHECK_OK(write_list(std::move(list)));
  for (const auto& block : added) live_[block->identity().number] = {listed(*block), block};
  publish();
  return {};
}

Result<void> BlockFolder::replace(std::span<const uint64_t> old,
                                  const std::shared_ptr<Block>& merged) {
  const std::lock_guard lock(mutex_);
  if (!std::ranges::all_of(old, [&](uint64_t number) { return live_.contains(number); })) {
    return fail(Code::not_found, "a block that was merged is gone");
  }
  BlockList list = list_;
  std::erase_if(list.blocks, [&](const ListedBlock& block) {
    return std::ranges::find(old, block.number) != old.end();
  });
  if (merged != nullptr) list.blocks.push_back(listed(*merged));
  std::ranges::sort(list.blocks, {}, &ListedBlock::number);
  CHECK_OK(write_list(std::move(list)));
  for (const uint64_t number : old) drop(number);
  if (merged != nullptr) live_[merged->identity().number] = {listed(*merged), merged};
  publish();
  return {};
}

// Its file goes when the last reader lets go.
void BlockFolder::drop(uint64_t number) {
  const auto at = live_.find(number);
  const Live& live = at->second;
  if (live.block != nullptr) {
    live.block->remove_when_unused();
  } else {
    (void)storage_.remove(path_of(live.listed.tenant, number));
  }
  live_.erase(at);
}

Result<void> BlockFolder::write_list(BlockList list) {
  list.next_number = next_number_;
  list_is_certain_ = false;
  CHECK_OK(write_block_list(storage_, folder_, list));
  list_is_certain_ = true;
  list_ = std::move(list);
  for (const auto& block : discarded_) {
    const uint64_t number = block->identity().number;
    const bool listed =
        std::ranges::find(list_.blocks, number, &ListedBlock::number) != list_.blocks.end();
    if (!listed) block->remove_when_unused();
  }
  discarded_.clear();
  return {};
}

void BlockFolder::publish() {
  auto set = std::make_shared<BlockSet>();
  for (const auto& [number, live] : live_) {
    BlockSet::Tenant& tenant = set->tenants[live.listed.tenant];
    if (live.block != nullptr) {
      tenant.blocks.push_back(live.block);
    } else {
      ++tenant.damaged;
    }
  }
  // In steps of two, so that a tenant more or less does not change the shares of all.
  const size_t shares = std::bit_ceil(std::max<size_t>(1, set->tenants.size()));
  const SplitRoom room{.maybe_budget = &splits_,
                       .bytes_max = std::max(
                           kSplitBytesMin, splits_.bytes_max() / 2 / static_cast<int64_t>(shares))};
  for (auto& [name, tenant] : set->tenants) {
    std::ranges::stable_sort(tenant.blocks, {},
                             [](const auto& block) { return block->identity().log_from; });
    const auto before = blocks_->tenants.find(name);
    tenant.splits = BlockSplits::of(
        tenant.blocks, before == blocks_->tenants.end() ? nullptr : before->second.splits, room);
  }
  blocks_ = std::move(set);
}

}  // namespace vivace
