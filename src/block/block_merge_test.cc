// A block of several parts holds what a naive merge of their spans gives: heads and blocks in any
// mix, traces torn over them, repeats, rows left out, row groups that are too old.
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "block/block_testing.h"
#include "block/layout.h"
#include "model/testing/altered_part.h"

namespace vivace {
namespace {

using testing::HasSubstr;

// A source, and its spans in its order.
struct Piled {
  std::shared_ptr<const Part> part;
  std::vector<SentSpan> spans;
  std::vector<uint32_t> left_out = {};
  int64_t received_after_ns = INT64_MIN;
};

BlockContent content_of(const std::vector<Piled>& sources) {
  BlockContent out;
  for (const Piled& source : sources) {
    out.sources.push_back({source.part.get(), source.left_out, source.received_after_ns});
  }
  return out;
}

bool is_expired(const Piled& source, uint32_t row) {
  return source.part->group(group_of(*source.part, row)).received_max_ns < source.received_after_ns;
}

// Of equal (trace id, span id, kind) the first.
std::vector<SentSpan> merged(const std::vector<Piled>& sources) {
  std::vector<SentSpan> out;
  std::set<std::tuple<TraceId, uint64_t, int32_t>> seen;
  for (const Piled& source : sources) {
    for (uint32_t row = 0; row < source.spans.size(); ++row) {
      const SentSpan& span = source.spans[row];
      if (std::ranges::binary_search(source.left_out, row) || is_expired(source, row)) continue;
      if (!seen.emplace(span.trace_id, span.span_id.raw, span.kind).second) continue;
      out.push_back(span);
    }
  }
  sort_canonically(out);
  return out;
}

class Merging {
 public:
  explicit Merging(uint64_t seed) : random(seed), seed_(seed) {}

  Piled head(const std::vector<SentSpan>& spans, size_t batch = 30) {
    auto head = std::make_shared<Head>();
    for (size_t at = 0; at < spans.size(); at += batch) {
      const size_t end = std::min(spans.size(), at + batch);
      append_to(
          *head,
          {spans.begin() + static_cast<ptrdiff_t>(at), spans.begin() + static_cast<ptrdiff_t>(end)},
          received_ns_ += 1'000);
    }
    return pile(std::make_shared<HeadPart>(head));
  }
  Piled pile(std::shared_ptr<const Part> part) {
    std::vector<SentSpan> spans = read_all(*part);
    return {.part = std::move(part), .spans = std::move(spans)};
  }
  Piled block(const Piled& of) { return block(std::vector{of}); }
  Piled block(const std::vector<Piled>& of) { return pile(write(of)); }

  std::shared_ptr<Block> write(const std::vector<Piled>& of, std::vector<SplitTrace> splits = {}) {
    const std::string path = fmt::format("/blocks/{}", ++blocks_);
    BlockContent content = content_of(of);
    content.splits = std::move(splits);
    const auto summary = write_block(disk.storage, path, identity_of(blocks_), content);
    EXPECT_TRUE(summary) << summary.error().message;
    if (!summary) return nullptr;
    auto out = disk.open(path);
    EXPECT_EQ(out->summary(), *summary);
    return out;
  }

  // A source of random spans; some of them repeat earlier ones, with other times and names.
  Piled random_source() {
    std::vector<SentSpan> spans;
    for (uint64_t requests = 1 + random.number(30); requests > 0; --requests) {
      for (SentSpan& span : random.request(1 + random.number(30))) spans.push_back(std::move(span));
    }
    for (size_t i = 0; i < spans.size() / 8 && !before_.empty(); ++i) {
      SentSpan again = before_[random.number(before_.size())];
      if (random.chance(50)) again.start_ns += random.number(1'000) - 500;
      if (random.chance(50)) again.name = "again";
      if (random.chance(20)) again.kind ^= 1;
      spans.insert(spans.begin() + static_cast<ptrdiff_t>(random.number(spans.size())), again);
    }
    before_.insert(before_.end(), spans.begin(), spans.end());
    Piled out = head(spans);
    if (random.chance(60)) out = block(out);
    if (random.chance(15)) out = pile(std::make_shared<AlteredPart>(out.part, ++seed_));
    if (random.chance(40)) {
      for (uint32_t row = 0; row < out.spans.size(); ++row) {
        if (random.chance(15)) out.left_out.push_back(row);
      }
    }
    return out;
  }

  RandomSpans random;
  BlockDisk disk;

 private:
  uint64_t seed_;
  uint64_t blocks_ = 0;
  int64_t received_ns_ = 0;
  std::vector<SentSpan> before_;
};

SentAttribute text_attribute(std::string key, std::string text) {
  return {std::move(key), {ValueType::string, 0, std::move(text)}};
}

// Every column, text, resource and scope has an owner.
void expect_nothing_idle(const Part& part) {
  Inspected inspected;
  const auto expect_all_used = [&](const auto& read, uint32_t groups) {
    uint64_t values = 0;
    std::set<std::string_view> used;
    std::vector<Column> columns;
    for (uint32_t group = 0; group < groups; ++group) {
      columns.push_back(read(group).value());
      const Column& column = columns.back();
      for (const Slice& slice : column.slices) {
        values += slice.count;
        if (column.texts == nullptr) continue;
        for (uint32_t i = 0; i < slice.count; ++i) used.insert((*column.texts)[slice.words[i]]);
      }
    }
    for (const Column& column : columns) {
      if (column.slices.empty() || column.texts == nullptr) continue;
      for (uint32_t i = 0; i < column.texts->size(); ++i) {
        EXPECT_TRUE(used.contains((*column.texts)[i])) << (*column.texts)[i];
      }
    }
    return values;
  };
  for (size_t i = 0; i < kFields; ++i) {
    const auto read = [&](uint32_t g) { return part.read(static_cast<Field>(i), g, inspected); };
    expect_all_used(read, part.groups());
  }
  for (const Scope owner : kAllScopes) {
    for (uint32_t i = 0; i < part.columns(owner); ++i) {
      const auto read = [&](uint32_t g) { return part.read_attribute(owner, i, g, inspected); };
      EXPECT_GT(expect_all_used(read, part.groups()), 0U) << part.column(owner, i).key;
    }
  }
  for (const Field field : {Field::resource, Field::scope}) {
    std::set<uint32_t> used;
    for (uint32_t group = 0; group < part.groups(); ++group) {
      const Column column = part.read(field, group, inspected).value();
      for (const Slice& slice : column.slices) {
        used.insert(slice.words, slice.words + slice.count);
      }
    }
    EXPECT_EQ(used.size(), field == Field::resource ? part.resources() : part.scopes());
  }
}

void expect_traces(const Part& part, const std::vector<SentSpan>& spans) {
  Inspected inspected;
  uint32_t row = 0;
  uint32_t ordinal = 0;
  while (row < spans.size()) {
    const TraceEntry entry = part.trace(ordinal, inspected).value();
    EXPECT_EQ(part.find_trace(entry.id, inspected).value(), ordinal);
    uint64_t start_ns = UINT64_MAX;
    uint64_t end_ns = 0;
    std::optional<uint32_t> root;
    uint32_t end = row;
    for (; end < spans.size() && spans[end].trace_id == spans[row].trace_id; ++end) {
      start_ns = std::min(start_ns, spans[end].start_ns);
      end_ns = std::max(end_ns, spans[end].end_ns);
      if (spans[end].parent_id.is_zero()) root = end;
    }
    ASSERT_EQ(entry.id, spans[row].trace_id);
    EXPECT_EQ(entry.spans, end - row);
    EXPECT_EQ(entry.start_ns, start_ns);
    EXPECT_EQ(entry.end_ns, end_ns);
    EXPECT_EQ(entry.root, root);
    row = end;
    ++ordinal;
  }
  EXPECT_EQ(part.traces(), ordinal);
}

// Times of row groups and of the summary.
void expect_times(const Block& block, const std::vector<Piled>& sources) {
  Inspected inspected;
  RowReader reader(block, inspected);
  int64_t received_max_ns = INT64_MIN;
  for (uint32_t i = 0; i < block.groups(); ++i) {
    const RowGroup group = block.group(i);
    uint64_t start_min_ns = UINT64_MAX;
    uint64_t end_max_ns = 0;
    for (uint32_t row = group.rows.first; row < group.rows.end(); ++row) {
      const uint64_t start_ns = reader.number(Field::start_ns, row).value();
      start_min_ns = std::min(start_min_ns, start_ns);
      end_max_ns = std::max(
          {end_max_ns, start_ns, start_ns + reader.number(Field::duration_ns, row).value()});
    }
    EXPECT_EQ(group.start_min_ns, start_min_ns);
    EXPECT_EQ(group.end_max_ns, end_max_ns);
    received_max_ns = std::max(received_max_ns, group.received_max_ns);
  }
  if (block.rows() == 0) return;
  EXPECT_EQ(block.summary().received_max_ns, received_max_ns);
  EXPECT_LE(block.summary().received_min_ns, received_max_ns);
  int64_t sources_max_ns = INT64_MIN;
  for (const Piled& source : sources) {
    for (uint32_t i = 0; i < source.part->groups(); ++i) {
      sources_max_ns = std::max(sources_max_ns, source.part->group(i).received_max_ns);
    }
  }
  EXPECT_LE(received_max_ns, sources_max_ns);
}

void expect_merge(Merging& merging, const std::vector<Piled>& sources) {
  const auto block = merging.write(sources);
  ASSERT_NE(block, nullptr);
  const std::vector<SentSpan> expected = merged(sources);
  expect_same(expected, read_all(*block));
  expect_traces(*block, expected);
  expect_times(*block, sources);
  expect_nothing_idle(*block);
}

class RandomMerge : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomMerge, testing::Range<uint64_t>(100, 140));

TEST_P(RandomMerge, IsThatOfPlainSpans) {
  Merging merging(GetParam());
  std::vector<Piled> sources;
  for (uint64_t left = 1 + merging.random.number(5); left > 0; --left) {
    sources.push_back(merging.random_source());
  }
  expect_merge(merging, sources);
}

TEST_P(RandomMerge, InTwoStepsIsThatInOne) {
  Merging merging(GetParam() + 1'000);
  std::vector<Piled> sources;
  for (int i = 0; i < 4; ++i) sources.push_back(merging.random_source());
  const auto once = merging.write(sources);
  const Piled first = merging.block({sources[0], sources[1]});
  const Piled second = merging.block({sources[2], sources[3]});
  const auto twice = merging.write({first, second});
  ASSERT_NE(once, nullptr);
  ASSERT_NE(twice, nullptr);
  expect_same(read_all(*once), read_all(*twice));
  EXPECT_EQ(once->traces(), twice->traces());
  EXPECT_EQ(once->resources(), twice->resources());
  EXPECT_EQ(once->scopes(), twice->scopes());
  for (const Scope owner : kAllScopes) EXPECT_EQ(once->columns(owner), twice->columns(owner));
}

// Parts of several row groups, one after the other in time, whose last traces go on in the next.
std::vector<Piled> long_sources(Merging& merging, int sources, uint64_t spans_each) {
  std::mt19937_64 random(77);
  std::vector<Piled> out;
  uint64_t id = 0;
  for (int i = 0; i < sources; ++i) {
    std::vector<SentSpan> spans;
    for (uint64_t n = 0; n < spans_each; ++n) {
      const uint64_t at = static_cast<uint64_t>(i) * spans_each + n;
      const uint64_t trace = at < 200 ? at / 9 : (at - random() % 200) / 9;
      SentSpan span = simple_span(1 + trace, ++id, 1'000'000 + at * 100 + random() % 900);
      if (random() % 3 == 0) span.attributes.push_back(text_attribute("often", "value"));
      if (random() % 40 == 0) span.attributes.push_back(text_attribute("rare", "value"));
      if (random() % 400 == 0) {
        span.attributes.push_back(text_attribute("new", fmt::format("text {}", id)));
      }
      if (random() % 9 == 0) span.events.push_back({span.start_ns, "event", span.attributes, 0});
      if (random() % 9 != 0) span.parent_id = make_span_id(trace);
      spans.push_back(std::move(span));
    }
    out.push_back(merging.block(merging.head(spans, 2'000)));
  }
  return out;
}

TEST(BlockMerge, JoinsTracesThatGoOnInTheNextBlock) {
  Merging merging(1);
  const std::vector<Piled> sources = long_sources(merging, 4, 40'000);
  const auto block = merging.write(sources);
  ASSERT_NE(block, nullptr);
  const std::vector<SentSpan> expected = merged(sources);
  expect_same(expected, read_all(*block));
  expect_traces(*block, expected);
  expect_times(*block, sources);
}

TEST(BlockMerge, LeavesOutRowGroupsThatAreTooOld) {
  Merging merging(2);
  std::vector<Piled> sources = long_sources(merging, 2, 40'000);
  sources[0].received_after_ns = sources[0].part->group(1).received_max_ns + 1;
  ASSERT_GT(merged(sources).size(), 40'000U);
  ASSERT_LT(merged(sources).size(), 60'000U);
  expect_merge(merging, sources);
  sources[0].received_after_ns = sources[1].received_after_ns = INT64_MAX;
  const auto block = merging.write(sources);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->rows(), 0U);
  EXPECT_EQ(block->groups(), 0U);
}

TEST(BlockMerge, JoinsATraceOfSeveralRowGroups) {
  Merging merging(3);
  std::vector<Piled> sources;
  uint64_t id = 0;
  for (int i = 0; i < 3; ++i) {
    std::vector<SentSpan> spans;
    for (uint64_t n = 0; n < 70'000; ++n, ++id) {
      spans.push_back(simple_span(n % 50 == 0 ? 100 + id : 1, 1 + id, 1'000 + id * 7 % 90'000));
      if (n % 7 == 0) spans.back().events.push_back({id, "event", {}, 0});
    }
    sources.push_back(merging.head(spans, 5'000));
    if (i > 0) sources.back() = merging.block(sources.back());
  }
  for (uint32_t row = 5; row < 70'000; row += 3'000) sources[2].left_out.push_back(row);
  expect_merge(merging, sources);
}

// So many keys that columns become entries of the overflow list, and the other way round.
std::vector<SentSpan> with_keys(Merging& merging, uint64_t first_key, uint64_t keys) {
  std::vector<SentSpan> spans;
  for (uint64_t i = 0; i < keys; ++i) {
    SentSpan span = merging.random.span();
    for (uint64_t n = merging.random.number(5); n <= 5; ++n) {
      const uint64_t key = first_key + (n == 0 ? i : merging.random.number(keys));
      SentValue value = merging.random.value();
      if (merging.random.chance(30)) value = {ValueType::string, 0, std::string(key, 'x')};
      span.attributes.push_back({fmt::format("key {}", key), value});
      if (merging.random.chance(30)) span.attributes.push_back(span.attributes.front());
    }
    for (SentEvent& event : span.events) event.attributes = span.attributes;
    spans.push_back(std::move(span));
  }
  return spans;
}

TEST(BlockMerge, HoldsMoreKeysThanColumns) {
  for (const uint64_t seed : {4, 5, 6, 7}) {
    Merging merging(seed);
    std::vector<Piled> sources;
    sources.push_back(merging.block(merging.head(with_keys(merging, 0, 300))));
    sources.push_back(merging.head(with_keys(merging, 200, 300)));
    sources.push_back(merging.block(merging.head(with_keys(merging, 100, 800))));
    if (seed % 2 == 0) {
      sources.push_back(merging.pile(std::make_shared<AlteredPart>(sources[1].part, seed)));
      for (uint32_t row = 0; row < 400; row += 3) sources[2].left_out.push_back(row);
    }
    const Piled all = merging.block(sources);
    EXPECT_EQ(all.part->columns(Scope::span), kAttributeColumnsMax);
    expect_merge(merging, sources);
    expect_merge(merging, {merging.head(with_keys(merging, 600, 900)), all});
    expect_merge(merging, {merging.block(merging.head(with_keys(merging, 5'000, 20))), all});
  }
}

TEST(BlockMerge, StoresEqualResourcesOnce) {
  Merging merging(8);
  const auto resource = std::make_shared<SentResource>();
  resource->attributes = {text_attribute("service.name", "shop")};
  const auto scope = std::make_shared<SentScope>();
  scope->name = "library";
  std::vector<Piled> sources;
  for (uint64_t i = 1; i <= 3; ++i) {
    SentSpan span = simple_span(i, i);
    span.resource = resource;
    span.scope = scope;
    SentSpan other = simple_span(100 + i, i);
    const auto changed = std::make_shared<SentResource>(*resource);
    changed->dropped_attributes = static_cast<uint32_t>(i);
    other.resource = changed;
    other.scope = scope;
    sources.push_back(merging.head({span, other}));
  }
  const auto block = merging.write(sources);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->resources(), 4U);
  EXPECT_EQ(block->scopes(), 1U);
  expect_merge(merging, sources);
}

TEST(BlockMerge, OfTextsThatExceedADictionaryTogether) {
  Merging merging(9);
  std::vector<Piled> sources;
  for (uint64_t i = 0; i < 3; ++i) {
    std::vector<SentSpan> spans;
    for (uint64_t n = 0; n < 30'000; ++n) {
      const uint64_t id = i * 30'000 + n + 1;
      spans.push_back(simple_span(id / 5, id, id * 10));
      spans.back().name = fmt::format("GET /item/{}", id);
      spans.back().attributes = {text_attribute("new", fmt::format("{:x}", mix64(id)))};
    }
    sources.push_back(merging.block(merging.head(spans, 5'000)));
  }
  expect_merge(merging, sources);
}

TEST(BlockMerge, KeepsTheEarliestReceiveTime) {
  Merging merging(10);
  const Piled first = merging.block(merging.head({simple_span(1, 1), simple_span(2, 2)}, 1));
  const Piled second = merging.block(merging.head({simple_span(3, 3), simple_span(4, 4)}, 1));
  const Piled head = merging.head({simple_span(5, 5), simple_span(6, 6)}, 1);
  EXPECT_EQ(merging.write({first, second})->summary().received_min_ns, 1'000);
  EXPECT_EQ(merging.write({first, second})->summary().received_max_ns, 4'000);
  EXPECT_EQ(merging.write({second, head})->summary().received_min_ns, 3'000);
  EXPECT_EQ(merging.write({second, head})->summary().received_max_ns, 6'000);
}

TEST(BlockMerge, StopsWhereItIsTold) {
  Merging merging(11);
  const std::vector<Piled> sources{merging.random_source(), merging.random_source()};
  BlockContent content = content_of(sources);
  uint32_t calls = 0;
  content.pace = [&]() -> Result<void> {
    ++calls;
    return {};
  };
  ASSERT_TRUE(write_block(merging.disk.storage, "/blocks/paced", identity_of(1), content));
  EXPECT_GT(calls, 50U);
  const size_t files = merging.disk.storage.list("/blocks").value().size();
  for (const uint32_t at : {1U, 2U, 3U, calls / 2, calls}) {
    uint32_t left = at;
    content.pace = [&]() -> Result<void> {
      return --left == 0 ? fail(Code::cancelled, "stop") : Result<void>();
    };
    const auto written =
        write_block(merging.disk.storage, "/blocks/stopped", identity_of(1), content);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::cancelled);
    EXPECT_THAT(written.error().message, HasSubstr("/blocks/stopped"));
    EXPECT_EQ(merging.disk.storage.list("/blocks").value().size(), files);
  }
}

TEST(BlockMerge, OfDamageIsItsError) {
  Merging merging(12);
  const auto broken = std::make_shared<AlteredPart>(merging.random_source().part, 1);
  const Piled good = merging.random_source();
  for (const Field field : {Field::start_ns, Field::span_id, Field::name, Field::event_shape}) {
    broken->fail_field = [&](Field asked, uint32_t) { return asked == field; };
    BlockContent content;
    content.sources = {{good.part.get()}, {broken.get()}};
    const auto written = write_block(merging.disk.storage, "/blocks/bad", identity_of(1), content);
    ASSERT_FALSE(written) << static_cast<int>(field);
    EXPECT_EQ(written.error().code, Code::corrupt);
  }
}

TEST(BlockMerge, OfNothingIsEmpty) {
  Merging merging(13);
  const Piled empty = merging.block(merging.head({}));
  expect_merge(merging, {});
  expect_merge(merging, {empty, empty});
  expect_merge(merging, {empty, merging.random_source(), empty});
}

}  // namespace
}  // namespace vivace
