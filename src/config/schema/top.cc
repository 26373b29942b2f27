// The keys at the top of the file, and the sections that only a cluster uses: those are accepted in
// any shape and have no effect in one process. The form of the table is told in config/schema.h.
// Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kTop = R"(
target                           string     all
stream_over_http_enabled         bool       false    # gRPC on the HTTP port too
multitenancy_enabled             bool       false    # X-Scope-OrgID is required
auth_enabled                     bool       -> multitenancy_enabled
http_api_prefix                  string
shutdown_delay                   duration   0        # /ready says 503 that long before the stop
enable_go_runtime_metrics        bool       false

usage_report                                         # accepted; nothing is ever sent
  reporting_enabled              bool       true
  backoff
    min_period                   duration
    max_period                   duration
    max_retries                  int

memory
  automemlimit_enabled           bool       false
  automemlimit_ratio             float      0.8

cache                            any
memberlist                       any
ingester_client                  any
metrics_generator_client         any
live_store_client                any
backend_scheduler_client         any
partition_ring_live_store        any
ingest                           any
block_builder                    any
live_store                       any
)";

}  // namespace vivace::config::schema_text
