// Formatting; nothing here knows what it formats. Widths count characters as a terminal shows them,
// one column each.
#include "tools/text.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace vivace::tools {
namespace {

// Code points, as far as a terminal shows them as one column each.
size_t width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool begins_with_digit(const std::string& cell) {
  return !cell.empty() && cell[0] >= '0' && cell[0] <= '9';
}

std::string whole_seconds(uint64_t unix_ns) {
  using std::chrono::days;
  const std::chrono::sys_seconds at{
      std::chrono::seconds(static_cast<int64_t>(unix_ns / 1'000'000'000))};
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace

std::string Table::text() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (size_t r = 0; r < rows_.size(); ++r) {
    const auto& row = rows_[r];
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string pad(widths[i] - width(row[i]), ' ');
      // A head stands as what is below it.
      const bool right = begins_with_digit(r == 0 && rows_.size() > 1 ? rows_[1][i] : row[i]);
      out += right ? pad + row[i] : row[i] + pad;
      out += "  ";
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

std::string time_text(uint64_t unix_ns) {
  return fmt::format("{}.{:03}Z", whole_seconds(unix_ns), unix_ns / 1'000'000 % 1'000);
}

std::string exact_time_text(uint64_t unix_ns) {
  return fmt::format("{}.{:09}Z", whole_seconds(unix_ns), unix_ns % 1'000'000'000);
}

std::string ratio_text(uint64_t of, uint64_t to) {
  if (to == 0) return "-";
  return fmt::format("{:.2f}", static_cast<double>(of) / static_cast<double>(to));
}

std::string share_text(uint64_t of, uint64_t to) {
  if (to == 0) return "-";
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(of) / static_cast<double>(to));
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace vivace::tools
