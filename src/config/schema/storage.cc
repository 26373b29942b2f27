// storage.trace: where spans lie. Keys that steer Tempo's object storage are checked and have no
// effect on a local disk. The form of the table is told in config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kStorage = R"(
storage
  trace
    backend                                string               # local; s3, gcs, azure are refused
    local
      path                                 string               # required
      max_bytes                            bytes      0         # ours: 0 is no limit by size
      min_free_bytes                       bytes                # ours: kept free on the volume
    wal                                    @wal
      path                                 string     /var/tempo/wal
    block                                  @block
    search                                 @search
    pool
      max_workers                          int        400
      queue_depth                          int        20000
    blocklist_poll                         duration   5m        # the period of maintenance
    blocklist_poll_concurrency             int        50
    blocklist_poll_tenant_concurrency      int        0
    blocklist_poll_fallback                bool       true
    blocklist_poll_tenant_index_builders   int        2
    blocklist_poll_stale_tenant_index      duration   0
    blocklist_poll_jitter_ms               int        0
    blocklist_poll_tolerate_consecutive_errors int    1
    blocklist_poll_tolerate_tenant_failures    int    1
    empty_tenant_deletion_enabled          bool       false
    empty_tenant_deletion_age              duration   0
    cache                                  string
    cache_min_compaction_level             int        0
    cache_max_block_age                    duration   0
    background_cache                       any
    memcached                              any
    redis                                  any
    s3
      bucket                               string
      prefix                               string
      endpoint                             string
      region                               string
      access_key                           secret
      secret_key                           secret
      session_token                        secret
      insecure                             bool       false
      forcepathstyle                       bool       false
      bucket_lookup_type                   any
      enable_dual_stack                    bool       false
      part_size                            bytes
      hedge_requests_at                    duration   0
      hedge_requests_up_to                 int        2
      max_retries                          int
      list_blocks_concurrency              int        3
      signature_v2                         bool       false
      storage_class                        string
      checksum_type                        string
      tags                                 map
      metadata                             map
      native_aws_auth_enabled              bool       false
      tls_cert_path                        string
      tls_key_path                         string
      tls_ca_path                          string
      tls_server_name                      string
      tls_insecure_skip_verify             bool       false
      tls_cipher_suites                    string
      tls_min_version                      string
      sse                                  any
      *                                    any
    gcs                                    any
    azure                                  any
)";

}  // namespace vivace::config::schema_text
