// Random requests, written in every way that protobuf allows (fields in any order, messages in
// pieces, values overwritten, unknown fields and groups in between), must decode to what they were
// made from. A failure prints its seed; one round with that seed repeats it.
#include <algorithm>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decode/batch_testing.h"
#include "decode/otlp.h"
#include "decode/otlp_testing.h"
#include "decode/random_request_testing.h"

namespace vivace {
namespace {

using plain::Attributes;
using plain::Field;
using plain::Fields;

using plain::chance;
using plain::Imagination;
using plain::Random;

constexpr uint64_t kSeeds = 250;
constexpr uint32_t kCutBytes = 12;  // small, so that cuts are frequent

// Writes messages as a perverse but correct sender would.
class Scrambler final : public plain::Arranger {
 public:
  explicit Scrambler(Random& random) : random_(random) {}

  std::vector<std::string> pieces(Fields fields) override {
    std::vector<std::string> out(1);
    for (Field& field : shuffled(std::move(fields))) {
      if (chance(random_, 3)) out.emplace_back();
      out.back() += field.bytes;
    }
    return out;
  }
  std::string whole(Fields fields) override { return Arranger::whole(shuffled(std::move(fields))); }
  bool writes_default() override { return chance(random_, 4); }
  bool writes_twice() override { return chance(random_, 20); }
  void before_value(Fields& out, ValueType) override {
    if (!chance(random_, 10)) return;
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    writer.add_bytes(6, "\x0a\x00", 2);  // a map
    writer.add_bytes(5, "\x0a\x00", 2);  // an array
    if (chance(random_, 2)) {
      writer.add_string(1, "overwritten");
    } else {
      writer.add_int64(3, 1);
    }
    out.push_back({1, 1, std::move(bytes)});
  }
  uint32_t scopes_field(const plain::ResourceSpans&) override {
    return chance(random_, 5) ? 1000 : 2;
  }

 private:
  // Any order that keeps fields of one group in theirs, with unknown fields in between.
  Fields shuffled(Fields fields) {
    std::vector<uint32_t> groups;
    for (const Field& field : fields) groups.push_back(field.group);
    std::ranges::shuffle(groups, random_);
    std::ranges::stable_sort(fields, {}, &Field::group);
    Fields out;
    std::map<uint32_t, long> taken;
    for (const uint32_t group : groups) {
      if (chance(random_, 20)) out.push_back({0, 0, unknown(0)});
      const auto first = std::ranges::lower_bound(fields, group, {}, &Field::group);
      out.push_back(std::move(first[taken[group]++]));
    }
    if (chance(random_, 20)) out.push_back({0, 0, unknown(0)});
    return out;
  }

  std::string unknown(int depth) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    const auto number = static_cast<uint32_t>(2000 + random_() % 10'000);
    switch (random_() % 5) {
      case 0:
        writer.add_uint64(number, random_());
        break;
      case 1:
        writer.add_fixed64(number, random_());
        break;
      case 2:
        writer.add_fixed32(number, static_cast<uint32_t>(random_()));
        break;
      case 3:
        writer.add_string(number, "unknown");
        break;
      case 4:
        protozero::add_varint_to_buffer(&bytes, number << 3 | 3);
        if (depth < 3) bytes += unknown(depth + 1) + unknown(depth + 1);
        protozero::add_varint_to_buffer(&bytes, number << 3 | 4);
        break;
    }
    return bytes;
  }

  Random& random_;
};

// What the decoder is to make of a request: spans without ids refused, long attributes cut.
struct Expected {
  plain::Request request;
  std::vector<uint32_t> rejected;
  uint32_t rejected_trace_ids = 0;
  uint32_t rejected_span_ids = 0;
  uint32_t truncated = 0;
};

bool cut(std::string& text) {
  if (text.size() <= kCutBytes) return false;
  size_t end = 0;
  for (size_t at = 0; at <= kCutBytes;) {
    end = at;
    const int ones = std::countl_one(static_cast<unsigned char>(text[at]));
    at += ones == 0 ? 1 : static_cast<size_t>(ones);
  }
  text.resize(end);
  return true;
}

uint32_t cut(Attributes& attributes) {
  uint32_t count = 0;
  for (plain::KeyValue& one : attributes) {
    const bool key = cut(one.key);
    const bool value = one.value.type == ValueType::string && cut(one.value.text);
    count += key || value;
  }
  return count;
}

bool is_zero(const std::string& id) { return id.find_first_not_of('\0') == std::string::npos; }

Expected expect(plain::Request request, bool cuts) {
  Expected out;
  uint32_t ordinal = 0;
  for (plain::ResourceSpans& resource : request) {
    if (cuts) out.truncated += cut(resource.attributes);
    for (plain::ScopeSpans& scope : resource.scopes) {
      if (cuts) out.truncated += cut(scope.attributes);
      std::vector<plain::Span> kept;
      for (plain::Span& span : scope.spans) {
        if (cuts) out.truncated += cut(span.attributes);
        const bool bad_trace = is_zero(span.trace_id);
        const bool bad_span = !bad_trace && is_zero(span.span_id);
        out.rejected_trace_ids += bad_trace;
        out.rejected_span_ids += bad_span;
        if (bad_trace || bad_span) {
          out.rejected.push_back(ordinal);
        } else {
          kept.push_back(std::move(span));
        }
        ++ordinal;
      }
      scope.spans = std::move(kept);
    }
  }
  out.request = std::move(request);
  return out;
}

void expect_same(const Batch& batch, const Expected& expected) {
  EXPECT_EQ(plain::show(batch), plain::show(expected.request));
  EXPECT_EQ(batch.rejected, expected.rejected);
  EXPECT_EQ(batch.rejected_trace_ids, expected.rejected_trace_ids);
  EXPECT_EQ(batch.rejected_span_ids, expected.rejected_span_ids);
  EXPECT_EQ(batch.truncated_attributes, expected.truncated);
  EXPECT_TRUE(plain::shapes_are_distinct(batch));
}

class RandomOtlp : public testing::TestWithParam<bool> {};  // whether attributes are cut
INSTANTIATE_TEST_SUITE_P(Cuts, RandomOtlp, testing::Bool());

TEST_P(RandomOtlp, DecodesToWhatItWasMadeFrom) {
  for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const plain::Request request = Imagination(random).request();
    const Expected expected = expect(request, GetParam());
    const DecodeOptions options{.attribute_bytes_max = GetParam() ? kCutBytes : 0};
    Scrambler scrambler(random);
    for (const std::string& body :
         {plain::encode(request), plain::Encoder(scrambler).request(request)}) {
      const auto batch = decode_otlp(body, options);
      ASSERT_TRUE(batch) << batch.error().message;
      expect_same(**batch, expected);

      DecodeOptions again = options;
      again.verdict = (*batch)->rejected;
      const auto second = decode_otlp(body, again);
      ASSERT_TRUE(second) << second.error().message;
      expect_same(**second, expected);
    }
  }
}

// Replay has only the verdict: it must hold whatever the ids say.
TEST(RandomOtlpVerdict, IsFollowedAgainstTheRule) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Random random(seed);
    const plain::Request request = Imagination(random).request();
    std::vector<std::string> accepted;
    std::vector<uint32_t> verdict;
    uint32_t ordinal = 0;
    for (std::string& line : plain::show(request)) {
      if (chance(random, 2)) {
        verdict.push_back(ordinal);
      } else {
        accepted.push_back(std::move(line));
      }
      ++ordinal;
    }
    const auto batch = decode_otlp(plain::encode(request), {.verdict = verdict});
    ASSERT_TRUE(batch);
    EXPECT_EQ((*batch)->rejected, verdict);
    // A zero id reads back as an empty one.
    for (std::string& line : accepted) {
      const size_t zero = line.find(" 0000000000000000 ");
      if (zero != std::string::npos) line.erase(zero + 1, 16);
    }
    EXPECT_EQ(plain::show(**batch), accepted) << "seed " << seed;
  }
}

TEST(RandomOtlpDamage, BytesCutOffOrChangedAreAnErrorOrABatch) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    Scrambler scrambler(random);
    const plain::Request request = Imagination(random).request();
    const std::string body = plain::Encoder(scrambler).request(request);
    for (size_t round = 0; round < 300 && !body.empty(); ++round) {
      std::string damaged = body;
      for (uint64_t n = 1 + random() % 3; n > 0; --n) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      if (chance(random, 3)) damaged.resize(random() % damaged.size());
      const auto batch = decode_otlp(damaged, {.attribute_bytes_max = 12});
      if (batch) {
        plain::show(**batch);
      } else {
        ASSERT_EQ(batch.error().code, Code::invalid_argument);
        ASSERT_NE(batch.error().message, "");
      }
    }
  }
}

}  // namespace
}  // namespace vivace
