// Look-ups with the schema's defaults, and the rendering of problems; see settings.h. Used while
// the configuration is loaded, from one thread.
#include "config/settings.h"

#include <fmt/format.h>

#include "base/result.h"
#include "config/check.h"
#include "config/schema.h"

namespace vivace::config {
namespace {

constexpr size_t kProblemsMax = 100;

template <class T>
T value_as(const Value& value) {
  const T* const typed = std::get_if<T>(&value);
  return typed == nullptr ? T() : *typed;  // nothing set and no default: the type's zero
}

}  // namespace

const Setting* Settings::find(std::string_view path) const {
  const auto found = entries_.find(path);
  return found == entries_.end() ? nullptr : &found->second;
}

Value Settings::get(std::string_view path) const {
  if (const Setting* const setting = find(path)) return setting->value;
  const Field* const field = find_field(path);
  ASSERT(field != nullptr);
  return field->default_text.empty() ? Value() : default_value(*field);
}

bool Settings::boolean(std::string_view path) const { return value_as<bool>(get(path)); }
int64_t Settings::integer(std::string_view path) const { return value_as<int64_t>(get(path)); }
double Settings::number(std::string_view path) const { return value_as<double>(get(path)); }
Texts Settings::texts(std::string_view path) const { return value_as<Texts>(get(path)); }
Numbers Settings::numbers(std::string_view path) const { return value_as<Numbers>(get(path)); }
TextMap Settings::map(std::string_view path) const { return value_as<TextMap>(get(path)); }

std::string Settings::text(std::string_view path) const { return value_as<std::string>(get(path)); }

std::set<std::string> Settings::children(std::string_view section) const {
  std::set<std::string> names;
  const std::string prefix = std::string(section) + ".";
  for (auto at = entries_.lower_bound(prefix); at != entries_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    const std::string_view rest = std::string_view(at->first).substr(prefix.size());
    names.emplace(rest.substr(0, rest.find('.')));
  }
  return names;
}

std::string render(const Problems& problems) {
  std::multimap<int, std::string_view> by_line;  // keeps the order within a line
  for (const Problem& problem : problems) by_line.emplace(problem.line, problem.text);
  std::string out;
  size_t rest = by_line.size();
  for (const auto& [line, text] : by_line) {
    if (!out.empty()) out += '\n';
    if (by_line.size() - rest == kProblemsMax) return out + fmt::format("  ... and {} more", rest);
    out += line > 0 ? fmt::format("  line {}: {}", line, text) : fmt::format("  {}", text);
    --rest;
  }
  return out;
}

Problem problem_of(const Settings& settings, std::string_view path, std::string_view what) {
  const Setting* const setting = settings.find(path);
  if (setting == nullptr || setting->written.empty()) {
    return {0, fmt::format("{}: {}", path, what)};
  }
  return {setting->line, fmt::format("{}: {}", setting->written, what)};
}

}  // namespace vivace::config
