// The one check that all receivers share; what makes a name valid is model/tenant's matter. Runs on
// io threads.
#include "receive/tenant.h"

#include <fmt/format.h>

#include "model/tenant.h"

namespace vivace::receive {

Result<std::string> tenant_of(std::string_view org_id, bool multitenancy) {
  if (!multitenancy) return std::string(kSingleTenant);
  if (org_id.empty()) return fail(Code::invalid_argument, "no org id");
  if (!is_valid_tenant(org_id)) {
    return fail(Code::invalid_argument, fmt::format("tenant ID '{}' is not valid", org_id));
  }
  return std::string(org_id);
}

}  // namespace vivace::receive
