// The route table, and the answers that need no store: readiness, own metrics, build info. A
// request is matched by its path alone, because Tempo's query endpoints take any method; what is a
// query is checked (tenant, phase) on the io thread and moved to a worker.
#include "api/api.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/params.h"
#include "api/tags.h"
#include "api/traces.h"
#include "model/tenant.h"
#include "wire/json.h"

namespace vivace::api {
namespace {

// The path without doubled slashes, "." and ".."; a trailing slash stays.
std::string clean_path(std::string_view path) {
  std::vector<std::string_view> kept;
  for (size_t at = 0; at < path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, slash - at);
    at = slash + 1;
    if (part == ".." && !kept.empty()) kept.pop_back();
    if (!part.empty() && part != "." && part != "..") kept.push_back(part);
  }
  std::string out;
  for (const std::string_view part : kept) (out += '/') += part;
  if (out.empty() || path.ends_with('/')) out += '/';
  return out;
}

// The name in `search/tag/{name}/values`, which may hold slashes; empty if that is not the path.
std::string_view tag_in(std::string_view path) {
  constexpr std::string_view kBegin = "search/tag/";
  constexpr std::string_view kEnd = "/values";
  if (!path.starts_with(kBegin) || !path.ends_with(kEnd)) return {};
  if (path.size() <= kBegin.size() + kEnd.size()) return {};
  return path.substr(kBegin.size(), path.size() - kBegin.size() - kEnd.size());
}

// Who asks: one tenant, or several joined with '|'.
Result<std::vector<std::string>> tenants_of(const net::Request& request, bool multitenancy) {
  if (!multitenancy) return std::vector<std::string>{std::string(kSingleTenant)};
  std::string_view names = request.header("x-scope-orgid");
  if (names.empty()) return fail(Code::unauthenticated, "no org id\n");
  std::vector<std::string> out;
  while (!names.empty()) {
    const size_t bar = std::min(names.find('|'), names.size());
    const std::string_view name = names.substr(0, bar);
    if (!is_valid_tenant(name)) {
      return fail(Code::invalid_argument, fmt::format("tenant ID '{}' is not valid", name));
    }
    out.emplace_back(name);
    names.remove_prefix(std::min(bar + 1, names.size()));
  }
  return out;
}

}  // namespace

Api::Api(ApiOptions options, Call::Context context, Workers& queries)
    : options_(std::move(options)), context_(context), queries_(queries) {
  auto& bytes = context_.metrics->gauge("vivace_resource_counts_bytes",
                                        "Counts of spans by resource that metrics queries keep.");
  context_.metrics->gauge("vivace_resource_counts_bytes_max", "Limit of them.")
      .Set(static_cast<double>(resource_counts_.bytes_max()));
  on_scrape_ = context_.metrics->on_scrape(
      [this, &bytes] { bytes.Set(static_cast<double>(resource_counts_.bytes())); });
}

net::Handler Api::handler() {
  return [this](net::Request request, net::Responder responder) {
    route(std::move(request), std::move(responder));
  };
}

Call Api::open(std::string route, net::Request request, net::Responder responder) const {
  return Call(context_, std::move(route), std::move(request), std::move(responder));
}

void Api::route(net::Request request, net::Responder responder) {
  const std::string path = request.path;
  if (const std::string cleaned = clean_path(path); cleaned != path) {
    std::string target = cleaned;
    if (!request.query.empty()) (target += '?') += request.query;
    return open("redirect", std::move(request), std::move(responder))
        .send({.status = 301, .headers = {{"location", target}}, .body = {}});
  }
  if (path == "/ready") return ready(open("ready", std::move(request), std::move(responder)));
  if (path == "/metrics") return metrics(open("metrics", std::move(request), std::move(responder)));
  if (path == "/flush") return flush(open("flush", std::move(request), std::move(responder)));
  const std::string prefix = options_.http_api_prefix + "/api/";
  if (path.starts_with(prefix)) {
    return route_api(std::string_view(path).substr(prefix.size()), std::move(request),
                     std::move(responder));
  }
  open("other", std::move(request), std::move(responder)).send_text(404, "404 page not found\n");
}

void Api::route_api(std::string_view path, net::Request request, net::Responder responder) {
  const auto call = [&](const char* name) {
    return open(name, std::move(request), std::move(responder));
  };
  const auto id_behind = [&](std::string_view prefix) {
    return path.starts_with(prefix) && path.size() > prefix.size() &&
           path.find('/', prefix.size()) == std::string_view::npos;
  };
  if (path == "echo") return call("api_echo").send_text(200, "echo\n");
  if (path == "status/buildinfo") return build_info(call("api_status_buildinfo"));
  if (id_behind("traces/")) {
    return trace_by_id(call("api_traces_traceid"), std::string(path.substr(7)), 1);
  }
  if (id_behind("v2/traces/")) {
    return trace_by_id(call("api_v2_traces_traceid"), std::string(path.substr(10)), 2);
  }
  const bool v2 = path.starts_with("v2/");
  const std::string_view rest = path.substr(v2 ? 3 : 0);
  if (path == "search") return search(call("api_search"));
  if (path == "metrics/query_range") {
    return metrics_query(call("api_metrics_query_range"), false);
  }
  if (path == "metrics/query") return metrics_query(call("api_metrics_query"), true);
  if (rest == "search/tags") {
    return tags(call(v2 ? "api_v2_search_tags" : "api_search_tags"), "", v2 ? 2 : 1);
  }
  if (const std::string_view name = tag_in(rest); !name.empty()) {
    return tags(call(v2 ? "api_v2_search_tag_tagname_values" : "api_search_tag_tagname_values"),
                std::string(name), v2 ? 2 : 1);
  }
  call("other").send_text(404, "404 page not found\n");
}

void Api::ready(Call call) const {
  switch (phase()) {
    case Phase::ready:
      return std::move(call).send_text(200, "ready\n");
    case Phase::stopping:
      return std::move(call).send_text(503, "Application is stopping\n");
    case Phase::starting:
      return std::move(call).send_text(503, "Ingester not ready: replaying the write-ahead log\n");
  }
}

void Api::metrics(Call call) {
  std::move(call).send({.headers = {{"content-type", "text/plain; version=0.0.4; charset=utf-8"}},
                        .body = context_.metrics->render()});
}

// The heads of all tenants turn over together, so that of one cannot be cut alone.
void Api::flush(Call call) {
  const Store* store = store_.load();
  if (store == nullptr || !options_.flush) {
    return std::move(call).send_text(503, "Ingester not ready: replaying the write-ahead log\n");
  }
  const Params params(call.request().query);
  const std::string_view tenant = params.get("tenant");
  if (!tenant.empty() && !store->has_tenant(std::string(tenant))) {
    return std::move(call).send_text(404, "tenant not found\n");
  }
  auto kept = std::make_shared<Call>(std::move(call));
  Workers::Task task = [this, kept] {
    options_.flush();
    std::move(*kept).send({.status = 204});
  };
  if (!queries_.submit(std::move(task))) std::move(*kept).send_text(429, "job queue full");
}

void Api::build_info(Call call) const {
  if (call.request().method != "GET") return std::move(call).send({.status = 405});
  std::string body = "{\"version\":";
  append_json_string(body, "v" + options_.version);
  body += ",\"revision\":";
  append_json_string(body, options_.revision);
  body += ",\"branch\":\"HEAD\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}\n";
  std::move(call).send(
      {.headers = {{"content-type", "application/json"}}, .body = std::move(body)});
}

void Api::trace_by_id(Call call, std::string id, int version) {
  call.op = "traces";
  run_query(std::move(call),
            [this, id = std::move(id), version](Call ready_call, const Store& store) {
              const TraceQuestion question{
                  .id = id, .version = version, .bytes_max = trace_bytes_max(ready_call)};
              answer_trace(std::move(ready_call), store, question, options_.is_trace_cut);
            });
}

// A trace of several tenants may be as large as the one with the largest limit allows.
int64_t Api::trace_bytes_max(const Call& call) const {
  if (!options_.trace_bytes_max) return 0;
  int64_t out = 0;
  for (const std::string& tenant : call.tenants) {
    const int64_t own = options_.trace_bytes_max(tenant);
    if (own == 0) return 0;
    out = std::max(out, own);
  }
  return out;
}

void Api::search(Call call) {
  call.op = "search";
  run_query(std::move(call), [settings = SearchSettings{
                                  .limits = options_.search_limits,
                                  .range_max_ns = options_.search_range_max_ns,
                                  .query_bytes_max = options_.query_bytes_max,
                                  .timeout_ns = options_.search_timeout_ns,
                                  .clock = context_.clock}](Call ready_call, const Store& store) {
    answer_search(std::move(ready_call), store, settings);
  });
}

void Api::metrics_query(Call call, bool instant) {
  call.op = "metrics";
  run_query(std::move(call),
            [instant, settings = MetricsSettings{.limits = options_.metrics_limits,
                                                 .intervals_max = options_.metrics_intervals_max,
                                                 .range_max_ns = options_.metrics_range_max_ns,
                                                 .query_bytes_max = options_.query_bytes_max,
                                                 .timeout_ns = options_.search_timeout_ns,
                                                 .clock = context_.clock,
                                                 .maybe_counts = &resource_counts_}](
                Call ready_call, const Store& store) {
              if (instant) return answer_metrics_instant(std::move(ready_call), store, settings);
              answer_metrics_range(std::move(ready_call), store, settings);
            });
}

void Api::tags(Call call, std::string name, int version) {
  call.op = "metadata";
  run_query(std::move(call), [question = TagsQuestion{.name = std::move(name),
                                                      .version = version,
                                                      .bytes_max = options_.tag_bytes_max,
                                                      .range_max_ns = options_.search_range_max_ns,
                                                      .query_bytes_max = options_.query_bytes_max,
                                                      .timeout_ns = options_.search_timeout_ns,
                                                      .clock = context_.clock}](
                                 Call ready_call, const Store& store) {
    answer_tags(std::move(ready_call), store, question);
  });
}

// Checks who asks, then moves the call to a worker.
void Api::run_query(Call call, std::function<void(Call, const Store&)> run) {
  call.logged = true;
  auto tenants = tenants_of(call.request(), options_.multitenancy);
  if (!tenants) return std::move(call).send_error(tenants.error());
  call.tenants = std::move(*tenants);
  const Store* store = store_.load();
  if (store == nullptr || phase() != Phase::ready) {
    return std::move(call).send_text(503, "Ingester not ready: replaying the write-ahead log\n");
  }
  call.tenants_known = std::ranges::all_of(
      call.tenants, [&](const std::string& name) { return store->has_tenant(name); });
  auto kept = std::make_shared<Call>(std::move(call));
  Workers::Task task = [kept, store, run = std::move(run)] { run(std::move(*kept), *store); };
  if (!queries_.submit(std::move(task))) std::move(*kept).send_text(429, "job queue full");
}

}  // namespace vivace::api
