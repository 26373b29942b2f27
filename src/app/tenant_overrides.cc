// The thread `overrides`: reads the file, compares its content with what is in force, parses it and
// swaps the snapshot. See tenant_overrides.h.
#include "app/tenant_overrides.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/log.h"
#include "base/workers.h"

namespace vivace {
namespace {

constexpr int64_t kPeriodMinNs = 100'000'000;

}  // namespace

Result<void> TenantOverrides::start() {
  if (file_ == nullptr) return {};
  CHECK_OK(reload());
  thread_ = std::thread([this] { run(); });
  return {};
}

void TenantOverrides::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (thread_.joinable()) thread_.join();
}

config::OverridesSnapshot TenantOverrides::snapshot() const {
  if (file_ == nullptr) return nullptr;
  const std::lock_guard lock(mutex_);
  return current_;
}

void TenantOverrides::run() {
  name_thread("overrides");
  const auto period = std::chrono::nanoseconds(std::max(file_->period_ns(), kPeriodMinNs));
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (stop_.wait_for(lock, period, [this] { return stopping_; })) return;
    }
    (void)reload();  // which tells what is wrong
  }
}

Result<void> TenantOverrides::reload() {
  Gauge& good = metrics_.gauge("tempo_runtime_config_last_reload_successful",
                               "Whether the file of per-tenant overrides could be used when it was "
                               "last read.",
                               {{"config", "overrides"}});
  const auto refuse = [&](const std::string& error) -> Result<void> {
    good.Set(0);
    if (error != error_) {
      log::error("per-tenant overrides cannot be used; the last good ones hold", {{"err", error}});
    }
    error_ = error;
    return fail(Code::invalid_argument, "per_tenant_override_config " + error);
  };
  auto text = file_->read();
  if (!text) return refuse(text.error());
  const bool is_new = snapshot() == nullptr || *text != text_;
  if (is_new) {
    auto parsed = file_->parse(*text);
    if (!parsed) return refuse(parsed.error());
    text_ = *std::move(text);
    publish(*std::move(parsed));
  }
  good.Set(1);
  error_.clear();
  return {};
}

void TenantOverrides::publish(config::Overrides overrides) {
  log::info("per-tenant overrides loaded",
            {{"file", file_->path()}, {"tenants", overrides.tenants.size()}});
  if (!overrides.inactive.empty()) {
    log::info("overrides accepted and without effect for single tenants in this version",
              {{"keys", fmt::format("{}", fmt::join(overrides.inactive, ", "))}});
  }
  auto next = std::make_shared<const config::Overrides>(std::move(overrides));
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

}  // namespace vivace
