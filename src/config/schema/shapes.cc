// Groups of keys that several sections share; the form of these tables is told in config/schema.h.
// Read once by schema.cc, before the others.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kShapes = R"(
# TLS of a listener that answers questions; on when a certificate is set.
@listener_tls
  cert                           string
  key                            secret
  client_ca                      string
  cert_file                      string
  key_file                       string
  client_ca_file                 string
  client_auth_type               ""|NoClientCert|RequestClientCert|RequireAnyClientCert
    |VerifyClientCertIfGiven|RequireAndVerifyClientCert

# A listener that answers questions.
@server
  http_listen_network                                   string     tcp
  http_listen_address                                   string
  http_listen_port                                      port       3200
  http_listen_conn_limit                                int        0
  http_path_prefix                                      string
  http_server_read_timeout                              duration   30s
  http_server_read_header_timeout                       duration   0
  http_server_write_timeout                             duration   30s
  http_server_idle_timeout                              duration   2m
  http_log_closed_connections_without_response_enabled  bool       false
  http_tls_config                                       @listener_tls
  grpc_listen_network                                   string     tcp
  grpc_listen_address                                   string
  grpc_listen_port                                      port       9095
  grpc_listen_conn_limit                                int        0
  grpc_tls_config                                       @listener_tls
  grpc_server_max_recv_msg_size                         bytes      16777216
  grpc_server_max_send_msg_size                         bytes      16777216
  grpc_server_max_concurrent_streams                    int        100
  grpc_server_max_connection_idle                       duration   2562047h47m16.854775807s
  grpc_server_max_connection_age                        duration   2562047h47m16.854775807s
  grpc_server_max_connection_age_grace                  duration   2562047h47m16.854775807s
  grpc_server_keepalive_time                            duration   2h
  grpc_server_keepalive_timeout                         duration   20s
  grpc_server_min_time_between_pings                    duration   10s
  grpc_server_ping_without_stream_allowed               bool       true
  grpc_server_num_workers                               int        0
  grpc_server_stats_tracking_enabled                    bool       true
  grpc_server_recv_buffer_pools_enabled                 bool       false
  grpc_server_read_buffer_size                          bytes
  grpc_server_write_buffer_size                         bytes
  grpc_server_initial_window_size                       bytes
  grpc_server_initial_conn_window_size                  bytes
  grpc_collect_max_streams_by_conn                      bool       true
  tls_cipher_suites                                     string
  tls_min_version                                       ""|VersionTLS10|VersionTLS11|VersionTLS12
    |VersionTLS13
  proxy_protocol_enabled                                bool       false
  register_instrumentation                              bool       true
  report_grpc_codes_in_instrumentation_label_enabled    bool       true
  graceful_shutdown_timeout                             duration   30s
  log_format                                            logfmt|json logfmt
  log_level                                             debug|info|warn|error info
  log_source_ips_enabled                                bool       false
  log_source_ips_full                                   bool       false
  log_source_ips_header                                 string
  log_source_ips_regex                                  string
  log_request_headers                                   bool       false
  log_request_at_info_level_enabled                     bool       false
  log_request_exclude_headers_list                      string
  trace_request_headers                                 bool       false
  trace_request_exclude_headers_list                    string
  cluster_validation                                    any
  throughput                                            any

# TLS of a listener that receives spans.
@receiver_tls
  ca_file                        string
  ca_pem                         string
  include_system_ca_certs_pool   bool
  cert_file                      string
  cert_pem                       string
  key_file                       string
  key_pem                        secret
  min_version                    ""|1.0|1.1|1.2|1.3
  max_version                    ""|1.0|1.1|1.2|1.3
  cipher_suites                  strings
  reload_interval                duration
  client_ca_file                 string
  client_ca_file_reload          bool

# TLS of a client of ours (Prometheus' names).
@client_tls
  ca                             string
  ca_file                        string
  cert                           string
  cert_file                      string
  key                            secret
  key_file                       string
  server_name                    string
  insecure_skip_verify           bool       false
  min_version                    ""|TLS10|TLS11|TLS12|TLS13
  max_version                    ""|TLS10|TLS11|TLS12|TLS13

# A hint which attributes deserve a column; our blocks choose for themselves.
@dedicated_column
  scope                          resource|span|event
  name                           string
  type                           string|int string
  options                        strings

# Of the block format that Tempo writes; it does not choose ours.
@block
  version                        v2|vParquet|vParquet2|vParquet3|vParquet4|vParquet5 vParquet4
  bloom_filter_false_positive    float      0.01
  bloom_filter_shard_size_bytes  bytes      102400
  parquet_row_group_size_bytes   bytes      100000000
  parquet_dedicated_columns[]    @dedicated_column
  search_encoding                string     snappy
  search_page_size_bytes         bytes      1048576
  v2_encoding                    string     zstd
  v2_index_downsample_bytes      bytes      1048576
  v2_index_page_size_bytes       bytes      256000

@search
  chunk_size_bytes               bytes      1000000
  prefetch_trace_count           int        1000
  read_buffer_count              int        32
  read_buffer_size_bytes         bytes      1048576
  cache_control
    footer                       bool       false
    column_index                 bool       false
    offset_index                 bool       false

@wal
  path                           string
  v2_encoding                    string     snappy
  search_encoding                string     none
  version                        v2|vParquet|vParquet2|vParquet3|vParquet4|vParquet5 vParquet4
  ingestion_time_range_slack     duration   2m

@log_spans
  enabled                        bool       false
  include_all_attributes         bool       false
  filter_by_status_error         bool       false

@policy_match
  match_type                     strict|regex strict
  attributes[]
    key                          string
    value                        scalar     # typed: 200 is not "200"

@filter_policy
  include                        @policy_match
  include_any                    @policy_match
  exclude                        @policy_match

@dimension_mapping
  name                           string
  source_labels                  strings
  join                           string

@intrinsic_dimensions
  service                        bool       true
  span_name                      bool       true
  span_kind                      bool       true
  status_code                    bool       true
  status_message                 bool       false
)";

}  // namespace vivace::config::schema_text
