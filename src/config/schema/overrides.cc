// overrides: limits and switches that hold for every tenant. `defaults` is the shape of Tempo 2.3
// and later; the flat keys of before are derived from it in legacy_overrides.cc. The form of the
// table is told in config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kOverrides = R"(
@cost_attribution
  max_cardinality                         int
  dimensions                              map

overrides
  per_tenant_override_config              string
  per_tenant_override_period              duration*  10s
  enable_legacy_overrides                 bool       false
  user_configurable_overrides
    enabled                               bool       false
    poll_interval                         duration   1m
    client
      backend                             string
      local
        path                              string
      confirm_versioning                  bool       true
      s3                                  any
      gcs                                 any
      azure                               any
    api                                   any

  defaults
    forwarders                            strings
    cost_attribution                      @cost_attribution
    ingestion
      rate_strategy                       local|global local
      rate_limit_bytes                    bytes      # without one: no limit
      burst_size_bytes                    bytes
      max_traces_per_user                 int        # without one: no limit
      max_global_traces_per_user          int        0
      tenant_shard_size                   int        0
      max_attribute_bytes                 bytes      0          # 0: the distributor's
      artificial_delay                    duration   0
      retry_info_enabled                  bool       true
    read
      max_bytes_per_tag_values_query      bytes      1000000
      max_blocks_per_tag_values_query     int        0
      max_condition_groups_per_tag_query  int        100
      max_search_duration                 duration*  0
      max_metrics_duration                duration*  0
      unsafe_query_hints                  bool       false
      left_pad_trace_ids                  bool       false
      metrics_spanonly_fetch              bool       false
    compaction
      block_retention                     duration*  0          # 0: the compactor's
      compaction_window                   duration*  0
      compaction_disabled                 bool       false
    global
      max_bytes_per_trace                 bytes      # without one: no limit
    storage
      parquet_dedicated_columns[]         @dedicated_column
    metrics_generator
      processors                          strings
      max_active_series                   int        # without one: sized to the memory
      max_active_entities                 int
      max_cardinality_per_label           int
      collection_interval                 duration   0
      disable_collection                  bool       false
      generate_native_histograms          ""|classic|native|both classic
      native_histogram_bucket_factor      float      1.1
      native_histogram_max_bucket_number  int        100
      native_histogram_min_reset_duration duration   15m
      trace_id_label_name                 string
      ingestion_time_range_slack          duration   0
      span_name_sanitization              ""|disabled|dry_run|enabled
      remote_write_headers                map
      ring_size                           int        0
      forwarder
        queue_size                        int        100
        workers                           int        2
      processor
        service_graphs
          dimensions                      strings
          peer_attributes                 strings
          histogram_buckets               floats
          enable_client_server_prefix     bool
          enable_messaging_system_latency_histogram bool
          enable_virtual_node_label       bool
          filter_policies[]               @filter_policy
          span_multiplier_key             string
          enable_tracestate_span_multiplier bool
        span_metrics
          dimensions                      strings
          intrinsic_dimensions            @intrinsic_dimensions
          dimension_mappings[]            @dimension_mapping
          histogram_buckets               floats
          filter_policies[]               @filter_policy
          enable_target_info              bool
          target_info_excluded_dimensions strings
          enable_instance_label           bool
          span_multiplier_key             string
          enable_tracestate_span_multiplier bool
        local_blocks
          max_live_traces                 int
          max_block_duration              duration
          max_block_bytes                 bytes
          flush_check_period              duration
          trace_idle_period               duration
          complete_block_timeout          duration
        host_info
          host_identifiers                strings
          metric_name                     string
)";

}  // namespace vivace::config::schema_text
