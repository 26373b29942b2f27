// compactor: how long traces are kept, and how blocks are merged. Tempo 3.0 moved the keys below
// backend_scheduler and backend_worker; both places are read. The form of the table is told in
// config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kCompactor = R"(
compactor
  disabled                       bool       false    # retention still runs
  compaction
    block_retention              duration   336h     # 0 is refused
    compacted_block_retention    duration   1h
    compaction_window            duration   1h
    max_compaction_objects       int        6000000
    max_block_bytes              bytes      107374182400
    retention_concurrency        int        10
    max_time_per_tenant          duration   5m
    compaction_cycle             duration   30s
    v2_in_buffer_bytes           bytes      5242880
    v2_out_buffer_bytes          bytes      20971520
    v2_prefetch_traces_count     int        1000
  ring                           any
  override_ring_key              string

@moved_compaction
  block_retention                duration   -> compactor.compaction.block_retention
  compacted_block_retention      duration   -> compactor.compaction.compacted_block_retention
  compaction_window              duration   -> compactor.compaction.compaction_window
  max_compaction_objects         int        -> compactor.compaction.max_compaction_objects
  max_block_bytes                bytes      -> compactor.compaction.max_block_bytes
  *                              any

backend_scheduler
  provider
    compaction
      compaction                 @moved_compaction
      *                          any
    *                            any
  *                              any

backend_worker
  compaction                     @moved_compaction
  *                              any
)";

}  // namespace vivace::config::schema_text
