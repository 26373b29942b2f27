// querier and query_frontend: limits and parallelism of questions. The form of the table is told in
// config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kQuery = R"(
querier
  max_concurrent_queries                     int        20
  search
    query_timeout                            duration   30s
    prefer_self                              int        10
    external_hedge_requests_at               duration   8s
    external_hedge_requests_up_to            int        2
    external_backend                         string
    external_endpoints                       strings
    google_cloud_run                         any
    external                                 any
  trace_by_id
    query_timeout                            duration   10s
  metrics
    concurrent_blocks                        int        2
    time_overlap_cutoff                      float      0.2
  shuffle_sharding_ingesters_enabled         bool       false   # from here on: clusters only
  shuffle_sharding_ingesters_lookback_period duration   1h
  query_relevant_ingesters                   bool       false
  secondary_ingester_ring                    string
  partition_ring                             any
  frontend_worker                            any

query_frontend
  max_outstanding_per_tenant                 int        2000
  max_retries                                int        2
  max_batch_size                             int        5
  multi_tenant_queries_enabled               bool       true
  api_timeout                                duration   0
  url_deny_list                              strings
  max_query_expression_size_bytes            bytes      131072
  max_query_memory_bytes                     bytes      0         # ours: of all; 0: by the machine
  query_end_cutoff                           duration   0
  response_consumers                         int        10
  rf1_after                                  string
  log_query_request_headers                  any
  max_grpc_streaming_packet_size             bytes
  querier_forget_delay                       duration   0
  weights                                    any
  mcp_server
    enabled                                  bool       false
  search
    concurrent_jobs                          int        1000
    target_bytes_per_job                     bytes      104857600
    default_result_limit                     int        20
    max_result_limit                         int        0
    max_duration                             duration   168h    # 0: any
    query_backend_after                      duration   15m
    query_ingesters_until                    duration   30m
    max_spans_per_span_set                   int        100
    default_spans_per_span_set               int        3
    ingester_shards                          int        3
    most_recent_shards                       int        200
    timeout                                  duration   0
    duration_slo                             duration   0
    throughput_bytes_slo                     float      0
    metadata_slo
      duration_slo                           duration   0
      throughput_bytes_slo                   float      0
  trace_by_id
    query_shards                             int        50
    concurrent_shards                        int        0
    hedge_requests_at                        duration   2s
    hedge_requests_up_to                     int        2
    duration_slo                             duration   0
    throughput_bytes_slo                     float      0
  metrics
    concurrent_jobs                          int        1000
    target_bytes_per_job                     bytes      104857600
    max_duration                             duration   3h
    query_backend_after                      duration   30m
    interval                                 duration   5m
    max_exemplars                            int        100
    max_intervals                            int        10000
    max_response_series                      int        0
    streaming_shards                         int        200
    duration_slo                             duration   0
    throughput_bytes_slo                     float      0
)";

}  // namespace vivace::config::schema_text
