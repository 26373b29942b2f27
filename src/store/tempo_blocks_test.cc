// Which folders are taken for blocks of Tempo, and that nothing else is touched.
#include "store/tempo_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/fault_storage.h"

namespace vivace {
namespace {

constexpr char kId[] = "0c2d9d32-2e1a-4a7f-9f5e-1f1c3e1d7a55";
constexpr char kOtherId[] = "11111111-2222-3333-4444-555555555555";

std::string meta(const std::string& id, const std::string& end) {
  return R"({"format":"vParquet4","blockID":")" + id + R"(","tenantID":"t","startTime":)" +
         R"("2024-01-02T03:00:00Z", "endTime" : ")" + end + R"(","totalObjects":5,"size":7})";
}

class TempoBlocksTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& bytes) {
    disk_.set_durable("/blocks/" + path, bytes);
  }
  void put_block(const std::string& tenant, const std::string& id) {
    const std::string folder = tenant + "/" + id;
    put(folder + "/meta.json", meta(id, "2024-01-02T03:04:05Z"));
    put(folder + "/data.parquet", std::string(1000, 'x'));
    put(folder + "/bloom-0", std::string(10, 'x'));
    put(folder + "/bloom-12", std::string(10, 'x'));
    put(folder + "/index", "x");
  }
  std::vector<TempoBlock> find() { return find_tempo_blocks(disk_, "/blocks"); }

  FaultStorage disk_;
};

TEST_F(TempoBlocksTest, FindsAndRemovesThem) {
  put_block("single-tenant", kId);
  put_block("other", kOtherId);
  put("single-tenant/index.json.gz", "tenant index");
  put("tempo_cluster_seed.json", "{}");
  const auto found = find();
  ASSERT_EQ(found.size(), 2U);
  const TempoBlock& block = found[1];
  EXPECT_EQ(block.folder, std::string("/blocks/single-tenant/") + kId);
  EXPECT_EQ(block.end_ns, 1'704'164'645'000'000'000);
  EXPECT_EQ(block.bytes, 1021 + meta(kId, "2024-01-02T03:04:05Z").size());
  ASSERT_TRUE(remove_tempo_block(disk_, block));
  EXPECT_THAT(disk_.list("/blocks/single-tenant").value(), testing::ElementsAre("index.json.gz"));
  EXPECT_EQ(find().size(), 1U);
  EXPECT_EQ(disk_.list("/blocks").value().size(), 3U);
}

TEST_F(TempoBlocksTest, ACompactedOneIsOneToo) {
  put(std::string("t/") + kId + "/meta.compacted.json", meta(kId, "2024-01-02T03:04:05Z"));
  EXPECT_EQ(find().size(), 1U);
}

TEST_F(TempoBlocksTest, AnInterruptedRemovalGoesOn) {
  put_block("t", kId);
  disk_.fail_calls(FaultStorage::Call::remove, "bloom-12", 1);
  EXPECT_FALSE(remove_tempo_block(disk_, find()[0]));
  ASSERT_EQ(find().size(), 1U) << "meta.json goes last";
  EXPECT_TRUE(remove_tempo_block(disk_, find()[0]));
  EXPECT_TRUE(find().empty());
}

TEST_F(TempoBlocksTest, LeavesEverythingElseAlone) {
  const std::string id = kId;
  const std::string good = meta(id, "2024-01-02T03:04:05Z");
  put("a/" + id + "/meta.json", good);
  put("a/" + id + "/notes.txt", "mine");  // a stranger's file in it
  put("b/" + id + "/meta.json", meta(kOtherId, "2024-01-02T03:04:05Z"));
  put("c/" + id + "/meta.json", meta(id, "yesterday"));
  put("d/" + id + "/meta.json", meta(id, "0001-01-01T00:00:00Z"));
  put("e/" + id + "/data.parquet", "no meta");
  put("f/0C2D9D32-2e1a-4a7f-9f5e-1f1c3e1d7a55/meta.json", good);
  put("g/" + id + "/meta.json", good);
  put("g/" + id + "/deeper/file", "x");
  put("h/" + id + "/meta.json", good);
  put("h/" + id + "/meta.compacted.json", good);
  put("i/chunks/meta.json", good);
  put("vivace/blocks/" + id + "/meta.json", good);
  put("j/" + id, "a file");
  put("k/" + id + "/meta.json", good);
  put("k/" + id + "/bloom-x", good);
  EXPECT_THAT(find(), testing::IsEmpty());
}

TEST(Rfc3339, IsRead) {
  const int64_t at = 1'704'164'645'000'000'000;
  EXPECT_EQ(parse_rfc3339("2024-01-02T03:04:05Z"), at);
  EXPECT_EQ(parse_rfc3339("2024-01-02T03:04:05.123456789Z"), at);
  EXPECT_EQ(parse_rfc3339("2024-01-02T05:04:05+02:00"), at);
  EXPECT_EQ(parse_rfc3339("2024-01-01T22:34:05.5-04:30"), at);
  for (const char* bad :
       {"", "2024-01-02", "2024-01-02T03:04:05", "2024-13-02T03:04:05Z", "2024-02-30T03:04:05Z",
        "2024-01-02 03:04:05Z", "2024-01-02T03:04:05X", "2024-01-02T03:04:05+0200",
        "-024-01-02T03:04:05Z", "9999-01-02T03:04:05Z", "2024-01-02T03:04:05ZZ"}) {
    EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace vivace
