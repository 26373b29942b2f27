// One mutex for all accounts: a question comes here once in 256 KiB. Whoever gives memory back, or
// begins to wait, sees to it that those who wait are served in order, and that somebody can go on.
#include "query/query_budget.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace vivace {
namespace {

constexpr int64_t kStepBytes = 256 << 10;
constexpr int64_t kKeptBytes = 4 * kStepBytes;  // that a question does not use and does not give
constexpr int64_t kShareOfBudget = 4;           // a quarter is divided
constexpr char kRefusedName[] = "vivace_query_memory_refused_total";
constexpr char kRefusedHelp[] = "Queries that were refused for want of query memory.";

int64_t in_steps(int64_t bytes) { return (bytes + kStepBytes - 1) / kStepBytes * kStepBytes; }

std::string text_of_bytes(int64_t bytes) {
  if (bytes >= 1 << 20) return fmt::format("{} MiB", bytes >> 20);
  return fmt::format("{} KiB", bytes >> 10);
}

}  // namespace

const QueryControl& QueryControl::none() {
  static const QueryControl control;
  return control;
}

QueryBudget::QueryBudget(Options options, Metrics& metrics)
    : options_(options),
      share_bytes_(options.bytes_max / kShareOfBudget / std::max(1U, options.queries_max)),
      pool_bytes_(options.bytes_max - share_bytes_ * std::max(1U, options.queries_max)),
      refused_too_large_(metrics.counter(kRefusedName, kRefusedHelp, {{"reason", "too_large"}})),
      refused_busy_(metrics.counter(kRefusedName, kRefusedHelp, {{"reason", "busy"}})) {
  auto& bytes = metrics.gauge("vivace_query_memory_bytes", "Memory that queries have taken.");
  auto& waiting = metrics.gauge("vivace_query_memory_waiting", "Queries that wait for memory.");
  metrics.gauge("vivace_query_memory_bytes_max", "Limit of vivace_query_memory_bytes.")
      .Set(static_cast<double>(options.bytes_max));
  hook_ = metrics.on_scrape([this, &bytes, &waiting] {
    const Usage now = usage();
    bytes.Set(static_cast<double>(now.bytes));
    waiting.Set(now.waiting);
  });
}

QueryBudget::Usage QueryBudget::usage() const {
  const std::lock_guard lock(mutex_);
  Usage out{.queries = static_cast<uint32_t>(accounts_.size())};
  for (const Account* account : accounts_) {
    out.bytes += account->held;
    out.waiting += account->waits ? 1 : 0;
  }
  return out;
}

void QueryBudget::open(Account& account) {
  const std::lock_guard lock(mutex_);
  account.born = ++born_;
  if (shares_taken_ < options_.queries_max) {
    ++shares_taken_;
    account.share = share_bytes_;
  }
  accounts_.push_back(&account);
}

void QueryBudget::close(Account& account) {
  const std::lock_guard lock(mutex_);
  hold(account, 0);
  if (account.share > 0) --shares_taken_;
  std::erase(accounts_, &account);
  serve_waiting();
}

// ------------------------------------------------------------------------------- the pool

bool QueryBudget::fits(const Account& account, int64_t bytes) const {
  return pool_used_ - account.pooled(account.held) + account.pooled(bytes) <= pool_bytes_;
}

// Whether somebody who waits goes first.
bool QueryBudget::must_queue(const Account& account) const {
  if (account.pooled(account.held) > 0) return false;
  return std::ranges::any_of(accounts_, [](const Account* other) { return other->waits; });
}

void QueryBudget::hold(Account& account, int64_t bytes) {
  pool_used_ += account.pooled(bytes) - account.pooled(account.held);
  account.held = bytes;
}

// Accounts are in the order of their age. Nobody who holds nothing of the pool goes before somebody
// who does.
void QueryBudget::serve_waiting() {
  for (const bool holders : {true, false}) {
    for (Account* account : accounts_) {
      if (!account->waits || account->refused) continue;
      if ((account->pooled(account->held) > 0) != holders) continue;
      if (!fits(*account, account->wanted)) {
        if (!holders) return;
        continue;
      }
      hold(*account, account->wanted);
      account->waits = false;
      account->changed.notify_one();
    }
    const bool some_wait = std::ranges::any_of(accounts_, [](const Account* account) {
      return account->waits && account->pooled(account->held) > 0;
    });
    if (some_wait) break;
  }
  refuse_one_if_stuck();
}

// When all who hold some of the pool wait for more.
void QueryBudget::refuse_one_if_stuck() {
  Account* newest = nullptr;
  for (Account* account : accounts_) {
    if (account->pooled(account->held) == 0) continue;
    if (!account->waits || account->refused) return;  // it goes on, and gives back
    newest = account;
  }
  if (newest == nullptr) return;
  newest->refused = true;
  newest->changed.notify_one();
}

// ------------------------------------------------------------------------------- taking

// Steps begin anew at the end of the share, so that none of them reaches from it into the pool; the
// last one ends with the pool.
int64_t QueryBudget::to_hold(const Account& account, int64_t used) const {
  if (used <= account.share) return std::min(in_steps(used), account.share);
  const int64_t pooled = used - account.share;
  return account.share + (pooled <= pool_bytes_ ? std::min(in_steps(pooled), pool_bytes_) : pooled);
}

Result<void> QueryBudget::grow(Account& account, int64_t bytes, const QueryControl& control) {
  std::unique_lock lock(mutex_);
  if (account.pooled(bytes) > pool_bytes_) return refuse_too_large(bytes);
  if (account.pooled(bytes) == 0 || (fits(account, bytes) && !must_queue(account))) {
    hold(account, bytes);
    return {};
  }
  account.wanted = bytes;
  account.waits = true;
  account.refused = false;
  refuse_one_if_stuck();
  auto waited = wait(account, lock, control);
  const bool was_served = !account.waits;
  account.waits = false;
  if (was_served) return {};
  account.refused = false;
  serve_waiting();  // it was in somebody's way
  if (!waited) return waited;
  return refuse_busy(account, bytes);
}

// Returns once the account is served or refused, or the time is up.
Result<void> QueryBudget::wait(Account& account, std::unique_lock<std::mutex>& lock,
                               const QueryControl& control) {
  int64_t wait_ns = options_.wait_max_ns;
  if (control.maybe_clock != nullptr) {
    const int64_t left_ns = control.deadline_steady_ns - control.maybe_clock->steady_ns();
    wait_ns = std::clamp<int64_t>(left_ns, 0, wait_ns);
  }
  account.changed.wait_for(lock, control.stop, std::chrono::nanoseconds(wait_ns),
                           [&] { return !account.waits || account.refused; });
  if (account.waits && control.stop.stop_requested()) {
    return fail(Code::cancelled, "context canceled");
  }
  return {};
}

void QueryBudget::shrink(Account& account, int64_t bytes) {
  const std::lock_guard lock(mutex_);
  hold(account, bytes);
  serve_waiting();
}

// ------------------------------------------------------------------------------- refusals

std::unexpected<Error> QueryBudget::refuse_too_large(int64_t bytes) {
  refused_too_large_.Increment();
  return fail(Code::too_large,
              fmt::format("the query needs {} or more of the budget query_memory, which has {}, of "
                          "which one query may take {}: ask for a shorter range, for fewer results "
                          "or series, or by fewer conditions",
                          text_of_bytes(bytes), text_of_bytes(options_.bytes_max),
                          text_of_bytes(query_bytes_max())));
}

std::unexpected<Error> QueryBudget::refuse_busy(const Account& account, int64_t bytes) {
  refused_busy_.Increment();
  return fail(Code::limit,
              fmt::format("the budget query_memory of {} is used up by other queries: this one has "
                          "{} of it and waited in vain for {} more; ask again, or for less",
                          text_of_bytes(options_.bytes_max), text_of_bytes(account.held),
                          text_of_bytes(bytes - account.held)));
}

// ------------------------------------------------------------------------------- one question

Result<void> QueryMemory::add(int64_t bytes, const QueryControl& control) {
  const int64_t used = used_ + bytes;
  if (used > held_) {
    const int64_t to_hold = budget_.to_hold(account_, used);
    CHECK_OK(budget_.grow(account_, to_hold, control));
    held_ = to_hold;
  }
  used_ = used;
  peak_ = std::max(peak_, used_);
  return {};
}

void QueryMemory::give(int64_t bytes) {
  used_ -= bytes;
  if (held_ - used_ <= kKeptBytes) return;
  held_ = budget_.to_hold(account_, used_);
  budget_.shrink(account_, held_);
}

Result<void> MemoryCharge::set(int64_t bytes) {
  if (maybe_memory_ == nullptr) {
    bytes_ = bytes;
    return {};
  }
  if (bytes > bytes_) CHECK_OK(maybe_memory_->add(bytes - bytes_, *maybe_control_));
  if (bytes < bytes_) maybe_memory_->give(bytes_ - bytes);
  bytes_ = bytes;
  return {};
}

void MemoryCharge::release() {
  if (maybe_memory_ != nullptr && bytes_ > 0) maybe_memory_->give(bytes_);
  bytes_ = 0;
}

}  // namespace vivace
