// metrics_generator: metrics made from spans, and where they are sent. The keys of remote_write are
// Prometheus'. The form of the table is told in config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kGenerator = R"(
@relabel
  source_labels                           strings
  separator                               string     ;
  regex                                   string     (.*)
  modulus                                 int
  target_label                            string
  replacement                             string     $1
  action                                  ""|replace|keep|drop|hashmod|labelmap|labeldrop replace
    |labelkeep|lowercase|uppercase|keepequal|dropequal

@remote_write
  url                                     string                # required
  name                                    string
  remote_timeout                          duration*  30s
  headers                                 map
  http_headers
    *
      values                              strings
      secrets                             strings
      files                               strings
  send_exemplars                          bool       false
  send_native_histograms                  bool       false
  round_robin_dns                         bool       false
  protobuf_message                        ""|prometheus.WriteRequest|io.prometheus.write.v2.Request
  write_relabel_configs[]                 @relabel
  basic_auth
    username                              string
    username_file                         string
    password                              secret
    password_file                         string
  authorization
    type                                  string     Bearer
    credentials                           secret
    credentials_file                      string
  bearer_token                            secret
  bearer_token_file                       string
  oauth2                                  any
  sigv4                                   any
  azuread                                 any
  google_iam                              any
  tls_config                              @client_tls
  follow_redirects                        bool       true
  enable_http2                            bool       true
  proxy_url                               string
  no_proxy                                string
  proxy_from_environment                  bool       false
  proxy_connect_header
    *                                     strings
  queue_config
    capacity                              int        10000
    max_shards                            int        50
    min_shards                            int        1
    max_samples_per_send                  int        2000
    batch_send_deadline                   duration*  5s
    min_backoff                           duration*  30ms
    max_backoff                           duration*  5s
    retry_on_http_429                     bool       false
    sample_age_limit                      duration*  0
  metadata_config
    send                                  bool       true
    send_interval                         duration*  1m
    max_samples_per_send                  int        2000

metrics_generator
  metrics_ingestion_time_range_slack      duration   30s
  storage
    path                                  string                # empty: the generator is off
    remote_write[]                        @remote_write
    remote_write_flush_deadline           duration   1m
    remote_write_add_org_id_header        bool       true
    wal                                                         # accepted; there is no such log
      wal_segment_size                    int
      wal_compression                     any
      stripe_size                         int
      truncate_frequency                  duration
      min_wal_time                        int
      max_wal_time                        int
      no_lockfile                         bool
  registry
    collection_interval                   duration   15s
    stale_duration                        duration   15m
    external_labels                       map
    inject_tenant_id_as                   string
    instance_label                        bool       true       # ours: __metrics_gen_instance
    max_label_name_length                 int        1024
    max_label_value_length                int        2048
  processor
    span_metrics
      dimensions                          strings
      intrinsic_dimensions                @intrinsic_dimensions
      dimension_mappings[]                @dimension_mapping
      histogram_buckets                   floats     # 0.002 doubling up to 16.384
      histogram_override                  any
      enable_target_info                  bool       false
      target_info_excluded_dimensions     strings
      enable_instance_label               bool       true
      filter_policies[]                   @filter_policy
      span_multiplier_key                 string
      enable_tracestate_span_multiplier   bool       false
      subprocessors                       any
      duration_seconds_alias              bool       false      # ours: a second name of latency
      semconv_aliases                     bool       false      # ours: older and newer names match
    service_graphs
      wait                                duration   10s
      max_items                           int        10000
      workers                             int        10
      dimensions                          strings
      peer_attributes                     strings    peer.service,db.name,db.system
      database_name_attributes            strings db.namespace,db.name,db.system,db.system.name
      histogram_buckets                   floats     0.1,0.2,0.4,0.8,1.6,3.2,6.4,12.8
      histogram_override                  any
      enable_client_server_prefix         bool       false
      enable_messaging_system_latency_histogram bool false
      enable_virtual_node_label           bool       false
      filter_policies[]                   @filter_policy
      span_multiplier_key                 string
      enable_tracestate_span_multiplier   bool       false
    local_blocks                                                # accepted; one store serves all
      filter_server_spans                 bool       true
      flush_to_storage                    bool       false
      flush_check_period                  duration   10s
      trace_idle_period                   duration   5s
      trace_live_period                   duration   30s
      max_block_duration                  duration   1m
      max_block_bytes                     bytes      500000000
      complete_block_timeout              duration   1h
      max_live_traces                     int        0
      max_live_traces_bytes               bytes      250000000
      concurrency                         int        4
      concurrent_blocks                   int        10
      time_overlap_cutoff                 float      0.2
      block                               @block
      search                              @search
    host_info
      host_identifiers                    strings    k8s.node.name,host.id
      metric_name                         string     traces_host_info
  traces_storage                          @wal
  traces_query_storage                    @wal
  query_timeout                           duration   30s
  limiter_type                            series|entity series
  codec                                   string
  disable_local_blocks                    bool       false
  disable_grpc                            bool       false
  ring                                    any                   # from here on: clusters only
  ring_mode                               string
  override_ring_key                       string
  instance_id                             string
  ingest_concurrency                      int
  leave_consumer_group_on_shutdown        bool       false
)";

}  // namespace vivace::config::schema_text
