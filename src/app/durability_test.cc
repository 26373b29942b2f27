// The heart of the promises: acked is durable, whole, and there once. Clients push random requests
// through the real road while the disk loses power at a random change, or fails syncs; then the
// next life must bring back all that was acked, and of the rest each request whole or not at all.
// All on one disk, life after life, with segments that roll.
#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

#include "app/testing/program.h"
#include "model/testing/otlp_bytes.h"
#include "storage/fault_storage.h"

namespace vivace {
namespace {

constexpr int kRounds = 20;
constexpr size_t kClients = 4;
constexpr int kRequestsMax = 7;  // of a client in a round
constexpr uint64_t kNever = 1 << 30;
const std::vector<std::string> kTenants = {"a", "b"};

// A request's fate is open from the moment it is sent until it is acked, or until the first start
// after it: what is there then must stay, what is not must stay away.
enum class Fate : uint8_t { open, kept, gone };

struct Request {
  Program::Sent sent;
  std::vector<SentSpan> spans;  // of its own, that should be stored
  int64_t rejected = 0;         // spans with empty ids
  Fate fate = Fate::open;
};

// What was promised so far, by all clients.
class Book {
 public:
  Request& enter(Request request) {
    const std::lock_guard lock(mutex_);
    return *requests_.emplace_back(std::make_unique<Request>(std::move(request)));
  }

  // Compares the program with the book, and settles what was open. Nobody is sending.
  void check(const Program& program) {
    for (const std::string& tenant : kTenants) {
      const Found found = find(program, tenant);
      size_t expected = 0;
      for (const auto& request : requests_) {
        if (request->sent.tenant != tenant) continue;
        check_request(*request, found);
        if (request->fate == Fate::kept) expected += request->spans.size();
      }
      EXPECT_EQ(program.spans(tenant), expected) << "spans that nobody sent, or twice";
    }
  }

  size_t count(Fate fate) const {
    return static_cast<size_t>(
        std::ranges::count(requests_, fate, [](const auto& request) { return request->fate; }));
  }

 private:
  using Key = std::tuple<TraceId, uint64_t, int32_t>;
  using Found = std::map<Key, SentSpan>;

  static Key key_of(const SentSpan& span) { return {span.trace_id, span.span_id.raw, span.kind}; }

  // All that the program has of the traces in the book.
  Found find(const Program& program, const std::string& tenant) const {
    std::map<TraceId, bool> traces;
    for (const auto& request : requests_) {
      if (request->sent.tenant != tenant) continue;
      for (const SentSpan& span : request->spans) traces[span.trace_id] = true;
    }
    Found found;
    for (const auto& [id, there] : traces) {
      for (SentSpan& span : program.trace(tenant, id)) {
        const Key key = key_of(span);
        EXPECT_TRUE(found.emplace(key, std::move(span)).second) << "a span is there twice";
      }
    }
    return found;
  }

  static void check_request(Request& request, const Found& found) {
    size_t there = 0;
    for (const SentSpan& span : request.spans) {
      const auto at = found.find(key_of(span));
      if (at == found.end()) continue;
      ++there;
      EXPECT_EQ(difference(at->second, span), "");
    }
    if (request.fate == Fate::open) {
      EXPECT_TRUE(there == 0 || there == request.spans.size())
          << "half a request: " << there << " of " << request.spans.size();
      request.fate = there == 0 ? Fate::gone : Fate::kept;
    } else {
      EXPECT_EQ(there, request.fate == Fate::kept ? request.spans.size() : 0);
    }
  }

  std::mutex mutex_;  // guards requests_ while clients run
  std::vector<std::unique_ptr<Request>> requests_;
};

// A client goes on from life to life.
class Client {
 public:
  Client(uint64_t seed, Book& book) : random_(seed), book_(book) {}

  // Sends until the power goes.
  void push_until_error(Program& program) {
    for (int i = 0; i < kRequestsMax; ++i) {
      if (!push(program)) return;
    }
  }

  // Sends through errors of the disk; now and then it makes them.
  void push_through_errors(Program& program, FaultStorage& disk) {
    for (int i = 0; i < kRequestsMax; ++i) {
      if (random_.chance(15)) disk.fail_syncs(1 + static_cast<int>(random_.number(2)));
      if (push(program)) continue;
      if (random_.chance(50)) deliver(program, *last_unacked_);  // at once again, acked or not
    }
  }

  // What an exporter does that does not know what became of its requests.
  void send_again(Program& program) {
    for (Request* request : {last_acked_, last_unacked_}) {
      EXPECT_TRUE(request == nullptr || deliver(program, *request));
    }
  }

 private:
  bool push(Program& program) {
    Request& request = book_.enter(make_request());
    if (deliver(program, request)) {
      last_acked_ = &request;
      return true;
    }
    last_unacked_ = &request;
    return false;
  }

  static bool deliver(Program& program, Request& request) {
    const auto outcome = program.send(request.sent);
    if (!outcome) return false;
    EXPECT_EQ(outcome->rejected_spans, request.rejected);
    request.fate = Fate::kept;
    return true;
  }

  Request make_request() {
    Request out;
    out.sent.tenant = kTenants[random_.number(kTenants.size())];
    out.spans = random_.request(1 + random_.number(6));
    if (random_.chance(3)) out.spans[0].name = std::string(70'000, 'n');  // beyond a segment
    std::vector<SentSpan> all = out.spans;
    if (random_.chance(20)) {
      all.push_back(random_.span());
      if (random_.chance(50)) {
        all.back().trace_id = {};
      } else {
        all.back().span_id = {};
      }
      ++out.rejected;
    }
    // A span that was acked before, with another content: the first copy wins.
    if (last_acked_ != nullptr && last_acked_->sent.tenant == out.sent.tenant &&
        random_.chance(30)) {
      all.push_back(last_acked_->spans[random_.number(last_acked_->spans.size())]);
      all.back().name = "changed";
      all.back().attributes = random_.attributes();
    }
    out.sent.body = to_otlp(all);
    if (random_.chance(50)) {
      out.sent.encoding = ContentEncoding::gzip;
      out.sent.body = gzip(out.sent.body);
    }
    return out;
  }

  RandomSpans random_;
  Book& book_;
  Request* last_acked_ = nullptr;
  Request* last_unacked_ = nullptr;
};

struct Setting {
  uint64_t seed;
  int64_t generation_bytes_max;
};
constexpr int64_t kNoCuts = 1 << 30;
constexpr int64_t kManyCuts = 200 << 10;  // several a round

void PrintTo(const Setting& setting, std::ostream* out) {
  *out << "seed " << setting.seed << ", generations of " << setting.generation_bytes_max;
}

class Durability : public testing::TestWithParam<Setting> {
 protected:
  Durability() : disk_(GetParam().seed), random_(GetParam().seed) {
    for (uint64_t i = 0; i < kClients; ++i) clients_.emplace_back(GetParam().seed * 100 + i, book_);
    options_.store.generation_bytes_max = GetParam().generation_bytes_max;
    options_.store.check_period_ms = 1;
  }

  // Cuts race with the clients; that there were some is all that can be said.
  void expect_cuts(Program& program) {
    program.stop();
    const size_t blocks = program.store().snapshot("a").parts.size();
    EXPECT_TRUE(blocks > 1 || GetParam().generation_bytes_max == kNoCuts) << blocks;
  }

  // A start may meet the next power cut already; the machine is then started once more.
  std::unique_ptr<Program> start() {
    for (int attempt = 0; attempt < 3; ++attempt) {
      auto program = std::make_unique<Program>(disk_, clock_, options_);
      const auto started = program->start();
      if (started) {
        EXPECT_EQ(started->log.damaged_bytes, 0U) << "a power cut is no damage";
        EXPECT_EQ(started->undecodable, 0U);
        return program;
      }
      EXPECT_TRUE(disk_.crashed()) << started.error().message;
      program.reset();
      restart_disk();
    }
    ADD_FAILURE() << "no start";
    return nullptr;
  }

  void restart_disk() {
    using enum FaultStorage::Unsynced;
    constexpr FaultStorage::Unsynced kInTurn[] = {dropped, torn, kept};
    disk_.restart(kInTurn[restarts_++ % 3]);
  }

  void run_clients(auto what) {
    std::vector<std::thread> threads;
    for (Client& client : clients_) threads.emplace_back([&] { what(client); });
    for (std::thread& thread : threads) thread.join();
  }

  // The next life begins: checks, resends, checks again.
  std::unique_ptr<Program> check_next_life() {
    auto program = start();
    disk_.crash_at(kNever);
    if (program != nullptr &&
        disk_.crashed()) {  // right after the start: by what goes on beside it
      program->stop();
      program.reset();
      restart_disk();
      program = start();
    }
    if (program == nullptr) return nullptr;
    book_.check(*program);
    run_clients([&](Client& client) { client.send_again(*program); });
    book_.check(*program);
    return program;
  }

  FaultStorage disk_;
  ManualClock clock_{1'700'000'000'000'000'000};
  Book book_;
  std::vector<Client> clients_;
  RandomSpans random_;
  ProgramOptions options_;
  int restarts_ = 0;
};

TEST_P(Durability, SurvivesPowerCuts) {
  auto program = start();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    disk_.crash_at(random_.number(random_.chance(50) ? 20 : 120));
    run_clients([&](Client& client) { client.push_until_error(*program); });
    disk_.crash_now();
    program->stop();
    EXPECT_EQ(program->bodies().used(), 0);
    program.reset();
    restart_disk();
    if (random_.chance(30)) disk_.crash_at(random_.number(6));  // while it starts
    program = check_next_life();
    ASSERT_NE(program, nullptr);
  }
  EXPECT_GT(book_.count(Fate::kept), 100U);
  expect_cuts(*program);
}

TEST_P(Durability, SurvivesFailingSyncs) {
  auto program = start();
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    SCOPED_TRACE(round);
    run_clients([&](Client& client) { client.push_through_errors(*program, disk_); });
    disk_.fail_syncs(0);
    if (random_.chance(50)) disk_.crash_now();
    program->stop();
    EXPECT_EQ(program->bodies().used(), 0);
    program.reset();
    restart_disk();
    program = check_next_life();
    ASSERT_NE(program, nullptr);
  }
  EXPECT_GT(book_.count(Fate::kept), 100U);
  EXPECT_GT(book_.count(Fate::gone), 0U) << "or no sync has failed";
  expect_cuts(*program);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Durability,
                         testing::Values(Setting{301, kNoCuts}, Setting{302, kNoCuts},
                                         Setting{303, kManyCuts}));

}  // namespace
}  // namespace vivace
