// Traces come back as protobuf, whose nesting is that of a request: spans are counted without being
// looked at.
#include "queries.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include <fmt/format.h>
#include <protozero/pbf_reader.hpp>

#include "base/bytes.h"

namespace vivace::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr uint64_t kAskedTraces = 1000;

double ms_since(Steady::time_point start) {
  return std::chrono::duration<double, std::milli>(Steady::now() - start).count();
}

uint64_t count_spans(const std::string& trace) {
  uint64_t spans = 0;
  protozero::pbf_reader request(trace);
  while (request.next(1)) {
    protozero::pbf_reader resource = request.get_message();
    while (resource.next(2)) {
      protozero::pbf_reader scope = resource.get_message();
      while (scope.next(2)) {
        scope.skip();
        ++spans;
      }
    }
  }
  return spans;
}

// One trace after the other from a shared counter, until all were asked for.
class Reader {
 public:
  Reader(const Workload& workload, const std::vector<uint64_t>& batches, uint64_t traces)
      : workload_(workload), batches_(batches), traces_(traces) {}

  void run(const std::string& address) {
    HttpConnection connection(address);
    ReadBack mine;
    for (uint64_t i = next_++; i < traces_; i = next_++) read(connection, i, mine);
    const std::lock_guard lock(mutex_);
    result_.traces += mine.traces;
    result_.missing_traces += mine.missing_traces;
    result_.missing_spans += mine.missing_spans;
    result_.excess_spans += mine.excess_spans;
    result_.took_ms.insert(result_.took_ms.end(), mine.took_ms.begin(), mine.took_ms.end());
  }

  ReadBack take() {
    std::ranges::sort(result_.took_ms);
    return std::move(result_);
  }

 private:
  void read(HttpConnection& connection, uint64_t i, ReadBack& mine) const {
    const uint64_t all = batches_.size() * workload_.options().batch;
    const uint64_t place = traces_ == all ? i : i * all / traces_;
    const uint64_t first = batches_[place / workload_.options().batch];
    const uint64_t trace = place % workload_.options().batch;
    const std::string id = to_hex(trace_id(workload_.options().seed, first + trace));
    std::string body;
    const Steady::time_point start = Steady::now();
    const int status =
        connection.get("/api/traces/" + id, body, "Accept: application/protobuf\r\n");
    mine.took_ms.push_back(ms_since(start));
    ++mine.traces;
    if (status != 200) {
      ++mine.missing_traces;
      return;
    }
    const uint64_t sent = workload_.requests(first).front().spans_per_trace[trace];
    const uint64_t found = count_spans(body);
    mine.missing_spans += sent - std::min(sent, found);
    mine.excess_spans += found - std::min(sent, found);
  }

  const Workload& workload_;
  const std::vector<uint64_t>& batches_;
  const uint64_t traces_;
  std::atomic<uint64_t> next_{0};
  std::mutex mutex_;  // guards result_
  ReadBack result_;
};

}  // namespace

Queries::Queries(std::string address, const Workload& workload, double per_second)
    : address_(std::move(address)),
      workload_(workload),
      per_second_(per_second),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Queries::Counts Queries::stop() {
  thread_.request_stop();
  thread_.join();
  std::ranges::sort(took_ms_);
  counts_.p99_ms = quantile(took_ms_, 0.99);
  return counts_;
}

void Queries::run(const std::stop_token& stop) {
  HttpConnection connection(address_);
  const Steady::time_point start = Steady::now();
  std::string body;
  for (uint64_t number = 0; !stop.stop_requested(); ++number) {
    const std::chrono::duration<double> due(static_cast<double>(number) / per_second_);
    std::this_thread::sleep_until(start + std::chrono::duration_cast<Steady::duration>(due));
    const Steady::time_point asked = Steady::now();
    const int status = connection.get(question(number), body);
    took_ms_.push_back(ms_since(asked));
    ++(status == 200 || status == 404 ? counts_.answered : counts_.failed);
  }
}

std::string Queries::question(uint64_t number) const {
  switch (number % 5) {
    case 0:
      return "/api/search?limit=20&q=" +
             percent_encoded("{ resource.service.name = \"checkout\" && status = error }");
    case 1:
      return "/api/search?limit=20&q=" + percent_encoded("{ duration > 100ms }");
    case 2:
      return "/api/search/tag/service.name/values";
    default:
      return "/api/traces/" +
             to_hex(trace_id(workload_.options().seed, mix(number) % kAskedTraces));
  }
}

ReadBack read_back(const std::string& address, const Workload& workload,
                   const std::vector<uint64_t>& acked_batches, const ReadBackOptions& options) {
  const uint64_t all = acked_batches.size() * workload.options().batch;
  Reader reader(workload, acked_batches, std::min(all, options.traces_max));
  std::vector<std::jthread> threads;
  for (int i = 0; i < options.connections; ++i) {
    threads.emplace_back([&] { reader.run(address); });
  }
  threads.clear();  // joins
  return reader.take();
}

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<size_t>(q * static_cast<double>(sorted.size()));
  return sorted[std::min(sorted.size() - 1, at)];
}

std::string percent_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

}  // namespace vivace::bench
