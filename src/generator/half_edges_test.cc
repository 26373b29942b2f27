// The table of sides against a map, its budget, its clock.
#include "generator/half_edges.h"

#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vivace::generator {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

EdgeKey key_of(uint64_t id) { return {.trace = {}, .span = {id}}; }

bool insert(HalfEdges& sides, uint64_t id, int64_t now_ms, std::string_view service = "a") {
  uint32_t texts = sides.known_texts(text_hash(service));
  if (texts == HalfEdges::kNone) {
    const std::vector<std::string_view> dimensions{service};
    texts = sides.add_texts(text_hash(service),
                            {.service = service, .peer = "p", .dimensions = dimensions});
  }
  return texts != HalfEdges::kNone &&
         sides.insert(key_of(id), key_of(id).hash(), {.mark = id << 4}, texts, now_ms);
}

const HalfEdges::Entry* find(const HalfEdges& sides, uint64_t id) {
  return sides.find(key_of(id), key_of(id).hash());
}

std::vector<uint64_t> expire(HalfEdges& sides, int64_t now_ms, int64_t wait_ms) {
  std::vector<uint64_t> out;
  sides.expire(now_ms, wait_ms,
               [&](const HalfEdges::Entry& entry) { out.push_back(entry.key.span.raw); });
  return out;
}

TEST(HalfEdges, AgainstAMap) {
  std::mt19937 random(7);
  SideBudget budget;
  HalfEdges sides(budget, 0);
  std::map<uint64_t, int64_t> truth;  // when it came
  int64_t now_ms = 1'000'000;
  for (int step = 0; step < 200'000; ++step) {
    const uint64_t id = 1 + random() % 3000;
    const HalfEdges::Entry* const found = find(sides, id);
    ASSERT_EQ(found != nullptr, truth.contains(id)) << step;
    if (found != nullptr) {
      EXPECT_EQ(found->side.hash(), id << 4);
      sides.erase(found);
      truth.erase(id);
    } else if (random() % 4 != 0) {
      ASSERT_TRUE(insert(sides, id, now_ms, std::to_string(id % 7)));
      truth[id] = now_ms;
    }
    now_ms += random() % 3;
    if (step % 5000 == 0) {
      for (const uint64_t gone : expire(sides, now_ms, 2000)) {
        ASSERT_TRUE(truth.contains(gone));
        EXPECT_LE(truth[gone], now_ms - 2000);
        truth.erase(gone);
      }
      for (const auto& [left, came_ms] : truth) EXPECT_GT(came_ms, now_ms - 2000) << left;
    }
    ASSERT_EQ(sides.size(), truth.size());
  }
}

TEST(HalfEdges, BytesAreBoundedForAllAndComeBack) {
  SideBudget budget{.bytes_max = 100'000};
  {
    HalfEdges one(budget, 0);
    HalfEdges other(budget, 0);
    uint64_t room = 0;
    while (insert(one, room + 1, 0, std::string(1000, 'x') + std::to_string(room))) ++room;
    EXPECT_GT(room, 20U);
    EXPECT_LT(room, 50U);  // each text is there twice: the service, and as a dimension
    EXPECT_LE(budget.used, budget.bytes_max);
    EXPECT_FALSE(insert(other, 1, 0, std::string(3000, 'y')));
    const SideTexts said = one.texts(find(one, 1)->texts);
    EXPECT_EQ(said.service, std::string(1000, 'x') + "0");
    EXPECT_EQ(said.dimensions[0], said.service);
    EXPECT_EQ(expire(one, 0, 0).size(), room);
    expire(one, 1, 0);  // texts are kept for a while
    EXPECT_TRUE(insert(other, 1, 0, std::string(3000, 'y')));
  }
  EXPECT_EQ(budget.used, 0);
}

TEST(HalfEdges, ANumberOfItsOwnTakesNothingFromTheOthers) {
  SideBudget budget{.bytes_max = 0};
  HalfEdges sides(budget, 3);
  for (uint64_t id = 1; id <= 3; ++id) EXPECT_TRUE(insert(sides, id, 0));
  EXPECT_FALSE(insert(sides, 4, 0));
  EXPECT_EQ(budget.used, 0);
}

TEST(HalfEdges, ANumberOfItsOwnBoundsBytesToo) {
  SideBudget budget;
  HalfEdges sides(budget, 100);
  uint64_t room = 0;
  while (room < 100 && insert(sides, room + 1, 0, std::string(100'000, 'x') + std::to_string(room)))
    ++room;
  EXPECT_LT(sides.bytes(), 2 << 20);
  EXPECT_GT(room, 1U);
}

TEST(HalfEdges, OneThatWaitsHoldsNothingElse) {
  SideBudget budget;
  HalfEdges sides(budget, 0);
  ASSERT_TRUE(insert(sides, 1, 0));
  for (uint64_t id = 2; id < 100'000; ++id) {
    ASSERT_TRUE(insert(sides, id, 0));
    sides.erase(find(sides, id));
  }
  EXPECT_LT(sides.bytes(), 10'000);
}

TEST(HalfEdges, TheOldestGoFirst) {
  SideBudget budget;
  HalfEdges sides(budget, 0);
  for (const uint64_t id : {5, 3, 9, 1}) ASSERT_TRUE(insert(sides, id, static_cast<int64_t>(id)));
  EXPECT_THAT(expire(sides, 15, 10), ElementsAre(1, 3, 5));
  EXPECT_THAT(expire(sides, 19, 10), ElementsAre(9));
}

TEST(HalfEdges, AClockThatIsSetBackLetsNobodyWaitForEver) {
  SideBudget budget;
  HalfEdges sides(budget, 0);
  const int64_t hour_ms = 3'600'000;
  ASSERT_TRUE(insert(sides, 1, 5 * hour_ms));
  ASSERT_TRUE(insert(sides, 2, 5 * hour_ms + 1000));
  EXPECT_THAT(expire(sides, 3 * hour_ms, 10'000), ElementsAre());
  ASSERT_TRUE(insert(sides, 3, 3 * hour_ms + 5000));
  EXPECT_THAT(expire(sides, 3 * hour_ms + 10'000, 10'000), UnorderedElementsAre(1, 2));
  EXPECT_THAT(expire(sides, 3 * hour_ms + 15'000, 10'000), ElementsAre(3));
}

TEST(HalfEdges, WaitsAreExactForMonths) {
  SideBudget budget;
  HalfEdges sides(budget, 0);
  const int64_t day_ms = 86'400'000;
  ASSERT_TRUE(insert(sides, 1, 0));
  for (int64_t day = 1; day < 200; ++day) {
    const auto id = static_cast<uint64_t>(day);
    ASSERT_TRUE(insert(sides, id + 1, day * day_ms));  // so that it is never empty
    const int64_t noon_ms = day * day_ms + day_ms / 2;
    EXPECT_THAT(expire(sides, noon_ms - 1, day_ms * 3 / 2), ElementsAre());
    EXPECT_THAT(expire(sides, noon_ms, day_ms * 3 / 2), ElementsAre(id));
  }
}

}  // namespace
}  // namespace vivace::generator
