// What the tests of the log share: records that can be made again from their number, one life of a
// log on any storage, and the book in which all that was promised is written down and compared
// with what a replay brings back. Not part of the product.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/fault_storage.h"
#include "wal/wal.h"

namespace vivace {

inline constexpr char kFolder[] = "/disk/vivace";

// The thread sanitizer makes every start of a log 20 times as slow, and sees nothing new in the
// thousandth: the exhaustive tests take samples then.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kSampled = true;
#else
inline constexpr bool kSampled = false;
#endif

// All of a record follows from its number and its body's size; the receive time is the number.
inline WalRecord make_record(uint64_t number, size_t body_bytes) {
  std::mt19937_64 random(number * 1'000'003 + body_bytes);
  WalRecord record;
  record.tenant = std::string(random() % 20, static_cast<char>('a' + number % 26));
  record.receive_time_ns = static_cast<int64_t>(number);
  record.attribute_bytes_max = static_cast<uint32_t>(random());
  record.encoding = static_cast<uint8_t>(random() % 2);
  for (uint64_t left = random() % 4; left > 0; --left) {
    record.rejected.push_back(static_cast<uint32_t>(random()));
  }
  for (size_t i = 0; i < body_bytes; ++i) record.body.push_back(static_cast<char>(random()));
  record.body_hash = hash_body(record.tenant, record.body);
  return record;
}

// The body that makes a record take exactly `bytes`.
inline size_t body_for(uint64_t number, uint64_t bytes) {
  for (size_t body = bytes < 200 ? 0 : bytes - 200; body < bytes; ++body) {
    if (record_bytes(make_record(number, body)) == bytes) return body;
  }
  ADD_FAILURE() << "no body makes a record of " << bytes;
  return 0;
}

// All names in the log's folder.
inline std::vector<std::string> names(Storage& disk) {
  auto listed = disk.list(kFolder);
  EXPECT_TRUE(listed);
  return listed ? *listed : std::vector<std::string>();
}

inline testing::AssertionResult same_record(const WalRecord& a, const WalRecord& b) {
  if (a.tenant == b.tenant && a.receive_time_ns == b.receive_time_ns &&
      a.attribute_bytes_max == b.attribute_bytes_max && a.decoder_version == b.decoder_version &&
      a.encoding == b.encoding && a.rejected == b.rejected && a.body_hash == b.body_hash &&
      a.body == b.body) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "record " << a.receive_time_ns << " differs";
}

// Set once; waiting for it has a deadline, so that a broken log fails a test and does not hang it.
class Event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ASSERT(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return set_; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

// What was sent, and what is known of it. A record's fate is open until it is acked or until the
// first replay after it was sent: what is there then must stay, what is not must stay away.
class Book {
 public:
  enum class Fate : uint8_t { open, kept, gone };
  struct Entry {
    size_t body_bytes = 0;
    Fate fate = Fate::open;
    Lsn lsn = 0;   // when kept
    int told = 0;  // calls of `done`
    bool acked = false;
  };

  WalRecord send(size_t body_bytes) {
    const std::lock_guard lock(mutex_);
    entries_[next_].body_bytes = body_bytes;
    return make_record(next_++, body_bytes);
  }

  void tell(uint64_t number, const Result<Lsn>& outcome) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.at(number);
    EXPECT_EQ(++entry.told, 1) << "record " << number;
    if (!outcome) return;
    EXPECT_GT(*outcome, last_lsn_) << "not in the order of the calls";
    last_lsn_ = *outcome;
    entry.fate = Fate::kept;
    entry.acked = true;
    entry.lsn = *outcome;
  }

  // For replay. `finish` after it settles the fates; it is not called when replay failed.
  void begin() { seen_.clear(); }
  Result<void> visit(const WalRecord& record, Lsn lsn) {
    const auto number = static_cast<uint64_t>(record.receive_time_ns);
    EXPECT_TRUE(entries_.contains(number)) << "a record that nobody sent: " << number;
    if (!entries_.contains(number)) return {};
    const Entry& entry = entries_.at(number);
    EXPECT_TRUE(same_record(record, make_record(number, entry.body_bytes)));
    EXPECT_TRUE(seen_.empty() || std::prev(seen_.end())->first < lsn) << "out of order";
    EXPECT_NE(entry.fate, Fate::gone) << "record " << number << " comes back from the dead";
    if (entry.fate == Fate::kept) {
      EXPECT_EQ(lsn, entry.lsn);
    }
    for (const auto& [other, seen] : seen_) EXPECT_NE(seen, number) << "seen twice";
    seen_[lsn] = number;
    return {};
  }
  void finish(Lsn from) {
    std::set<uint64_t> there;
    for (const auto& [lsn, number] : seen_) {
      there.insert(number);
      entries_[number].fate = Fate::kept;
      entries_[number].lsn = lsn;
    }
    for (auto& [number, entry] : entries_) {
      if (there.contains(number)) continue;
      if (entry.fate == Fate::kept && entry.lsn >= from) {
        ADD_FAILURE() << "record " << number << " at " << entry.lsn << " is lost"
                      << (entry.acked ? "" : " (seen by an earlier replay)");
      }
      if (entry.fate == Fate::open) entry.fate = Fate::gone;
    }
  }

  size_t acked() const {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(
        std::ranges::count_if(entries_, [](const auto& e) { return e.second.acked; }));
  }
  uint64_t next() const { return next_; }
  size_t seen() const { return seen_.size(); }
  Lsn last_lsn() const { return last_lsn_; }
  // Of the last record that was acked; 0: none was.
  Lsn end() const {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, entry] : entries_) {
      if (entry.acked && entry.lsn == last_lsn_) {
        return last_lsn_ + record_bytes(make_record(number, entry.body_bytes));
      }
    }
    return 0;
  }
  const std::map<uint64_t, Entry>& entries() const { return entries_; }

 private:
  mutable std::mutex mutex_;
  std::map<uint64_t, Entry> entries_;
  std::map<Lsn, uint64_t> seen_;  // by the replay that runs
  uint64_t next_ = 1;
  Lsn last_lsn_ = 0;
};

// From the start of a process to its end.
class Life {
 public:
  Life(Storage& disk, const WalOptions& options, Book& book) : book_(book) {
    auto opened = Wal::open(disk, options, metrics_);
    if (opened) {
      wal_ = std::move(*opened);
    } else {
      error_ = opened.error();
    }
  }
  ~Life() { stop(); }

  // Opens for appending; false when the disk failed meanwhile.
  bool start(Lsn from = 0) {
    if (!replay(from)) return false;
    wal_->start();
    return true;
  }

  // What is sent between this and Wal::start makes one group.
  bool replay(Lsn from = 0) {
    if (!wal_) return false;
    book_.begin();
    auto report = wal_->replay(
        from, [&](const WalRecord& record, Lsn lsn) { return book_.visit(record, lsn); });
    if (!report) {
      error_ = report.error();
      return false;
    }
    book_.finish(from);
    report_ = *report;
    EXPECT_EQ(report_.records, book_.seen());
    return true;
  }

  // One record, committed alone.
  Result<Lsn> append(size_t body_bytes) {
    Event ended;
    Result<Lsn> outcome;
    send(body_bytes, [&](const Result<Lsn>& told) {
      outcome = told;
      ended.set();
    });
    ended.wait();
    return outcome;
  }

  // The first alone; all others, which wait meanwhile, in one group.
  void append_group(const std::vector<size_t>& sizes) {
    Event first_told;
    Event all_sent;
    Event last_told;
    send(sizes.front(), [&](const Result<Lsn>&) {
      first_told.set();
      all_sent.wait();
      if (sizes.size() == 1) last_told.set();
    });
    first_told.wait();
    for (size_t i = 1; i < sizes.size(); ++i) {
      const bool last = i + 1 == sizes.size();
      send(sizes[i], [&last_told, last](const Result<Lsn>&) {
        if (last) last_told.set();
      });
    }
    all_sent.set();
    last_told.wait();
  }

  // Room is taken as the receivers take it; `then` runs on the writer's thread.
  void send(size_t body_bytes, std::move_only_function<void(const Result<Lsn>&)> then) {
    WalRecord record = book_.send(body_bytes);
    const auto number = static_cast<uint64_t>(record.receive_time_ns);
    auto room = wal_->try_reserve(record_bytes(record));
    ASSERT(room.has_value());
    record.room = std::move(*room);
    wal_->append(std::move(record),
                 [this, number, next = std::move(then)](const Result<Lsn>& outcome) mutable {
                   book_.tell(number, outcome);
                   next(outcome);
                 });
  }

  void stop() {
    if (wal_) wal_->stop();
  }

  Wal& wal() { return *wal_; }
  const ReplayReport& report() const { return report_; }
  const Error& error() const { return error_; }
  std::string metrics() { return metrics_.render(); }

 private:
  Book& book_;
  Metrics metrics_;
  std::unique_ptr<Wal> wal_;
  ReplayReport report_;
  Error error_;
};

inline std::string slot_path(int number) {
  return fmt::format("{}/wal-{:06}.seg", kFolder, number);
}

}  // namespace vivace
