// With `tls_config.server_name` the URL gets that name, for TLS to ask for and to check, while the
// connection and the Host header are the URL's own. See curl_receiver.h.
#include "generator/curl_receiver.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/result.h"

namespace vivace::generator {
namespace {

long tls_version(const std::string& min, const std::string& max) {
  long out = CURL_SSLVERSION_DEFAULT;
  if (min == "TLS10") out = CURL_SSLVERSION_TLSv1_0;
  if (min == "TLS11") out = CURL_SSLVERSION_TLSv1_1;
  if (min == "TLS12") out = CURL_SSLVERSION_TLSv1_2;
  if (min == "TLS13") out = CURL_SSLVERSION_TLSv1_3;
  if (max == "TLS10") out |= CURL_SSLVERSION_MAX_TLSv1_0;
  if (max == "TLS11") out |= CURL_SSLVERSION_MAX_TLSv1_1;
  if (max == "TLS12") out |= CURL_SSLVERSION_MAX_TLSv1_2;
  if (max == "TLS13") out |= CURL_SSLVERSION_MAX_TLSv1_3;
  return out;
}

void set_blob(CURL* handle, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  curl_easy_setopt(handle, option, &blob);
}

void set_text(CURL* handle, CURLoption option, const std::string& text) {
  if (!text.empty()) curl_easy_setopt(handle, option, text.c_str());
}

void set_tls(CURL* handle, const config::ClientTls& tls) {
  set_text(handle, CURLOPT_CAINFO, tls.ca_file);
  set_text(handle, CURLOPT_SSLCERT, tls.cert_file);
  set_text(handle, CURLOPT_SSLKEY, tls.key_file);
  set_blob(handle, CURLOPT_CAINFO_BLOB, tls.ca);
  set_blob(handle, CURLOPT_SSLCERT_BLOB, tls.cert);
  set_blob(handle, CURLOPT_SSLKEY_BLOB, tls.key);
  if (tls.insecure_skip_verify) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  curl_easy_setopt(handle, CURLOPT_SSLVERSION, tls_version(tls.min_version, tls.max_version));
}

void set_proxy(CURL* handle, const config::RemoteWrite& to, CurlList& headers) {
  if (!to.proxy_url.empty()) {
    curl_easy_setopt(handle, CURLOPT_PROXY, to.proxy_url.c_str());
    set_text(handle, CURLOPT_NOPROXY, to.no_proxy);
  } else if (!to.proxy_from_environment) {
    curl_easy_setopt(handle, CURLOPT_PROXY, "");  // not what the environment says
  }
  for (const auto& [name, value] : to.proxy_connect_headers) headers.add(name + ": " + value);
  curl_easy_setopt(handle, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  if (headers.get() != nullptr) curl_easy_setopt(handle, CURLOPT_PROXYHEADER, headers.get());
}

struct UrlParts {
  ~UrlParts() { curl_url_cleanup(url); }
  UrlParts() = default;
  UrlParts(const UrlParts&) = delete;
  UrlParts& operator=(const UrlParts&) = delete;
  std::string part(CURLUPart which, unsigned flags = 0) const {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
    std::string out(text);
    curl_free(text);
    return out;
  }
  CURLU* url = curl_url();
};

void set_url(CURL* handle, const config::RemoteWrite& to, ReceiverLists& lists) {
  curl_easy_setopt(handle, CURLOPT_URL, to.url.c_str());
  UrlParts parts;
  if (to.tls.server_name.empty() ||
      curl_url_set(parts.url, CURLUPART_URL, to.url.c_str(), 0) != CURLUE_OK) {
    return;
  }
  const std::string host = parts.part(CURLUPART_HOST);
  const std::string own_port = parts.part(CURLUPART_PORT);
  const std::string port = parts.part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (curl_url_set(parts.url, CURLUPART_HOST, to.tls.server_name.c_str(), 0) != CURLUE_OK) return;
  lists.host = own_port.empty() ? host : host + ":" + own_port;
  lists.connect_to.add(fmt::format("{}:{}:{}:{}", to.tls.server_name, port, host, port));
  curl_easy_setopt(handle, CURLOPT_CONNECT_TO, lists.connect_to.get());
  curl_easy_setopt(handle, CURLOPT_URL, parts.part(CURLUPART_URL).c_str());
}

}  // namespace

void CurlList::add(const std::string& line) {
  auto* const before = static_cast<curl_slist*>(list_.release());
  curl_slist* const after = curl_slist_append(before, line.c_str());
  ASSERT(after != nullptr);
  list_.reset(after);
}

void CurlList::Free::operator()(void* list) const {
  curl_slist_free_all(static_cast<curl_slist*>(list));
}

ReceiverLists apply_receiver(void* handle, const config::RemoteWrite& to) {
  ReceiverLists lists;
  set_url(handle, to, lists);
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  if (to.follow_redirects) {
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(handle, CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
    curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 10L);
  }
  curl_easy_setopt(
      handle, CURLOPT_HTTP_VERSION,
      static_cast<long>(to.enable_http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  if (!to.username.empty() || !to.password.empty()) {
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(handle, CURLOPT_USERNAME, to.username.c_str());
    curl_easy_setopt(handle, CURLOPT_PASSWORD, to.password.c_str());
  }
  set_proxy(handle, to, lists.proxy_headers);
  set_tls(handle, to.tls);
  return lists;
}

}  // namespace vivace::generator
