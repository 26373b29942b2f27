// The file of per-tenant overrides (`overrides.per_tenant_override_config`): what holds for single
// tenants in place of `overrides.defaults`.
//
//   overrides:
//     team-a:                                    an entry, in either shape of the main file
//       metrics_generator: {processors: [span-metrics]}
//     "*": {ingestion_rate_limit_bytes: 1000000}     who has no entry of his own
//
// An entry takes the place of the defaults as a whole: what it does not set is as if nobody had set
// it. Everything else of the main file goes on to hold.
//
// Read at start and again by whoever reloads it; any one thread at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/settings.h"

namespace vivace::config {

// What may differ between tenants.
struct TenantSettings {
  Limits limits;
  Generator generator;
  bool operator==(const TenantSettings&) const = default;
};

class Overrides {
 public:
  // The tenant's entry, else that of "*", else null: the defaults hold.
  const TenantSettings* find(std::string_view tenant) const;

  std::map<std::string, TenantSettings, std::less<>> tenants;
  std::vector<std::string> inactive;  // keys that are set and have no effect for a single tenant
};

// An immutable state of them, shared; null: there is no file.
using OverridesSnapshot = std::shared_ptr<const Overrides>;

class OverridesFile {
 public:
  // `main` is what the main file and the flags have set.
  OverridesFile(Settings main, std::string path, int64_t period_ns, bool expands_env)
      : main_(std::move(main)),
        path_(std::move(path)),
        period_ns_(period_ns),
        expands_env_(expands_env) {}

  const std::string& path() const { return path_; }
  int64_t period_ns() const { return period_ns_; }

  // The text of the file, with `${...}` replaced if the main file's were.
  std::expected<std::string, std::string> read() const;
  // The error names all that is wrong, a line each.
  std::expected<Overrides, std::string> parse(const std::string& text) const;

 private:
  const Settings main_;
  const std::string path_;
  const int64_t period_ns_;
  const bool expands_env_;
};

}  // namespace vivace::config
