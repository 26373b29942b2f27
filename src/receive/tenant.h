// Whose spans a request brings: the one tenant, or with multitenancy the one that X-Scope-OrgID
// (HTTP) or x-scope-orgid (gRPC metadata) names. Called by the receivers on io threads.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace vivace::receive {

// `org_id` is the header's value, empty when it is absent. Code::invalid_argument when it must name
// a tenant and does not.
Result<std::string> tenant_of(std::string_view org_id, bool multitenancy);

}  // namespace vivace::receive
