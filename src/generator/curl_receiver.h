// A receiver's settings as options of a libcurl handle: URL, TLS, proxy, redirects, HTTP/2, basic
// authentication. Called for each request by the thread `push`.
#pragma once

#include <memory>
#include <string>

#include "config/generator.h"

namespace vivace::generator {

// A list of texts in libcurl's form, which options only borrow.
class CurlList {
 public:
  void add(const std::string& line);
  // A curl_slist*, or null.
  void* get() const { return list_.get(); }

 private:
  struct Free {
    void operator()(void* list) const;
  };
  std::unique_ptr<void, Free> list_;
};

// What must live as long as the transfer.
struct ReceiverLists {
  CurlList connect_to;
  CurlList proxy_headers;
  std::string host;  // the value of a Host header, when the URL has another one
};

// `handle` is a CURL*.
ReceiverLists apply_receiver(void* handle, const config::RemoteWrite& to);

}  // namespace vivace::generator
