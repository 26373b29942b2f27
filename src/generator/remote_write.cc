// The thread `push`: libcurl's multi interface turns all transfers, queues say what is next. Waits
// for sockets, for the end of a pause, or for somebody to wake it.
#include "generator/remote_write.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <list>
#include <mutex>
#include <thread>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/log.h"
#include "base/workers.h"
#include "generator/curl_receiver.h"
#include "generator/send_queue.h"
#include "model/tenant.h"

namespace vivace::generator {
namespace {

constexpr size_t kMessageBytesMax = 512;  // of an error's text
constexpr int64_t kPollMsMax = 1000;
constexpr size_t kForgottenMax = 256;  // queues of tenants that are gone

using EasyHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

size_t take_answer(const char* bytes, size_t size, size_t count, void* to) {
  auto& text = *static_cast<std::string*>(to);
  text.append(bytes, std::min(size * count, kMessageBytesMax - text.size()));
  return size * count;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 32) == (y | 32); });
}

}  // namespace

class RemoteWrite::Sender {
 public:
  Sender(std::vector<config::RemoteWrite> receivers, const RemoteWriteOptions& options,
         const Clock& clock, Metrics& metrics)
      : receivers_(std::move(receivers)), options_(options), clock_(clock), metrics_(metrics) {
    static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
    ASSERT(kReady == CURLE_OK);
    multi_ = curl_multi_init();
    ASSERT(multi_ != nullptr);
    thread_ = std::thread([this] { run(); });
  }

  ~Sender() {
    stop();
    curl_multi_cleanup(multi_);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void push(size_t receiver, const std::string& tenant, std::shared_ptr<const HeaderMap> headers,
            Round round) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back({.receiver = receiver,
                        .tenant = tenant,
                        .headers = std::move(headers),
                        .round = std::move(round)});
    }
    curl_multi_wakeup(multi_);
  }

  void forget(const std::string& tenant) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back({.tenant = tenant, .is_last = true});
    }
    curl_multi_wakeup(multi_);
  }

  void stop() {
    if (!thread_.joinable()) return;
    stop_by_ns_ = clock_.steady_ns() + options_.flush_deadline_ns;
    curl_multi_wakeup(multi_);
    thread_.join();
  }

 private:
  struct Arrival {
    size_t receiver = 0;
    std::string tenant;
    std::shared_ptr<const HeaderMap> headers = nullptr;
    Round round = {};
    bool is_last = false;  // the tenant is forgotten, by all receivers; there is no round
  };
  struct Line {  // of a tenant to a receiver
    Line(const config::RemoteWrite& r, std::string t, SendQueue q)
        : receiver(r), tenant(std::move(t)), queue(std::move(q)) {}
    const config::RemoteWrite& receiver;
    const std::string tenant;
    std::shared_ptr<const HeaderMap> headers;  // of the round that came last
    SendQueue queue;
    uint64_t forgotten = 0;  // which of those that were; 0: it is not
  };
  using Lines = std::map<std::pair<size_t, std::string>, Line>;  // by receiver and tenant
  struct Transfer {
    Line* line = nullptr;
    uint64_t id = 0;
    EasyHandle handle{nullptr, curl_easy_cleanup};
    CurlList headers;
    ReceiverLists lists;
    std::string answer;
    int64_t began_ns = 0;
  };

  void run() {
    name_thread("push");
    while (true) {
      const bool stopping = stop_by_ns_ > 0;
      take_arrivals();
      end_lines();
      start_what_may_start();
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_transfers();
      const int64_t now_ns = clock_.steady_ns();
      if (stopping && (is_idle() || now_ns >= stop_by_ns_)) break;
      curl_multi_poll(multi_, nullptr, 0, wait_ms(now_ns), nullptr);
    }
    for (Transfer& transfer : transfers_) {
      curl_multi_remove_handle(multi_, transfer.handle.get());
    }
    transfers_.clear();
    for (auto& [name, line] : lines_) line.queue.give_up();
  }

  bool is_idle() {
    const std::lock_guard lock(mutex_);
    return inbox_.empty() && std::ranges::all_of(lines_, [](const auto& entry) {
             return entry.second.queue.is_empty();
           });
  }

  int wait_ms(int64_t now_ns) const {
    int64_t until_ns = stop_by_ns_ > 0 ? stop_by_ns_.load() : std::numeric_limits<int64_t>::max();
    for (const auto& [name, line] : lines_) until_ns = std::min(until_ns, line.queue.ready_ns());
    const int64_t ms = (until_ns - now_ns) / 1'000'000 + 1;
    return static_cast<int>(std::clamp<int64_t>(ms, 0, kPollMsMax));
  }

  void take_arrivals() {
    std::vector<Arrival> arrived;
    {
      const std::lock_guard lock(mutex_);
      arrived.swap(inbox_);
    }
    for (Arrival& one : arrived) {
      if (one.is_last) {
        forget_lines(one.tenant);
        continue;
      }
      Line& line = line_of(one.receiver, one.tenant);
      line.headers = std::move(one.headers);
      line.queue.push(std::move(one.round));
      line.forgotten = 0;
    }
  }

  void forget_lines(const std::string& tenant) {
    for (size_t i = 0; i < receivers_.size(); ++i) {
      const auto found = lines_.find(std::make_pair(i, tenant));
      if (found != lines_.end()) found->second.forgotten = ++forgotten_;
    }
  }

  // Those of forgotten tenants that have sent everything; also some that have not, when a receiver
  // is away and tenants come and go.
  void end_lines() {
    const auto is_forgotten = [](const auto& entry) { return entry.second.forgotten != 0; };
    const auto order = [](const auto& entry) { return entry.second.forgotten - 1; };
    auto forgotten = static_cast<size_t>(std::ranges::count_if(lines_, is_forgotten));
    for (auto at = lines_.begin(); forgotten > 0 && at != lines_.end();) {
      const auto next = std::next(at);
      if (is_forgotten(*at) && at->second.queue.is_empty()) {
        end_line(at);
        --forgotten;
      }
      at = next;
    }
    for (; forgotten > kForgottenMax; --forgotten)
      end_line(std::ranges::min_element(lines_, {}, order));
  }

  void end_line(Lines::iterator at) {
    const size_t receiver = at->first.first;
    std::erase_if(transfers_, [&](Transfer& transfer) {
      if (transfer.line != &at->second) return false;
      curl_multi_remove_handle(multi_, transfer.handle.get());
      return true;
    });
    lines_.erase(at);
    share_room(receiver);
  }

  Line& line_of(size_t receiver, const std::string& tenant) {
    const auto key = std::make_pair(receiver, tenant);
    const auto found = lines_.find(key);
    if (found != lines_.end()) return found->second;
    const config::RemoteWrite& to = receivers_[receiver];
    const SendOptions options{.name = to.name,
                              .bytes_max = options_.bytes_max,
                              .min_shards = to.min_shards,
                              .max_shards = to.max_shards,
                              .min_backoff_ns = to.min_backoff_ns,
                              .max_backoff_ns = to.max_backoff_ns,
                              .retry_on_http_429 = to.retry_on_http_429,
                              .sample_age_limit_ns = to.sample_age_limit_ns};
    const Labels labels{{"tenant", tenant}, {"remote_name", to.name}, {"url", to.url}};
    Line& line =
        lines_.try_emplace(key, to, tenant, SendQueue(options, metrics_, labels)).first->second;
    share_room(receiver);
    return line;
  }

  // However many tenants there are, what waits for a receiver has one bound.
  void share_room(size_t receiver) {
    const auto same = [receiver](const auto& line) { return line.first.first == receiver; };
    const int64_t lines = std::ranges::count_if(lines_, same);
    for (auto& [name, line] : lines_) {
      if (name.first == receiver) line.queue.set_bytes_max(options_.bytes_max / lines);
    }
  }

  void start_what_may_start() {
    for (auto& [name, line] : lines_) {
      while (const auto request = line.queue.next(clock_.steady_ns(), clock_.unix_ns())) {
        start(line, *request);
      }
    }
  }

  void start(Line& line, const SendQueue::Request& request) {
    Transfer& transfer = transfers_.emplace_back();
    transfer.line = &line;
    transfer.id = request.id;
    transfer.began_ns = clock_.steady_ns();
    transfer.handle.reset(curl_easy_init());
    ASSERT(transfer.handle != nullptr);
    CURL* const handle = transfer.handle.get();
    const config::RemoteWrite& to = line.receiver;
    transfer.lists = apply_receiver(handle, to);
    add_headers(transfer, request);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_POST, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body->packed.data());
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body->packed.size()));
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer.headers.get());
    curl_easy_setopt(handle, CURLOPT_USERAGENT, options_.user_agent.c_str());
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer.answer);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);  // does not wait for a name that takes long
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(std::max<int64_t>(1, to.remote_timeout_ns / 1'000'000)));
    ASSERT(curl_multi_add_handle(multi_, handle) == CURLM_OK);
  }

  void add_headers(Transfer& transfer, const SendQueue::Request& request) {
    const Line& line = *transfer.line;
    std::map<std::string, std::string> headers = line.receiver.headers;
    for (const auto& [name, value] : *line.headers) {
      std::erase_if(headers, [&](const auto& h) { return same_name(h.first, name); });
      headers[name] = value;
    }
    const bool has_tenant = std::ranges::any_of(
        headers, [](const auto& h) { return same_name(h.first, "x-scope-orgid"); });
    if (options_.add_org_id_header && !has_tenant && line.tenant != kSingleTenant) {
      headers["X-Scope-OrgID"] = line.tenant;
    }
    headers["Content-Encoding"] = "snappy";
    headers["Content-Type"] = "application/x-protobuf";
    headers["X-Prometheus-Remote-Write-Version"] = "0.1.0";
    if (!line.receiver.authorization.empty()) {
      headers["Authorization"] = line.receiver.authorization;
    }
    if (request.body->attempts > 0) {
      headers["Retry-Attempt"] = fmt::format("{}", request.body->attempts);
    }
    for (const auto& [name, value] : headers) transfer.headers.add(name + ": " + value);
    for (const auto& [name, value] : line.receiver.more_headers) {
      transfer.headers.add(name + ": " + value);
    }
    if (!transfer.lists.host.empty()) transfer.headers.add("Host: " + transfer.lists.host);
    transfer.headers.add("Expect:");  // do not ask first
  }

  void finish_transfers() {
    int left = 0;
    while (CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      finish(message->easy_handle, message->data.result);
    }
  }

  void finish(CURL* handle, CURLcode result) {
    Transfer* transfer = nullptr;
    curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
    SendAnswer answer;
    answer.unix_ns = clock_.unix_ns();
    answer.seconds = static_cast<double>(clock_.steady_ns() - transfer->began_ns) / 1e9;
    if (result == CURLE_OK) {
      long status = 0;
      curl_off_t retry_after_s = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &retry_after_s);
      answer.status = static_cast<int>(status);
      answer.retry_after_ns = std::min<int64_t>(retry_after_s, 600) * 1'000'000'000;
      answer.message = std::move(transfer->answer);
    } else {
      answer.message = curl_easy_strerror(result);
    }
    curl_multi_remove_handle(multi_, handle);
    transfer->line->queue.answered(transfer->id, answer, clock_.steady_ns());
    std::erase_if(transfers_, [transfer](const Transfer& t) { return &t == transfer; });
  }

  const std::vector<config::RemoteWrite> receivers_;
  const RemoteWriteOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  CURLM* multi_ = nullptr;
  std::mutex mutex_;            // guards the next
  std::vector<Arrival> inbox_;  // bounded by the pace of collections
  std::atomic<int64_t> stop_by_ns_{0};

  // The thread's.
  Lines lines_;
  uint64_t forgotten_ = 0;         // lines, so far
  std::list<Transfer> transfers_;  // nodes do not move

  std::thread thread_;
};

RemoteWrite::RemoteWrite(const std::vector<config::RemoteWrite>& receivers,
                         const RemoteWriteOptions& options, const Clock& clock, Metrics& metrics)
    : sender_(std::make_unique<Sender>(receivers, options, clock, metrics)) {}

RemoteWrite::~RemoteWrite() = default;

void RemoteWrite::push(size_t receiver, const std::string& tenant,
                       std::shared_ptr<const HeaderMap> headers, Round round) {
  sender_->push(receiver, tenant, std::move(headers), std::move(round));
}

void RemoteWrite::forget(const std::string& tenant) { sender_->forget(tenant); }

void RemoteWrite::stop() { sender_->stop(); }

}  // namespace vivace::generator
