// Lines of text: few blocks, rarely written, and good to look at when something went wrong. The
// last line is a checksum of all the others.
#include "store/block_list.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/hash.h"
#include "model/tenant.h"

namespace vivace {
namespace {

constexpr std::string_view kTitle = "vivace block list, version ";
constexpr int kVersion = 1;
constexpr size_t kListBytesMax = 64 << 20;

// The words of the text, line by line.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool next() {
    if (rest_.empty()) return false;
    const size_t end = rest_.find('\n');
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++number_;
    return true;
  }
  bool take(std::string_view beginning) {
    if (!line_.starts_with(beginning)) return false;
    line_.remove_prefix(beginning.size());
    return true;
  }
  // The next word of the line, as a number; false if it is none.
  template <class T>
  bool take_number(T& out, int base = 10) {
    const std::string_view word = take_word();
    const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), out, base);
    return failed == std::errc() && end == word.data() + word.size();
  }
  std::string_view take_word() {
    const size_t end = std::min(line_.find(' '), line_.size());
    const std::string_view word = line_.substr(0, end);
    line_.remove_prefix(std::min(end + 1, line_.size()));
    return word;
  }
  bool at_end() const { return line_.empty(); }
  std::unexpected<Error> wrong() const {
    return fail(Code::corrupt, fmt::format("block list: line {} is not readable", number_));
  }

 private:
  std::string_view rest_;
  std::string_view line_;
  int number_ = 0;
};

Result<void> check_version(Lines& lines) {
  int version = 0;
  if (!lines.next() || !lines.take(kTitle) || !lines.take_number(version)) return lines.wrong();
  if (version > kVersion) {
    return fail(Code::unimplemented,
                fmt::format("the block list has version {}; this program reads up to {}", version,
                            kVersion));
  }
  return {};
}

// What the checksum line covers, if it stands there and is right.
Result<std::string_view> checked(std::string_view text) {
  const size_t at = text.rfind("xxh3 ");
  if (at == std::string_view::npos || (at > 0 && text[at - 1] != '\n')) {
    return fail(Code::corrupt, "block list: it has no checksum");
  }
  uint64_t checksum = 0;
  Lines last(text.substr(at));
  if (!last.next() || !last.take("xxh3 ") || !last.take_number(checksum, 16) ||
      checksum != hash64(text.substr(0, at))) {
    return fail(Code::corrupt, "block list: its checksum is wrong");
  }
  return text.substr(0, at);
}

bool read_block(Lines& lines, ListedBlock& out) {
  if (!lines.take_number(out.number)) return false;
  out.tenant = lines.take_word();
  return is_valid_tenant(out.tenant) && lines.take_number(out.bytes) &&
         lines.take_number(out.rows) && lines.take_number(out.received_max_ns) && lines.at_end();
}

}  // namespace

std::string to_text(const BlockList& list) {
  std::string out = fmt::format("{}{}\nreplay {}\nnext {}\n", kTitle, kVersion, list.replay_from,
                                list.next_number);
  for (const ListedBlock& block : list.blocks) {
    fmt::format_to(std::back_inserter(out), "block {} {} {} {} {}\n", block.number, block.tenant,
                   block.bytes, block.rows, block.received_max_ns);
  }
  fmt::format_to(std::back_inserter(out), "xxh3 {:016x}\n", hash64(out));
  return out;
}

Result<BlockList> parse_block_list(std::string_view text) {
  Lines lines(TRY(checked(text)));  // first: damage must not pass for another version
  CHECK_OK(check_version(lines));
  BlockList out;
  if (!lines.next() || !lines.take("replay ") || !lines.take_number(out.replay_from)) {
    return lines.wrong();
  }
  if (!lines.next() || !lines.take("next ") || !lines.take_number(out.next_number)) {
    return lines.wrong();
  }
  uint64_t last = 0;
  while (lines.next()) {
    ListedBlock block;
    if (!lines.take("block ") || !read_block(lines, block)) return lines.wrong();
    if (block.number <= last || block.number >= out.next_number) return lines.wrong();
    last = block.number;
    out.blocks.push_back(std::move(block));
  }
  return out;
}

Result<BlockList> read_block_list(Storage& storage, const std::string& folder) {
  const std::vector<std::string> names = TRY(storage.list(folder));
  if (!std::ranges::binary_search(names, "blocks.list")) {
    return fail(Code::not_found, "there is no block list");
  }
  const auto file = TRY(storage.open(folder + "/blocks.list", Storage::Open::existing));
  const uint64_t bytes = TRY(file->size());
  if (bytes > kListBytesMax) return fail(Code::corrupt, "block list: it is too long");
  std::string text(bytes, '\0');
  const ReadRange all{.offset = 0, .into = text};
  CHECK_OK(file->read({&all, 1}));
  return parse_block_list(text);
}

Result<void> write_block_list(Storage& storage, const std::string& folder, const BlockList& list) {
  const std::string aside = folder + "/blocks.list.new";
  CHECK_OK(storage.remove(aside));  // a leftover may be longer
  {
    const auto file = TRY(storage.open(aside, Storage::Open::create));
    const std::string text = to_text(list);
    const std::string_view part = text;
    CHECK_OK(file->write(0, {&part, 1}));
    CHECK_OK(file->sync());
  }
  CHECK_OK(storage.rename(aside, folder + "/blocks.list"));
  return storage.sync_directory(folder);
}

}  // namespace vivace
