// Which web pages may send from a browser (fetch.spec.whatwg.org, "CORS protocol"), in the words of
// the config: origins exact or with one `*`, credentials allowed, GET, POST and HEAD. A preflight
// is answered 204 whatever it asks; without our headers the browser does not go on.
//
// Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "net/http.h"

namespace vivace::receive {

class Cors {
 public:
  // Without allowed origins there is no CORS: no request is a preflight and no header is added.
  explicit Cors(const config::Cors& config);

  bool is_preflight(const net::Request& request) const;
  net::Response preflight(const net::Request& request) const;
  // For the answer to a request that is none.
  void add_headers(const net::Request& request, std::vector<net::Header>& to) const;

 private:
  bool allows_origin(std::string_view origin) const;
  bool allows_headers(std::string_view list) const;
  void add_origin(std::string_view origin, std::vector<net::Header>& to) const;

  const bool on_;
  std::vector<std::string> origins_;  // lower case
  std::vector<std::string> headers_;  // lower case
  bool any_origin_ = false;
  bool any_header_ = false;
  const int64_t max_age_s_;
};

}  // namespace vivace::receive
