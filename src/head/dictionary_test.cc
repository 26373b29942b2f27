// Texts by code, while equal ones are looked for, after that was given up, and over the change.
#include "head/dictionary.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace vivace {
namespace {

class DictionaryTest : public testing::Test {
 protected:
  uint32_t intern(const std::string& text) {
    return dictionary_.intern(memory_, text, text_hash(text));
  }

  HeadMemory memory_;
  Dictionary dictionary_;
};

TEST_F(DictionaryTest, GivesEqualTextsOneCode) {
  constexpr uint64_t kSeed = 21;
  SCOPED_TRACE(kSeed);
  std::mt19937_64 random(kSeed);
  std::map<std::string, uint32_t> codes;
  for (int i = 0; i < 50'000; ++i) {
    const std::string text = "text " + std::to_string(random() % 5000);
    const uint32_t code = intern(text);
    const auto [at, is_new] = codes.try_emplace(text, code);
    ASSERT_EQ(at->second, code) << text;
    ASSERT_TRUE(!is_new || code + 1 == codes.size()) << "codes are dense";
    ASSERT_EQ(dictionary_[code], text);
  }
  EXPECT_EQ(dictionary_.size(), codes.size());
  for (const auto& [text, code] : codes) ASSERT_EQ(dictionary_[code], text);
}

TEST_F(DictionaryTest, TakesTextsOfEveryLength) {
  std::map<std::string, uint32_t> codes;
  for (size_t length = 0; length < 600; ++length) {
    std::string text(length, static_cast<char>('a' + length % 26));
    if (length > 4) text[4] = '\0';
    codes[text] = intern(text);
  }
  std::string huge(3 << 20, 'x');
  codes[huge] = intern(huge);
  EXPECT_EQ(dictionary_.size(), 601U);
  for (const auto& [text, code] : codes) {
    ASSERT_EQ(dictionary_[code], text);
    ASSERT_EQ(intern(text), code);
  }
}

TEST_F(DictionaryTest, TellsTextsWithEqualHashesApart) {
  const uint32_t a = dictionary_.intern(memory_, "a", 7);
  const uint32_t b = dictionary_.intern(memory_, "b", 7);
  const uint32_t empty = dictionary_.intern(memory_, "", 7);
  EXPECT_EQ((std::set{a, b, empty}.size()), 3U);
  EXPECT_EQ(dictionary_.intern(memory_, "a", 7), a);
  EXPECT_EQ(dictionary_.intern(memory_, "b", 7), b);
  EXPECT_EQ(dictionary_.intern(memory_, "", 7), empty);
}

TEST_F(DictionaryTest, GivesUpLookingWhenMostTextsAreNew) {
  std::vector<std::string> texts;
  for (int i = 0; i < 70'000; ++i) texts.push_back(i == 5 ? "" : "request " + std::to_string(i));
  std::vector<uint32_t> codes;
  int64_t table_bytes_max = 0;
  for (const std::string& text : texts) {
    codes.push_back(intern(text));
    table_bytes_max = std::max(table_bytes_max, dictionary_.table_bytes());
  }
  EXPECT_GT(table_bytes_max, 0);
  EXPECT_EQ(dictionary_.table_bytes(), 0) << "the table is free again";
  // Texts from before and after the change, the empty one too: all readable, now with new codes.
  for (const size_t i : {size_t{0}, size_t{5}, size_t{69'999}}) {
    const uint32_t again = intern(texts[i]);
    EXPECT_EQ(again + 1, dictionary_.size());
    EXPECT_EQ(dictionary_[again], texts[i]);
  }
  for (size_t i = 0; i < texts.size(); ++i) ASSERT_EQ(dictionary_[codes[i]], texts[i]) << i;
}

TEST_F(DictionaryTest, GoesOnLookingWhenManyTextsComeAgain) {
  std::map<std::string, uint32_t> codes;
  for (int i = 0; i < 70'000; ++i) {
    const std::string text = "user " + std::to_string(i);
    codes[text] = intern(text);
    for (int again = 0; again < 2; ++again) ASSERT_EQ(intern(text), codes[text]);
  }
  EXPECT_GT(dictionary_.table_bytes(), 0);
  for (const auto& [text, code] : codes) ASSERT_EQ(intern(text), code);
  EXPECT_EQ(dictionary_.size(), codes.size());
}

TEST(HeadMemory, HandsOutAlignedPieces) {
  HeadMemory memory;
  memory.store_text("x");  // so that nothing is aligned by chance
  for (int i = 0; i < 2000; ++i) {
    auto* numbers = memory.allocate<uint64_t>(100);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(numbers) % 8, 0U);
    std::fill(numbers, numbers + 100, ~uint64_t{0});
    memory.store_text("odd");
  }
  auto* large = memory.allocate<char>(5 << 20);
  std::fill(large, large + (5 << 20), 'x');
}

}  // namespace
}  // namespace vivace
