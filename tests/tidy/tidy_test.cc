// Runs the rules of tidy.h over the tree that this test was built from, and over small samples that
// each break one rule, so that a rule which stopped biting is noticed.
#include "tidy.h"

#include <gtest/gtest.h>

namespace vivace::tidy {
namespace {

constexpr std::string_view kProse = "// What this is.\n// Who calls it.\n";

// The rules that `lines` break, below a proper opening, in a file of that path.
std::string broken(const std::string& path, const std::string& lines) {
  const std::string once = path.ends_with(".h") ? "#pragma once\n" : "";
  std::string rules;
  for (const Violation& v :
       check_file(make_file(path, std::string(kProse) + once + lines + "\n"))) {
    rules += v.rule;
  }
  return rules;
}

TEST(Tree, KeepsTheRules) {
  const std::vector<File> files = read_tree(VIVACE_SOURCE_DIR);
  ASSERT_GT(files.size(), 10U);
  Violations found;
  std::vector<std::string> paths;
  for (const File& file : files) {
    paths.push_back(file.path);
    for (const Violation& v : check_file(file)) found.push_back(v);
  }
  for (const Violation& v : check_readmes(paths)) found.push_back(v);
  EXPECT_EQ(to_text(found), "");
}

TEST(Includes, FollowTheTable) {
  EXPECT_EQ(broken("src/net/a.cc", "#include \"wire/gzip.h\"\n#include \"base/log.h\""), "");
  EXPECT_EQ(broken("src/app/ingest/a.cc", "#include \"store/store.h\""), "");
  EXPECT_EQ(broken("src/wire/a.cc", "#include \"net/http.h\""), "wire may not include net");
  EXPECT_EQ(broken("src/base/a.h", "#include \"config/config.h\""), "base may not include config");
  EXPECT_EQ(broken("src/main.cc", "#include \"store/store.h\""), "main.cc may not include store");
  EXPECT_EQ(broken("src/misc/a.h", "#include \"base/log.h\""),
            "misc is not in the table of folders");
  EXPECT_EQ(broken("src/head/a_test.cc", "#include \"decode/otlp.h\""), "");
  EXPECT_EQ(broken("src/head/a.cc", "#include \"decode/otlp.h\""), "head may not include decode");
  EXPECT_EQ(broken("src/net/a.cc", "#include \"http.h\""),
            "our includes are written from src/: \"folder/file.h\"");
}

TEST(Includes, KeepCostlyLibrariesOutOfHeaders) {
  EXPECT_EQ(broken("src/net/a.cc", "#include <boost/asio.hpp>"), "");
  EXPECT_EQ(broken("src/net/a.h", "#include <boost/asio.hpp>"),
            "only .cc files include <boost/asio");
  EXPECT_EQ(broken("src/config/a.h", "#include <yaml-cpp/yaml.h>"),
            "only .cc files include <yaml-cpp/");
  EXPECT_EQ(broken("src/net/a_testing.h", "#include <nghttp2/nghttp2.h>"), "");
}

TEST(Opening, IsProse) {
  EXPECT_EQ(check_file(make_file("src/net/a.cc", "// One line.\nint x;\n")).size(), 1U);
  EXPECT_EQ(check_file(make_file("src/net/a.h", std::string(kProse) + "int x;\n")).size(), 1U);
  EXPECT_EQ(check_file(make_file("src/net/empty.cc", "")).size(), 1U);
}

TEST(Lines, HaveAtMost100Columns) {
  EXPECT_EQ(broken("src/net/a.cc", "//" + std::string(98, 'x')), "");
  EXPECT_NE(broken("src/net/a.cc", "//" + std::string(99, 'x')), "");
  EXPECT_EQ(broken("src/net/a.cc", "// \u00e4" + std::string(96, 'x')),
            "");  // 100 columns, 101 bytes
}

TEST(Calls, ThatAreBanned) {
  EXPECT_NE(broken("src/net/a.cc", "worker.detach();"), "");
  EXPECT_NE(broken("src/net/a.cc", "co_await next();"), "");
  EXPECT_NE(broken("src/net/a.cc", "std::cerr << 1;"), "");
  EXPECT_NE(broken("src/net/a_test.cc", "std::this_thread::sleep_for(1s);"), "");
  EXPECT_EQ(broken("src/net/a.cc", "// never co_await here\nauto s = \"std::cout\";"), "");
}

TEST(Calls, ThatTouchFilesStayInStorage) {
  for (const char* call : {"::pwrite(fd, p, n, 0);", "if (fdatasync(fd) != 0) return;",
                           "::rename(a, b);", "int fd = open(path, O_RDONLY);",
                           "std::ifstream in(path);", "FILE* f = fopen(p, \"r\");"}) {
    EXPECT_NE(broken("src/wal/a.cc", call), "") << call;
    EXPECT_EQ(broken("src/storage/a.cc", call), "") << call;
    EXPECT_EQ(broken("src/wal/a_test.cc", call), "") << call;
  }
  for (const char* call :
       {"storage.rename(a, b);", "file->pwrite(p, 0);", "Result<Wal> open(Path p);",
        "Wal::open(path)", "stream.write(chunk)", "reader.read(4)"}) {
    EXPECT_EQ(broken("src/wal/a.cc", call), "") << call;
  }
}

TEST(Calls, ThatReadTheTimeStayInBase) {
  EXPECT_NE(broken("src/store/a.cc", "auto t = std::chrono::system_clock::now();"), "");
  EXPECT_NE(broken("src/store/a.cc", "clock_gettime(CLOCK_MONOTONIC, &t);"), "");
  EXPECT_EQ(broken("src/base/clock.cc", "auto t = std::chrono::system_clock::now();"), "");
  EXPECT_EQ(broken("src/store/a_test.cc", "auto t = std::chrono::steady_clock::now();"), "");
}

TEST(Words, SpeakOfNoMachine) {
  const std::string path = std::string("/ho") + "me/someone";
  EXPECT_NE(broken("src/net/a.cc", "// see " + path), "");
  EXPECT_EQ(check_file(make_file("docs/a.md", "see " + path)).size(), 1U);
  EXPECT_EQ(check_file(make_file("docs/a.md", "see docs/")).size(), 0U);
}

TEST(Folders, AreDescribed) {
  EXPECT_EQ(check_readmes({"src/main.cc", "src/net/a.cc", "src/net/README.md"}).size(), 0U);
  EXPECT_EQ(to_text(check_readmes({"src/net/a.cc"})),
            "src/net:0: a folder says in README.md what it is\n");
}

// The checks see code, not what only looks like it.
TEST(Code, IsWithoutCommentsAndLiterals) {
  EXPECT_EQ(make_file("a.cc", "f(\"a\\\"b\", 'c', 1'000); // d").code,
            "f("
            "      "
            ", "
            "   "
            ", 1'000); "
            "    ");
  EXPECT_EQ(make_file("a.cc", "x = R\"y(\n\")y\";\nz").code, "x =     \n    ;\nz");
  EXPECT_EQ(make_file("a.cc", "a /* b\n c */ d").code, "a     \n      d");
}

}  // namespace
}  // namespace vivace::tidy
