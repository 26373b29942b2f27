// Attributes come back as they were sent: order, duplicates, every type, and keys beyond the last
// column.
#include "head/attribute_table.h"

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/read_part.h"

namespace vivace {
namespace {

SentAttribute text_attribute(std::string key, std::string text) {
  return {std::move(key), {ValueType::string, 0, std::move(text)}};
}
SentAttribute number_attribute(std::string key, uint64_t number) {
  return {std::move(key), {ValueType::integer, number, {}}};
}

class AttributeTableTest : public testing::Test {
 protected:
  // Appends the attributes of some spans, as one batch.
  void append(const std::vector<SentAttributes>& owners) {
    std::vector<SentSpan> spans;
    for (const SentAttributes& attributes : owners) {
      spans.emplace_back();
      spans.back().trace_id = make_trace_id(0, 1);
      spans.back().span_id = make_span_id(++spans_);
      spans.back().attributes = attributes;
      sent_.push_back(attributes);
    }
    auto batch = decode_otlp(to_otlp(spans), {});
    ASSERT_TRUE(batch);
    head_->append(**batch, 1);
  }

  void expect_all_back() {
    const HeadPart part(head_);
    ASSERT_EQ(part.rows(), sent_.size());
    PartReader reader(part);
    for (uint32_t row = 0; row < part.rows(); ++row) {
      ASSERT_EQ(difference(reader.span(row).attributes, sent_[row]), "") << "row " << row;
    }
  }

  std::shared_ptr<Head> head_ = std::make_shared<Head>();
  std::vector<SentAttributes> sent_;
  uint64_t spans_ = 0;
};

TEST_F(AttributeTableTest, KeepsOrderAndDuplicates) {
  const auto a = [](const char* text) { return text_attribute("a", text); };
  const auto b = [](const char* text) { return text_attribute("b", text); };
  append({{a("1"), b("2"), a("3")},
          {b("2"), a("1"), a("1")},
          {},
          {a("1")},
          {a("3"), a("2"), a("1"), b("1"), b("1"), a("3")}});
  append({{}, {b("2"), a("1"), a("1")}, {a("only")}});
  expect_all_back();
}

TEST_F(AttributeTableTest, KeepsOneKeyWithManyTypesInOneOwner) {
  const SentAttributes mixed = {text_attribute("k", "text"),
                                number_attribute("k", 1),
                                {"k", {ValueType::real, 2, {}}},
                                {"k", {ValueType::boolean, 1, {}}},
                                text_attribute("k", "again"),
                                {"k", {}},
                                {"k", {ValueType::bytes, 0, "b"}},
                                number_attribute("k", 2),
                                {"k", {}},
                                {"k", {ValueType::bytes, 0, ""}},
                                {"k", {ValueType::array, 0, ""}},
                                {"k", {ValueType::map, 0, ""}}};
  append({mixed, {}, {mixed[1], mixed[0]}, mixed});
  expect_all_back();
}

TEST_F(AttributeTableTest, KeepsEmptyKeysAndValues) {
  append({{text_attribute("", ""), text_attribute("", "")},
          {{"", {}}},
          {{"k", {}}, text_attribute("k", ""), {"k", {}}}});
  expect_all_back();
}

TEST_F(AttributeTableTest, Keeps10000DuplicatesOfOneKey) {
  SentAttributes many;
  for (uint64_t i = 0; i < 10'000; ++i) {
    many.push_back(i % 3 == 0 ? number_attribute("k", i)
                              : text_attribute("k", std::to_string(i % 700)));
  }
  append({{number_attribute("k", 1)}, many, {text_attribute("k", "x")}});
  append({many});
  expect_all_back();
}

TEST_F(AttributeTableTest, KeepsKeysBeyondTheLastColumn) {
  std::vector<SentAttributes> owners;
  for (uint64_t i = 0; i < 1500; ++i) {  // from 1024 on, new keys have no column
    owners.push_back({text_attribute("key " + std::to_string(i), std::to_string(i % 10)),
                      number_attribute("all", i)});
  }
  append(owners);
  for (uint64_t i = 0; i < 300; ++i) {  // old and new keys, several a span, again and again
    const uint64_t late = 1200 + i % 50;
    owners[i] = {number_attribute("late number " + std::to_string(i % 7), i),
                 text_attribute("key " + std::to_string(i), "early"),
                 text_attribute("key " + std::to_string(late), "late"),
                 {"late bytes", {ValueType::bytes, 0, std::string(300, 'b')}},
                 text_attribute("key " + std::to_string(late), "late again"),
                 {"key 1400", {}}};
  }
  owners.resize(300);
  append(owners);
  append(owners);
  expect_all_back();
}

TEST_F(AttributeTableTest, KeepsOneOwnerWithMoreKeysThanColumns) {
  SentAttributes all;
  for (uint64_t i = 0; i < 3000; ++i) all.push_back(number_attribute(std::to_string(i), i));
  append({{number_attribute("first", 1)}, all, {}, all});
  expect_all_back();
}

// A batch's numbers of keys and shapes mean nothing in the next batch.
TEST_F(AttributeTableTest, KeepsRandomAttributesOfManyBatches) {
  constexpr uint64_t kSeed = 31;
  SCOPED_TRACE(kSeed);
  RandomSpans random(kSeed);
  for (int batch = 0; batch < 100; ++batch) {
    std::vector<SentAttributes> owners;
    for (uint64_t left = random.number(30); left > 0; --left) {
      owners.push_back(random.attributes());
    }
    append(owners);
  }
  expect_all_back();
}

}  // namespace
}  // namespace vivace
