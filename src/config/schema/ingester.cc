// ingester: when spans leave memory. The section is gone in Tempo 3.0, its keys are still accepted.
// The form of the table is told in config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kIngester = R"(
ingester
  trace_idle_period              duration   5s
  trace_live_period              duration   30s
  max_block_duration             duration   30m
  max_block_bytes                bytes      524288000
  complete_block_timeout         duration   15m
  flush_check_period             duration   10s
  flush_op_timeout               duration   5m
  flush_all_on_shutdown          bool       false
  flush_object_storage           bool       true
  concurrent_flushes             int        4
  lifecycler                     any                 # from here on: clusters only
  partition_ring                 any
  override_ring_key              string
)";

}  // namespace vivace::config::schema_text
