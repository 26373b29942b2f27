// For tests: a queue with a clock that is stepped, rounds of series that are called by their
// places, and a receiver that does not like some of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "generator/generator_testing.h"
#include "generator/send_queue.h"

namespace vivace::generator {

constexpr int64_t kSecond = 1'000'000'000;

class SendQueueTest : public testing::Test {
 protected:
  SendQueue& open(const SendOptions& options = {}) {
    queue_.reset();  // its metrics go with it
    queue_ = std::make_unique<SendQueue>(options, metrics_, Labels{{"tenant", "t"}});
    return *queue_;
  }

  // `bodies` of `series` samples each.
  static Round round(int64_t time_ms, int bodies, int series, bool zeros = false) {
    static const RoundOptions kOptions;
    Round out;
    for (int i = 0; i < bodies; ++i) {
      RoundWriter writer(kOptions, time_ms);
      std::vector<SeriesLabels> labels;
      for (int j = 0; j < series; ++j) {
        labels.push_back(encode_labels({{"n", fmt::format("{}.{}", i, j)}}));
      }
      const std::string name = label_field("__name__", "x");
      for (const SeriesLabels& one : labels) {
        writer.add({.labels = &one, .name = name, .value = 1, .begins_at_zero = zeros});
      }
      Round got = writer.finish();
      for (WriteBody& body : got.zeros) out.zeros.push_back(std::move(body));
      for (WriteBody& body : got.values) out.values.push_back(std::move(body));
    }
    return out;
  }

  std::optional<SendQueue::Request> next() { return queue_->next(now_ns_, kNowNs); }
  void answer(uint64_t id, int status, int64_t retry_after_ns = 0) {
    queue_->answered(id, {.status = status, .retry_after_ns = retry_after_ns, .message = "no"},
                     now_ns_);
  }
  double metric(const std::string& name) { return shown("prometheus_remote_storage_" + name); }
  double shown(const std::string& name) {
    const std::string text = metrics_.render();
    const std::string full = "\n" + name + "{tenant=\"t\"} ";
    const size_t at = text.find(full);
    return at == std::string::npos ? -1 : std::stod(text.substr(at + full.size()));
  }

  Metrics metrics_;
  std::unique_ptr<SendQueue> queue_;
  int64_t now_ns_ = kSecond;
};

// Answers as a receiver does that says 500 to some series, each time; how often it was asked.
class SickReceiver {
 public:
  explicit SickReceiver(SendQueue& queue) : queue_(queue) {}
  // Until nothing is left, or so much time has passed.
  int64_t run(const std::vector<std::string>& bad, int64_t now_ns, int64_t for_ns) {
    const int64_t until_ns = now_ns + for_ns;
    while (!queue_.is_empty() && now_ns < until_ns) {
      const auto request = queue_.next(now_ns, kNowNs);
      if (!request) {
        now_ns = std::max(now_ns + 1, queue_.ready_ns());
        continue;
      }
      ++requests;
      Collected shown;
      read_body(*request->body, shown);
      const bool has_bad = std::ranges::any_of(bad, [&](const std::string& one) {
        return (shown.values.contains(one) && !likes_values) || shown.zeros.contains(one);
      });
      const bool refused = is_ill || takes == 0 || has_bad;
      if (!refused) {
        --takes;
        for (const auto& [key, value] : shown.values) ++arrived[key];
        for (const auto& [key, value] : shown.zeros) ++zeros[key];
      }
      queue_.answered(request->id, {.status = refused ? 500 : 204, .message = "bad"}, now_ns);
    }
    return now_ns;
  }

  bool is_ill = false;        // 500 to everything
  int takes = 1 << 30;        // requests, before it is
  bool likes_values = false;  // of bad series too
  int requests = 0;
  std::map<std::string, int> arrived;
  std::map<std::string, int> zeros;

 private:
  SendQueue& queue_;
};

}  // namespace vivace::generator
