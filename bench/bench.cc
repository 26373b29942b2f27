// Measures the built server: starts it, loads it with spans that are known, asks it, kills it, and
// prints each figure beside what the same machine did at best in the same run, as a table and as
// JSON. Exits with 1 when something does not add up: an acked span not counted, a trace not found.
//
//   vivace_bench --binary build/release/vivace [ROW...] [--full] [--dir FOLDER] [--json FILE]
//                [--spans 5000000] [--seconds 20] [--templates 2000] [--conns 16] [--starts 5]
//                [--lookups 2000] [--uncompacted] [--keep]
//
// Rows are named in `kRows` below; without any, all of them run. --full: 20 M spans, phases of 60
// s. traceql alone takes 20 M spans, too; --uncompacted has it ask many small blocks, --keep leaves
// its store in the folder for the next run. Times and CPU are of a run that shares the machine with
// the load generator. See bench/README.md.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "flags.h"
#include "scene.h"

namespace vivace::bench {
namespace {

struct NamedRow {
  const char* name;
  const char* what;
  void (*measure)(Scene&);
};

// In the order in which they run: `restart` ends what `saturated` began.
constexpr NamedRow kRows[] = {
    {"start", "start to ready on an empty folder", measure_start},
    {"saturated", "CPU a span, spans a second, acks; until idle; idle memory", measure_saturated},
    {"disk", "bytes on disk, shapes shop and beyla; bytes written", measure_disk},
    {"lookup", "trace by id", measure_lookup},
    {"search", "searches without a match, and with many", measure_search},
    {"restart", "SIGTERM and kill -9 to ready", measure_restart},
    {"traceql", "searches, metrics and tags over many spans; warm, cold", measure_traceql},
    {"gzip", "what gzipped bodies cost more", measure_gzip},
    {"split", "small requests over 64 connections", measure_split},
    {"memory", "peak memory, saturated, with queries", measure_memory},
    {"steady", "5,000 spans a second, with queries", measure_steady},
    {"flood", "a client at ten times its budget, and who looks traces up meanwhile", measure_flood},
    {"generator", "what the metrics-generator adds to a span", measure_generator_row},
    {"cgroup", "half a CPU and 256 MiB", measure_cgroup},
};

int usage() {
  fmt::print(stderr, "usage: vivace_bench --binary FILE [ROW...] [--full] [--json FILE] ...\n");
  for (const NamedRow& row : kRows) fmt::print(stderr, "  {:<10} {}\n", row.name, row.what);
  return 2;
}

Plan plan_of(const Flags& flags) {
  const bool full = flags.has("--full");
  const std::string parent = flags.text("--dir", "bench_data");
  std::filesystem::create_directories(parent);
  return {.binary = flags.text("--binary", ""),
          .folder = std::filesystem::absolute(parent).string() + "/" + std::to_string(::getpid()),
          .parent = std::filesystem::absolute(parent).string(),
          .spans = flags.count("--spans", full ? 20'000'000 : 5'000'000),
          .templates = static_cast<int>(flags.count("--templates", 2000)),
          .connections = static_cast<int>(flags.count("--conns", 16)),
          .starts = static_cast<int>(flags.count("--starts", 5)),
          .seconds = flags.number("--seconds", full ? 60 : 20),
          .lookups = flags.count("--lookups", 2000),
          .traceql_spans =
              flags.count("--spans", flags.words().empty() && !full ? 5'000'000 : 20'000'000),
          .uncompacted = flags.has("--uncompacted"),
          .keep = flags.has("--keep")};
}

bool write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

int run(int argc, char** argv) {
  const Flags flags(argc, argv, 1, {"--full", "--uncompacted", "--keep"});
  if (!flags.has("--binary")) return usage();
  std::vector<const NamedRow*> rows;
  for (const std::string& name : flags.words()) {
    const auto* row = std::ranges::find(kRows, name, &NamedRow::name);
    if (row == std::end(kRows)) return usage();
    rows.push_back(row);
  }
  Scene scene(plan_of(flags));
  for (const NamedRow& row : kRows) {
    if (rows.empty() || std::ranges::find(rows, &row) != rows.end()) row.measure(scene);
  }
  scene.report().print();
  const std::string json = flags.text("--json", "");
  if (!json.empty() && !write_file(json, scene.report().json())) {
    fmt::print(stderr, "vivace_bench: cannot write {}\n", json);
    return 2;
  }
  return scene.report().is_sound() ? 0 : 1;
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) { return vivace::bench::run(argc, argv); }
