// The program's log: one record a line on stderr, as logfmt or as JSON.
//
//   level=info ts=2026-01-02T03:04:05.678901234Z caller=store.cc:112 msg="replay complete"
//   spans=812
//
//   log::info("replay complete", {{"spans", replayed}, {"seconds", took}});
//
// Values that hold a space, '=', '"' or a control character are quoted. Any thread; a call formats
// one line and writes it whole. Lines below the level cost one atomic load.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace vivace::log {

enum class Level : uint8_t { debug, info, warn, error };
enum class Format : uint8_t { logfmt, json };

struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  Field(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};

using Fields = std::initializer_list<Field>;
using Where = std::source_location;

void set_level(Level level);
void set_format(Format format);
bool enabled(Level level);

void write(Level level, std::string_view message, Fields fields, const Where& where);

inline void debug(std::string_view message, Fields fields = {}, Where where = Where::current()) {
  if (enabled(Level::debug)) write(Level::debug, message, fields, where);
}
inline void info(std::string_view message, Fields fields = {}, Where where = Where::current()) {
  if (enabled(Level::info)) write(Level::info, message, fields, where);
}
inline void warn(std::string_view message, Fields fields = {}, Where where = Where::current()) {
  if (enabled(Level::warn)) write(Level::warn, message, fields, where);
}
inline void error(std::string_view message, Fields fields = {}, Where where = Where::current()) {
  if (enabled(Level::error)) write(Level::error, message, fields, where);
}

// One finished record without a newline: what `write` prints. Exposed for tests.
std::string render(Format format, Level level, int64_t unix_ns, std::string_view caller,
                   std::string_view message, Fields fields);

}  // namespace vivace::log
