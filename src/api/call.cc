// Answering, counting, logging: what every answer of the query API has in common. Small bodies
// leave whole, with gzip if the client takes it; long ones leave while they are made, so that a
// trace of a million spans costs a megabyte here. Runs on io threads for cheap answers, on workers
// for queries.
#include "api/call.h"

#include <fmt/format.h>

#include "base/log.h"
#include "wire/compression.h"

namespace vivace::api {
namespace {

constexpr size_t kGzipFromBytes = 1024;       // smaller bodies are not worth it
constexpr size_t kStreamFromBytes = 1 << 20;  // longer bodies are sent while they are made

const std::vector<double> kRequestBuckets = {.005, .01, .025, .05, .1, .25, .5,
                                             1,    2.5, 5,    10,  25, 50,  100};

// Whether Accept-Encoding (RFC 9110, 12.5.3) names gzip, and not with a weight of zero.
bool takes_gzip(const net::Request& request) {
  std::string_view codings = request.header("accept-encoding");
  while (!codings.empty()) {
    const size_t comma = std::min(codings.find(','), codings.size());
    std::string_view coding = codings.substr(0, comma);
    codings.remove_prefix(std::min(comma + 1, codings.size()));
    coding.remove_prefix(std::min(coding.find_first_not_of(" \t"), coding.size()));
    if (!coding.starts_with("gzip")) continue;
    const size_t weight = coding.find("q=");
    return weight == std::string_view::npos ||
           coding.find_first_of("123456789", weight) != std::string_view::npos;
  }
  return false;
}

// Methods are the client's words; only known ones become labels.
std::string_view method_label(std::string_view method) {
  constexpr std::string_view kKnown[] = {"GET",    "HEAD",  "POST",    "PUT",
                                         "DELETE", "PATCH", "OPTIONS", "TRACE"};
  for (const std::string_view known : kKnown) {
    if (method == known) return known;
  }
  return "other";
}

}  // namespace

int http_status(Code code) {
  switch (code) {
    case Code::invalid_argument:
    case Code::too_large:
      return 400;
    case Code::unauthenticated:
      return 401;
    case Code::not_found:
      return 404;
    case Code::limit:
      return 429;
    case Code::cancelled:
      return 499;
    case Code::unavailable:
      return 503;
    case Code::deadline_exceeded:
      return 504;
    case Code::unimplemented:
      return 501;
    case Code::corrupt:
    case Code::io:
    case Code::internal:
      return 500;
  }
  return 500;
}

Call::Call(Context context, std::string route, net::Request request, net::Responder responder)
    : context_(context),
      route_(std::move(route)),
      request_(std::move(request)),
      responder_(std::move(responder)),
      began_ns_(context.clock->steady_ns()) {}

QueryControl Call::control(int64_t timeout_ns) {
  QueryControl out{.stop = request_.stop, .maybe_memory = memory().get()};
  if (timeout_ns > 0) {
    out.maybe_clock = context_.clock;
    out.deadline_steady_ns = context_.clock->steady_ns() + timeout_ns;
  }
  return out;
}

const std::shared_ptr<QueryMemory>& Call::memory() {
  if (memory_ == nullptr && context_.maybe_query_memory != nullptr) {
    memory_ = std::make_shared<QueryMemory>(*context_.maybe_query_memory);
  }
  return memory_;
}

void Call::send(net::Response response) && {
  if (!op.empty()) response.headers.push_back({"vary", "Accept-Encoding"});
  if (takes_gzip(request_) && response.body.size() >= kGzipFromBytes) {
    response.body = gzip(response.body);
    response.headers.push_back({"content-encoding", "gzip"});
  }
  observe(response.status, response.body.size());
  std::move(responder_).send(std::move(response));
}

void Call::send_text(int status, std::string text) && {
  std::move(*this).send({.status = status,
                         .headers = {{"content-type", "text/plain; charset=utf-8"},
                                     {"x-content-type-options", "nosniff"}},
                         .body = std::move(text)});
}

void Call::send_error(const Error& error) && {
  std::move(*this).send_text(http_status(error.code), error.message);
}

void Call::observe(int status, uint64_t bytes) {
  const double seconds = static_cast<double>(context_.clock->steady_ns() - began_ns_) / 1e9;
  Metrics& metrics = *context_.metrics;
  metrics
      .histogram("tempo_request_duration_seconds", "Time to answer a request.", kRequestBuckets,
                 {{"method", std::string(method_label(request_.method))},
                  {"route", route_},
                  {"status_code", fmt::format("{}", status)},
                  {"ws", "false"}})
      .Observe(seconds);
  std::string tenant;
  for (const std::string& name : tenants) tenant += (tenant.empty() ? "" : "|") + name;
  if (!op.empty()) {
    const std::string label = tenants_known ? tenant : "unknown";
    metrics
        .histogram("tempo_query_frontend_result_metrics_duration_seconds", "Time of queries.",
                   kRequestBuckets, {{"op", op}, {"tenant", label}})
        .Observe(seconds);
    metrics
        .counter(
            "tempo_query_frontend_queries_total", "Queries answered.",
            {{"op", op}, {"tenant", label}, {"result", status == 499 ? "canceled" : "completed"}})
        .Increment();
  }
  if (!logged) return;
  log::info("query", {{"tenant", tenant},
                      {"method", request_.method},
                      {"url", request_.path + (request_.query.empty() ? "" : "?") + request_.query},
                      {"duration", fmt::format("{:.6f}s", seconds)},
                      {"response_size", bytes},
                      {"status", status}});
}

bool StreamedBody::checkpoint() {
  if (buffer_.size() < kStreamFromBytes) return true;
  if (!stream_) start();
  gone_ = !send(gzip_ ? gzip_->compress(buffer_) : std::move(buffer_)) ||
          call_.request_.stop.stop_requested();
  buffer_.clear();
  return !gone_;
}

void StreamedBody::start() {
  if (!call_.op.empty()) head_.headers.push_back({"vary", "Accept-Encoding"});
  if (takes_gzip(call_.request_)) {
    head_.headers.push_back({"content-encoding", "gzip"});
    gzip_.emplace();
  }
  stream_ = std::move(call_.responder_).stream(head_);
}

bool StreamedBody::send(std::string bytes) {
  if (gone_ || bytes.empty()) return !gone_;
  sent_bytes_ += bytes.size();
  gone_ = !stream_->write(std::move(bytes));
  return !gone_;
}

void StreamedBody::finish() && {
  if (!stream_) {
    head_.body = std::move(buffer_);
    std::move(call_).send(std::move(head_));
    return;
  }
  bool sent = send(gzip_ ? gzip_->compress(buffer_) : std::move(buffer_));
  if (gzip_) sent = send(gzip_->finish());
  stream_.reset();
  call_.observe(sent ? head_.status : 499, sent_bytes_);
}

}  // namespace vivace::api
