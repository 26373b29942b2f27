// Tenant names: part of folder names, labels and log records, so they are checked before use. The
// rules are Tempo's (configuration contract, section 8).
#pragma once

#include <string_view>

namespace vivace {

// Whose everything is while multitenancy is off.
constexpr std::string_view kSingleTenant = "single-tenant";

// In metrics: of whom there are too many to tell apart. Nobody can be called that.
constexpr std::string_view kOtherTenants = "<others>";

constexpr size_t kTenantCharactersMax = 150;

// Letters, digits and ! - _ . * ' ( ), 1 to 150 of them, not "." or "..".
constexpr bool is_valid_tenant(std::string_view name) {
  if (name.empty() || name.size() > kTenantCharactersMax || name == "." || name == "..")
    return false;
  for (const char c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      std::string_view("!-_.*'()").find(c) != std::string_view::npos;
    if (!good) return false;
  }
  return true;
}

}  // namespace vivace
