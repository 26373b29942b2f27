// What a block takes: fills a head with spans of the load's making, writes a block of it to a disk
// in memory, and prints bytes and CPU per span, then the columns that take the most.
//
//   block_sizes [--spans 500000] [--templates 2000] [--batch 20] [--repeat 3] [--columns 25]
#include <algorithm>
#include <cstdio>
#include <ctime>

#include <fmt/format.h>

#include "block/block.h"
#include "block/chunk.h"
#include "block/directory.h"
#include "block/layout.h"
#include "decode/otlp.h"
#include "flags.h"
#include "head/head_part.h"
#include "storage/fault_storage.h"
#include "workload.h"

namespace vivace::bench {
namespace {

constexpr const char* kPath = "/blocks/1";

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::shared_ptr<const Head> fill(const Workload& workload, uint64_t spans) {
  auto head = std::make_shared<Head>();
  uint64_t first = 0;
  for (uint64_t base_ns = 1'790'000'000'000'000'000; head->rows() < spans; base_ns += 2'000'000) {
    for (const RequestTemplate& request : workload.requests(first)) {
      const auto batch = decode_otlp(workload.fill(request, first, base_ns), {});
      ASSERT(batch);
      head->append(**batch, static_cast<int64_t>(base_ns));
    }
    first += workload.options().batch;
  }
  return head;
}

// Over all row groups, with the dictionary.
uint64_t column_bytes(const BlockDirectory& directory, uint32_t column) {
  uint64_t bytes = 0;
  for (uint32_t slot = 0; slot < directory.slots; ++slot)
    bytes += directory.find(column, slot).bytes;
  return bytes;
}

std::string column_name(const BlockFooter& footer, uint32_t column) {
  if (column < kFirstAttributeColumn) return fmt::format("column {}", column);
  uint32_t at = column - kFirstAttributeColumn;
  for (const Scope owner : kAllScopes) {
    const auto& columns = footer.columns[static_cast<size_t>(owner)];
    if (at < columns.size()) return columns[at].key;
    at -= static_cast<uint32_t>(columns.size());
  }
  return "?";
}

void print_columns(FaultStorage& disk, size_t most) {
  ASSERT(disk.sync_directory("/blocks"));
  const std::string file = disk.durable(kPath);
  const std::string_view bytes = file;
  const uint64_t end = footer_bytes(bytes.substr(bytes.size() - kTailBytes), bytes.size()).value();
  const BlockFooter footer = read_footer(bytes.substr(bytes.size() - end), bytes.size()).value();
  const BlockSection& section = *footer.section(kSectionDirectory);
  const ChunkPlace place{footer.seed, kSectionPlace + kSectionDirectory, 0};
  const std::string content =
      unpack_chunk(bytes.substr(section.offset, section.bytes), place).value();
  const BlockDirectory directory = take_directory(content, footer).value();
  std::vector<std::pair<uint64_t, std::string>> columns;
  for (uint32_t column = 0; column < directory.starts.size(); ++column) {
    columns.emplace_back(column_bytes(directory, column), column_name(footer, column));
  }
  std::ranges::sort(columns, std::greater<>());
  columns.resize(std::min(columns.size(), most));
  for (const auto& [taken, name] : columns) {
    fmt::print("{:8.3f}  {}\n", static_cast<double>(taken) / footer.summary.rows, name);
  }
}

}  // namespace
}  // namespace vivace::bench

int main(int argc, char** argv) {
  using namespace vivace;
  using namespace vivace::bench;
  const Flags flags(argc, argv, 1, {});
  WorkloadOptions options;
  options.templates = static_cast<int>(flags.number("--templates", 2'000));
  options.batch = static_cast<uint32_t>(flags.number("--batch", 20));
  const Workload workload(options);
  const auto head = fill(workload, flags.count("--spans", 500'000));
  const HeadPart part(head);
  for (int i = 0; i < static_cast<int>(flags.number("--repeat", 3)); ++i) {
    FaultStorage disk;
    const double before = cpu_seconds();
    const auto summary = write_block(disk, kPath, {.tenant = "bench", .number = 1}, part);
    const double spent = cpu_seconds() - before;
    ASSERT(summary);
    const double spans = summary->rows;
    fmt::print("{} spans, {} traces: {:.2f} bytes a span, {:.3f} us CPU a span\n", summary->rows,
               summary->traces, static_cast<double>(summary->file_bytes) / spans,
               spent * 1e6 / spans);
    if (i == 0) print_columns(disk, static_cast<size_t>(flags.number("--columns", 25)));
  }
}
