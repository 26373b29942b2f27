// The client and its threads. Threads take the next batch from one counter, so that trace numbers
// are sent once and nearly in order; results are gathered per thread and merged at the end.
#include "load.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <charconv>
#include <chrono>
#include <mutex>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <zlib.h>

#include "base/result.h"

namespace vivace::bench {
namespace {

using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

uint64_t unix_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
}

// The value of a lower-case header in a head that is lower-case already; empty when absent.
std::string_view header(std::string_view head, const std::string& name) {
  const size_t at = head.find("\r\n" + name + ":");
  if (at == std::string_view::npos) return {};
  std::string_view value = head.substr(at + name.size() + 3);
  value = value.substr(0, value.find("\r\n"));
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

size_t number(std::string_view text, size_t otherwise) {
  size_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What all threads share, and one thread's part in it.
class Pusher {
 public:
  Pusher(const Workload& workload, const PushOptions& options)
      : workload_(workload), options_(options), next_(options.first), start_(Steady::now()) {}

  void run_thread();
  PushResult result();

 private:
  void wait_until_due(uint64_t first) const;
  void push_batch(uint64_t first, HttpConnection& connection, PushResult& mine) const;
  int send(const std::string& bytes, HttpConnection& connection, PushResult& mine) const;
  void merge(const PushResult& mine);

  const Workload& workload_;
  const PushOptions& options_;
  std::atomic<uint64_t> next_;
  const Steady::time_point start_;
  std::mutex mutex_;  // guards result_
  PushResult result_;
};

void Pusher::run_thread() {
  HttpConnection connection(options_.address);
  PushResult mine;
  while (seconds_since(start_) <= options_.seconds) {
    const uint64_t first = next_.fetch_add(workload_.options().batch);
    if (first - options_.first >= options_.traces_max) break;
    if (options_.spans_per_s > 0) wait_until_due(first);
    push_batch(first, connection, mine);
  }
  merge(mine);
}

void Pusher::wait_until_due(uint64_t first) const {
  const uint64_t batches = (first - options_.first) / workload_.options().batch;
  const double due =
      static_cast<double>(batches) * workload_.spans_per_batch() / options_.spans_per_s;
  const double wait = due - seconds_since(start_);
  if (wait > 0) std::this_thread::sleep_for(std::chrono::duration<double>(wait));
}

void Pusher::push_batch(uint64_t first, HttpConnection& connection, PushResult& mine) const {
  const uint64_t base_ns = unix_ns() - static_cast<uint64_t>(options_.back_s * 1e9);
  bool all_acked = true;
  for (const RequestTemplate& request : workload_.requests(first)) {
    std::string bytes = workload_.fill(request, first, base_ns);
    mine.bytes += bytes.size();
    if (options_.gzip) bytes = gzip(bytes);
    const uint64_t refused_before = mine.refused;
    const int status = send(bytes, connection, mine);
    mine.refused_spans += (mine.refused - refused_before) * request.spans;
    if (status == 200) {
      mine.acked_spans += request.spans;
      continue;
    }
    all_acked = false;
    ++mine.failed;
    if (status < 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  if (!all_acked) return;
  mine.acked_traces += workload_.options().batch;
  mine.acked_batches.push_back(first);
}

// The last answer; a refusal is the last one only without `retry`, or when time is up.
int Pusher::send(const std::string& bytes, HttpConnection& connection, PushResult& mine) const {
  const std::string headers = std::string("Content-Type: application/x-protobuf\r\n") +
                              (options_.gzip ? "Content-Encoding: gzip\r\n" : "");
  while (true) {
    const Steady::time_point sent = Steady::now();
    const int status = connection.post(options_.path, headers, bytes);
    ++mine.statuses[status];
    ++mine.requests;
    if (status != 429 || !options_.retry || seconds_since(start_) > options_.seconds) {
      mine.ack_ms.push_back(seconds_since(sent) * 1e3);
      return status;
    }
    ++mine.refused;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void Pusher::merge(const PushResult& mine) {
  const std::lock_guard lock(mutex_);
  result_.acked_spans += mine.acked_spans;
  result_.acked_traces += mine.acked_traces;
  result_.failed += mine.failed;
  result_.refused += mine.refused;
  result_.refused_spans += mine.refused_spans;
  result_.requests += mine.requests;
  result_.bytes += mine.bytes;
  result_.ack_ms.insert(result_.ack_ms.end(), mine.ack_ms.begin(), mine.ack_ms.end());
  result_.acked_batches.insert(result_.acked_batches.end(), mine.acked_batches.begin(),
                               mine.acked_batches.end());
  for (const auto& [status, count] : mine.statuses) result_.statuses[status] += count;
}

PushResult Pusher::result() {
  const std::lock_guard lock(mutex_);
  result_.seconds = seconds_since(start_);
  std::ranges::sort(result_.ack_ms);
  std::ranges::sort(result_.acked_batches);
  return std::move(result_);
}

}  // namespace

bool HttpConnection::connect() {
  const size_t colon = address_.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(number(address_.substr(colon + 1), 0)));
  if (::inet_pton(AF_INET, address_.substr(0, colon).c_str(), &to.sin_addr) != 1) return false;
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return true;
  drop();
  return false;
}

void HttpConnection::drop() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool HttpConnection::send_all(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

// Understands answers with a content-length, which are all that this needs.
int HttpConnection::receive(std::string& body) {
  std::string in;
  size_t head_end = std::string::npos, need = 0;
  char buffer[16384];
  while (head_end == std::string::npos || in.size() < need) {
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) return -1;
    in.append(buffer, static_cast<size_t>(n));
    if (head_end != std::string::npos) continue;
    head_end = in.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    std::ranges::transform(in.begin(), in.begin() + static_cast<ptrdiff_t>(head_end), in.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    need = head_end + 4 + number(header(in.substr(0, head_end), "content-length"), 0);
  }
  body = in.substr(head_end + 4);
  if (header(in.substr(0, head_end), "connection") == "close") drop();
  return static_cast<int>(number(std::string_view(in).substr(9, 3), 0));
}

int HttpConnection::exchange(const std::string& request, std::string& body) {
  if (fd_ < 0 && !connect()) return -1;
  const int status = send_all(request) ? receive(body) : -1;
  if (status < 0) drop();
  return status;
}

int HttpConnection::get(const std::string& path, std::string& body, const std::string& headers) {
  const std::string host = "Host: " + address_ + "\r\n";
  return exchange("GET " + path + " HTTP/1.1\r\n" + host + headers + "\r\n", body);
}

int HttpConnection::post(const std::string& path, const std::string& headers,
                         const std::string& content) {
  std::string request = "POST " + path + " HTTP/1.1\r\nHost: " + address_ + "\r\n" + headers +
                        "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n";
  request += content;
  std::string body;
  return exchange(request, body);
}

double PushResult::ack_ms_at(double q) const {
  if (ack_ms.empty()) return 0;
  const auto at = static_cast<size_t>(q * static_cast<double>(ack_ms.size()));
  return ack_ms[std::min(ack_ms.size() - 1, at)];
}

PushResult push(const Workload& workload, const PushOptions& options) {
  Pusher pusher(workload, options);
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<size_t>(options.connections));
  for (int i = 0; i < options.connections; ++i) threads.emplace_back([&] { pusher.run_thread(); });
  threads.clear();  // joins
  return pusher.result();
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  ASSERT(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace vivace::bench
