// Walks a document and the schema side by side and keeps two paths: `written`, as the file has it,
// for messages, and `path`, of the first spelling, for the settings. The document is a bounded
// graph without cycles (yaml.h), so the recursion is bounded too. See check.h.
#include "config/check.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "base/result.h"
#include "config/nearest.h"
#include "config/values.h"

namespace vivace::config {
namespace {

std::string join(std::string_view a, std::string_view b) {
  return a.empty() ? std::string(b) : fmt::format("{}.{}", a, b);
}

// A line's worth of somebody's text.
std::string excerpt(std::string_view text) {
  constexpr size_t kBytesMax = 60;
  std::string out;
  for (const char c : text.substr(0, kBytesMax)) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    out += control ? ' ' : c;
  }
  return text.size() > kBytesMax ? out + "..." : out;
}

std::string found_form(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::scalar:
      return fmt::format("{}\"{}\"", node.quoted ? "the string " : "", excerpt(node.text));
    case Node::Kind::list:
      return "a list";
    case Node::Kind::map:
      return "a section";
  }
  return {};
}

// The last try for a misspelt key: the same name further down, as for a forgotten level.
std::string deeper(const Field& field, std::string_view name, std::string_view path) {
  for (const Field& child : field.children) {
    if (child.type != Type::section || child.name == "*" || child.suffix) continue;
    const std::string below = fmt::format("{}{}.", path, child.name);
    const auto same = std::ranges::find(child.children, name, &Field::name);
    if (same != child.children.end()) return below + std::string(name);
    if (std::string found = deeper(child, name, below); !found.empty()) return found;
  }
  return {};
}

bool takes_plain_text_only(const Field& field) {
  switch (field.type) {
    case Type::boolean:
    case Type::integer:
    case Type::port:
    case Type::number:
      return true;
    default:
      return false;
  }
}

// A value with the type that YAML gives it.
Value typed_as_written(const Node& node) {
  if (node.quoted) return node.text;
  if (const auto integer = parse_integer(node.text)) return *integer;
  if (const auto number = parse_number(node.text)) return *number;
  if (const auto boolean = parse_bool(node.text)) return *boolean;
  return node.text;
}

std::string days_hint(const Field& field, std::string_view text) {
  if (field.type != Type::duration) return {};
  const auto ns = parse_prometheus_duration(text);
  return ns ? hint(format_duration(*ns)) : std::string();
}

class Walk {
 public:
  explicit Walk(const Document& document) : document_(document) {}
  Checked run() {
    section(schema(), document_.root, Place());
    refuse_mixed_overrides();
    return std::move(checked_);
  }
  Checked run(NodeId id, const Field& field, const Place& place) {
    section(field, id, place);
    return std::move(checked_);
  }

 private:
  void section(const Field& field, NodeId id, const Place& place) {
    const Node& node = document_[id];
    if (node.kind != Node::Kind::null && node.kind != Node::Kind::map) {
      return wrong(place, Field(), node);
    }
    if (!place.path.empty()) {
      checked_.settings.set(place.path, {Value(), place.written, node.line});
    }
    std::unordered_map<std::string_view, int> lines;
    for (const MapEntry& entry : node.entries) {
      if (duplicate(lines, entry, place)) continue;
      const Field* const child = field.child(entry.key);
      if (child == nullptr) {
        unknown(field, entry, place);
      } else {
        value(*child, entry, place.below(entry.key, *child));
      }
    }
  }

  void value(const Field& field, const MapEntry& entry, const Place& place) {
    const Node& node = document_[entry.value];
    switch (field.type) {
      case Type::section:
        return section(field, entry.value, place);
      case Type::sections:
        return sections(field, entry.value, place);
      case Type::any:
        any(entry.value, place);
        return put(place, Value(), entry.line);
      default:
        if (node.kind != Node::Kind::null) leaf(field, entry, place);
    }
  }

  void sections(const Field& field, NodeId id, const Place& place) {
    const Node& node = document_[id];
    if (node.kind == Node::Kind::null) return;
    if (node.kind != Node::Kind::list) return wrong(place, field, node);
    for (size_t i = 0; i < node.items.size(); ++i) {
      section(field, node.items[i], place.element(i));
    }
  }

  // Unchecked, but for what no YAML may have.
  void any(NodeId id, const Place& place) {
    const Node& node = document_[id];
    for (const NodeId item : node.items) any(item, place);
    std::unordered_map<std::string_view, int> lines;
    for (const MapEntry& entry : node.entries) {
      if (!duplicate(lines, entry, place)) any(entry.value, place);
    }
  }

  void leaf(const Field& field, const MapEntry& entry, const Place& place) {
    const Node& node = document_[entry.value];
    switch (field.type) {
      case Type::texts:
        return list<std::string>(field, entry, place);
      case Type::numbers:
        return list<double>(field, entry, place);
      case Type::map:
        return map(field, entry, place);
      default:
        break;
    }
    if (node.kind != Node::Kind::scalar || (node.quoted && takes_plain_text_only(field))) {
      return wrong(place, field, node);
    }
    if (field.type == Type::scalar) return put(place, typed_as_written(node), entry.line);
    auto parsed = parse_scalar(field, node.text);
    if (!parsed) return wrong(place, field, node);
    put(place, *std::move(parsed), entry.line);
  }

  template <class T>
  void list(const Field& field, const MapEntry& entry, const Place& place) {
    const Node& node = document_[entry.value];
    if (node.kind != Node::Kind::list) return wrong(place, field, node);
    std::vector<T> values;
    Field element = field;
    element.type = field.type == Type::texts ? Type::text : Type::number;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const Node& item = document_[node.items[i]];
      const bool usable =
          item.kind == Node::Kind::scalar && !(item.quoted && takes_plain_text_only(element));
      auto parsed = usable ? parse_scalar(element, item.text) : std::unexpected(std::string());
      if (!parsed) return wrong(place.element(i), element, item);
      values.push_back(std::get<T>(*std::move(parsed)));
    }
    put(place, std::move(values), entry.line);
  }

  void map(const Field& field, const MapEntry& entry, const Place& place) {
    const Node& node = document_[entry.value];
    if (node.kind != Node::Kind::map) return wrong(place, field, node);
    TextMap values;
    std::unordered_map<std::string_view, int> lines;
    Field element = field;
    element.type = Type::text;
    for (const MapEntry& item : node.entries) {
      if (duplicate(lines, item, place)) continue;
      const Node& text = document_[item.value];
      if (text.kind != Node::Kind::scalar && text.kind != Node::Kind::null) {
        return wrong(place.below(item.key, element), element, text);
      }
      values.emplace(item.key, text.text);
    }
    put(place, std::move(values), entry.line);
  }

  void put(const Place& place, Value value, int line) {
    const Setting* const other = checked_.settings.find(place.path);
    if (other != nullptr && other->written != place.written && other->value != value) {
      return report(line, fmt::format("{} and {} (line {}) are two spellings of one key and differ",
                                      place.written, other->written, other->line));
    }
    checked_.settings.set(place.path, {std::move(value), place.written, line});
  }

  bool duplicate(std::unordered_map<std::string_view, int>& lines, const MapEntry& entry,
                 const Place& place) {
    const auto [first, fresh] = lines.try_emplace(entry.key, entry.line);
    if (fresh) return false;
    report(entry.line, fmt::format("field {} already set in {} on line {}", excerpt(entry.key),
                                   place.section(), first->second));
    return true;
  }

  void unknown(const Field& field, const MapEntry& entry, const Place& place) {
    report(entry.line, fmt::format("field {} not found in {}{}", excerpt(entry.key),
                                   place.section(), hint(meant(field, entry.key, place))));
  }

  std::string meant(const Field& field, const std::string& key, const Place& place) const {
    constexpr size_t kHintsMax = 500;  // more problems than anybody reads
    if (checked_.problems.size() > kHintsMax) return {};
    std::vector<std::string_view> names;
    for (const Field& child : field.children) names.emplace_back(child.name);
    const std::string_view near = nearest(key, names);
    if (!near.empty()) return std::string(near);
    return deeper(field, key, place.written.empty() ? "" : place.written + ".");
  }

  void wrong(const Place& place, const Field& field, const Node& node) {
    report(node.line,
           fmt::format("{}: expected {}, found {}{}", place.section(), expected_form(field),
                       found_form(node), days_hint(field, node.text)));
  }

  void refuse_mixed_overrides() {
    constexpr std::string_view kDefaults = "overrides.defaults";
    int defaults_line = 0;
    const Setting* flat = nullptr;
    for (const auto& [path, setting] : checked_.settings.entries()) {
      if (!path.starts_with(kDefaults)) continue;
      if (setting.written.starts_with(kDefaults)) {
        defaults_line = defaults_line == 0 ? setting.line : std::min(defaults_line, setting.line);
      } else if (flat == nullptr || setting.line < flat->line) {
        flat = &setting;
      }
    }
    if (flat == nullptr || defaults_line == 0) return;
    report(flat->line,
           fmt::format("{}: flat keys and \"defaults\" (line {}) cannot stand in one file",
                       flat->written, defaults_line));
  }

  void report(int line, std::string text) { checked_.problems.push_back({line, std::move(text)}); }

  const Document& document_;
  Checked checked_;
};

template <class T>
std::expected<Value, std::string> typed(const Field& field, const std::optional<T>& value) {
  if (!value) return std::unexpected(expected_form(field));
  return Value(*value);
}

std::optional<int64_t> parse_port(std::string_view text) {
  const auto value = parse_integer(text);
  return value && *value >= 0 && *value <= 65535 ? value : std::nullopt;
}

std::optional<int64_t> parse_long_duration(std::string_view text) {
  const auto go = parse_duration(text);
  return go ? go : parse_prometheus_duration(text);
}

std::optional<std::string> parse_choice(const Field& field, std::string_view text) {
  const auto found = std::ranges::find(field.choices, text.empty() ? kEmptyChoice : text);
  return found == field.choices.end() ? std::nullopt : std::optional<std::string>(text);
}

}  // namespace

std::expected<Value, std::string> parse_scalar(const Field& field, std::string_view text) {
  switch (field.type) {
    case Type::boolean:
      return typed(field, parse_bool(text));
    case Type::integer:
      return typed(field, parse_integer(text));
    case Type::port:
      return typed(field, parse_port(text));
    case Type::number:
      return typed(field, parse_number(text));
    case Type::text:
    case Type::scalar:
      return Value(std::string(text));
    case Type::choice:
      return typed(field, parse_choice(field, text));
    case Type::duration:
      return typed(field, parse_duration(text));
    case Type::long_duration:
      return typed(field, parse_long_duration(text));
    case Type::bytes:
      return typed(field, parse_bytes(text));
    case Type::address:
      if (!parse_address(text)) return std::unexpected(expected_form(field));
      return Value(std::string(text));
    default:
      return std::unexpected(expected_form(field));
  }
}

Value default_value(const Field& field) {
  if (field.type == Type::texts || field.type == Type::numbers) {
    Texts texts;
    Numbers numbers;
    std::string_view rest = field.default_text;
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(item.size() + 1, rest.size()));
      texts.emplace_back(item);
      numbers.push_back(parse_number(item).value_or(0));
    }
    return field.type == Type::texts ? Value(std::move(texts)) : Value(std::move(numbers));
  }
  auto value = parse_scalar(field, field.default_text);
  ASSERT(value.has_value());
  return *std::move(value);
}

std::string expected_form(const Field& field) {
  switch (field.type) {
    case Type::section:
      return "a section";
    case Type::sections:
      return "a list of sections";
    case Type::any:
      return "anything";
    case Type::boolean:
      return "true or false";
    case Type::integer:
      return "an integer";
    case Type::port:
      return "a port (0 to 65535)";
    case Type::number:
      return "a number";
    case Type::text:
      return "a string";
    case Type::scalar:
      return "a single value";
    case Type::choice:
      return fmt::format("one of {}", fmt::join(field.choices, ", "));
    case Type::duration:
      return "a duration such as 30s or 1h30m";
    case Type::long_duration:
      return "a duration such as 30s, 1h30m or 7d";
    case Type::bytes:
      return "a number of bytes";
    case Type::address:
      return "an address such as localhost:4318";
    case Type::texts:
      return "a list of strings";
    case Type::numbers:
      return "a list of numbers";
    case Type::map:
      return "a map of strings";
  }
  return {};
}

Place Place::below(std::string_view name, const Field& field) const {
  return {join(written, name), field.alias.empty() ? join(path, name) : field.alias};
}

Place Place::element(size_t index) const {
  const std::string suffix = fmt::format("[{}]", index);
  return {written + suffix, path + suffix};
}

Checked check(const Document& document) { return Walk(document).run(); }

Checked check_section(const Document& document, NodeId section, const Field& field,
                      const Place& place) {
  return Walk(document).run(section, field, place);
}

}  // namespace vivace::config
