// distributor: how spans come in. Receivers carry the OpenTelemetry Collector's names; one kind may
// stand several times (otlp, otlp/second). The form of the table is told in
// config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kDistributor = R"(
@receiver_grpc
  endpoint                             address
  transport                            string     tcp
  tls                                  @receiver_tls
  max_recv_msg_size_mib                int        0      # 0: 4 MiB
  max_concurrent_streams               int
  read_buffer_size                     bytes      524288
  write_buffer_size                    bytes
  keepalive
    server_parameters
      max_connection_idle              duration
      max_connection_age               duration
      max_connection_age_grace         duration
      time                             duration
      timeout                          duration
    enforcement_policy
      min_time                         duration   5m
      permit_without_stream            bool       false
  auth                                 any
  include_metadata                     bool       true

@receiver_http
  endpoint                             address
  tls                                  @receiver_tls
  cors
    allowed_origins                    strings
    allowed_headers                    strings
    max_age                            int               # seconds
  auth                                 any
  max_request_body_size                bytes      0      # 0: 20 MiB
  include_metadata                     bool       true
  response_headers                     map
  compression_algorithms               strings
  read_timeout                         duration   0      # 0: none, here and below
  read_header_timeout                  duration   0
  write_timeout                        duration   0
  idle_timeout                         duration   0

@receiver_udp
  endpoint                             address
  queue_size                           int        1000
  max_packet_size                      bytes      65000
  workers                              int        10
  socket_buffer_size                   bytes      0

distributor
  receivers                                              # none: jaeger grpc, thrift_http; otlp grpc
    otlp/*
      protocols                                          # a protocol that is not named is off
        grpc                           @receiver_grpc
          endpoint                     address    localhost:4317
        http                           @receiver_http
          endpoint                     address    localhost:4318
          traces_url_path              string     /v1/traces
          metrics_url_path             string     /v1/metrics
          logs_url_path                string     /v1/logs
    jaeger/*
      protocols
        grpc                           @receiver_grpc
          endpoint                     address    localhost:14250
        thrift_http                    @receiver_http
          endpoint                     address    localhost:14268
        thrift_compact                 @receiver_udp
          endpoint                     address    localhost:6831
        thrift_binary                  @receiver_udp
          endpoint                     address    localhost:6832
    zipkin/*                           @receiver_http
      endpoint                         address    localhost:9411
      parse_string_tags                bool       false
    opencensus/*                       any
    kafka/*                            any

  max_attribute_bytes                  bytes      2048   # longer keys and strings are cut; 0: never
  max_span_attr_byte                   bytes      -> distributor.max_attribute_bytes
  retry_after_on_resource_exhausted    duration   0
  artificial_delay                     duration   0
  log_received_spans                   @log_spans
  log_discarded_spans                  @log_spans
  metric_received_spans
    enabled                            bool       false
    root_only                          bool       false
  forwarders[]
    name                               string
    backend                            string     otlpgrpc
    otlpgrpc
      endpoints                        strings
      tls
        insecure                       bool       false
        cert_file                      string
    filter
      traces
        span                           strings
        spanevent                      strings
  usage
    cost_attribution
      enabled                          bool       false
      max_cardinality                  int        10000
      stale_duration                   duration   15m

  extend_writes                        bool       true   # from here on: clusters only
  override_ring_key                    string
  ring                                 any
  kafka_config                         any
  ingester_write_path_enabled          bool       true
  kafka_write_path_enabled             bool       false
)";

}  // namespace vivace::config::schema_text
