// The answers are those that browsers get from Tempo's receiver; the contract (ingest, 4.5) lists
// them. See cors.h; any thread.
#include "receive/cors.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "receive/text.h"

namespace vivace::receive {
namespace {

constexpr auto kMethods = std::to_array<std::string_view>({"GET", "POST", "HEAD"});
constexpr auto kHeadersByDefault =
    std::to_array<std::string_view>({"accept", "content-type", "x-requested-with"});

bool allows_method(std::string_view method) {
  return std::ranges::find(kMethods, method) != kMethods.end();
}

// `pattern` may hold one `*`, which stands for anything.
bool matches(std::string_view pattern, std::string_view text) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == text;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  return text.size() >= before.size() + after.size() && text.starts_with(before) &&
         text.ends_with(after);
}

}  // namespace

Cors::Cors(const config::Cors& config)
    : on_(!config.allowed_origins.empty()), max_age_s_(config.max_age_s) {
  for (const std::string& origin : config.allowed_origins) {
    any_origin_ |= origin == "*";
    origins_.push_back(lower(origin));
  }
  for (const std::string& header : config.allowed_headers) {
    any_header_ |= header == "*";
    headers_.push_back(lower(header));
  }
  if (headers_.empty()) headers_.assign(kHeadersByDefault.begin(), kHeadersByDefault.end());
}

bool Cors::is_preflight(const net::Request& request) const {
  return on_ && request.method == "OPTIONS" &&
         !request.header("access-control-request-method").empty();
}

net::Response Cors::preflight(const net::Request& request) const {
  net::Response out{.status = 204};
  out.headers.push_back(
      {"vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"});
  const std::string_view origin = request.header("origin");
  const std::string_view method = request.header("access-control-request-method");
  const std::string_view headers = request.header("access-control-request-headers");
  if (!allows_origin(origin) || !allows_method(method) || !allows_headers(headers)) return out;
  add_origin(origin, out.headers);
  out.headers.push_back({"access-control-allow-methods", std::string(method)});
  if (!headers.empty()) {
    out.headers.push_back({"access-control-allow-headers", std::string(headers)});
  }
  if (max_age_s_ > 0) {
    out.headers.push_back({"access-control-max-age", fmt::to_string(max_age_s_)});
  }
  return out;
}

void Cors::add_headers(const net::Request& request, std::vector<net::Header>& to) const {
  if (!on_) return;
  to.push_back({"vary", "Origin"});
  const std::string_view origin = request.header("origin");
  if (allows_origin(origin) && allows_method(request.method)) add_origin(origin, to);
}

bool Cors::allows_origin(std::string_view origin) const {
  if (origin.empty()) return false;
  const std::string name = lower(origin);
  return any_origin_ || std::ranges::any_of(origins_, [&name](const std::string& pattern) {
           return matches(pattern, name);
         });
}

bool Cors::allows_headers(std::string_view list) const {
  if (any_header_) return true;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const std::string name = lower(trim(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (!name.empty() && std::ranges::find(headers_, name) == headers_.end()) return false;
  }
  return true;
}

// Where all may send, the origin is not told apart, so that no page gets credentials by name.
void Cors::add_origin(std::string_view origin, std::vector<net::Header>& to) const {
  to.push_back({"access-control-allow-origin", any_origin_ ? "*" : std::string(origin)});
  to.push_back({"access-control-allow-credentials", "true"});
}

}  // namespace vivace::receive
