// Spans come back from a part whole, whatever slices its columns have and in whatever order rows
// are read; what is damaged costs the rows that need it, and no others.
#include "model/row_reader.h"

#include <gtest/gtest.h>

#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/altered_part.h"
#include "model/testing/otlp_bytes.h"
#include "model/testing/read_part.h"

namespace vivace {
namespace {

class RowReaderTest : public testing::TestWithParam<uint64_t> {
 protected:
  void append(std::vector<SentSpan> spans) {
    head_->append(**decode_otlp(to_otlp(spans), {}), 1);
    for (SentSpan& span : spans) sent_.push_back(std::move(span));
  }
  // Spans with all that there is, between many that have next to nothing, over three row groups.
  void append_three_groups() {
    uint64_t made = 0;
    while (sent_.size() < 40'000) {
      append(random_.request(20));
      std::vector<SentSpan> small(2000);
      for (SentSpan& span : small) {
        span.trace_id = make_trace_id(1, ++made);
        span.span_id = make_span_id(made);
      }
      append(std::move(small));
    }
  }
  std::shared_ptr<const HeadPart> head_part() const { return std::make_shared<HeadPart>(head_); }

  RandomSpans random_{GetParam()};
  std::shared_ptr<Head> head_ = std::make_shared<Head>();
  std::vector<SentSpan> sent_;
};
INSTANTIATE_TEST_SUITE_P(Seeds, RowReaderTest, testing::Values(101, 102));

TEST_P(RowReaderTest, ReadsEverySpanOfSeveralRowGroupsInOrder) {
  append_three_groups();
  const AlteredPart part(head_part(), GetParam());
  ASSERT_EQ(part.groups(), 3U);
  PartReader reader(part);
  for (uint32_t row = 0; row < part.rows(); ++row) {
    ASSERT_EQ(difference(reader.span(row), sent_[row]), "") << "row " << row;
  }
}

TEST_P(RowReaderTest, ReadsRowsInAnyOrder) {
  append_three_groups();
  const auto head = head_part();
  PartReader of_head(*head);
  const AlteredPart altered(head, GetParam());
  PartReader of_altered(altered);
  for (int i = 0; i < 300; ++i) {
    const auto row = static_cast<uint32_t>(random_.number(sent_.size()));
    ASSERT_EQ(difference(of_head.span(row), sent_[row]), "") << "row " << row;
    if (i % 6 != 0) continue;
    ASSERT_EQ(difference(of_altered.span(row), sent_[row]), "") << "row " << row;
  }
}

TEST_P(RowReaderTest, ReadsWhatHasNoColumnOfItsOwn) {
  uint64_t made = 0;
  for (int batch = 0; batch < 10; ++batch) {
    std::vector<SentSpan> spans = random_.request(30);
    for (SentSpan& span : spans) {
      for (uint64_t i = 0; i < 8; ++i) {  // from 1,024 on, new keys have no column
        const std::string key = "key " + std::to_string(++made);
        span.attributes.push_back({key, random_.value()});
        if (random_.chance(30)) span.attributes.push_back({key, random_.value()});
        if (random_.chance(30)) span.attributes.push_back({"key 2000", random_.value()});
      }
    }
    append(std::move(spans));
  }
  const AlteredPart part(head_part(), GetParam());
  ASSERT_EQ(part.columns(Scope::span), 1024U);
  PartReader reader(part);
  for (uint32_t row = 0; row < part.rows(); ++row) {
    ASSERT_EQ(difference(reader.span(row), sent_[row]), "") << "row " << row;
  }
}

TEST_P(RowReaderTest, LosesOneRowGroupToADamagedField) {
  append_three_groups();
  AlteredPart part(head_part(), GetParam());
  part.fail_field = [](Field field, uint32_t group) {
    return group == 1 && field == Field::start_ns;
  };
  const RowGroup damaged = part.group(1);
  Inspected inspected;
  RowReader reader(part, inspected);
  SpanView span;
  for (uint32_t row = 0; row < part.rows(); row += 401) {
    const Result<void> read = reader.read_span(row, span);
    const bool is_damaged = row >= damaged.rows.first && row < damaged.rows.end();
    ASSERT_EQ(read.has_value(), !is_damaged) << row;
    if (read) {
      ASSERT_EQ(span.span_id, sent_[row].span_id);
    } else {
      EXPECT_EQ(read.error().code, Code::corrupt);
    }
    EXPECT_TRUE(reader.number(Field::span_id, row)) << "another column";
    EXPECT_EQ(reader.number(Field::start_ns, row).has_value(), !is_damaged);
  }
}

TEST_P(RowReaderTest, LosesOnlySpansThatHaveADamagedAttribute) {
  append_three_groups();
  AlteredPart part(head_part(), GetParam());
  uint32_t lost = 0;
  while (part.column(Scope::event, lost).key != "key 3") ++lost;
  part.fail_attribute = [lost](Scope owner, uint32_t column, uint32_t) {
    return owner == Scope::event && column == lost;
  };
  const AttributeName name = part.column(Scope::event, lost);
  const auto has_it = [&](const SentEvent& event) {
    return std::ranges::any_of(event.attributes, [&](const SentAttribute& attribute) {
      return attribute.key == name.key && attribute.value.type == name.type;
    });
  };
  Inspected inspected;
  RowReader reader(part, inspected);
  SpanView span;
  for (uint32_t row = 0; row < part.rows(); ++row) {
    const bool is_lost = std::ranges::any_of(sent_[row].events, has_it);
    ASSERT_EQ(reader.read_span(row, span).has_value(), !is_lost) << row;
  }
}

TEST_P(RowReaderTest, CountsWhatItInspectsOnce) {
  append(random_.request(100));
  AlteredPart part(head_part(), GetParam());
  part.bytes_a_read = 1;
  Inspected inspected;
  RowReader reader(part, inspected);
  SpanView span;
  const auto read_all = [&] {
    for (uint32_t row = 0; row < part.rows(); ++row) ASSERT_TRUE(reader.read_span(row, span));
  };
  EXPECT_TRUE(reader.number(Field::span_id, 0));
  EXPECT_EQ(inspected.bytes, 1U);
  read_all();
  const uint64_t bytes = inspected.bytes;
  EXPECT_GT(bytes, 30U);
  read_all();
  EXPECT_EQ(inspected.bytes, bytes);
}

}  // namespace
}  // namespace vivace
