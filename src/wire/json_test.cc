// JSON's pieces byte for byte, as Go's encoder writes them, and what no reader of JSON would take:
// numbers that are none, text that is no UTF-8. UTF-8 is compared with a decoder that computes code
// points, where the code compares ranges of bytes.
#include "wire/json.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace vivace {
namespace {

std::string json_text(std::string_view text) {
  std::string out = "before";
  append_json_string(out, text);
  EXPECT_TRUE(out.starts_with("before"));
  return out.substr(6);
}

std::string real(double value) {
  std::string out;
  append_json_double(out, value);
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_json_base64(out, bytes);
  return out;
}

TEST(JsonString, PlainTextIsQuoted) {
  EXPECT_EQ(json_text(""), R"("")");
  EXPECT_EQ(json_text("GET /a?b=c#d 100% 'x' [~]"), R"("GET /a?b=c#d 100% 'x' [~]")");
}

TEST(JsonString, EscapesAsGoDoes) {
  EXPECT_EQ(json_text(R"(say "a\b")"), R"("say \"a\\b\"")");
  EXPECT_EQ(json_text("<root span & more>"), R"("\u003croot span \u0026 more\u003e")");
  EXPECT_EQ(json_text("a\nb\rc\td"), R"("a\nb\rc\td")");
  EXPECT_EQ(json_text("\x7f"), "\"\x7f\"");
  for (int c = 0; c < 0x20; ++c) {
    const std::string out = json_text(std::string(1, static_cast<char>(c)));
    if (c == '\n' || c == '\r' || c == '\t') continue;
    const std::string digits = "0123456789abcdef";
    const std::string expected =
        std::string("\"\\u00") + (c < 16 ? '0' : '1') + digits[static_cast<size_t>(c) % 16] + '"';
    EXPECT_EQ(out, expected);
  }
}

TEST(JsonString, EveryByteBelow128KeepsItsPlaceBetweenOthers) {
  for (int c = 0; c < 0x80; ++c) {
    const std::string alone = json_text(std::string(1, static_cast<char>(c)));
    const std::string between = json_text(std::string("x") + static_cast<char>(c) + "y");
    EXPECT_EQ(between, "\"x" + alone.substr(1, alone.size() - 2) + "y\"") << c;
  }
}

TEST(JsonString, ValidUtf8IsKept) {
  for (const char* text : {"é", "ß", "日本語", "😀", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
                           "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xef\xbf\xbf",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xcc\x81"}) {
    EXPECT_EQ(json_text(text), std::string("\"") + text + "\"");
  }
}

// JavaScript takes them for line ends; Go escapes them.
TEST(JsonString, LineSeparatorsAreEscaped) {
  EXPECT_EQ(json_text("a\u2028b\u2029c"), R"("a\u2028b\u2029c")");
  EXPECT_EQ(json_text("\u2027\u202a"), "\"\u2027\u202a\"");
  EXPECT_EQ(json_text("\u2128\u2068"), "\"\u2128\u2068\"");
}

// Code points instead of ranges of bytes; 0 when no character begins here.
size_t valid_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const int ones = std::countl_one(byte(0));
  if (ones == 0) return 1;
  if (ones == 1 || ones > 4) return 0;
  const auto length = static_cast<size_t>(ones);
  if (text.size() < length) return 0;
  uint32_t point = byte(0) & (0x7fU >> ones);
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return 0;
    point = point << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kLeast[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return 0;
  return length;
}

std::string expected_of(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = valid_length(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (text.starts_with("\u2028")) {
      out += "\\u2028";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out + '"';
}

TEST(JsonString, EachByteThatIsNoUtf8BecomesAReplacementCharacter) {
  EXPECT_EQ(json_text("\x80"), R"("\ufffd")");
  EXPECT_EQ(json_text("a\xff\xfez"), R"("a\ufffd\ufffdz")");
  EXPECT_EQ(json_text("\xc0\xaf"), R"("\ufffd\ufffd")");                      // overlong
  EXPECT_EQ(json_text("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");            // surrogate
  EXPECT_EQ(json_text("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");  // beyond U+10FFFF
  EXPECT_EQ(json_text("\xe6\x97"), R"("\ufffd\ufffd")");                      // cut short
  EXPECT_EQ(json_text("\xe6\x97\"x"), R"("\ufffd\ufffd\"x")");

  // Every sequence of up to four bytes from both sides of every border.
  constexpr std::array<uint8_t, 26> kBytes = {0x41, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0, 0xa8,
                                              0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xe2, 0xec,
                                              0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
  for (size_t length = 1; length <= 4; ++length) {
    size_t all = 1;
    for (size_t i = 0; i < length; ++i) all *= kBytes.size();
    for (size_t n = 0; n < all; ++n) {
      std::string text;
      for (size_t i = 0, rest = n; i < length; ++i, rest /= kBytes.size()) {
        text.push_back(static_cast<char>(kBytes[rest % kBytes.size()]));
      }
      const std::string out = json_text(text);
      ASSERT_TRUE(out == expected_of(text)) << n << ": " << out;
    }
  }
}

TEST(JsonBase64, VectorsOfRfc4648) {
  EXPECT_EQ(base64(""), R"("")");
  EXPECT_EQ(base64("f"), R"("Zg==")");
  EXPECT_EQ(base64("fo"), R"("Zm8=")");
  EXPECT_EQ(base64("foo"), R"("Zm9v")");
  EXPECT_EQ(base64("foob"), R"("Zm9vYg==")");
  EXPECT_EQ(base64("fooba"), R"("Zm9vYmE=")");
  EXPECT_EQ(base64("foobar"), R"("Zm9vYmFy")");
  EXPECT_EQ(base64("\xfb\xff\xfe"), R"("+//+")");
  EXPECT_EQ(base64(std::string(16, '\0')), R"("AAAAAAAAAAAAAAAAAAAAAA==")");
}

TEST(JsonBase64, EveryByteInEveryPlaceComesBack) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 random(3);
  for (size_t size = 1; size < 300; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    std::string text = base64(bytes);
    text = text.substr(1, text.size() - 2);
    ASSERT_EQ(text.size(), (size + 2) / 3 * 4);
    std::string back;
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
      if (c == '=') break;
      bits = bits << 6 | static_cast<uint32_t>(kDigits.find(c));
      if ((count += 6) >= 8) back.push_back(static_cast<char>(bits >> (count -= 8)));
    }
    ASSERT_EQ(back, bytes);
  }
}

TEST(JsonDouble, SpecialValuesAreStrings) {
  EXPECT_EQ(real(std::nan("")), R"("NaN")");
  EXPECT_EQ(real(-std::nan("")), R"("NaN")");
  EXPECT_EQ(real(std::numeric_limits<double>::infinity()), R"("Infinity")");
  EXPECT_EQ(real(-std::numeric_limits<double>::infinity()), R"("-Infinity")");
}

TEST(JsonDouble, TheShortestTextThatComesBack) {
  EXPECT_EQ(real(0), "0");
  EXPECT_EQ(real(-0.0), "-0");
  EXPECT_EQ(real(1), "1");
  EXPECT_EQ(real(-1.5), "-1.5");
  EXPECT_EQ(real(0.1), "0.1");
  EXPECT_EQ(real(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(real(123456789.125), "123456789.125");
  EXPECT_EQ(real(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  EXPECT_EQ(real(std::numeric_limits<double>::lowest()), "-1.7976931348623157e+308");
  EXPECT_EQ(real(std::numeric_limits<double>::min()), "2.2250738585072014e-308");
  EXPECT_EQ(real(std::numeric_limits<double>::denorm_min()), "5e-324");
}

TEST(JsonDouble, AnyBitsComeBack) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100'000; ++round) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = real(value);
    double back = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(end, text.data() + text.size()) << text;
    ASSERT_EQ(std::bit_cast<uint64_t>(back), std::bit_cast<uint64_t>(value)) << text;
    // As RFC 8259 has numbers: no leading plus or dot, no trailing dot.
    ASSERT_EQ(text.find_first_not_of("-0123456789.e+"), std::string::npos) << text;
    ASSERT_TRUE(std::isdigit(text[text[0] == '-'])) << text;
    ASSERT_TRUE(std::isdigit(text.back())) << text;
  }
}

TEST(JsonInteger, SixtyFourBitsAreStrings) {
  const auto signed_text = [](int64_t value) {
    std::string out;
    append_json_int64(out, value);
    return out;
  };
  const auto unsigned_text = [](uint64_t value) {
    std::string out;
    append_json_uint64(out, value);
    return out;
  };
  EXPECT_EQ(signed_text(0), R"("0")");
  EXPECT_EQ(signed_text(-1), R"("-1")");
  EXPECT_EQ(signed_text(INT64_MAX), R"("9223372036854775807")");
  EXPECT_EQ(signed_text(INT64_MIN), R"("-9223372036854775808")");
  EXPECT_EQ(unsigned_text(0), R"("0")");
  EXPECT_EQ(unsigned_text(UINT64_MAX), R"("18446744073709551615")");
}

}  // namespace
}  // namespace vivace
