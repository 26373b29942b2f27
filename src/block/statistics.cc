// Both directions of statistics and filters of texts: the writer adds the values of a row group as
// they pass, the reader checks each entry before it is believed.
#include "block/statistics.h"

#include <algorithm>
#include <numeric>

#include "block/bloom.h"
#include "block/numbers.h"

namespace vivace {
namespace {

constexpr uint64_t kBitsOfText = 8;

uint64_t hash_of(std::string_view text) { return hash64(text, kFingerprintSeed); }

}  // namespace

Result<ColumnStatistics> ColumnStatistics::take(std::string_view content, uint32_t groups) {
  ColumnStatistics out;
  out.counts.resize(groups);
  out.least.resize(groups);
  out.greatest.resize(groups);
  ByteReader in(content);
  take_numbers(in, std::span<uint32_t>(out.counts));
  take_numbers(in, std::span<uint64_t>(out.least));
  take_numbers(in, std::span<uint64_t>(out.greatest));
  if (!in.at_end()) return fail(Code::corrupt, "not the statistics of so many row groups");
  return out;
}

Result<TextFilter> TextFilter::take(std::string_view content, uint32_t groups) {
  TextFilter out;
  out.ends_.resize(groups);
  ByteReader in(content);
  take_numbers(in, std::span<uint32_t>(out.ends_));
  uint64_t end = 0;
  for (uint32_t& each : out.ends_) {
    end += each;
    if (end * kBloomBlockBytes > in.left()) in.set_failed();
    each = static_cast<uint32_t>(end);
  }
  out.blocks_ = in.take_bytes(end * kBloomBlockBytes);
  if (!in.at_end()) return fail(Code::corrupt, "not the filters of so many row groups");
  return out;
}

bool TextFilter::may_have(uint32_t group, std::string_view text) const {
  const uint32_t first = group == 0 ? 0 : ends_[group - 1];
  const uint32_t blocks = ends_[group] - first;
  if (blocks == 0) return false;
  const uint64_t hash = hash_of(text);
  const size_t block = size_t{first} + bloom_block(blocks, hash);
  return bloom_may_have(blocks_.data() + block * kBloomBlockBytes, hash);
}

void StatisticsMaker::begin(uint32_t groups) {
  seen_ = {};
  seen_.counts.resize(groups);
  seen_.least.resize(groups);
  seen_.greatest.resize(groups);
  blocks_of_.assign(groups, 0);
  blocks_.clear();
}

void StatisticsMaker::add(uint32_t group, const ColumnValues& values) {
  seen_.counts[group] = values.count;
  if (values.form == ValueForm::longs) {
    const auto less = [](uint64_t a, uint64_t b) { return int64_t(a) < int64_t(b); };
    const auto [least, greatest] = std::ranges::minmax(values.longs, less);
    seen_.least[group] = least;
    seen_.greatest[group] = greatest;
  } else if (values.form == ValueForm::words || values.form == ValueForm::codes) {
    const auto [least, greatest] = std::ranges::minmax(values.words);
    seen_.least[group] = least;
    seen_.greatest[group] = greatest;
  } else if (values.form == ValueForm::texts) {
    hashes_.clear();
    for (const std::string_view text : values.texts) hashes_.push_back(hash_of(text));
    std::ranges::sort(hashes_);
    hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
    blocks_of_[group] = bloom_blocks(hashes_.size(), kBitsOfText);
    append_bloom(blocks_, hashes_, blocks_of_[group]);
  }
}

std::string StatisticsMaker::statistics() const {
  std::string out;
  if (std::ranges::all_of(seen_.counts, [](uint32_t count) { return count == 0; })) return out;
  append_numbers(out, std::span<const uint32_t>(seen_.counts));
  append_numbers(out, std::span<const uint64_t>(seen_.least));
  append_numbers(out, std::span<const uint64_t>(seen_.greatest));
  return out;
}

std::string StatisticsMaker::text_filter() const {
  std::string out;
  if (blocks_.empty()) return out;
  append_numbers(out, std::span<const uint32_t>(blocks_of_), {.byte_each = true});
  return out + blocks_;
}

}  // namespace vivace
