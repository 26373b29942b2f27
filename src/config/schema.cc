// Reads the text tables of schema/*.cc into the tree of schema.h: a line at a time, by indentation.
// Shapes (`@name`) come first and are copied in where they are named; the tree has some 800 fields.
// Called by everything in this folder that asks for a key.
#include "config/schema.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "base/result.h"

namespace vivace::config {
namespace {

constexpr std::array kTypeNames = std::to_array<std::pair<std::string_view, Type>>({
    {"any", Type::any},
    {"bool", Type::boolean},
    {"int", Type::integer},
    {"port", Type::port},
    {"float", Type::number},
    {"string", Type::text},
    {"secret", Type::text},
    {"scalar", Type::scalar},
    {"duration", Type::duration},
    {"duration*", Type::long_duration},
    {"bytes", Type::bytes},
    {"address", Type::address},
    {"strings", Type::texts},
    {"floats", Type::numbers},
    {"map", Type::map},
});

// The next word of a line; empty at its end or at a remark.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  if (line.starts_with('#')) line = {};
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::vector<std::string_view> split_choices(std::string_view text) {
  std::vector<std::string_view> choices;
  while (true) {
    const size_t bar = text.find('|');
    choices.push_back(text.substr(0, bar));
    if (bar == text.npos) return choices;
    text.remove_prefix(bar + 1);
  }
}

bool ends_with_remove(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

class TableReader {
 public:
  void read(std::string_view table, Field& root) {
    // path_[d]: the field whose children stand at depth d.
    std::vector<Field*> path = {&root};
    while (!table.empty()) {
      const size_t end = std::min(table.find('\n'), table.size());
      const std::string_view line = table.substr(0, end);
      table.remove_prefix(std::min(end + 1, table.size()));
      const size_t indent = std::min(line.find_first_not_of(' '), line.size());
      if (indent == line.size() || line[indent] == '#') continue;
      const size_t depth = indent / 2;
      if (line[indent] == '|') {
        for (const auto& choice : split_choices(line.substr(indent + 1))) {
          path.back()->choices.push_back(choice);
        }
        continue;
      }
      ASSERT(indent % 2 == 0 && depth < path.size());
      path.resize(depth + 1);
      path.push_back(&add(*path.back(), line));
    }
  }

 private:
  Field& add(Field& parent, std::string_view line) {
    Field field = read_line(line);
    if (field.name.starts_with('@')) return shapes_[field.name] = std::move(field);
    ASSERT(parent.type == Type::section || parent.type == Type::sections);
    const auto same = std::ranges::find(parent.children, field.name, &Field::name);
    if (same == parent.children.end()) return parent.children.emplace_back(std::move(field));
    ASSERT(parent.shape);
    return *same = std::move(field);
  }

  Field read_line(std::string_view line) const {
    Field field;
    std::string_view name = take_word(line);
    if (ends_with_remove(name, "[]")) field.type = Type::sections;
    field.suffix = ends_with_remove(name, "/*");
    field.name = name;
    std::string_view word = take_word(line);
    if (!word.empty() && word != "->") {
      read_type(word, field);
      word = take_word(line);
    }
    if (!word.empty() && word != "->") {
      field.default_text = word;
      word = take_word(line);
    }
    if (word == "->") field.alias = take_word(line);
    ASSERT(take_word(line).empty());
    return field;
  }

  void read_type(std::string_view word, Field& field) const {
    if (word.starts_with('@')) {
      const auto shape = shapes_.find(word);
      ASSERT(shape != shapes_.end());
      field.shape = true;
      field.children = shape->second.children;
    } else if (word.find('|') != word.npos) {
      field.type = Type::choice;
      field.choices = split_choices(word);
    } else {
      const auto* const known =
          std::ranges::find(kTypeNames, word, [](const auto& t) { return t.first; });
      ASSERT(known != kTypeNames.end());
      field.type = known->second;
      field.secret = word == "secret";
    }
  }

  std::map<std::string, Field, std::less<>> shapes_;
};

Field read_all() {
  using namespace schema_text;
  Field root;
  TableReader reader;
  for (const std::string_view table : {kShapes, kTop, kServer, kDistributor, kIngester, kStorage,
                                       kCompactor, kQuery, kGenerator, kOverrides}) {
    reader.read(table, root);
  }
  const auto overrides = std::ranges::find(root.children, "overrides", &Field::name);
  add_legacy_overrides(*overrides);
  return root;
}

}  // namespace

const Field* Field::child(std::string_view key) const {
  const Field* other = nullptr;
  for (const Field& field : children) {
    if (field.name == key) return &field;
    if (field.suffix && key.starts_with(field.name) && key.size() > field.name.size() + 1 &&
        key[field.name.size()] == '/') {
      return &field;
    }
    if (field.name == "*") other = &field;
  }
  return other;
}

const Field& schema() {
  static const Field root = read_all();
  return root;
}

const Field* find_field(std::string_view path) {
  const Field* field = &schema();
  while (field != nullptr && !path.empty() && field->type != Type::any) {
    const size_t dot = path.find('.');
    std::string_view name = path.substr(0, dot);
    path.remove_prefix(dot == path.npos ? path.size() : dot + 1);
    field = field->child(name.substr(0, name.find('[')));
  }
  return field;
}

}  // namespace vivace::config
