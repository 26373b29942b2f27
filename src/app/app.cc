// Parts in the order of the road; destroyed in the opposite order, after `stop` has ended all
// threads. What each is told of itself is in plan.h.
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
#include "app/plan.h"
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
// Of a request's head: a query of 128 KiB in a URL, percent-encoded.
constexpr int64_t kQueryHeadBytesMax = 256 << 10;
constexpr size_t kQueriesWaitingMax = 2000;
constexpr int64_t kStreamsMax = 10'000;  // of one connection

milliseconds ms(int64_t ns, int64_t when_zero_ms) {
  return milliseconds(ns == 0 ? when_zero_ms : std::max<int64_t>(1, ns / 1'000'000));
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
              .trace_bytes_max =
                  [this](const std::string& tenant) {
                    return limits_of(tenant).traces.trace_bytes_max;
                  },
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
    store_ = TRY(Store::open(disk_, own_store_options(), clock_, metrics_));
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
    return ingest_limits(config_, own == nullptr ? config_.limits : own->limits);
  }
  GeneratorStart generator_start() {
    GeneratorStart out{.config = config_.generator, .memory_bytes = machine_.memory_bytes};
    if (overrides_.has_file()) out.overrides = [this] { return overrides_.snapshot(); };
    return out;
  }

  StoreOptions own_store_options() {
    StoreOptions out = store_options(config_, machine_, plan_, disk_);
    out.is_memory_short = [this] { return memory_.is_short(); };
    out.listener = listener();
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
    process_metrics_ =
        add_process_metrics(metrics_, [this] { return static_cast<int64_t>(head_bytes_.Value()); });
    auto& bodies = metrics_.gauge("vivace_bodies_bytes", "Request bodies in flight.");
    metrics_.gauge("vivace_bodies_bytes_max", "Limit of vivace_bodies_bytes.")
        .Set(static_cast<double>(bodies_.bytes_max()));
    on_scrape_ =
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
  QueryBudget query_memory_{
      {.bytes_max = config_.queries.memory_bytes_max > 0 ? config_.queries.memory_bytes_max
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
  Metrics::ScrapeHook process_metrics_;
  Metrics::ScrapeHook on_scrape_;
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
