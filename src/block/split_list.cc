// Both directions of the list of split traces. Ids are written as they are: they are random, and
// the lists are short.
#include "block/split_list.h"

#include <algorithm>

#include "block/byte_reader.h"
#include "block/numbers.h"

namespace vivace {

std::string split_list_content(std::span<const SplitTrace> traces) {
  std::string out;
  std::vector<uint64_t> starts;
  std::vector<uint64_t> lengths;
  append_le(out, static_cast<uint32_t>(traces.size()));
  for (const SplitTrace& trace : traces) {
    out += trace.id.view();
    starts.push_back(trace.start_ns);
    lengths.push_back(trace.end_ns - trace.start_ns);
  }
  append_numbers(out, std::span<const uint64_t>(starts));
  append_numbers(out, std::span<const uint64_t>(lengths));
  return out;
}

Result<SplitList> take_split_list(std::string_view content, uint32_t traces) {
  ByteReader in(content);
  const auto count = in.take<uint32_t>();
  if (count == 0 || count > traces) return fail(Code::corrupt, "not so many traces");
  SplitList out;
  out.traces.resize(count);
  for (SplitTrace& trace : out.traces) trace.id.bytes = in.take<std::array<uint8_t, 16>>();
  std::vector<uint64_t> starts(count);
  std::vector<uint64_t> lengths(count);
  take_numbers(in, std::span<uint64_t>(starts));
  take_numbers(in, std::span<uint64_t>(lengths));
  for (size_t i = 0; i < count; ++i) {
    out.traces[i].start_ns = starts[i];
    out.traces[i].end_ns = starts[i] + lengths[i];
  }
  const auto not_ascending = [](const SplitTrace& a, const SplitTrace& b) { return a.id >= b.id; };
  if (!in.at_end() || std::ranges::adjacent_find(out.traces, not_ascending) != out.traces.end()) {
    return fail(Code::corrupt, "not a list of split traces");
  }
  return out;
}

}  // namespace vivace
