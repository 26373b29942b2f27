// Every key that a configuration file may hold, with its type and default. The keys themselves are
// text tables, one a section, in schema/*.cc; they look like the file that they describe:
//
//   compactor
//     compaction
//       block_retention          duration   336h
//       old_name                 duration   -> compactor.compaction.block_retention
//
// A line is `name [type] [default] [-> path] [# remark]`; two spaces deeper is inside. No type: a
// section. `name[]`: a list of sections. `name/*`: also name/anything. `*`: any other name.
// `@name` as a type: what the line `@name` of any table holds; lines below it replace or add keys.
// `-> path`: another spelling of the key at that path. Types are in `Type`; `a|b|c` is a choice,
// which a line that starts with `|` continues.
//
// The tables are parsed once, on first use; a mistake in them stops the process (and any test). Any
// thread after that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vivace::config {

enum class Type : uint8_t {
  section,
  sections,       // a list of them
  any,            // whatever YAML can say; unchecked but for duplicate keys
  boolean,        // bool
  integer,        // int
  port,           // port       0 to 65535
  number,         // float
  text,           // string, or secret when it must never be shown
  scalar,         // a string, bool, int or float, as it is written: 200 is not "200"
  choice,         // a|b|c; `""` among them allows the empty string
  duration,       // duration   Go's form
  long_duration,  // duration*  Go's or Prometheus' form, so also 7d
  bytes,          // bytes      a size, or with KiB, MiB, GiB, TiB
  address,        // address    host:port
  texts,          // strings    a list
  numbers,        // floats     a list
  map,            // map        names to strings
};

struct Field {
  std::string name;
  Type type = Type::section;
  bool secret = false;
  bool suffix = false;                    // name/anything too
  bool shape = false;                     // made with @name
  std::vector<std::string_view> choices;  // of Type::choice
  std::string_view default_text;          // empty: the type's zero
  std::string alias;                      // the path of the first spelling
  std::vector<Field> children;            // of a section or sections

  // The child with this name, else the `*` child, else null.
  const Field* child(std::string_view key) const;
};

// The file's top level.
const Field& schema();

// The field at a path such as `distributor.receivers.otlp/a.protocols` or
// `distributor.forwarders[0].name`; null when there is none. A name inside an `any` finds the
// `any`.
const Field* find_field(std::string_view path);

// A choice's entry for the empty string.
inline constexpr std::string_view kEmptyChoice = "\"\"";

namespace schema_text {  // the tables
extern const std::string_view kShapes;
extern const std::string_view kTop;
extern const std::string_view kServer;
extern const std::string_view kDistributor;
extern const std::string_view kIngester;
extern const std::string_view kStorage;
extern const std::string_view kCompactor;
extern const std::string_view kQuery;
extern const std::string_view kGenerator;
extern const std::string_view kOverrides;

// overrides in the flat shape of Tempo 2.2 and before.
void add_legacy_overrides(Field& overrides);
}  // namespace schema_text

}  // namespace vivace::config
