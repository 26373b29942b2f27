// The row "traceql": searches, metrics and tags over a store of many spans, all of it in blocks and
// idle. Warm, the median of a few runs; cold, after a restart and with the files out of the page
// cache. Each query stands beside a loop over as many values as it has to look at, at the least, in
// the same run. Limits are above what matches, so that nothing ends early but where that is meant.
//
// Filling takes longer than asking, so the folder of the store is used again if `--keep` left it:
//
//   DIR/traceql-20000000-2000/             blocks/, wal/; merged
//   DIR/traceql-20000000-2000-uncompacted/  some 50 blocks of small requests, never merged
//     filled        "SPANS START END": how many, and between which seconds; written when it is done
#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <signal.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "queries.h"
#include "scene.h"

namespace vivace::bench {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kWarmRuns = 7;
constexpr int kColdRuns = 3;
constexpr int kBlocks = 50;  // uncompacted ones
constexpr int kSplitConnections = 64;
constexpr double kLoadSeconds = 1200;  // at most
constexpr double kReadySeconds = 120;
constexpr double kBarSpans = 20e6;  // what bars are of
constexpr const char* kReceived =
    "tempo_distributor_spans_received_total{tenant=\"single-tenant\"}";

enum class Beside : uint8_t { scan, count, echo };

struct Question {
  enum class Kind : uint8_t { search, metrics, tags };
  const char* name;
  Kind kind;
  const char* text;  // TraceQL, or what follows /api/v2/search/
  double bar_ms;     // warm, of 20 M spans
  bool grows;        // with the number of spans
  Beside beside;
  int values;  // to look at, a span, at the least
  int limit = 1'000'000;
};
using Kind = Question::Kind;

constexpr Question kQuestions[] = {
    {"two_numbers", Kind::search, "{ span.net.peer.port = 5432 && span.http.status_code = 404 }",
     200, true, Beside::scan, 2},
    {"duration", Kind::search, "{ trace:duration < duration }", 300, true, Beside::scan, 2},
    {"pattern", Kind::search, "{ span.item.path =~ \".*/0000.*9$\" }", 1200, true, Beside::scan, 1},
    {"absent_id", Kind::search, "{ span.request.id = \"0123456789abcdef0123456789abcdef\" }", 20,
     true, Beside::scan, 1},
    {"descendant", Kind::search,
     "{ resource.service.name = \"ledger\" } >> { resource.service.name = \"gateway\" }", 500, true,
     Beside::scan, 2},
    {"many_servers", Kind::search, "{ kind = server } | count() > 20", 400, true, Beside::scan, 1},
    {"newest", Kind::search, "{ .messaging.system = \"kafka\" }", 10, false, Beside::echo, 0, 20},
    {"rate", Kind::metrics, "{} | rate() by (resource.service.name)", 100, true, Beside::count, 1},
    {"quantile", Kind::metrics,
     "{ kind = server } | quantile_over_time(duration, .5, .99) by (resource.service.name)", 400,
     true, Beside::count, 4},
    {"compare", Kind::metrics, "{ status = error } | compare({ duration > 100ms })", 1500, true,
     Beside::count, 20},
    {"tag_names", Kind::tags, "tags", 10, false, Beside::echo, 0},
    {"services", Kind::tags, "tag/resource.service.name/values", 10, false, Beside::echo, 0},
    {"request_ids", Kind::tags, "tag/span.request.id/values", 200, false, Beside::echo, 0},
};

// A server whose store is full.
struct Filled {
  std::unique_ptr<ServerProcess> server;
  double spans = 0;
  int64_t start_s = 0;
  int64_t end_s = 0;
};

int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string path_of(const Question& question, const Filled& filled) {
  switch (question.kind) {
    case Kind::search:
      return fmt::format("/api/search?limit={}&q={}", question.limit,
                         percent_encoded(question.text));
    case Kind::metrics:
      return fmt::format("/api/metrics/query_range?start={}&end={}&step=15s&q={}", filled.start_s,
                         filled.end_s, percent_encoded(question.text));
    case Kind::tags:
      break;
  }
  return fmt::format("/api/v2/search/{}", question.text);
}

// The ms of one answer; nothing, and a fault, without one.
std::optional<double> ask(Scene& scene, HttpConnection& connection, const std::string& path,
                          std::string& body) {
  const Steady::time_point start = Steady::now();
  const int status = connection.get(path, body);
  const std::chrono::duration<double, std::milli> took = Steady::now() - start;
  if (status == 200) return took.count();
  scene.report().fault(fmt::format("{}: {} {}", path, status, body.substr(0, 300)));
  return std::nullopt;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

// ------------------------------------------------------------------------------- yardsticks

struct Loops {
  double scan_ns = 0;  // a value
  double count_ns = 0;
  double echo_ms = 0;
};

Loops measure_loops(Scene& scene, const Filled& filled) {
  Loops out;
  out.scan_ns = scan_ns_per_value(static_cast<uint64_t>(filled.spans));
  out.count_ns = count_ns_per_value(static_cast<uint64_t>(filled.spans));
  HttpConnection connection(filled.server->api_address());
  std::vector<double> echo_ms;
  std::string body;
  for (int i = 0; i < 100; ++i) {
    echo_ms.push_back(ask(scene, connection, "/api/echo", body).value_or(0));
  }
  out.echo_ms = median(echo_ms);
  return out;
}

Yardstick yardstick_of(const Question& question, const Filled& filled, const Loops& loops) {
  const double values = filled.spans * question.values;
  switch (question.beside) {
    case Beside::scan:
      return {fmt::format("comparing {:.0f} M codes", values / 1e6), values * loops.scan_ns / 1e6};
    case Beside::count:
      return {fmt::format("counting {:.0f} M codes", values / 1e6), values * loops.count_ns / 1e6};
    case Beside::echo:
      break;
  }
  return {"/api/echo", loops.echo_ms};
}

// ------------------------------------------------------------------------------- the store

void wait_for_blocks(Scene& scene, const ServerProcess& server) {
  std::string body;
  if (HttpConnection(server.api_address()).get("/flush", body) != 204) {
    scene.report().fault("/flush: " + body);
  }
  (void)wait_until_idle(server);
}

// Makes a block of each so many spans while they come.
void cut_often(const std::stop_token& stop, const ServerProcess& server, double spans) {
  std::string body;
  for (double at = spans; !stop.stop_requested();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (server.metric(kReceived).value_or(0) < at) continue;
    (void)HttpConnection(server.api_address()).get("/flush", body);
    at += spans;
  }
}

// How many were acked.
double fill(Scene& scene, const ServerProcess& server) {
  const Plan& plan = scene.plan();
  const bool split = plan.uncompacted;
  progress(fmt::format("filling a store with {} spans", plan.traceql_spans));
  const Workload workload({.templates = plan.templates, .split = split});
  std::jthread cutter;
  if (split) {
    cutter = std::jthread([&](const std::stop_token& stop) {
      cut_often(stop, server, static_cast<double>(plan.traceql_spans) / kBlocks);
    });
  }
  const LoadRun run = scene.load(server, workload,
                                 {.seconds = kLoadSeconds,
                                  .traces_max = Scene::traces_for(workload, plan.traceql_spans),
                                  .connections = split ? kSplitConnections : plan.connections},
                                 [&] { cutter = {}; });
  wait_for_blocks(scene, server);
  return run.acked();
}

std::optional<Filled> filled_store(Scene& scene, const std::string& folder) {
  const Plan& plan = scene.plan();
  Filled out;
  const bool known =
      static_cast<bool>(std::ifstream(folder + "/filled") >> out.spans >> out.start_s >> out.end_s);
  if (!known) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  // So that a limit above all matches is taken.
  const std::string limits = "query_frontend: {search: {max_result_limit: 0}}\n";
  const std::string compactor = plan.uncompacted ? "compactor: {disabled: true}\n" : "";
  out.server =
      scene.start_server({plan.binary, folder, {}, kHomelabGenerator + limits + compactor});
  if (out.server == nullptr) return std::nullopt;
  if (!known) {
    constexpr int64_t kMarginSeconds = 120;  // spans start before they are sent
    out.start_s = now_s() - kMarginSeconds;
    out.spans = fill(scene, *out.server);
    out.end_s = now_s();
    std::ofstream(folder + "/filled")
        << fmt::format("{:.0f} {} {}\n", out.spans, out.start_s, out.end_s);
  }
  (void)wait_until_idle(*out.server);
  const double stored =
      out.server->metric("vivace_block_spans{tenant=\"single-tenant\"}").value_or(0);
  if (stored != out.spans) {
    scene.report().fault(
        fmt::format("{:.0f} spans are in blocks, acked were {:.0f}", stored, out.spans));
  }
  return out;
}

int count_blocks(const std::string& folder) {
  int out = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    out += entry.path().extension() == ".block" ? 1 : 0;
  }
  return out;
}

// The kernel gives up what it has cached of the files.
void drop_from_cache(Scene& scene, const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY);
    const bool dropped =
        fd >= 0 && ::fsync(fd) == 0 && ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
    if (!dropped) scene.report().fault("cannot drop from the cache: " + entry.path().string());
    if (fd >= 0) ::close(fd);
  }
}

// ------------------------------------------------------------------------------- rows

// The samples of a rate by intervals of 15 s, added up, are all spans.
void check_rate(Scene& scene, const Filled& filled, const std::string& body) {
  double sum = 0;
  const std::string list = "\"samples\":[";
  const std::string sample = "\"value\":";  // exemplars have the same key
  for (size_t at = body.find(list); at != std::string::npos; at = body.find(list, at + 1)) {
    const std::string samples = body.substr(at, body.find(']', at) - at);
    for (size_t i = samples.find(sample); i != std::string::npos; i = samples.find(sample, i + 1)) {
      sum += std::strtod(samples.c_str() + i + sample.size(), nullptr);
    }
  }
  if (std::abs(sum * 15 - filled.spans) > 0.5) {
    scene.report().fault(
        fmt::format("rate() counts {:.0f} spans, stored are {:.0f}", sum * 15, filled.spans));
  }
}

void add_row(Scene& scene, const Question& question, const std::string& state, double ms,
             const Yardstick& beside, double bar_factor) {
  const double share =
      question.grows ? static_cast<double>(scene.plan().traceql_spans) / kBarSpans : 1;
  scene.report().add({fmt::format("traceql_{}_{}_ms", question.name, state),
                      fmt::format("{}: {}", state, question.text), ms, "ms", beside,
                      fmt::format("{:.0f}", std::max(5.0, question.bar_ms * share * bar_factor))});
}

void ask_warm(Scene& scene, const Filled& filled, const Question& question, const Loops& loops) {
  HttpConnection connection(filled.server->api_address());
  const std::string path = path_of(question, filled);
  std::string body;
  if (!ask(scene, connection, path, body)) return;
  std::vector<double> took_ms;
  for (int i = 0; i < kWarmRuns; ++i) {
    took_ms.push_back(ask(scene, connection, path, body).value_or(0));
  }
  progress(fmt::format("{}: {:.1f} ms, {} bytes: {}", question.name, median(took_ms), body.size(),
                       question.text));
  if (std::string_view(question.name) == "rate") check_rate(scene, filled, body);
  add_row(scene, question, scene.plan().uncompacted ? "blocks" : "warm", median(took_ms),
          yardstick_of(question, filled, loops), scene.plan().uncompacted ? 3 : 1);
}

bool ask_cold(Scene& scene, Filled& filled, const Question& question, const Loops& loops) {
  std::vector<double> took_ms;
  std::string body;
  for (int i = 0; i < kColdRuns; ++i) {
    if (filled.server->end(SIGTERM) != 0 || !filled.server->start(kReadySeconds)) {
      scene.report().fault("no restart; see " + filled.server->log_path());
      return false;
    }
    drop_from_cache(scene, filled.server->folder() + "/blocks");
    HttpConnection connection(filled.server->api_address());
    took_ms.push_back(ask(scene, connection, path_of(question, filled), body).value_or(0));
  }
  add_row(scene, question, "cold", median(took_ms), yardstick_of(question, filled, loops), 5);
  return true;
}

}  // namespace

void measure_traceql(Scene& scene) {
  const Plan& plan = scene.plan();
  const std::string folder = fmt::format("{}/traceql-{}-{}{}", plan.parent, plan.traceql_spans,
                                         plan.templates, plan.uncompacted ? "-uncompacted" : "");
  if (auto filled = filled_store(scene, folder)) {
    const Loops loops = measure_loops(scene, *filled);
    scene.report().add(
        {"traceql_blocks", "traceql: blocks", double(count_blocks(folder)), "", {}, ""});
    for (const Question& question : kQuestions) ask_warm(scene, *filled, question, loops);
    for (const Question& question : kQuestions) {
      if (plan.uncompacted || !ask_cold(scene, *filled, question, loops)) break;
    }
    (void)filled->server->end(SIGTERM);
  }
  if (!plan.keep) std::filesystem::remove_all(folder);
}

}  // namespace vivace::bench
