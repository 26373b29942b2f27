// Looks at names first and opens only what has all the right ones. Runs on the cut thread, every
// few minutes.
#include "store/tempo_blocks.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "model/tenant.h"

namespace vivace {
namespace {

constexpr uint64_t kMetaBytesMax = 1 << 20;
constexpr std::array<std::string_view, 2> kMetaNames = {"meta.json", "meta.compacted.json"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_uuid(std::string_view name) {
  if (name.size() != 36) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = name[i];
    if (is_dash ? c != '-' : !(is_digit(c) || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

bool is_tempo_file(std::string_view name) {
  if (name.starts_with("bloom-")) {
    name.remove_prefix(6);
    return !name.empty() && std::ranges::all_of(name, is_digit);
  }
  return name == "data.parquet" || name == "data" || name == "index" || name == "flushed";
}

// The text of a member of a JSON object, wherever it stands; enough for names that only Tempo's
// own members have.
std::optional<std::string_view> text_member(std::string_view json, std::string_view name) {
  const auto skip = [&](size_t at, char stop) {
    while (at < json.size() && (json[at] == ' ' || json[at] == '\n' || json[at] == '\t')) ++at;
    return at < json.size() && json[at] == stop ? at + 1 : std::string_view::npos;
  };
  const std::string quoted = '"' + std::string(name) + '"';
  const size_t found = json.find(quoted);
  if (found == std::string_view::npos) return std::nullopt;
  size_t at = skip(found + quoted.size(), ':');
  if (at != std::string_view::npos) at = skip(at, '"');
  if (at == std::string_view::npos) return std::nullopt;
  const size_t end = json.find_first_of("\"\\", at);
  if (end == std::string_view::npos || json[end] == '\\') return std::nullopt;
  return json.substr(at, end - at);
}

Result<std::string> read_all(Storage& storage, const std::string& path) {
  const auto file = TRY(storage.open(path, Storage::Open::existing));
  const uint64_t bytes = TRY(file->size());
  if (bytes > kMetaBytesMax) return fail(Code::corrupt, path + ": it is too long");
  std::string text(bytes, '\0');
  const ReadRange all{.offset = 0, .into = text};
  CHECK_OK(file->read({&all, 1}));
  return text;
}

std::optional<TempoBlock> read_block(Storage& storage, const std::string& folder,
                                     std::string_view id) {
  const auto entries = storage.entries(folder);
  if (!entries) return std::nullopt;
  TempoBlock out{.folder = folder, .meta = {}, .files = {}};
  for (const FolderEntry& entry : *entries) {
    const bool is_meta = std::ranges::find(kMetaNames, entry.name) != kMetaNames.end();
    if (entry.is_folder || (!is_meta && !is_tempo_file(entry.name))) return std::nullopt;
    out.bytes += entry.bytes;
    if (!is_meta) {
      out.files.push_back(entry.name);
    } else if (!out.meta.empty()) {
      return std::nullopt;
    } else {
      out.meta = entry.name;
    }
  }
  if (out.meta.empty()) return std::nullopt;
  const auto meta = read_all(storage, folder + "/" + out.meta);
  if (!meta) return std::nullopt;
  const auto end_ns = tempo_end_time(*meta, id);
  if (!end_ns) return std::nullopt;
  out.end_ns = *end_ns;
  return out;
}

}  // namespace

std::optional<int64_t> parse_rfc3339(std::string_view text) {
  const auto number = [&](size_t at, size_t digits) -> std::optional<int> {
    if (at + digits > text.size()) return std::nullopt;
    int value = 0;
    const char* const begin = text.data() + at;
    const auto [end, failed] = std::from_chars(begin, begin + digits, value);
    if (failed != std::errc() || end != begin + digits || value < 0) return std::nullopt;
    return value;
  };
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() <= kForm.size()) return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? !is_digit(text[i]) : text[i] != kForm[i]) return std::nullopt;
  }
  const std::chrono::year_month_day day{std::chrono::year(*number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(*number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(*number(8, 2)))};
  // Beyond these years the nanoseconds do not fit.
  if (!day.ok() || *number(0, 4) < 1700 || *number(0, 4) > 2250) return std::nullopt;
  int64_t seconds = int64_t{std::chrono::sys_days(day).time_since_epoch().count()} * 86'400 +
                    *number(11, 2) * 3600 + *number(14, 2) * 60 + *number(17, 2);
  size_t at = kForm.size();
  if (text[at] == '.') {
    ++at;
    while (at < text.size() && is_digit(text[at])) ++at;
  }
  if (text.substr(at) == "Z") return seconds * 1'000'000'000;
  if (text.size() != at + 6 || (text[at] != '+' && text[at] != '-')) return std::nullopt;
  const auto hours = number(at + 1, 2);
  const auto minutes = number(at + 4, 2);
  if (!hours || !minutes || text[at + 3] != ':') return std::nullopt;
  const int64_t east = *hours * 3600 + *minutes * 60;
  seconds -= text[at] == '+' ? east : -east;
  return seconds * 1'000'000'000;
}

std::optional<int64_t> tempo_end_time(std::string_view meta, std::string_view block_id) {
  if (text_member(meta, "blockID") != block_id) return std::nullopt;
  const auto end = text_member(meta, "endTime");
  return end ? parse_rfc3339(*end) : std::nullopt;
}

std::vector<TempoBlock> find_tempo_blocks(Storage& storage, const std::string& folder) {
  std::vector<TempoBlock> out;
  const auto tenants = storage.entries(folder);
  if (!tenants) return out;
  for (const FolderEntry& tenant : *tenants) {
    if (!tenant.is_folder || !is_valid_tenant(tenant.name)) continue;
    const std::string tenant_folder = folder + "/" + tenant.name;
    const auto blocks = storage.entries(tenant_folder);
    if (!blocks) continue;
    for (const FolderEntry& entry : *blocks) {
      if (!entry.is_folder || !is_uuid(entry.name)) continue;
      auto block = read_block(storage, tenant_folder + "/" + entry.name, entry.name);
      if (block) out.push_back(std::move(*block));
    }
  }
  return out;
}

Result<void> remove_tempo_block(Storage& storage, const TempoBlock& block) {
  for (const std::string& name : block.files) {
    CHECK_OK(storage.remove(block.folder + "/" + name));
  }
  CHECK_OK(storage.remove(block.folder + "/" + block.meta));
  return storage.remove_folder(block.folder);
}

}  // namespace vivace
