// metrics_generator.storage.remote_write: where series are sent. Secrets in files are read here, so
// that one that cannot be read is told at start. See apply.h.
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/hash.h"
#include "config/apply.h"
#include "config/fields.h"
#include "config/read_file.h"

namespace vivace::config {
namespace {

constexpr size_t kSecretBytesMax = 64 << 10;

class Receivers : private FieldReader {
 public:
  Receivers(const Settings& settings, Problems& problems) : FieldReader(settings, problems) {}

  std::vector<RemoteWrite> run() {
    std::set<std::string> names;
    for (size_t i = 0;; ++i) {
      const std::string path = fmt::format("metrics_generator.storage.remote_write[{}]", i);
      if (!settings_.has(path)) return std::move(to_);
      RemoteWrite& to = to_.emplace_back();
      receiver(path + ".", to);
      to.name = settings_.text(path + ".name");
      if (to.name.empty()) {
        to.name = fmt::format("{:06x}", hash64(to.url) & 0xffffff);
        if (!names.insert(to.name).second) names.insert(to.name += fmt::format("-{}", i));
      } else if (!names.insert(to.name).second) {
        wrong(path + ".name", fmt::format("\"{}\" is the name of another entry too", to.name));
      }
    }
  }

 private:
  void receiver(const std::string& path, RemoteWrite& to) {
    to.url = settings_.text(path + "url");
    if (!to.url.starts_with("http://") && !to.url.starts_with("https://")) {
      wrong(path + "url", "required: an http:// or https:// URL");
    }
    to.remote_timeout_ns = positive(path + "remote_timeout");
    to.headers = settings_.map(path + "headers");
    to.send_exemplars = settings_.boolean(path + "send_exemplars");
    to.send_native_histograms = settings_.boolean(path + "send_native_histograms");
    to.follow_redirects = settings_.boolean(path + "follow_redirects");
    to.enable_http2 = settings_.boolean(path + "enable_http2");
    proxy(path, to);
    check_headers(settings_, path + "headers", to.headers, problems_);
    more_headers(path + "http_headers", to);
    authorization(path, to);
    tls(path + "tls_config.", to.tls);
    queue(path + "queue_config.", to);
    relabels(path, to);
  }

  // `http_headers`: several values a name, some of them secrets or in files.
  void more_headers(const std::string& path, RemoteWrite& to) {
    for (const std::string& name : settings_.children(path)) {
      const std::string one = fmt::format("{}.{}", path, name);
      Texts values = settings_.texts(one + ".values");
      for (std::string& value : settings_.texts(one + ".secrets")) values.push_back(value);
      for (const std::string& file : settings_.texts(one + ".files")) {
        values.push_back(read(one + ".files", file));
      }
      for (const std::string& value : values) {
        check_headers(settings_, path, {{name, value}}, problems_);
        to.more_headers.emplace_back(name, value);
      }
    }
  }

  void proxy(const std::string& path, RemoteWrite& to) {
    to.proxy_url = settings_.text(path + "proxy_url");
    to.no_proxy = settings_.text(path + "no_proxy");
    to.proxy_from_environment = settings_.boolean(path + "proxy_from_environment");
    const std::string headers = path + "proxy_connect_header";
    for (const std::string& name : settings_.children(headers)) {
      for (const std::string& value : settings_.texts(fmt::format("{}.{}", headers, name))) {
        if ((name + value).find_first_of("\r\n") != std::string::npos) {
          wrong(headers, fmt::format("{} holds a line end", name));
        }
        to.proxy_connect_headers.emplace_back(name, value);
      }
    }
  }

  void authorization(const std::string& path, RemoteWrite& to) {
    int ways = 0;
    for (const std::string_view way :
         {"basic_auth", "authorization", "bearer_token", "bearer_token_file", "oauth2", "sigv4",
          "azuread", "google_iam"}) {
      ways += settings_.has(fmt::format("{}{}", path, way)) ? 1 : 0;
    }
    if (ways > 1) {
      wrong(path.substr(0, path.size() - 1),
            "at most one of basic_auth, authorization, bearer_token, oauth2, "
            "sigv4, azuread and google_iam");
    }
    to.username = secret(path + "basic_auth.username");
    to.password = secret(path + "basic_auth.password");
    const std::string credentials = secret(path + "authorization.credentials");
    const std::string bearer = secret(path + "bearer_token");
    if (!credentials.empty()) {
      to.authorization = settings_.text(path + "authorization.type") + " " + credentials;
    } else if (!bearer.empty()) {
      to.authorization = "Bearer " + bearer;
    }
  }

  // The key's own value or what is in the file that <key>_file names.
  std::string secret(const std::string& path) {
    const std::string file = settings_.text(path + "_file");
    if (file.empty()) return settings_.text(path);
    return read(path + "_file", file);
  }

  // What is in a file, without white space at its end.
  std::string read(const std::string& path, const std::string& file) {
    auto text = read_file(file, kSecretBytesMax);
    if (!text) {
      wrong(path, fmt::format("{}: {}", file, text.error()));
      return {};
    }
    text->resize(text->find_last_not_of(" \t\r\n") + 1);
    return *std::move(text);
  }

  void tls(const std::string& path, ClientTls& to) {
    to = {.ca = settings_.text(path + "ca"),
          .ca_file = settings_.text(path + "ca_file"),
          .cert = settings_.text(path + "cert"),
          .cert_file = settings_.text(path + "cert_file"),
          .key = settings_.text(path + "key"),
          .key_file = settings_.text(path + "key_file"),
          .server_name = settings_.text(path + "server_name"),
          .insecure_skip_verify = settings_.boolean(path + "insecure_skip_verify"),
          .min_version = settings_.text(path + "min_version"),
          .max_version = settings_.text(path + "max_version")};
  }

  void queue(const std::string& path, RemoteWrite& to) {
    to.max_shards = positive(path + "max_shards");
    to.min_shards = positive(path + "min_shards");
    to.max_samples_per_send = positive(path + "max_samples_per_send");
    to.min_backoff_ns = positive(path + "min_backoff");
    to.max_backoff_ns = positive(path + "max_backoff");
    to.sample_age_limit_ns = not_negative(path + "sample_age_limit");
    if (to.min_shards > to.max_shards) wrong(path + "min_shards", "more than max_shards");
    if (to.min_backoff_ns > to.max_backoff_ns) wrong(path + "min_backoff", "more than max_backoff");
    if (settings_.has(path + "retry_on_http_429")) {
      to.retry_on_http_429 = settings_.boolean(path + "retry_on_http_429");
    }
  }

  void relabels(const std::string& path, RemoteWrite& to) {
    for (size_t i = 0;; ++i) {
      const std::string rule = fmt::format("{}write_relabel_configs[{}]", path, i);
      if (!settings_.has(rule)) return;
      const std::string one = rule + ".";
      std::string action = settings_.text(one + "action");
      to.relabels.push_back({.source_labels = settings_.texts(one + "source_labels"),
                             .separator = settings_.text(one + "separator"),
                             .regex = settings_.text(one + "regex"),
                             .modulus = static_cast<uint64_t>(not_negative(one + "modulus")),
                             .target_label = settings_.text(one + "target_label"),
                             .replacement = settings_.text(one + "replacement"),
                             .action = action.empty() ? "replace" : std::move(action)});
      check(rule, to.relabels.back());
    }
  }

  // A rule that can do nothing is a mistake, as Prometheus has it.
  void check(const std::string& path, const Relabel& rule) {
    const re2::RE2 regex(anchored(rule), re2::RE2::Quiet);
    if (!regex.ok()) wrong(path + ".regex", fmt::format("\"{}\": {}", rule.regex, regex.error()));
    if (rule.action == "hashmod" && rule.modulus == 0) {
      wrong(path, "hashmod needs a modulus that is greater than 0");
    }
    constexpr auto kWithoutTarget =
        std::to_array<std::string_view>({"keep", "drop", "labelmap", "labeldrop", "labelkeep"});
    const bool has_target = std::ranges::find(kWithoutTarget, rule.action) == kWithoutTarget.end();
    if (has_target && rule.target_label.empty()) {
      wrong(path, fmt::format("{} needs a target_label", rule.action));
    }
  }

  std::vector<RemoteWrite> to_;
};

}  // namespace

void check_headers(const Settings& settings, const std::string& path, const TextMap& headers,
                   Problems& problems) {
  constexpr auto kOurs = std::to_array<std::string_view>(
      {"authorization", "host", "content-encoding", "content-length", "content-type",
       "x-prometheus-remote-write-version", "user-agent", "connection", "keep-alive",
       "proxy-authenticate", "proxy-authorization", "www-authenticate", "accept-encoding",
       "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"});
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (std::ranges::find(kOurs, lower) != kOurs.end()) {
      problems.push_back(problem_of(settings, path, fmt::format("{} cannot be set here", name)));
    }
    if ((name + value).find_first_of("\r\n") != std::string::npos) {
      problems.push_back(problem_of(settings, path, fmt::format("{} holds a line end", name)));
    }
  }
}

std::vector<RemoteWrite> to_receivers(const Settings& settings, Problems& problems) {
  return Receivers(settings, problems).run();
}

}  // namespace vivace::config
