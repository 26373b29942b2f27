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

bool takes_gzip(const net::Request& request) {
  return request.header("accept-encoding").find("gzip") != std::string_view::npos;
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

void Call::send(net::Response response) && {
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
                 {{"method", request_.method},
                  {"route", route_},
                  {"status_code", fmt::format("{}", status)},
                  {"ws", "false"}})
      .Observe(seconds);
  std::string tenant;
  for (const std::string& name : tenants) tenant += (tenant.empty() ? "" : "|") + name;
  if (!op.empty()) {
    metrics
        .histogram("tempo_query_frontend_result_metrics_duration_seconds", "Time of queries.",
                   kRequestBuckets, {{"op", op}, {"tenant", tenant}})
        .Observe(seconds);
    metrics
        .counter(
            "tempo_query_frontend_queries_total", "Queries answered.",
            {{"op", op}, {"tenant", tenant}, {"result", status == 499 ? "canceled" : "completed"}})
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
  if (!stream_) stream_ = std::move(call_.responder_).stream(head_);
  sent_bytes_ += buffer_.size();
  const bool sent = stream_->write(std::move(buffer_));
  buffer_.clear();
  return sent && !call_.request_.stop.stop_requested();
}

void StreamedBody::finish() && {
  if (!stream_) {
    head_.body = std::move(buffer_);
    std::move(call_).send(std::move(head_));
    return;
  }
  sent_bytes_ += buffer_.size();
  const bool sent = buffer_.empty() || stream_->write(std::move(buffer_));
  stream_.reset();
  call_.observe(sent ? head_.status : 499, sent_bytes_);
}

}  // namespace vivace::api
