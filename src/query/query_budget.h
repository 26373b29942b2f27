// The memory of all questions that are asked at a time: one budget, from which each takes as it
// grows, and to which it gives everything back when its answer has been sent.
//
//   QueryBudget budget({.bytes_max = 64 << 20, .queries_max = 8}, metrics);
//
//   QueryMemory memory(budget);                  // one question; `open` gives it its share
//   QueryControl control{..., .maybe_memory = &memory};
//
//   MemoryCharge spans(control);                 // something in the question that grows
//   CHECK_OK(spans.set(trace.size() * 96));      // before it does; waits, or is refused
//
// SHARES. A quarter of the budget is divided among `queries_max` questions: so much is there for
// each of them at any time, and most need no more. The rest is the pool. A question past its share
// takes from the pool in steps of 256 KiB, and all of the pool may be one question's. Within its
// share a question takes nothing of the pool, however small the share is.
//
// WAITING. When the pool has no room a question waits: until its deadline, until whoever asked has
// gone, at the longest `wait_max_ns`. Who holds some of the pool already goes before who does not,
// because it will give it back the sooner; of these the oldest question goes first. If everybody
// who holds some of the pool waits for more, nobody would ever give any back: then the newest of
// them is refused, and the others go on with what it leaves.
//
// REFUSALS name the budget, its size and what to do: Code::too_large for what no waiting would
// help, because one question may never have so much; Code::limit for what may be asked again. Who
// has gone is Code::cancelled.
//
// WHAT COUNTS is what grows with the question or with what is stored: columns of row groups that
// are read, bitmaps, spans of gathered traces, series, the answer. The few KiB of a plan do not.
// What a question takes between two looks (one column of one row group) comes on top.
//
// QueryBudget: any thread. QueryMemory and MemoryCharge: the thread of their question; they must
// not outlive what they were made from. Taking what is below the last step costs an addition.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "query/query_control.h"

namespace vivace {

class QueryBudget {
 public:
  struct Options {
    int64_t bytes_max = 64 << 20;
    uint32_t queries_max = 8;  // that have a share; further ones have the pool alone
    int64_t wait_max_ns = 10'000'000'000;
  };
  QueryBudget(Options options, Metrics& metrics);
  QueryBudget(const QueryBudget&) = delete;
  QueryBudget& operator=(const QueryBudget&) = delete;

  int64_t bytes_max() const { return options_.bytes_max; }
  // What one question may have when nobody else asks.
  int64_t query_bytes_max() const { return share_bytes_ + pool_bytes_; }

  struct Usage {
    int64_t bytes = 0;
    uint32_t queries = 0;
    uint32_t waiting = 0;
  };
  Usage usage() const;

 private:
  friend class QueryMemory;

  // A question, as the budget sees it. Guarded by mutex_.
  struct Account {
    uint64_t born = 0;
    int64_t share = 0;
    int64_t held = 0;
    int64_t wanted = 0;  // while it waits: what it would hold
    bool waits = false;
    bool refused = false;
    std::condition_variable_any changed;

    int64_t pooled(int64_t bytes) const { return bytes > share ? bytes - share : 0; }
  };

  void open(Account& account);
  void close(Account& account);
  // What an account holds that uses so many bytes.
  int64_t to_hold(const Account& account, int64_t used) const;
  // Until the account holds so many bytes.
  Result<void> grow(Account& account, int64_t bytes, const QueryControl& control);
  void shrink(Account& account, int64_t bytes);

  bool fits(const Account& account, int64_t bytes) const;
  bool must_queue(const Account& account) const;
  void hold(Account& account, int64_t bytes);
  void serve_waiting();
  void refuse_one_if_stuck();
  Result<void> wait(Account& account, std::unique_lock<std::mutex>& lock,
                    const QueryControl& control);
  std::unexpected<Error> refuse_too_large(int64_t bytes);
  std::unexpected<Error> refuse_busy(const Account& account, int64_t bytes);

  const Options options_;
  const int64_t share_bytes_;
  const int64_t pool_bytes_;
  Counter& refused_too_large_;
  Counter& refused_busy_;

  mutable std::mutex mutex_;        // guards what follows, and the accounts
  std::vector<Account*> accounts_;  // by age
  uint64_t born_ = 0;
  uint32_t shares_taken_ = 0;
  int64_t pool_used_ = 0;

  Metrics::ScrapeHook hook_;
};

// What one question has of the budget.
class QueryMemory {
 public:
  explicit QueryMemory(QueryBudget& budget) : budget_(budget) { budget_.open(account_); }
  ~QueryMemory() { budget_.close(account_); }
  QueryMemory(const QueryMemory&) = delete;
  QueryMemory& operator=(const QueryMemory&) = delete;

  int64_t used() const { return used_; }
  int64_t peak() const { return peak_; }

 private:
  friend class MemoryCharge;
  Result<void> add(int64_t bytes, const QueryControl& control);
  void give(int64_t bytes);

  QueryBudget& budget_;
  QueryBudget::Account account_;
  int64_t used_ = 0;
  int64_t peak_ = 0;
  int64_t held_ = 0;  // of the budget; as the account says
};

// A part of a question's memory that grows and shrinks on its own; given back when it dies.
class MemoryCharge {
 public:
  MemoryCharge() = default;  // counts nothing
  // The control is used by `set` alone; what it names as memory must outlive the charge.
  explicit MemoryCharge(const QueryControl& control)
      : maybe_memory_(control.maybe_memory), maybe_control_(&control) {}
  MemoryCharge(MemoryCharge&& other) noexcept
      : maybe_memory_(std::exchange(other.maybe_memory_, nullptr)),
        maybe_control_(other.maybe_control_),
        bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&& other) noexcept {
    if (this == &other) return *this;
    release();
    maybe_memory_ = std::exchange(other.maybe_memory_, nullptr);
    maybe_control_ = other.maybe_control_;
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  ~MemoryCharge() { release(); }

  int64_t bytes() const { return bytes_; }
  // What it is now. May wait if that is more; unchanged when it fails.
  Result<void> set(int64_t bytes);
  Result<void> grow(int64_t bytes) { return set(bytes_ + bytes); }
  void release();

 private:
  QueryMemory* maybe_memory_ = nullptr;
  const QueryControl* maybe_control_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace vivace
