// A blocking GET over one socket; only the status line of the answer is read. Called by main before
// anything else runs, so it may block and needs no io thread.
#include "net/probe.h"

#include <charconv>
#include <sys/socket.h>

#include <boost/asio.hpp>
#include <fmt/format.h>

namespace vivace::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Target {
  std::string host;
  std::string port = "80";
  std::string path = "/";
};

Result<Target> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return fail(Code::invalid_argument, "not an http:// URL");
  url.remove_prefix(kScheme.size());
  Target out;
  const size_t slash = std::min(url.find('/'), url.size());
  if (slash < url.size()) out.path = url.substr(slash);
  const std::string_view authority = url.substr(0, slash);
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos && !authority.ends_with(']');
  out.host = authority.substr(0, has_port ? colon : authority.size());
  if (has_port) out.port = authority.substr(colon + 1);
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  return out;
}

}  // namespace

Result<int> probe(const std::string& url) {
  const Target target = TRY(parse_url(url));
  asio::io_context context;
  tcp::resolver resolver(context);
  tcp::socket socket(context);
  boost::system::error_code failed;
  const auto endpoints = resolver.resolve(target.host, target.port, failed);
  if (!failed) asio::connect(socket, endpoints, failed);
  if (failed) return fail(Code::unavailable, fmt::format("{}: {}", url, failed.message()));
  constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};
  setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  asio::write(socket,
              asio::buffer(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                                       target.path, target.host)),
              failed);
  std::string head;
  if (!failed) asio::read_until(socket, asio::dynamic_buffer(head, 4096), '\n', failed);
  int status = 0;
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  if (head.size() > kVersion.size()) {
    std::from_chars(head.data() + kVersion.size(), head.data() + head.size(), status);
  }
  if (status == 0) return fail(Code::unavailable, fmt::format("{}: no answer", url));
  return status;
}

}  // namespace vivace::net
