// The thread: batches as they come, a tick a second, a collection each interval. Intervals go by
// the steady clock, samples by the calendar.
#include "generator/generator.h"

#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/workers.h"
#include "model/tenant.h"

namespace vivace::generator {
namespace {

constexpr size_t kBatchesMax = 16'384;  // their bytes are what is bounded
constexpr int64_t kTickNs = 1'000'000'000;
constexpr int64_t kTellNs = 60'000'000'000;

int64_t memory_of(const Batch& batch) {
  return static_cast<int64_t>(
      sizeof(Batch) + batch.body.size() + batch.spans.size() * sizeof(BatchSpan) +
      batch.attributes.size() * sizeof(BatchAttribute) + batch.events.size() * sizeof(BatchEvent) +
      batch.links.size() * sizeof(BatchLink));
}

Counter& others_discarded(Metrics& metrics, const char* reason) {
  return metrics.counter("tempo_metrics_generator_spans_discarded_total",
                         "Spans that the metrics-generator did not count.",
                         {{"tenant", std::string(kOtherTenants)}, {"reason", reason}});
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
      too_many_(others_discarded(metrics, "too_many_tenants")),
      others_behind_(others_discarded(metrics, "behind")),
      live_tenants_(metrics.gauge("vivace_generator_tenants",
                                  "Tenants that the metrics-generator makes series of.")),
      remote_write_(options.config.remote_write, remote_write_options(options), clock, metrics),
      waiting_("generator", options.queue_bytes_max),
      queue_(kBatchesMax),
      series_{.unbounded = {.series_max = options.series_max_default,
                            .label_bytes_max = options.label_bytes_max},
              .bounded = {.series_max = options.series_max_bounded,
                          .label_bytes_max = options.label_bytes_max},
              .sides = {.bytes_max = options.edge_bytes_max}} {
  auto& bytes =
      metrics.gauge("vivace_generator_queue_bytes", "Batches that wait for the metrics-generator.");
  metrics.gauge("vivace_generator_queue_bytes_max", "Limit of vivace_generator_queue_bytes.")
      .Set(static_cast<double>(options.queue_bytes_max));
  metrics
      .gauge("vivace_generator_tenants_max",
             "Limit of vivace_generator_tenants, but for those that the overrides name.")
      .Set(static_cast<double>(options.tenants_max));
  on_scrape_ =
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
  const uint64_t spans = offer.batch->spans.size();
  const std::lock_guard lock(skipped_.mutex);
  const bool has_room =
      skipped_.spans.size() < options_.tenants_max || skipped_.spans.contains(offer.tenant);
  (has_room ? skipped_.spans[offer.tenant] : skipped_.of_others) += spans;
}

void Generator::show_skipped() {
  std::map<std::string, uint64_t> skipped;
  uint64_t of_others = 0;
  {
    const std::lock_guard lock(skipped_.mutex);
    skipped.swap(skipped_.spans);
    of_others = std::exchange(skipped_.of_others, 0);
  }
  for (const auto& [name, spans] : skipped) {
    if (!config_of(name).has_processors()) continue;  // nobody would have counted them
    if (Entry* const entry = entry_of(name, spans)) entry->tenant->skip(spans);
  }
  others_behind_.Increment(static_cast<double>(of_others));
}

void Generator::run() {
  name_thread("generator");
  if (options_.overrides) overrides_ = options_.overrides();
  tick_ns_ = clock_.steady_ns() + kTickNs;
  while (true) {
    const int64_t wait_ns = std::min(tick_ns_, due_ns_) - clock_.steady_ns();
    auto offer = queue_.pop_within(std::chrono::nanoseconds(std::max<int64_t>(0, wait_ns)));
    if (offer) {
      take(*offer);
    } else if (queue_.is_done()) {
      break;
    }
    const int64_t now_ns = clock_.steady_ns();
    if (now_ns >= tick_ns_) tick();
    collect_due(now_ns);
  }
  show_skipped();
  for (auto& [name, entry] : tenants_) collect(name, entry);
}

void Generator::take(const Offer& offer) {
  take_overrides();
  if (!config_of(offer.tenant).has_processors() && !tenants_.contains(offer.tenant)) return;
  Entry* const entry = entry_of(offer.tenant, offer.batch->spans.size());
  if (entry != nullptr) entry->tenant->take(*offer.batch, offer.repeats, offer.received_ns);
}

void Generator::tick() {
  for (auto& [name, entry] : tenants_) entry.tenant->tick(clock_.unix_ns() / 1'000'000);
  take_overrides();
  show_skipped();
  tick_ns_ = clock_.steady_ns() + kTickNs;
}

// Whoever is due; those of whom nothing is left are forgotten.
void Generator::collect_due(int64_t now_ns) {
  if (now_ns < due_ns_) return;
  due_ns_ = std::numeric_limits<int64_t>::max();
  for (auto at = tenants_.begin(); at != tenants_.end();) {
    auto& [name, entry] = *at;
    if (now_ns >= entry.collect_ns) {
      collect(name, entry);
      entry.collect_ns = std::max(entry.collect_ns + entry.config->collection_interval_ns, now_ns);
      if (is_forgettable(entry, now_ns)) {
        remote_write_.forget(name);
        unnamed_ -= entry.is_named ? 0 : 1;
        at = tenants_.erase(at);
        continue;
      }
    }
    due_ns_ = std::min(due_ns_, entry.collect_ns);
    ++at;
  }
  live_tenants_.Set(static_cast<double>(tenants_.size()));
}

bool Generator::is_forgettable(const Entry& entry, int64_t now_ns) const {
  return now_ns - entry.heard_ns > entry.config->stale_duration_ns && entry.tenant->is_empty();
}

const config::Generator& Generator::config_of(const std::string& tenant) const {
  const config::TenantSettings* const own =
      overrides_ == nullptr ? nullptr : overrides_->find(tenant);
  return own == nullptr ? options_.config : own->generator;
}

// A file of overrides is somebody's decision, headers of requests are not.
bool Generator::is_named(const std::string& tenant) const {
  return overrides_ != nullptr && overrides_->tenants.contains(tenant);
}

// Of a tenant that brings so many spans; null: there are too many.
Generator::Entry* Generator::entry_of(const std::string& name, uint64_t spans) {
  const int64_t now_ns = clock_.steady_ns();
  const auto found = tenants_.find(name);
  if (found != tenants_.end()) {
    found->second.heard_ns = now_ns;
    return &found->second;
  }
  const bool named = is_named(name);
  if (!named && unnamed_ >= options_.tenants_max) {
    too_many_.Increment(static_cast<double>(spans));
    if (now_ns - told_ns_ >= kTellNs) {
      log::warn("metrics-generator: too many tenants, spans of further ones are not counted",
                {{"tenants", unnamed_}, {"tenant", name}});
      told_ns_ = now_ns;
    }
    return nullptr;
  }
  Entry& entry = tenants_[name];
  entry.is_named = named;
  unnamed_ += named ? 0 : 1;
  const config::Generator& config = config_of(name);
  entry.tenant =
      std::make_unique<Tenant>(config,
                               TenantOptions{.tenant = name,
                                             .instance = options_.instance,
                                             .series_max_default = options_.series_max_default},
                               series_, metrics_);
  entry.heard_ns = now_ns;
  entry.collect_ns = std::numeric_limits<int64_t>::max();
  configure(entry, config);
  live_tenants_.Set(static_cast<double>(tenants_.size()));
  return &entry;
}

// What a tenant's settings mean outside of its processors.
void Generator::configure(Entry& entry, const config::Generator& config) {
  entry.config = &config;
  entry.collect_ns = std::min(entry.collect_ns, clock_.steady_ns() + config.collection_interval_ns);
  due_ns_ = std::min(due_ns_, entry.collect_ns);
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
  unnamed_ = 0;
  for (auto& [name, entry] : tenants_) {
    entry.is_named = is_named(name);
    unnamed_ += entry.is_named ? 0 : 1;
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
