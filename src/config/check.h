// A parsed file against the schema: types, unknown keys, duplicates, and the two spellings of
// renamed keys. Everything that is wrong is reported, not the first thing only. Pure; called once
// at start.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/schema.h"
#include "config/settings.h"
#include "config/yaml.h"

namespace vivace::config {

struct Checked {
  Settings settings;
  Problems problems;
};

Checked check(const Document& document);

// Two spellings of where something stands: as the file has it, and the settings' path.
struct Place {
  std::string written;
  std::string path;

  Place below(std::string_view name, const Field& field) const;
  Place element(size_t index) const;
  std::string section() const { return written.empty() ? "the top level" : written; }
};

// The same for one section, which stands at `place`.
Checked check_section(const Document& document, NodeId section, const Field& field,
                      const Place& place);

// One value given as text, as on the command line; for types that are no sections or lists. The
// error says what was expected.
std::expected<Value, std::string> parse_scalar(const Field& field, std::string_view text);

// The default of the table. Stops the process when the table is wrong.
Value default_value(const Field& field);

// "an integer", "a duration such as 30s or 1h30m", ...
std::string expected_form(const Field& field);

}  // namespace vivace::config
