// `vivace block list`: a line for each block, from its footer; of a damaged one what the list says
// of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/block_file.h"
#include "tools/block_files.h"
#include "tools/places.h"
#include "tools/text.h"
#include "tools/tool.h"

namespace vivace::tools {
namespace {

struct Sum {
  uint64_t blocks = 0;
  uint64_t spans = 0;
  uint64_t bytes = 0;
  uint64_t damaged = 0;
};

std::vector<std::string> cells_of(const BlockFooter& footer, const std::string& state) {
  const BlockSummary& of = footer.summary;
  std::vector<std::string> replaces;
  for (const uint64_t number : footer.identity.replaces) replaces.push_back(std::to_string(number));
  return {footer.identity.tenant,
          std::to_string(footer.identity.number),
          std::to_string(of.rows),
          std::to_string(of.traces),
          std::to_string(of.file_bytes),
          ratio_text(of.file_bytes, of.rows),
          time_text(of.start_min_ns),
          time_text(of.end_max_ns),
          time_text(static_cast<uint64_t>(of.received_min_ns)),
          time_text(static_cast<uint64_t>(of.received_max_ns)),
          replaces.empty() ? "-" : fmt::format("{}", fmt::join(replaces, ",")),
          state};
}

std::vector<std::string> damaged_cells(const ListedBlock& block) {
  return {block.tenant,
          std::to_string(block.number),
          std::to_string(block.rows),
          "?",
          std::to_string(block.bytes),
          ratio_text(block.bytes, block.rows),
          "?",
          "?",
          "?",
          time_text(static_cast<uint64_t>(block.received_max_ns)),
          "?",
          "DAMAGED"};
}

void add_listed(const Tool& tool, const std::string& folder, const BlockList& list, Table& table,
                Sum& sum) {
  for (const ListedBlock& block : list.blocks) {
    ++sum.blocks;
    sum.spans += block.rows;
    sum.bytes += block.bytes;
    const auto file = BlockFile::open(tool.storage, block_path(folder, block.tenant, block.number));
    if (file) {
      table.add(cells_of(file->footer(), "live"));
      continue;
    }
    ++sum.damaged;
    table.add(damaged_cells(block));
    tool.console.err(file.error().message + "\n");
  }
}

}  // namespace

Result<int> list_blocks(const Tool& tool) {
  const Places places =
      TRY(places_of(tool, tool.arguments.count() > 0 ? tool.arguments[0] : std::string()));
  if (places.blocks.empty()) return fail(Code::not_found, "there are no blocks, only a log");
  const BlockFiles files = TRY(find_blocks(tool.storage, places.blocks));
  Table table({"TENANT", "NUMBER", "SPANS", "TRACES", "BYTES", "B/SPAN", "FIRST START", "LAST END",
               "RECEIVED FROM", "RECEIVED TO", "REPLACES", "STATE"});
  Sum sum;
  if (files.list) {
    add_listed(tool, places.blocks, *files.list, table, sum);
  } else {
    tool.console.err(places.blocks + ": " + files.list.error().message + "\n");
  }
  for (const BlockFiles::Unlisted& found : files.unlisted) {
    const auto file = BlockFile::open(tool.storage, found.path);
    if (file) {
      table.add(cells_of(file->footer(), "not in the list"));
    } else {
      tool.console.err(file.error().message + " (not in the list)\n");
    }
  }
  tool.console.out(table.text());
  tool.console.out(fmt::format("{} blocks, {} spans, {} bytes, {} bytes a span, {} damaged\n",
                               sum.blocks, sum.spans, sum.bytes, ratio_text(sum.bytes, sum.spans),
                               sum.damaged));
  if (files.list) tool.console.out(fmt::format("replay from {}\n", files.list->replay_from));
  return sum.damaged == 0 && files.list ? 0 : 1;
}

}  // namespace vivace::tools
