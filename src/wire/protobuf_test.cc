// The pull reader against protozero's writer, and against what no decent writer makes: bytes
// missing at every place, numbers at their limits, groups that do not close. Most tests walk over
// bytes that lie in a block of exactly their size, so that ASan sees a read past them.
#include "wire/protobuf.h"

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <protozero/pbf_writer.hpp>

namespace vivace {
namespace {

using protozero::pbf_writer;
using ::testing::StrEq;

std::string varint_of(uint64_t value) {
  std::string out;
  protozero::add_varint_to_buffer(&out, value);
  return out;
}

std::string key_of(uint64_t field, unsigned type) { return varint_of(field << 3 | type); }

// The bytes in a block of the heap of exactly their size, so that ASan sees a read past the end.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : size_(bytes.size()), bytes_(new char[bytes.size()]) {
    bytes.copy(bytes_.get(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

// Skips all fields; how many there were, or the error.
std::string walk(std::string_view bytes) {
  const Exact exact(bytes);
  ProtoReader in(exact.view());
  int fields = 0;
  while (in.next()) {
    in.skip();
    fields += in.ok();
  }
  return in.ok() ? std::to_string(fields) : in.error();
}

TEST(ProtoReader, ReadsWhatProtozeroWrites) {
  std::string bytes;
  pbf_writer out(bytes);
  out.add_uint64(1, UINT64_MAX);
  out.add_int64(2, -1);
  out.add_fixed64(3, 0x0102030405060708);
  out.add_fixed32(4, 0xfffefdfc);
  out.add_string(5, "text");
  out.add_message(6, "", 0);
  out.add_double(536'870'911, -0.0);

  const Exact exact(bytes);
  ProtoReader in(exact.view());
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.key(), proto_key(1, Wire::varint));
  EXPECT_EQ(in.varint(), UINT64_MAX);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(static_cast<int64_t>(in.varint()), -1);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.key(), proto_key(3, Wire::fixed64));
  EXPECT_EQ(in.fixed64(), 0x0102030405060708U);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.key(), proto_key(4, Wire::fixed32));
  EXPECT_EQ(in.fixed32(), 0xfffefdfcU);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.key(), proto_key(5, Wire::bytes));
  EXPECT_EQ(in.bytes(), "text");
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.bytes(), "");
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.field(), 536'870'911U);
  EXPECT_EQ(in.fixed64(), 1ULL << 63);
  EXPECT_FALSE(in.next());
  EXPECT_TRUE(in.ok());
}

TEST(ProtoReader, AnEmptyMessageHasNoFields) {
  ProtoReader in({});
  EXPECT_FALSE(in.next());
  EXPECT_TRUE(in.ok());
}

TEST(ProtoReader, VarintsAtEveryLengthAndLimit) {
  std::vector<uint64_t> values = {0, 1, UINT32_MAX, INT64_MAX, UINT64_MAX};
  for (int bit = 1; bit < 64; ++bit) {
    for (const int delta : {-1, 0, 1}) {
      values.push_back((uint64_t{1} << bit) + static_cast<uint64_t>(delta));
    }
  }
  for (const uint64_t value : values) {
    const std::string whole = varint_of(value);
    for (size_t size = 0; size <= whole.size(); ++size) {
      const Exact exact(std::string_view(whole).substr(0, size));
      ProtoReader in(exact.view());
      EXPECT_EQ(in.varint(), size == whole.size() ? value : 0);
      EXPECT_EQ(in.ok(), size == whole.size());
    }
    // Padded to the longest form that is allowed, and one byte further.
    std::string padded = whole;
    while (padded.size() <= 10) {
      padded.back() = static_cast<char>(padded.back() | '\x80');
      padded.push_back('\0');
      const Exact exact(padded);
      ProtoReader in(exact.view());
      EXPECT_EQ(in.varint(), padded.size() <= 10 ? value : 0) << padded.size();
      EXPECT_EQ(in.ok(), padded.size() <= 10);
    }
  }
}

TEST(ProtoReader, BitsBeyondTheSixtyFourthAreDropped) {
  const std::string bytes = std::string(9, '\xff') + '\x7f';
  ProtoReader in(bytes);
  EXPECT_EQ(in.varint(), UINT64_MAX);
  EXPECT_TRUE(in.ok());
}

TEST(ProtoReader, KeysOutsideTheirRangeAreRefused) {
  for (unsigned type = 0; type < 8; ++type) {
    EXPECT_EQ(walk(key_of(0, type) + std::string(16, '\0')), "bad field number");
  }
  EXPECT_EQ(walk(key_of(536'870'911, 0) + '\1'), "1");
  EXPECT_EQ(walk(key_of(536'870'912, 0) + '\1'), "bad field number");
  EXPECT_EQ(walk(varint_of(uint64_t{1} << 40) + '\1'), "bad field number");
  // A key may be padded, as any varint.
  EXPECT_EQ(walk(std::string("\x88\x80\x80\x80\x00\x01", 6)), "1");
  EXPECT_EQ(walk(std::string(10, '\xff')), "varint longer than 10 bytes");
}

TEST(ProtoReader, SkipsEachWireType) {
  EXPECT_EQ(walk(key_of(9, 0) + varint_of(UINT64_MAX)), "1");
  EXPECT_EQ(walk(key_of(9, 1) + std::string(8, 'x')), "1");
  EXPECT_EQ(walk(key_of(9, 2) + '\3' + "abc"), "1");
  EXPECT_EQ(walk(key_of(9, 5) + std::string(4, 'x')), "1");
  EXPECT_EQ(walk(key_of(9, 3) + key_of(9, 4)), "1");
  EXPECT_EQ(walk(key_of(9, 4)), "bad wire type");
  EXPECT_EQ(walk(key_of(9, 6) + "abcdefgh"), "bad wire type");
  EXPECT_EQ(walk(key_of(9, 7) + "abcdefgh"), "bad wire type");
}

TEST(ProtoReader, FieldsThatEndTooSoonAreRefused) {
  const char* const cut = "message ends inside a field";
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_EQ(walk(key_of(1, 1) + std::string(size, 'x')), cut);
    EXPECT_EQ(walk(key_of(1, 5) + std::string(size / 2, 'x')), cut);
  }
  EXPECT_EQ(walk(key_of(1, 0)), cut);
  EXPECT_EQ(walk(key_of(1, 2)), cut);
  EXPECT_EQ(walk(key_of(1, 2) + '\x80'), cut);
  for (const uint64_t length : {uint64_t{4}, uint64_t{UINT32_MAX}, uint64_t{1} << 63, UINT64_MAX}) {
    EXPECT_EQ(walk(key_of(1, 2) + varint_of(length) + "abc"),
              "length beyond the end of the message");
  }
}

TEST(ProtoReader, TheFirstErrorStaysAndNothingComesAfterIt) {
  const std::string bytes = key_of(1, 2) + varint_of(100) + key_of(2, 0) + '\1';
  ProtoReader in(bytes);
  ASSERT_TRUE(in.next());
  EXPECT_EQ(in.bytes(), "");
  EXPECT_FALSE(in.ok());
  EXPECT_FALSE(in.next());
  EXPECT_EQ(in.varint(), 0U);
  EXPECT_EQ(in.fixed32(), 0U);
  EXPECT_EQ(in.fixed64(), 0U);
  EXPECT_EQ(in.bytes(), "");
  in.skip();
  in.fail("something else");
  EXPECT_THAT(in.error(), StrEq("length beyond the end of the message"));
}

TEST(ProtoReader, GroupsArePassedOverWithAllTheyHold) {
  const std::string inside = key_of(1, 0) + '\5' + key_of(2, 1) + std::string(8, 'x') +
                             key_of(3, 2) + '\2' + "ab" + key_of(4, 5) + std::string(4, 'x') +
                             key_of(9, 3) + key_of(9, 3) + key_of(9, 4) + key_of(9, 4);
  const std::string group = key_of(7, 3) + inside + key_of(7, 4);
  EXPECT_EQ(walk(group), "1");
  EXPECT_EQ(walk(group + key_of(8, 0) + '\1' + group), "3");
  for (size_t size = 1; size < group.size(); ++size) EXPECT_NE(walk(group.substr(0, size)), "1");
  // The end's bytes inside a string are no end.
  EXPECT_EQ(walk(key_of(7, 3) + key_of(1, 2) + '\1' + key_of(7, 4)), "group without end");
}

TEST(ProtoReader, GroupsThatDoNotCloseAreRefused) {
  EXPECT_EQ(walk(key_of(1, 3)), "group without end");
  EXPECT_EQ(walk(key_of(1, 3) + key_of(2, 4)), "group with the wrong end");
  EXPECT_EQ(walk(key_of(1, 3) + key_of(2, 3) + key_of(1, 4) + key_of(2, 4)),
            "group with the wrong end");
  EXPECT_EQ(walk(key_of(1, 3) + key_of(0, 0) + '\1' + key_of(1, 4)), "bad field number");
  EXPECT_EQ(walk(key_of(1, 3) + key_of(2, 6) + key_of(1, 4)), "bad wire type");
  EXPECT_EQ(walk(key_of(1, 3) + key_of(1, 4) + key_of(1, 4)), "bad wire type");
}

std::string nested_groups(size_t depth) {
  std::string bytes;
  for (size_t i = 0; i < depth; ++i) bytes += key_of(1 + i, 3);
  for (size_t i = depth; i-- > 0;) bytes += key_of(1 + i, 4);
  return bytes;
}

TEST(ProtoReader, GroupsNestAHundredDeep) {
  EXPECT_EQ(walk(nested_groups(100)), "1");
  EXPECT_EQ(walk(nested_groups(101)), "groups nested too deeply");
  EXPECT_EQ(walk(nested_groups(1'000'000)), "groups nested too deeply");
}

TEST(ProtoReader, AKnownFieldOfAnotherWireTypeIsRefused) {
  for (const unsigned type : {0U, 1U, 2U, 3U, 5U}) {
    const std::string bytes = key_of(4, type) + std::string(8, '\0') + key_of(4, 4);
    ProtoReader known(bytes);
    ASSERT_TRUE(known.next());
    known.skip_unknown(4);
    EXPECT_THAT(known.error(), StrEq("field with the wrong wire type"));
    ProtoReader unknown(bytes);
    ASSERT_TRUE(unknown.next());
    unknown.skip_unknown(3);
    EXPECT_EQ(unknown.ok(), type != 3 || walk(bytes) == "1");
  }
}

std::string random_message(std::mt19937_64& random, std::vector<size_t>& ends) {
  std::string bytes;
  for (uint64_t fields = random() % 8; fields-- > 0;) {
    auto number = static_cast<uint32_t>(1 + random() % (1 << (1 + random() % 28)));
    if (number >= 19'000 && number < 20'000) number = 1;  // reserved: protozero refuses them
    pbf_writer out(bytes);
    switch (random() % 5) {
      case 0:
        out.add_uint64(number, random() >> random() % 64);
        break;
      case 1:
        out.add_fixed64(number, random());
        break;
      case 2:
        out.add_fixed32(number, static_cast<uint32_t>(random()));
        break;
      case 3:
        out.add_string(number, std::string(random() % 200, 's'));
        break;
      case 4:
        bytes += key_of(number, 3) + random_message(random, ends) + key_of(number, 4);
        break;
    }
    if (ends.empty() || ends.back() < bytes.size()) ends.push_back(bytes.size());
  }
  return bytes;
}

TEST(ProtoReader, AMessageCutAnywhereIsAnErrorOrItsFirstFields) {
  std::mt19937_64 random(20'261'122);
  for (int round = 0; round < 200; ++round) {
    std::vector<size_t> ends;  // of top-level fields, among others
    const std::string bytes = random_message(random, ends);
    ASSERT_EQ(walk(bytes).find_first_not_of("0123456789"), std::string::npos) << round;
    int fields_before = 0;
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string found = walk(bytes.substr(0, size));
      if (found.find_first_not_of("0123456789") != std::string::npos) continue;
      ASSERT_GE(std::stoi(found), fields_before) << round;
      fields_before = std::stoi(found);
    }
  }
}

TEST(ProtoReader, AnyBytesAtAllAreReadWithinTheirBounds) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random() >> random() % 8);
    EXPECT_NE(walk(bytes), "");
  }
}

}  // namespace
}  // namespace vivace
