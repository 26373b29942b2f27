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
          .add_org_id_header = options.config.add_org_id_header};
}

}  // namespace

Generator::Generator(const GeneratorOptions& options, const Clock& clock, Metrics& metrics)
    : options_(options),
      clock_(clock),
      metrics_(metrics),
      remote_write_(options.config.remote_write, remote_write_options(options), clock, metrics),
      waiting_("generator", options.queue_bytes_max),
      queue_(kBatchesMax),
      series_{.series_max = options.series_max_default} {
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
  if (options_.overrides) overrides_ = options_.overrides();
  tick_ns_ = clock_.steady_ns() + kTickNs;
  while (true) {
    const int64_t wait_ns = next_ns() - clock_.steady_ns();
    auto offer = queue_.pop_within(std::chrono::nanoseconds(std::max<int64_t>(0, wait_ns)));
    if (offer) {
      take(*offer);
    } else if (queue_.is_done()) {
      break;
    }
    const int64_t now_ns = clock_.steady_ns();
    if (now_ns >= tick_ns_) tick();
    for (auto& [name, entry] : tenants_) {
      if (now_ns < entry.collect_ns) continue;
      collect(name, entry);
      entry.collect_ns = std::max(entry.collect_ns + entry.config->collection_interval_ns, now_ns);
    }
  }
  for (auto& [name, entry] : tenants_) collect(name, entry);
}

int64_t Generator::next_ns() const {
  int64_t next_ns = tick_ns_;
  for (const auto& [name, entry] : tenants_) next_ns = std::min(next_ns, entry.collect_ns);
  return next_ns;
}

void Generator::take(const Offer& offer) {
  take_overrides();
  if (!config_of(offer.tenant).has_processors() && !tenants_.contains(offer.tenant)) return;
  entry_of(offer.tenant).tenant->take(*offer.batch, offer.repeats, offer.received_ns);
}

void Generator::tick() {
  for (auto& [name, entry] : tenants_) entry.tenant->tick(clock_.unix_ns() / 1'000'000);
  take_overrides();
  tick_ns_ = clock_.steady_ns() + kTickNs;
}

const config::Generator& Generator::config_of(const std::string& tenant) const {
  const config::TenantSettings* const own =
      overrides_ == nullptr ? nullptr : overrides_->find(tenant);
  return own == nullptr ? options_.config : own->generator;
}

Generator::Entry& Generator::entry_of(const std::string& name) {
  Entry& entry = tenants_[name];
  if (entry.tenant != nullptr) return entry;
  const config::Generator& config = config_of(name);
  entry.tenant =
      std::make_unique<Tenant>(config,
                               TenantOptions{.tenant = name,
                                             .instance = options_.instance,
                                             .series_max_default = options_.series_max_default,
                                             .edge_bytes_max = options_.edge_bytes_max},
                               series_, metrics_);
  configure(entry, config);
  entry.collect_ns = clock_.steady_ns() + config.collection_interval_ns;
  return entry;
}

// What a tenant's settings mean outside of its processors.
void Generator::configure(Entry& entry, const config::Generator& config) {
  entry.config = &config;
  entry.collect_ns = std::min(entry.collect_ns, clock_.steady_ns() + config.collection_interval_ns);
  entry.headers = std::make_shared<const HeaderMap>(config.remote_write_headers);
  entry.rounds.clear();
  for (size_t i = 0; i < relabelings_.size(); ++i) {
    const config::RemoteWrite& receiver = options_.config.remote_write[i];
    entry.rounds.push_back({.samples_max = static_cast<size_t>(receiver.max_samples_per_send),
                            .exemplars = receiver.send_exemplars,
                            .exemplar_label = config.trace_id_label_name,
                            .relabeling = relabelings_[i].get()});
  }
}

void Generator::take_overrides() {
  if (!options_.overrides) return;
  auto next = options_.overrides();
  if (next == overrides_) return;
  const config::OverridesSnapshot before = std::exchange(overrides_, std::move(next));
  for (auto& [name, entry] : tenants_) {
    const config::Generator& config = config_of(name);
    if (config != *entry.config) entry.tenant->reconfigure(config);
    configure(entry, config);  // `before` goes
  }
}

void Generator::collect(const std::string& name, Entry& entry) {
  const int64_t now_ms = clock_.unix_ns() / 1'000'000;
  std::vector<std::unique_ptr<RoundWriter>> writers;
  std::vector<RoundWriter*> borrowed;
  for (const RoundOptions& options : entry.rounds) {
    if (entry.config->disable_collection) break;
    borrowed.push_back(writers.emplace_back(std::make_unique<RoundWriter>(options, now_ms)).get());
  }
  entry.tenant->collect(borrowed, now_ms);
  for (size_t i = 0; i < writers.size(); ++i) {
    remote_write_.push(i, name, entry.headers, writers[i]->finish());
  }
  log::debug("collecting metrics",
             {{"tenant", name}, {"active_series", entry.tenant->active_series()}});
}

void Generator::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  remote_write_.stop();
}

}  // namespace vivace::generator
