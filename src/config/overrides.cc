// An entry is checked against the schema of `overrides.defaults` and of its flat spelling, laid
// over the main file's settings in the place of the defaults there, and turned into fields by the
// code that does so for the main file: there is one meaning of every key.
#include "config/overrides.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "config/apply.h"
#include "config/check.h"
#include "config/expand_env.h"
#include "config/read_file.h"
#include "config/yaml.h"

namespace vivace::config {
namespace {

constexpr std::string_view kDefaults = "overrides.defaults";
constexpr size_t kTenantsMax = 10'000;

// Both shapes of an entry: what may stand below `defaults`, and the flat keys.
Field make_entry_field() {
  const Field* const overrides = schema().child("overrides");
  Field entry = *overrides->child("defaults");
  for (const Field& field : overrides->children) {
    if (!field.alias.empty() && entry.child(field.name) == nullptr) entry.children.push_back(field);
  }
  return entry;
}

const Field& entry_field() {
  static const Field kField = make_entry_field();
  return kField;
}

// The main file's settings without its defaults.
Settings without_defaults(const Settings& main) {
  Settings out;
  for (const auto& [path, setting] : main.entries()) {
    if (!path.starts_with(kDefaults)) out.set(path, setting);
  }
  return out;
}

// `written` is where the entry stands: overrides.team-a.
void refuse_mixed(const Settings& entry, const std::string& written, Problems& problems) {
  const Setting* flat = nullptr;
  bool has_sections = false;
  for (const auto& [path, setting] : entry.entries()) {
    if (path.size() <= kDefaults.size()) continue;
    if (setting.written == written + path.substr(kDefaults.size())) {
      has_sections = true;
    } else if (flat == nullptr || setting.line < flat->line) {
      flat = &setting;
    }
  }
  if (flat == nullptr || !has_sections) return;
  problems.push_back({flat->line, fmt::format("{}: flat keys and sections cannot stand in one "
                                              "entry",
                                              flat->written)});
}

// For all tenants together or not at all.
bool holds_for_single_tenants(std::string_view path) {
  path.remove_prefix(std::min(path.size(), kDefaults.size() + 1));
  if (path == "ingestion.retry_info_enabled") return false;
  return path.starts_with("ingestion") || path.starts_with("metrics_generator") ||
         path.starts_with("global");
}

class Reader {
 public:
  Reader(const Settings& main, const Document& document)
      : main_(without_defaults(main)), document_(document) {}

  std::expected<Overrides, std::string> run() {
    const Node& root = document_[document_.root];
    if (root.kind == Node::Kind::map) {
      for (const MapEntry& entry : root.entries) top(entry);
    } else if (root.kind != Node::Kind::null) {
      problems_.push_back({root.line, "the top level: expected a section named \"overrides\""});
    }
    if (!problems_.empty()) return std::unexpected(render(problems_));
    out_.inactive.assign(inactive_.begin(), inactive_.end());
    return std::move(out_);
  }

 private:
  void top(const MapEntry& entry) {
    const Node& node = document_[entry.value];
    if (entry.key != "overrides" || !names_.insert(entry.key).second) {
      problems_.push_back({entry.line, fmt::format("field {} {}", entry.key,
                                                   entry.key == "overrides"
                                                       ? "is there twice"
                                                       : "not found: the file holds \"overrides\" "
                                                         "and nothing else")});
      return;
    }
    if (node.kind == Node::Kind::null) return;
    if (node.kind != Node::Kind::map) {
      problems_.push_back({node.line, "overrides: expected a section for each tenant"});
      return;
    }
    if (node.entries.size() > kTenantsMax) {
      problems_.push_back({node.line, fmt::format("overrides: more than {} tenants", kTenantsMax)});
      return;
    }
    for (const MapEntry& tenant : node.entries) read_tenant(tenant);
  }

  void read_tenant(const MapEntry& entry) {
    const std::string written = "overrides." + entry.key;
    if (out_.tenants.contains(entry.key)) {
      problems_.push_back({entry.line, fmt::format("{}: this tenant is there twice", written)});
      return;
    }
    auto [own, problems] =
        check_section(document_, entry.value, entry_field(), {written, std::string(kDefaults)});
    refuse_mixed(own, written, problems);
    Settings settings = main_;
    for (const auto& [path, setting] : own.entries()) settings.set(path, setting);
    if (problems.empty()) {
      Config config = to_config(settings, problems);
      out_.tenants.emplace(entry.key, TenantSettings{.limits = config.limits,
                                                     .generator = std::move(config.generator)});
      note_inactive(own);
    }
    std::ranges::move(problems, std::back_inserter(problems_));
  }

  void note_inactive(const Settings& own) {
    for (std::string& name : inactive(own)) {
      if (name.starts_with(kDefaults)) inactive_.insert(std::move(name));
    }
    for (const auto& [path, setting] : own.entries()) {
      const bool is_value = setting.value != Value();
      if (is_value && !holds_for_single_tenants(path)) inactive_.insert(path);
    }
  }

  const Settings main_;
  const Document& document_;
  Overrides out_;
  Problems problems_;
  std::set<std::string> names_;
  std::set<std::string> inactive_;
};

}  // namespace

const TenantSettings* Overrides::find(std::string_view tenant) const {
  auto found = tenants.find(tenant);
  if (found == tenants.end()) found = tenants.find(std::string_view("*"));
  return found == tenants.end() ? nullptr : &found->second;
}

std::expected<std::string, std::string> OverridesFile::read() const {
  auto text = read_file(path_, kYamlBytesMax + 1);
  if (!text) return std::unexpected(fmt::format("{}: {}", path_, text.error()));
  if (!expands_env_) return *std::move(text);
  auto expanded = expand_env(*text, environment_variable);
  if (!expanded) return std::unexpected(fmt::format("{}: {}", path_, expanded.error().message));
  return *std::move(expanded);
}

std::expected<Overrides, std::string> OverridesFile::parse(const std::string& text) const {
  const auto document = parse_yaml(text);
  if (!document) return std::unexpected(fmt::format("{}: {}", path_, document.error().message));
  auto out = Reader(main_, *document).run();
  if (!out) return std::unexpected(fmt::format("{}:\n{}", path_, out.error()));
  return out;
}

}  // namespace vivace::config
