// The tools on disks in memory: what they print and how they end, on whole and on damaged files.
#include "tools/tools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "block/block_writer.h"
#include "decode/otlp.h"
#include "head/head_part.h"
#include "model/testing/otlp_bytes.h"
#include "storage/fault_storage.h"
#include "store/block_list.h"
#include "tools/check_block.h"
#include "tools/text.h"

namespace vivace::tools {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kFolder = "/data/blocks/vivace/blocks";
constexpr const char* kPath = "/data/blocks/vivace/blocks/t/0000000000000007.block";

SentSpan make_span(uint64_t trace, uint64_t id) {
  SentSpan span;
  span.trace_id = make_trace_id(0, trace);
  span.span_id = make_span_id(id);
  span.kind = 2;
  span.name = id % 2 == 0 ? "even" : "odd";
  span.start_ns = 1'700'000'000'000'000'000 + id;
  span.end_ns = span.start_ns + 10;
  span.attributes = {{"http.method", {ValueType::string, 0, "GET"}},
                     {"number", {ValueType::integer, id, {}}}};
  return span;
}

class ToolsTest : public testing::Test {
 protected:
  // Runs a command line of words without spaces.
  int run(const std::string& line) {
    std::vector<std::string> words;
    for (size_t at = 0; at < line.size();) {
      const size_t end = std::min(line.find(' ', at), line.size());
      words.push_back(line.substr(at, end - at));
      at = end + 1;
    }
    out_.clear();
    err_.clear();
    return tools::run(disk_, words,
                      {.out = [this](std::string_view text) { out_ += text; },
                       .err = [this](std::string_view text) { err_ += text; }});
  }

  // One block of 12 spans in 4 traces, and a list that names it.
  void write_block_7() {
    auto head = std::make_shared<Head>();
    std::vector<SentSpan> spans;
    for (uint64_t id = 1; id <= 12; ++id) spans.push_back(make_span(1 + id % 4, id));
    const auto batch = decode_otlp(to_otlp(spans), {});
    ASSERT_TRUE(batch);
    head->append(**batch, 1'700'000'001'000'000'000);
    const HeadPart part(head);
    const auto written = write_block(
        disk_, kPath, {.tenant = "t", .number = 7, .log_from = 64, .log_end = 128}, part);
    ASSERT_TRUE(written) << written.error().message;
    ASSERT_TRUE(disk_.sync_directory(std::string(kFolder) + "/t"));
    const ListedBlock listed{.number = 7,
                             .tenant = "t",
                             .bytes = written->file_bytes,
                             .rows = written->rows,
                             .received_max_ns = written->received_max_ns};
    ASSERT_TRUE(write_block_list(disk_, kFolder,
                                 {.replay_from = 128, .next_number = 8, .blocks = {listed}}));
  }
  void flip(size_t at) {
    std::string bytes = disk_.durable(kPath);
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    disk_.set_durable(kPath, bytes);
  }

  FaultStorage disk_;
  std::string out_;
  std::string err_;
};

TEST_F(ToolsTest, SayHowTheyAreUsed) {
  EXPECT_TRUE(is_tool("block"));
  EXPECT_TRUE(is_tool("wal"));
  EXPECT_TRUE(is_tool("snapshot"));
  EXPECT_FALSE(is_tool("-config.file=x"));
  EXPECT_EQ(run("block help"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("vivace block verify FILE|DIR"), HasSubstr("DIR is")));
  EXPECT_EQ(run("snapshot --help"), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("--from DATA"), Not(HasSubstr("block verify"))));
}

TEST_F(ToolsTest, EndWith2ForAWrongCommandLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"block", "what is to be done?"},
      {"block mend", "there is no `mend`"},
      {"block show", "`block show` needs a file or folder"},
      {"block show a b", "one file or folder at a time: b"},
      {"block show --trace 1 a", "there is no flag --trace"},
      {"block dump a --trace", "--trace needs a value"},
      {"block dump a --trace 1 -trace=1", "--trace is given twice"},
      {"block dump a --trace xyz", "xyz is no trace id"},
      {"wal show /data/blocks/vivace/blocks/t/0000000000000007.block --from x", "x is no LSN"},
      {"snapshot", "`snapshot` needs a file or folder"},
  };
  write_block_7();
  for (const auto& [line, message] : cases) {
    EXPECT_EQ(run(line), 2) << line;
    EXPECT_THAT(err_, HasSubstr(message)) << line;
  }
}

TEST_F(ToolsTest, EndWith1WhereThereIsNothing) {
  for (const char* line : {"block show /none", "block verify /none", "block dump /none",
                           "block list /none", "wal show /none", "snapshot /s --from /none"}) {
    EXPECT_EQ(run(line), 1) << line;
    EXPECT_THAT(err_, HasSubstr("/none")) << line;
  }
}

TEST_F(ToolsTest, ListBlocks) {
  write_block_7();
  for (const char* folder : {"/data", "/data/", "/data/blocks", kFolder}) {
    EXPECT_EQ(run("block list " + std::string(folder)), 0) << err_;
    EXPECT_THAT(out_, AllOf(HasSubstr("t            7     12       4   "), HasSubstr("live"),
                            HasSubstr("2023-11-14T22:13:20.000Z"), HasSubstr("1 blocks, 12 spans"),
                            HasSubstr("replay from 128")));
  }
}

TEST_F(ToolsTest, ListNamesDamagedAndUnlistedBlocks) {
  write_block_7();
  disk_.set_durable(std::string(kFolder) + "/t/0000000000000008.block", disk_.durable(kPath));
  flip(disk_.durable(kPath).size() - 1);
  EXPECT_EQ(run("block list /data"), 1);
  EXPECT_THAT(out_,
              AllOf(HasSubstr("DAMAGED"), HasSubstr("not in the list"), HasSubstr("1 damaged")));
  EXPECT_THAT(err_, HasSubstr("0000000000000007.block: footer"));
}

TEST_F(ToolsTest, ShowColumns) {
  write_block_7();
  ASSERT_EQ(run("block show " + std::string(kPath)), 0) << err_;
  for (const char* what : {"block      7 of tenant t", "spans      12; 4 traces", "ROW GROUP",
                           "directory", "span.start", "span attribute http.method:string",
                           "span attribute number:integer", "trace table", "RATIO", "footer"}) {
    EXPECT_THAT(out_, HasSubstr(what));
  }
}

TEST_F(ToolsTest, VerifyAWholeBlock) {
  write_block_7();
  EXPECT_EQ(run("block verify " + std::string(kPath)), 0) << out_;
  EXPECT_THAT(out_, AllOf(HasSubstr("whole"), HasSubstr("4 traces, 12 spans")));
  EXPECT_EQ(run("block verify /data"), 0) << out_;
  EXPECT_THAT(out_, HasSubstr("1 blocks, 0 of them damaged"));
}

TEST_F(ToolsTest, VerifyHoldsTheListAgainstTheBlocks) {
  write_block_7();
  BlockList list = read_block_list(disk_, kFolder).value();
  ++list.blocks[0].rows;
  ASSERT_TRUE(write_block_list(disk_, kFolder, list));
  EXPECT_EQ(run("block verify /data"), 1);
  EXPECT_THAT(out_, HasSubstr("it does not agree with the block list"));
  disk_.set_durable(std::string(kFolder) + "/blocks.list", "no list");
  EXPECT_EQ(run("block verify /data"), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("blocks.list: block list: it has no checksum"),
                          HasSubstr("0000000000000007.block: whole")));
}

// Whatever byte is damaged, verify says so and names where it is.
TEST_F(ToolsTest, VerifyFindsDamageInEveryByte) {
  write_block_7();
  const std::string whole = disk_.durable(kPath);
  std::map<std::string, int> places;
  for (size_t at = 0; at < whole.size(); ++at) {
    flip(at);
    const BlockReport report = check_block(disk_, kPath);
    ASSERT_FALSE(report.damages.empty()) << at;
    for (const Damage& damage : report.damages) ++places[damage.place];
    EXPECT_LE(report.damages.size(), 1U)
        << at << ": " << report.damages[1].place << ": " << report.damages[1].what;
    disk_.set_durable(kPath, whole);
  }
  for (const char* place :
       {"magic", "footer", "directory", "section columns, column span.start, row group 0",
        "section columns, column span attribute http.method:string, dictionary",
        "section columns, column trace table, row group 0", "section index of traces, page 0",
        "section first fingerprints", "section trace filter, page 0"}) {
    EXPECT_GT(places[place], 0) << place;
  }
}

TEST_F(ToolsTest, DumpOtlpJsonLines) {
  write_block_7();
  ASSERT_EQ(run("block dump " + std::string(kPath)), 0) << err_;
  EXPECT_EQ(std::ranges::count(out_, '\n'), 4);
  EXPECT_THAT(out_, testing::StartsWith("{\"resourceSpans\":[{\"resource\":{"));
  ASSERT_EQ(run("block dump " + std::string(kPath) + " --trace 02"), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("\"traceId\":\"00000000000000000000000000000002\""),
                          HasSubstr("\"kind\":2"), HasSubstr("\"spanId\":\"")));
  EXPECT_EQ(std::ranges::count(out_, '\n'), 1);
  EXPECT_EQ(run("block dump " + std::string(kPath) + " --trace 99"), 1);
  EXPECT_THAT(err_, HasSubstr("trace 99 is not in this block"));
}

TEST(ToolsText, TablesAndTimes) {
  Table table({"NAME", "BYTES"});
  table.add({"größe", "7"});
  table.add({"x", "1234"});
  EXPECT_EQ(table.text(), "NAME   BYTES\ngröße      7\nx       1234\n");
  EXPECT_EQ(time_text(1'700'000'000'123'456'789), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(exact_time_text(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(exact_time_text(UINT64_MAX), "2554-07-21T23:34:33.709551615Z");
  EXPECT_EQ(ratio_text(1, 0), "-");
  EXPECT_EQ(share_text(1, 8), "12.5%");
  EXPECT_EQ(printable("a\x1b[b"), "a\\x1b[b");
}

}  // namespace
}  // namespace vivace::tools
