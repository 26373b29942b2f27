// A block's file that holds anything. The first byte of an input chooses:
//
//   bit 0   0: the rest is the file; 1: the rest are changes to a valid file whose chunks are all
//           stored as they are, four bytes each: offset (3), mask (1)
//   bit 1   every checksum is made to hold again, so that hostile sizes and contents get past them
//
// Opening it and asking for everything must end without a crash, in bounded memory; errors are
// Code::corrupt, or Code::unimplemented from opening. Without bit 1, what a changed file says is
// what the valid one says.
#include <algorithm>
#include <cstdlib>

#include "block/block.h"
#include "block/block_pieces_testing.h"
#include "block/chunk.h"
#include "block/directory.h"
#include "block/footer.h"
#include "block/layout.h"
#include "block/trace_filter.h"
#include "block/trace_index.h"
#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/row_reader.h"
#include "model/testing/otlp_bytes.h"
#include "storage/fault_storage.h"

namespace vivace {
namespace {

constexpr const char* kPath = "/blocks/1";
constexpr uint32_t kOwnersMax = 100'000;  // read: more take time and show nothing new

// A head whose spans have an overflow list as well, without the thousand columns that it takes.
class WithOverflow final : public Part {
 public:
  explicit WithOverflow(std::shared_ptr<const Head> head) : head_(std::move(head)) {}

  uint32_t rows() const override { return head_.rows(); }
  uint32_t traces() const override { return head_.traces(); }
  uint32_t resources() const override { return head_.resources(); }
  uint32_t scopes() const override { return head_.scopes(); }
  uint32_t groups() const override { return head_.groups(); }
  RowGroup group(uint32_t group) const override { return head_.group(group); }
  uint32_t columns(Scope owner) const override { return head_.columns(owner); }
  AttributeName column(Scope owner, uint32_t column) const override {
    return head_.column(owner, column);
  }
  Result<Column> read(Field field, uint32_t group, Inspected& inspected) const override {
    return head_.read(field, group, inspected);
  }
  Result<Column> read_attribute(Scope owner, uint32_t column, uint32_t group,
                                Inspected& inspected) const override {
    return head_.read_attribute(owner, column, group, inspected);
  }
  Result<Overflow> read_overflow(Scope owner, uint32_t group, Inspected& inspected) const override {
    if (owner != Scope::span) return head_.read_overflow(owner, group, inspected);
    const auto column = [&](const uint32_t* words, const uint64_t* longs) {
      Column out;
      out.slices.push_back({.count = 5, .owners = owners_, .words = words, .longs = longs});
      return out;
    };
    Overflow out{column(codes_, nullptr), column(types_, nullptr), column(nullptr, values_)};
    out.keys.texts = out.values.texts = &texts_;
    return out;
  }
  Result<std::shared_ptr<const Shapes>> shapes(Scope owner, Inspected& inspected) const override {
    return head_.shapes(owner, inspected);
  }
  Result<std::optional<uint32_t>> find_trace(const TraceId& id,
                                             Inspected& inspected) const override {
    return head_.find_trace(id, inspected);
  }
  Result<TraceEntry> trace(uint32_t ordinal, Inspected& inspected) const override {
    return head_.trace(ordinal, inspected);
  }
  Result<void> trace_rows(uint32_t ordinal, std::vector<uint32_t>& rows,
                          Inspected& inspected) const override {
    return head_.trace_rows(ordinal, rows, inspected);
  }

 private:
  class ThreeTexts final : public Texts {
   public:
    uint32_t size() const override { return 3; }
    std::string_view operator[](uint32_t code) const override {
      return std::string_view("onetwothree").substr(code * 3, 3 + code);
    }
  };
  HeadPart head_;
  ThreeTexts texts_;
  const uint32_t owners_[5] = {0, 2, 2, 3, 4};
  const uint32_t codes_[5] = {0, 1, 1, 2, 0};
  const uint32_t types_[5] = {1, 3, 1, 0, 5};
  const uint64_t values_[5] = {2, 600, 1, 0, 0};
};

std::string make_block() {
  RandomSpans random(7);
  auto head = std::make_shared<Head>();
  auto spans = random.request(5);
  SentSpan apart = spans.front();  // in a row group of its own
  apart.trace_id = make_trace_id(3, 4);
  apart.start_ns += 36'000'000'000'000;
  apart.end_ns = apart.start_ns + 5;
  spans.push_back(std::move(apart));
  const auto batch = decode_otlp(to_otlp(spans), {});
  ASSERT(batch);
  head->append(**batch, 1);
  FaultStorage disk;
  const BlockIdentity identity{.tenant = "t", .number = 1, .log_from = 64, .log_end = 128};
  const WithOverflow part(head);
  BlockContent content{.sources = {{.part = &part}}};
  Inspected inspected;
  content.splits.push_back({part.trace(0, inspected).value().id, 1, 2});
  ASSERT(write_block(disk, kPath, identity, content));
  ASSERT(disk.sync_directory("/blocks"));
  return disk.durable(kPath);
}

std::optional<BlockFooter> footer_of(std::string_view file) {
  if (file.size() < kBlockMagic.size() + kTailBytes) return std::nullopt;
  const auto bytes = footer_bytes(file.substr(file.size() - kTailBytes), file.size());
  if (!bytes) return std::nullopt;
  auto footer = read_footer(file.substr(file.size() - *bytes), file.size());
  return footer ? std::optional(*std::move(footer)) : std::nullopt;
}

ChunkPlace section_place(const BlockFooter& footer, uint16_t kind) {
  return {footer.seed, kSectionPlace + kind, 0};
}

// The content of a section that is one chunk.
Result<std::string> section_content(std::string_view file, const BlockFooter& footer,
                                    uint16_t kind) {
  const BlockSection& section = *footer.section(kind);
  return unpack_chunk(file.substr(section.offset, section.bytes), section_place(footer, kind));
}

void sign_chunk(std::string& file, uint64_t offset, uint64_t bytes, const ChunkPlace& place) {
  if (bytes < kChunkHeaderBytes || offset + bytes > file.size()) return;
  const std::string_view stored = std::string_view(file).substr(offset, bytes);
  const uint64_t seed = hash64(stored.substr(0, 8), place_seed(place));
  store(file.data() + offset + 8, hash64(stored.substr(kChunkHeaderBytes), seed));
}

void sign_tail(std::string& file) {
  if (file.size() < kTailBytes) return;
  char* const tail = file.data() + file.size() - kTailBytes;
  const uint64_t bytes = load<uint32_t>(tail);
  if (bytes > file.size() - kTailBytes) return;
  const std::string_view footer =
      std::string_view(file).substr(file.size() - kTailBytes - bytes, bytes);
  store(tail + 8, hash64(footer, hash64({tail, 8}, hash64(kBlockMagic))));
}

void sign_pages(std::string& file, const BlockFooter& footer) {
  const uint64_t section = footer.section(kSectionIndexPages)->offset;
  for (uint32_t i = 0; i < index_pages(footer.summary.traces); ++i) {
    const IndexPage page = index_page(footer.summary.traces, i);
    const uint64_t at = section + page.offset;
    if (at + page.bytes > file.size()) return;
    const auto rest = std::string_view(file).substr(at + 8, page.bytes - 8);
    store(file.data() + at, hash64(rest, place_seed(index_page_place(footer.seed, i))));
  }
}

void sign_filter(std::string& file, const BlockFooter& footer) {
  const uint64_t section = footer.section(kSectionTraceFilter)->offset;
  for (uint32_t i = 0; i < filter_pages(footer.summary.traces); ++i) {
    const IndexPage page = filter_page(footer.summary.traces, i);
    const uint64_t at = section + page.offset;
    if (at + page.bytes > file.size()) return;
    const auto rest = std::string_view(file).substr(at + 8, page.bytes - 8);
    store(file.data() + at, hash64(rest, place_seed(filter_page_place(footer.seed, i))));
  }
}

// Calls `visit(column, slot, place)` for every chunk.
void for_each_chunk(const BlockDirectory& directory, const auto& visit) {
  for (uint32_t column = 0; column < directory.starts.size(); ++column) {
    uint64_t offset = directory.starts[column];
    for (uint32_t slot = 0; slot < directory.slots; ++slot) {
      const uint32_t bytes = directory.lengths[size_t{column} * directory.slots + slot];
      if (bytes > 0) visit(ChunkPlace{0, column, slot}, offset, bytes);
      offset += bytes;
    }
  }
}

void sign(std::string& file) {
  sign_tail(file);
  const auto footer = footer_of(file);
  if (!footer) return;
  for (const uint16_t kind : {kSectionIndexFirsts, kSectionDirectory, kSectionSplits}) {
    const BlockSection* const section = footer->section(kind);
    if (section == nullptr) continue;
    sign_chunk(file, section->offset, section->bytes, section_place(*footer, kind));
  }
  sign_pages(file, *footer);
  sign_filter(file, *footer);
  const auto content = section_content(file, *footer, kSectionDirectory);
  if (!content) return;
  const auto directory = take_directory(*content, *footer);
  if (!directory) return;
  for_each_chunk(*directory, [&](ChunkPlace place, uint64_t offset, uint32_t bytes) {
    place.block_seed = footer->seed;
    sign_chunk(file, offset, bytes, place);
  });
}

// A chunk whose content is stored as it is; unsigned.
void append_raw(std::string& out, std::string_view content) {
  const size_t at = out.size();
  out.resize(at + kChunkHeaderBytes);
  out[at + 1] = static_cast<char>(kCodecPlain);
  store(out.data() + at + 4, static_cast<uint32_t>(content.size()));
  out += content;
}

// The same block with all chunks stored as they are.
std::string unpack_block(const std::string& file) {
  BlockFooter footer = footer_of(file).value();
  const std::string_view from = file;
  BlockDirectory directory =
      take_directory(section_content(file, footer, kSectionDirectory).value(), footer).value();
  std::string out = file.substr(0, kBlockMagic.size());
  std::vector<BlockSection> sections;
  const auto end_section = [&](uint16_t kind) {
    const uint64_t start =
        sections.empty() ? kBlockMagic.size() : sections.back().offset + sections.back().bytes;
    sections.push_back({kind, start, out.size() - start});
  };
  std::vector<uint32_t> lengths(directory.lengths.size());
  for_each_chunk(directory, [&](ChunkPlace place, uint64_t offset, uint32_t bytes) {
    place.block_seed = footer.seed;
    const size_t before = out.size();
    append_raw(out, unpack_chunk(from.substr(offset, bytes), place).value());
    lengths[size_t{place.column} * directory.slots + place.slot] =
        static_cast<uint32_t>(out.size() - before);
  });
  end_section(kSectionColumns);
  const BlockSection& pages = *footer.section(kSectionIndexPages);
  out += from.substr(pages.offset, pages.bytes);
  end_section(kSectionIndexPages);
  append_raw(out, section_content(file, footer, kSectionIndexFirsts).value());
  end_section(kSectionIndexFirsts);
  const BlockSection& filter = *footer.section(kSectionTraceFilter);
  out += from.substr(filter.offset, filter.bytes);
  end_section(kSectionTraceFilter);
  append_raw(out, section_content(file, footer, kSectionSplits).value());
  end_section(kSectionSplits);
  append_raw(out, directory_content(lengths));
  end_section(kSectionDirectory);
  footer.sections = sections;
  out += write_footer(footer);
  sign(out);
  return out;
}

struct Specimen {
  std::string file;
  std::vector<TraceId> ids;
  std::vector<Piece> pieces;
};

// Null when it cannot be opened.
std::shared_ptr<Block> open(FaultStorage& disk, BlockCache& cache, std::string file) {
  disk.set_durable(kPath, std::move(file));
  auto block = Block::open(disk, kPath, cache);
  if (block) return *block;
  ASSERT(block.error().code == Code::corrupt || block.error().code == Code::unimplemented);
  return nullptr;
}

Specimen make_specimen() {
  Specimen out;
  const std::string packed = make_block();
  out.file = unpack_block(packed);
  FaultStorage disk;
  BlockCache cache(1 << 20);
  const auto block = open(disk, cache, out.file);
  ASSERT(block != nullptr);
  Inspected inspected;
  for (uint32_t i = 0; i < block->traces(); ++i) {
    out.ids.push_back(block->trace(i, inspected).value().id);
  }
  out.ids.push_back(make_trace_id(1, 2));
  out.pieces = pieces_of(*block, out.ids);
  const auto original = open(disk, cache, packed);
  const auto expected = pieces_of(*original, out.ids);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT(*out.pieces[i].content == *expected[i].content);
  }
  return out;
}

std::string change(std::string file, std::string_view changes) {
  for (; changes.size() >= 4; changes.remove_prefix(4)) {
    const uint32_t word = load<uint32_t>(changes.data());
    char& byte = file[(word & 0xffffff) % file.size()];
    byte = static_cast<char>(byte ^ static_cast<char>(word >> 24));
  }
  return file;
}

bool is_small(const Block& block) {
  if (block.resources() > kOwnersMax || block.scopes() > kOwnersMax) return false;
  for (uint32_t i = 0; i < block.groups(); ++i) {
    const RowGroup group = block.group(i);
    if (group.rows.end() > kOwnersMax || group.events.end() > kOwnersMax ||
        group.links.end() > kOwnersMax) {
      return false;
    }
  }
  return true;
}

void read_spans(const Block& block) {
  Inspected inspected;
  RowReader reader(block, inspected);
  SpanView span;
  ResourceView resource;
  ScopeView scope;
  for (uint32_t row = 0; row < std::min(block.rows(), 100U); ++row) {
    const auto read = reader.read_span(row, span);
    ASSERT(read || read.error().code == Code::corrupt);
  }
  for (uint32_t i = 0; i < std::min(block.resources(), 100U); ++i) {
    (void)reader.read_resource(i, resource);
  }
  for (uint32_t i = 0; i < std::min(block.scopes(), 100U); ++i) (void)reader.read_scope(i, scope);
}

void fuzz(std::string_view input) {
  static const Specimen specimen = make_specimen();
  if (input.empty()) return;
  const auto mode = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  const bool changed = (mode & 1) != 0;
  const bool with_checksums = (mode & 2) != 0;
  std::string file = changed ? change(specimen.file, input) : std::string(input);
  if (with_checksums) sign(file);
  FaultStorage disk;
  BlockCache cache(1 << 20);
  const auto block = open(disk, cache, std::move(file));
  if (block == nullptr || !is_small(*block)) return;
  const auto pieces = pieces_of(*block, specimen.ids);
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].content) {
      ASSERT(pieces[i].content.error().code == Code::corrupt);
    } else if (changed && !with_checksums) {
      ASSERT(*pieces[i].content == *specimen.pieces.at(i).content);
    }
  }
  read_spans(*block);
  ASSERT(cache.bytes() <= cache.bytes_max());
}

}  // namespace
}  // namespace vivace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vivace::fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
