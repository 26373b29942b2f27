// Parts in the order of the road; destroyed in the opposite order, after `stop` has ended all
// threads. Memory is shared out here, once, from what the machine or its cgroup allows.
#include "app/app.h"

#include <algorithm>
#include <cmath>
#include <malloc.h>
#include <thread>

#include <fmt/format.h>

#include "api/api.h"
#include "app/ingest.h"
#include "app/machine.h"
#include "app/memory_guard.h"
#include "app/start_generator.h"
#include "app/tenant_overrides.h"
#include "app/version.h"
#include "base/log.h"
#include "model/tenant.h"
#include "net/server.h"
#include "receive/otlp_grpc.h"
#include "receive/otlp_http.h"
#include "storage/local_storage.h"

namespace vivace {
namespace {

using std::chrono::milliseconds;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGenerationBytesMin = 256 << 10;  // smaller blocks would be nothing but overhead
constexpr int64_t kLogBytesMin = 24 * kMiB;
constexpr int64_t kLogBytesMax = 256 * kMiB;
// Of a request's head: a query of 128 KiB in a URL, percent-encoded.
constexpr int64_t kQueryHeadBytesMax = 256 << 10;
constexpr size_t kQueriesWaitingMax = 2000;
constexpr int64_t kStreamsMax = 10'000;    // of one connection
constexpr double kCompactionShare = 0.25;  // of the CPUs, when not much waits
constexpr int64_t kMergeBytesPerRow = 26;  // of memory, at the peak of a merge

milliseconds ms(int64_t ns, int64_t when_zero_ms) {
  return milliseconds(ns == 0 ? when_zero_ms : std::max<int64_t>(1, ns / 1'000'000));
}

// Shares of the memory that the machine gives.
struct MemoryPlan {
  explicit MemoryPlan(int64_t machine_bytes)
      : head_bytes(std::clamp(machine_bytes / 4, 32 * kMiB, 112 * kMiB)),
        bodies_bytes(std::clamp(machine_bytes / 16, 16 * kMiB, 48 * kMiB)),
        queries_bytes(std::clamp(machine_bytes / 8, 24 * kMiB, 512 * kMiB)),
        metrics_query_bytes(std::clamp(machine_bytes / 16, 16 * kMiB, 256 * kMiB)),
        block_cache_bytes(std::clamp(machine_bytes / 16, 8 * kMiB, 32 * kMiB)),
        compaction_bytes(std::clamp(machine_bytes / 8, 16 * kMiB, 48 * kMiB)) {}
  int64_t head_bytes;
  int64_t bodies_bytes;
  int64_t queries_bytes;        // of all together
  int64_t metrics_query_bytes;  // of these, for what each counts
  int64_t block_cache_bytes;
  int64_t compaction_bytes;
};

uint32_t count_of(int64_t value) {
  return static_cast<uint32_t>(std::clamp<int64_t>(value, 0, UINT32_MAX));
}

MetricsLimits metrics_limits(const config::Queries& queries, const MemoryPlan& plan) {
  return {.exemplars_max = count_of(queries.metrics_exemplars_max),
          .series_max = count_of(queries.metrics_series_max),
          .memory_bytes_max = plan.metrics_query_bytes};
}

}  // namespace

class App::Parts {
 public:
  explicit Parts(config::Loaded settings)
      : settings_(std::move(settings)),
        config_(settings_.config),
        machine_(read_machine()),
        plan_(machine_.memory_bytes),
        bodies_("bodies", plan_.bodies_bytes),
        server_(io_threads(), metrics_),
        queries_("query", query_threads(), kQueriesWaitingMax),
        api_({.http_api_prefix = config_.http_api_prefix,
              .multitenancy = config_.multitenancy_enabled,
              .trace_bytes_max = config_.limits.max_bytes_per_trace,
              .is_trace_cut = [this](const std::string& tenant,
                                     const TraceId& id) { return ingest_->has_cut(tenant, id); },
              .flush = [this] { store_->flush(); },
              .tag_bytes_max = config_.limits.max_bytes_per_tag_values_query,
              .query_bytes_max = config_.queries.expression_bytes_max,
              .search_range_max_ns = config_.queries.search_range_max_ns,
              .search_timeout_ns = config_.queries.search_timeout_ns,
              .search_limits = {.traces_default = config_.queries.search_traces_default,
                                .traces_max = config_.queries.search_traces_max,
                                .spans_default = config_.queries.search_spans_default,
                                .spans_max = config_.queries.search_spans_max},
              .metrics_limits = metrics_limits(config_.queries, plan_),
              .metrics_range_max_ns = config_.queries.metrics_range_max_ns,
              .metrics_intervals_max = count_of(config_.queries.metrics_intervals_max),
              .version = version(),
              .revision = revision()},
             {.clock = &clock_, .metrics = &metrics_, .maybe_query_memory = &query_memory_},
             queries_) {}

  Result<void> start() {
    describe();
    CHECK_OK(listen_http());
    CHECK_OK(overrides_.start());
    generator_ = TRY(start_generator(generator_start(), disk_, clock_, metrics_));
    store_ = TRY(Store::open(disk_, store_options(), clock_, metrics_));
    TRY(store_->recover());
    ingest_ = std::make_unique<Ingest>(
        IngestOptions{.threads = cpus(),
                      .body_bytes_max = body_bytes_max(),
                      .limits_of = [this](const std::string& tenant) { return limits_of(tenant); }},
        *store_, bodies_, clock_, metrics_);
    api_.set_store(store_.get());  // queries ask both
    CHECK_OK(listen_otlp_http());
    CHECK_OK(listen_otlp_grpc());
    api_.set_phase(api::Phase::ready);
    log::info("Vivace started");
    return {};
  }

  void stop() {
    api_.set_phase(api::Phase::stopping);
    std::this_thread::sleep_for(ms(config_.shutdown_delay_ns, 0));
    const milliseconds grace = ms(config_.server.graceful_shutdown_timeout_ns, 1);
    for (const char* receiver : {"otlp-http", "otlp-grpc"}) {
      server_.stop_listener(receiver, std::min(grace, milliseconds(10'000)));
    }
    if (ingest_ != nullptr) ingest_->stop();
    if (store_ != nullptr) store_->stop();
    if (generator_ != nullptr) generator_->stop();
    overrides_.stop();
    server_.stop(std::min(grace, milliseconds(5'000)));
    queries_.stop();
    log::info("Vivace stopped");
  }

 private:
  int cpus() const { return std::max(1, static_cast<int>(std::ceil(machine_.cpus))); }
  int io_threads() const { return std::min(2, cpus()); }
  // More than CPUs: a query may wait for a client that reads slowly.
  int query_threads() const { return std::max(8, 2 * cpus()); }
  size_t body_bytes_max() const {
    const auto& otlp = config_.distributor.otlp_http;
    return static_cast<size_t>(otlp ? otlp->max_request_body_size_bytes : 20 * kMiB);
  }
  // A tenant's own entry, else the defaults.
  IngestLimits limits_of(const std::string& tenant) const {
    const config::OverridesSnapshot overrides = overrides_.snapshot();
    const config::TenantSettings* const own =
        overrides == nullptr ? nullptr : overrides->find(tenant);
    const config::Limits& limits = own == nullptr ? config_.limits : own->limits;
    const int64_t attribute_bytes = limits.max_attribute_bytes;
    return {
        .attribute_bytes_max = static_cast<uint32_t>(
            attribute_bytes != 0 ? attribute_bytes : config_.distributor.max_attribute_bytes),
        .rate = {.bytes_per_s = limits.rate_limit_bytes, .burst_bytes = limits.burst_size_bytes},
        .traces = {.trace_bytes_max = limits.max_bytes_per_trace,
                   .live_traces_max = limits.max_traces_per_user,
                   .idle_ns = config_.ingester.trace_idle_period_ns}};
  }
  GeneratorStart generator_start() {
    GeneratorStart out{.config = config_.generator, .memory_bytes = machine_.memory_bytes};
    if (overrides_.has_file()) out.overrides = [this] { return overrides_.snapshot(); };
    return out;
  }

  // Half of the memory for heads is for the generation that is filled, half for those that are
  // being cut. Small generations get small segments, so that each gives some of the log back.
  StoreOptions store_options() {
    const config::Ingester& ingester = config_.ingester;
    int64_t generation_bytes = plan_.head_bytes / 2;
    if (ingester.max_block_bytes > 0) {
      generation_bytes =
          std::clamp(ingester.max_block_bytes, kGenerationBytesMin, generation_bytes);
    }
    const int64_t log_bytes = log_bytes_max();
    const int64_t segment_bytes =
        std::clamp(std::min(generation_bytes / 4, log_bytes / 16), kMiB, 16 * kMiB) / kMiB * kMiB;
    return {.wal = {.folder = config_.storage.wal_path + "/vivace",
                    .segment_bytes = static_cast<uint64_t>(segment_bytes),
                    .bytes_max = log_bytes},
            .blocks_folder = config_.storage.local_path + "/vivace/blocks",
            .head_bytes_max = plan_.head_bytes,
            .generation_bytes_max = generation_bytes,
            .generation_age_max_ns = ingester.max_block_duration_ns,
            .retention_ns = config_.block_retention_ns,
            .block_cache_bytes_max = plan_.block_cache_bytes,
            .check_period_ms = static_cast<int>(
                std::clamp<int64_t>(ingester.flush_check_period_ns / 1'000'000, 100, 60'000)),
            .compaction = compaction_options(),
            .disk = disk_options(),
            .is_memory_short = [this] { return memory_.is_short(); },
            .listener = listener()};
  }

  // A small disk has a small log, though one that takes the largest request.
  int64_t log_bytes_max() {
    const config::Storage& storage = config_.storage;
    int64_t bound = storage.bytes_max > 0 ? storage.bytes_max : INT64_MAX;
    (void)disk_.make_folders(storage.wal_path);  // the store tells what is wrong with it
    if (const auto space = disk_.space(storage.wal_path)) {
      bound = std::min(bound, static_cast<int64_t>(space->capacity_bytes));
    }
    return std::clamp(bound / 8, kLogBytesMin, kLogBytesMax);
  }

  DiskOptions disk_options() const {
    const config::Storage& storage = config_.storage;
    DiskOptions out{.limits = {.bytes_max = static_cast<uint64_t>(storage.bytes_max)},
                    .tempo_folder = storage.local_path};
    if (storage.free_bytes_min) {
      out.limits.free_min = static_cast<uint64_t>(*storage.free_bytes_min);
    }
    return out;
  }

  std::function<void(const std::string&, std::unique_ptr<Batch>, std::vector<uint32_t>, int64_t)>
  listener() {
    if (generator_ == nullptr) return {};
    return [this](const std::string& tenant, std::unique_ptr<Batch> batch,
                  std::vector<uint32_t> repeats, int64_t received_ns) {
      generator_->offer(tenant, std::move(batch), std::move(repeats), received_ns);
    };
  }

  // Half of the memory for merging is for the order of the rows, half for columns. Windows are no
  // shorter than they were set to, and not so short that there are many of them.
  CompactionOptions compaction_options() const {
    const config::Compactor& compactor = config_.compactor;
    CompactionOptions out{.enabled = !compactor.disabled,
                          .cpus = std::min(1.0, machine_.cpus * kCompactionShare)};
    out.plan.window_ns =
        std::max(compactor.compaction_window_ns, compact::window_ns(config_.block_retention_ns));
    out.plan.full_rows = std::min<uint64_t>(
        out.plan.full_rows, static_cast<uint64_t>(plan_.compaction_bytes / kMergeBytesPerRow));
    out.plan.full_bytes =
        std::min(out.plan.full_bytes, static_cast<uint64_t>(compactor.max_block_bytes));
    if (const uint64_t room = merge_room_of(disk_options().limits); room > 0) {
      out.plan.full_bytes = std::min(out.plan.full_bytes, room);
    }
    out.plan.full_traces =
        std::min(out.plan.full_traces, static_cast<uint64_t>(compactor.max_compaction_objects));
    return out;
  }

  void describe() {
    log::info("Starting Vivace", {{"version", version()},
                                  {"revision", revision()},
                                  {"cpus", machine_.cpus},
                                  {"memory_bytes", machine_.memory_bytes},
                                  {"head_bytes_max", plan_.head_bytes},
                                  {"bodies_bytes_max", plan_.bodies_bytes}});
    if (!settings_.warnings.empty()) log::warn("-- CONFIGURATION WARNINGS --");
    for (const std::string& warning : settings_.warnings) log::warn(warning);
    if (!settings_.inactive.empty()) {
      log::info("settings accepted and not active in this version",
                {{"sections", fmt::format("{}", fmt::join(settings_.inactive, ", "))}});
    }
    metrics_
        .gauge("tempo_build_info", "Always 1; what was built is in the labels.",
               {{"version", version()},
                {"revision", revision()},
                {"branch", "HEAD"},
                {"goversion", ""},
                {"goos", "linux"},
                {"goarch", "amd64"},
                {"tags", ""}})
        .Set(1);
    // Dashboards want these before there is a block.
    const std::string tenant(kSingleTenant);
    metrics_.gauge("tempodb_blocklist_length", "Blocks.", {{"tenant", tenant}});
    for (const char* status : {"live", "compacted"}) {
      metrics_.gauge("tempodb_backend_bytes_total", "Bytes of blocks.",
                     {{"tenant", tenant}, {"status", status}});
    }
    add_process_metrics(metrics_, [this] { return static_cast<int64_t>(head_bytes_.Value()); });
    auto& bodies = metrics_.gauge("vivace_bodies_bytes", "Request bodies in flight.");
    metrics_.gauge("vivace_bodies_bytes_max", "Limit of vivace_bodies_bytes.")
        .Set(static_cast<double>(bodies_.bytes_max()));
    metrics_.on_scrape([this, &bodies] { bodies.Set(static_cast<double>(bodies_.used())); });
  }

  Result<void> listen_http() {
    const config::HttpServer& http = config_.server;
    const auto port = TRY(server_.listen(
        {.name = "http",
         .address = http.http_listen_address,
         .port = http.http_listen_port,
         .body_bytes_max = kMiB,  // no query has a body; Tempo ignores what is sent
         .header_bytes_max = kQueryHeadBytesMax,
         .connections_max = http.http_listen_conn_limit > 0 ? http.http_listen_conn_limit : 4096,
         .header_timeout = ms(http.http_server_read_timeout_ns, 30'000),
         .idle_timeout = ms(http.http_server_idle_timeout_ns, 120'000),
         .bodies = &bodies_},
        api_.handler()));
    log::info("server listening on addresses",
              {{"http", fmt::format("{}:{}", http.http_listen_address, port)}});
    return {};
  }

  Result<void> listen_otlp_http() {
    if (!config_.distributor.otlp_http) return {};
    const config::OtlpHttp& otlp = *config_.distributor.otlp_http;
    const auto port = TRY(server_.listen(
        {.name = "otlp-http",
         .address = otlp.address,
         .port = otlp.port,
         .body_bytes_max = otlp.max_request_body_size_bytes,
         .header_timeout = ms(otlp.read_timeout_ns, 30'000),
         .body_timeout = ms(otlp.read_timeout_ns, 30'000),
         .idle_timeout = ms(otlp.idle_timeout_ns, 120'000),
         .bodies = &bodies_},
        receive::otlp_http_handler({.traces_path = otlp.traces_url_path,
                                    .multitenancy = config_.multitenancy_enabled,
                                    .retry_after_s = retry_after_s(),
                                    .cors = otlp.cors,
                                    .compression_algorithms = otlp.compression_algorithms,
                                    .response_headers = otlp.response_headers},
                                   ingest_->sink("otlp/otlp_receiver", "http"))));
    log::info("receiver listening", {{"receiver", "otlp"},
                                     {"protocol", "http"},
                                     {"address", fmt::format("{}:{}", otlp.address, port)}});
    return {};
  }

  Result<void> listen_otlp_grpc() {
    if (!config_.distributor.otlp_grpc) return {};
    const config::OtlpGrpc& otlp = *config_.distributor.otlp_grpc;
    const receive::OtlpGrpcOptions options{.message_bytes_max = otlp.max_recv_msg_size_bytes,
                                           .multitenancy = config_.multitenancy_enabled,
                                           .retry_after_s = retry_after_s()};
    const int64_t streams = std::min(otlp.max_concurrent_streams, kStreamsMax);
    const auto port = TRY(server_.listen(
        {.name = "otlp-grpc",
         .address = otlp.address,
         .port = otlp.port,
         .body_bytes_max = receive::otlp_grpc_body_bytes_max(options),
         .streams_max = static_cast<uint32_t>(streams == 0 ? 100 : streams),
         .idle_timeout = ms(otlp.max_connection_idle_ns, 3'600'000),
         .bodies = &bodies_},
        receive::otlp_grpc_handler(options, ingest_->sink("otlp/otlp_receiver", "grpc"))));
    log::info("receiver listening", {{"receiver", "otlp"},
                                     {"protocol", "grpc"},
                                     {"address", fmt::format("{}:{}", otlp.address, port)}});
    return {};
  }

  // 0: clients are not told.
  int64_t retry_after_s() const {
    if (!config_.limits.retry_info_enabled) return 0;
    const int64_t retry_ns = config_.distributor.retry_after_on_resource_exhausted_ns;
    return std::max<int64_t>(1, retry_ns / 1'000'000'000);
  }

  const config::Loaded settings_;
  const config::Config& config_;
  const Machine machine_;
  const MemoryPlan plan_;
  SystemClock clock_;
  LocalStorage disk_;
  Metrics metrics_;
  MemoryGuard memory_{machine_.memory_bytes, clock_, metrics_};
  Gauge& head_bytes_ =
      metrics_.gauge("vivace_head_bytes", "Memory of the heads, with what is on its way.");
  Budget bodies_;
  QueryBudget query_memory_{{.bytes_max = config_.queries.memory_bytes_max > 0
                                              ? config_.queries.memory_bytes_max
                                              : plan_.queries_bytes,
                             .queries_max = static_cast<uint32_t>(query_threads())},
                            metrics_};
  TenantOverrides overrides_{settings_.overrides, metrics_};
  std::unique_ptr<generator::Generator> generator_;  // listens to the store
  std::unique_ptr<Store> store_;
  std::unique_ptr<Ingest> ingest_;
  net::Server server_;
  Workers queries_;
  api::Api api_;
};

App::App(config::Loaded settings) : parts_(std::make_unique<Parts>(std::move(settings))) {
  // Few threads allocate: more arenas would only keep more memory.
  mallopt(M_ARENA_MAX, 2);
  // What a merge frees goes back to the kernel; glibc would learn to keep pieces of its sizes. What
  // a cut frees is smaller, and the next cut has it again.
  mallopt(M_MMAP_THRESHOLD, 6 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
  raise_open_files_limit();
}

App::~App() = default;

Result<void> App::start() { return parts_->start(); }

void App::stop() { parts_->stop(); }

}  // namespace vivace
