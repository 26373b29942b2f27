// Renders a record as logfmt or JSON and hands it to spdlog's stderr sink, which writes whole lines
// from any thread. spdlog is not seen outside this file: it takes seconds to compile.
#include "base/log.h"

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace vivace::log {
namespace {

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::logfmt};

spdlog::logger& sink() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("vivace",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string_view level_name(Level level) {
  constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<size_t>(level)];
}

std::string timestamp(int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     unix_ns % 1'000'000'000);
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<uint8_t>(c) <= 0x20 || c == '=' || c == '"' || c == 0x7f) return true;
  }
  return false;
}

void append_pair(std::string& out, Format format, std::string_view key, std::string_view value) {
  if (format == Format::json) {
    out.push_back(out.empty() ? '{' : ',');
    append_quoted(out, key);
    out.push_back(':');
    append_quoted(out, value);
    return;
  }
  if (!out.empty()) out.push_back(' ');
  out += key;
  out.push_back('=');
  if (needs_quotes(value)) {
    append_quoted(out, value);
  } else {
    out += value;
  }
}

}  // namespace

void set_level(Level level) { g_level.store(level, std::memory_order_relaxed); }
void set_format(Format format) { g_format.store(format, std::memory_order_relaxed); }
bool enabled(Level level) { return level >= g_level.load(std::memory_order_relaxed); }

std::string render(Format format, Level level, int64_t unix_ns, std::string_view caller,
                   std::string_view message, Fields fields) {
  std::string out;
  append_pair(out, format, "level", level_name(level));
  append_pair(out, format, "ts", timestamp(unix_ns));
  append_pair(out, format, "caller", caller);
  append_pair(out, format, "msg", message);
  for (const Field& field : fields) append_pair(out, format, field.key, field.value);
  if (format == Format::json) out.push_back('}');
  return out;
}

void write(Level level, std::string_view message, Fields fields, const Where& where) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string_view file = where.file_name();
  file = file.substr(file.rfind('/') + 1);
  const std::string line = render(g_format.load(std::memory_order_relaxed), level,
                                  std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(),
                                  fmt::format("{}:{}", file, where.line()), message, fields);
  sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace vivace::log
