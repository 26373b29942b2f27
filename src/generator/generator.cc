// The thread: batches as they come, a tick a second, a collection each interval. Intervals go by
// the steady clock, samples by the calendar.
#include "generator/generator.h"

#include <algorithm>

#include "base/log.h"
#include "base/workers.h"

namespace vivace::generator {
namespace {

constexpr size_t kBatchesMax = 16'384;  // their bytes are what is bounded
constexpr int64_t kTickNs = 1'000'000'000;

int64_t memory_of(const Batch& batch) {
  return static_cast<int64_t>(
      sizeof(Batch) + batch.body.size() + batch.spans.size() * sizeof(BatchSpan) +
      batch.attributes.size() * sizeof(BatchAttribute) + batch.events.size() * sizeof(BatchEvent) +
      batch.links.size() * sizeof(BatchLink));
}

RemoteWriteOptions remote_write_options(const GeneratorOptions& options) {
  return {.user_agent = options.user_agent,
          .bytes_max = options.send_bytes_max,
          .flush_deadline_ns = std::min<int64_t>(options.config.flush_deadline_ns, 5'000'000'000),
          .add_org_id_header = options.config.add_org_id_header,
          .tenant_headers = options.config.remote_write_headers};
}

}  // namespace

Generator::Generator(const GeneratorOptions& options, const Clock& clock, Metrics& metrics)
    : options_(options),
      clock_(clock),
      metrics_(metrics),
      remote_write_(options.config.remote_write, remote_write_options(options), clock, metrics),
      waiting_("generator", options.queue_bytes_max),
      queue_(kBatchesMax) {
  auto& bytes =
      metrics.gauge("vivace_generator_queue_bytes", "Batches that wait for the metrics-generator.");
  metrics.gauge("vivace_generator_queue_bytes_max", "Limit of vivace_generator_queue_bytes.")
      .Set(static_cast<double>(options.queue_bytes_max));
  metrics.on_scrape([this, &bytes] { bytes.Set(static_cast<double>(waiting_.used())); });
}

Generator::~Generator() { stop(); }

Result<std::unique_ptr<Generator>> Generator::start(const GeneratorOptions& options,
                                                    const Clock& clock, Metrics& metrics) {
  std::unique_ptr<Generator> out(new Generator(options, clock, metrics));
  for (const config::RemoteWrite& receiver : options.config.remote_write) {
    std::unique_ptr<Relabeling> rules;
    if (!receiver.relabels.empty()) rules = TRY(Relabeling::make(receiver.relabels));
    out->rounds_.push_back({.samples_max = static_cast<size_t>(receiver.max_samples_per_send),
                            .exemplars = receiver.send_exemplars,
                            .exemplar_label = options.config.trace_id_label_name,
                            .relabeling = rules.get()});
    out->relabelings_.push_back(std::move(rules));
  }
  out->thread_ = std::thread([generator = out.get()] { generator->run(); });
  return out;
}

void Generator::offer(const std::string& tenant, std::unique_ptr<Batch> batch,
                      std::vector<uint32_t> repeats, int64_t received_ns) {
  auto room = waiting_.try_reserve(memory_of(*batch));
  Offer offer{.tenant = tenant,
              .batch = std::move(batch),
              .repeats = std::move(repeats),
              .received_ns = received_ns,
              .room = {}};
  if (!room) return skip(offer);
  offer.room = std::move(*room);
  offer.batch->body_room.release();  // counted here from now on
  if (!queue_.try_push(std::move(offer))) {
    skip(offer);  // NOLINT(bugprone-use-after-move): a refused push moves nothing
  }
}

void Generator::skip(const Offer& offer) {
  metrics_
      .counter("tempo_metrics_generator_spans_discarded_total",
               "Spans that the metrics-generator did not count.",
               {{"tenant", offer.tenant}, {"reason", "behind"}})
      .Increment(static_cast<double>(offer.batch->spans.size()));
}

void Generator::run() {
  name_thread("generator");
  const int64_t interval_ns = options_.config.collection_interval_ns;
  int64_t collect_ns = clock_.steady_ns() + interval_ns;
  int64_t tick_ns = clock_.steady_ns() + kTickNs;
  while (true) {
    const int64_t wait_ns = std::min(collect_ns, tick_ns) - clock_.steady_ns();
    auto offer = queue_.pop_within(std::chrono::nanoseconds(std::max<int64_t>(0, wait_ns)));
    if (offer) {
      take(std::move(*offer));
    } else if (queue_.is_done()) {
      break;
    }
    const int64_t now_ns = clock_.steady_ns();
    if (now_ns >= tick_ns) {
      for (auto& [name, tenant] : tenants_) tenant->tick(clock_.unix_ns() / 1'000'000);
      tick_ns = now_ns + kTickNs;
    }
    if (now_ns >= collect_ns) {
      collect();
      collect_ns = std::max(collect_ns + interval_ns, now_ns);
    }
  }
  collect();
}

void Generator::take(Offer offer) {
  tenant_of(offer.tenant).take(*offer.batch, offer.repeats, offer.received_ns);
}

Tenant& Generator::tenant_of(const std::string& name) {
  std::unique_ptr<Tenant>& tenant = tenants_[name];
  if (tenant == nullptr) {
    tenant =
        std::make_unique<Tenant>(options_.config,
                                 TenantOptions{.tenant = name,
                                               .instance = options_.instance,
                                               .series_max_default = options_.series_max_default,
                                               .edge_bytes_max = options_.edge_bytes_max},
                                 metrics_);
  }
  return *tenant;
}

void Generator::collect() {
  const int64_t now_ms = clock_.unix_ns() / 1'000'000;
  for (auto& [name, tenant] : tenants_) {
    std::vector<std::unique_ptr<RoundWriter>> writers;
    std::vector<RoundWriter*> borrowed;
    for (const RoundOptions& options : rounds_) {
      if (options_.config.disable_collection) break;
      borrowed.push_back(
          writers.emplace_back(std::make_unique<RoundWriter>(options, now_ms)).get());
    }
    tenant->collect(borrowed, now_ms);
    for (size_t i = 0; i < writers.size(); ++i) {
      remote_write_.push(i, name, writers[i]->finish());
    }
    log::debug("collecting metrics",
               {{"tenant", name}, {"active_series", tenant->active_series()}});
  }
}

void Generator::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  remote_write_.stop();
}

}  // namespace vivace::generator
