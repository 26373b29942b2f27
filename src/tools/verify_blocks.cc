// `vivace block verify`: one file, or a list with all that it names, each block held against its
// line.
#include <fmt/format.h>

#include "tools/block_files.h"
#include "tools/check_block.h"
#include "tools/places.h"
#include "tools/text.h"
#include "tools/tool.h"

namespace vivace::tools {
namespace {

// How many places are damaged.
size_t print(const Tool& tool, const std::string& path, const BlockReport& report) {
  for (const Damage& damage : report.damages) {
    tool.console.out(
        fmt::format("{}: {}: {}\n", path, printable(damage.place), printable(damage.what)));
  }
  for (const std::string& note : report.notes) {
    tool.console.out(fmt::format("{}: note: {}\n", path, note));
  }
  tool.console.out(fmt::format(
      "{}: {}: {} bytes, {} chunks, {} pages, {} row groups, {} columns of them, {} traces, {} "
      "spans\n",
      path,
      report.damages.empty() ? std::string("whole")
                             : fmt::format("DAMAGED in {} places", report.damages.size()),
      report.bytes, report.chunks, report.pages, report.groups, report.columns, report.traces,
      report.spans));
  return report.damages.size();
}

// What the list says of a block, and what the block says of itself.
void compare(Storage& storage, const std::string& path, const ListedBlock& listed,
             BlockReport& report) {
  const auto file = BlockFile::open(storage, path);
  if (!file) return;  // reported
  const BlockFooter& footer = file->footer();
  if (footer.identity.tenant != listed.tenant || footer.identity.number != listed.number) {
    report.add("footer", fmt::format("it is block {} of tenant {}", footer.identity.number,
                                     footer.identity.tenant));
  }
  if (footer.summary.file_bytes != listed.bytes || footer.summary.rows != listed.rows ||
      footer.summary.received_max_ns != listed.received_max_ns) {
    report.add("footer", "it does not agree with the block list");
  }
}

Result<int> verify_folder(const Tool& tool, const std::string& folder) {
  const BlockFiles files = TRY(find_blocks(tool.storage, folder));
  const std::string list_path = folder + "/blocks.list";
  size_t damages = 0;
  size_t damaged = 0;
  if (!files.list) {
    tool.console.out(fmt::format("{}: {}\n", list_path, files.list.error().message));
    ++damages;
  }
  const BlockList list = files.list.value_or(BlockList());
  for (const ListedBlock& listed : list.blocks) {
    const std::string path = block_path(folder, listed.tenant, listed.number);
    BlockReport report = check_block(tool.storage, path);
    compare(tool.storage, path, listed, report);
    const size_t places = print(tool, path, report);
    damages += places;
    damaged += places > 0 ? 1 : 0;
  }
  for (const BlockFiles::Unlisted& other : files.unlisted) {
    if (files.list) {
      tool.console.out(other.path + ": note: it is not in the list, and not looked at\n");
    } else {
      damages += print(tool, other.path, check_block(tool.storage, other.path));
    }
  }
  tool.console.out(fmt::format("{} blocks, {} of them damaged, {} places of damage\n",
                               list.blocks.size(), damaged, damages));
  return damages == 0 ? 0 : 1;
}

}  // namespace

Result<int> verify_blocks(const Tool& tool) {
  const std::string& path = tool.arguments[0];
  if (!is_folder(tool.storage, path)) {
    CHECK_OK(tool.storage.open(path, Storage::Open::existing));
    return print(tool, path, check_block(tool.storage, path)) == 0 ? 0 : 1;
  }
  const Places places = TRY(find_places(tool.storage, path));
  if (places.blocks.empty()) return fail(Code::not_found, path + ": there are no blocks here");
  return verify_folder(tool, places.blocks);
}

}  // namespace vivace::tools
