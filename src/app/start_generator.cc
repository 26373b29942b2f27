// What the generator needs of the machine: a name for __metrics_gen_instance, bounds for what waits
// and for how many series there may be.
#include "app/start_generator.h"

#include <algorithm>
#include <array>
#include <unistd.h>

#include "app/version.h"
#include "base/log.h"

namespace vivace {
namespace {

constexpr int64_t kMiB = 1 << 20;
// Of the machine's memory for one series. A series takes about 60 bytes here; this leaves most of
// the memory to the store, and spares the receiver, for which a series costs some kilobytes.
constexpr int64_t kMemoryPerSeries = 8192;
// The same for all tenants that were given a bound together, however large: a tenth of memory or
// so.
constexpr int64_t kMemoryPerBoundedSeries = 1024;
// Of the machine's memory for one tenant, who takes some 50 KiB beside his series.
constexpr int64_t kMemoryPerTenant = 2 * kMiB;

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

bool has_processors(const config::Overrides& overrides) {
  return std::ranges::any_of(
      overrides.tenants, [](const auto& entry) { return entry.second.generator.has_processors(); });
}

}  // namespace

Result<std::unique_ptr<generator::Generator>> start_generator(const GeneratorStart& start,
                                                              Storage& storage, const Clock& clock,
                                                              Metrics& metrics) {
  const config::Generator& config = start.config;
  const int64_t memory_bytes = start.memory_bytes;
  if (!config.has_processors() && !start.overrides) return nullptr;
  if (config.path.empty()) {
    if (!config.has_processors() && !has_processors(*start.overrides())) return nullptr;
    log::warn("metrics-generator is not configured: metrics_generator.storage.path is empty");
    return nullptr;
  }
  // Nothing is stored there; it is made for whoever looks after it.
  if (const auto made = storage.make_folders(config.path); !made) {
    log::warn("metrics_generator.storage.path cannot be made; nothing needs it",
              {{"err", made.error().message}});
  }
  const generator::GeneratorOptions options{
      .config = config,
      .instance = host_name(),
      .user_agent = "Vivace/" + version(),
      .series_max_default = std::clamp<int64_t>(memory_bytes / kMemoryPerSeries, 16'384, 500'000),
      .series_max_bounded = std::max<int64_t>(memory_bytes / kMemoryPerBoundedSeries, 16'384),
      .label_bytes_max = std::clamp(memory_bytes / 16, 8 * kMiB, 128 * kMiB),
      .tenants_max =
          static_cast<size_t>(std::clamp<int64_t>(memory_bytes / kMemoryPerTenant, 100, 5'000)),
      .queue_bytes_max = std::clamp(memory_bytes / 32, 8 * kMiB, 16 * kMiB),
      .edge_bytes_max = std::clamp(memory_bytes / 64, 4 * kMiB, 16 * kMiB),
      .send_bytes_max = std::clamp(memory_bytes / 64, 4 * kMiB, 16 * kMiB),
      .overrides = start.overrides};
  if (config.max_active_series == 0) {
    log::warn("metrics_generator.max_active_series is 0: nothing but memory bounds the series");
  }
  auto started = TRY(generator::Generator::start(options, clock, metrics));
  log::info("metrics-generator started",
            {{"span_metrics", config.span_metrics.is_on()},
             {"service_graphs", config.service_graphs.is_on},
             {"receivers", config.remote_write.size()},
             {"series_max", config.max_active_series.value_or(options.series_max_default)}});
  return started;
}

}  // namespace vivace
