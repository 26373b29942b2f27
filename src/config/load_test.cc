// Command line and file together: what wins, what is read, and how it ends when it cannot be.
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"
#include "config/config_testing.h"

namespace vivace::config {
namespace {

using testing::IsEmpty;

TEST(Load, HomelabFileVerifies) {
  const TemporaryFile file(kHomelab);
  const auto loaded = load({file.flag(), "-config.verify"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->action, Action::verify);
  EXPECT_THAT(loaded->warnings, IsEmpty());
}

TEST(Load, FlagsWin) {
  const TemporaryFile file(kHomelab);
  const auto loaded = load(
      {file.flag(), "-server.http-listen-port=4000", "-storage.trace.local.path=/other",
       "-compactor.compaction.block-retention=1h", "-log.level=debug", "-multitenancy.enabled"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->action, Action::run);
  EXPECT_EQ(loaded->config.server.http_listen_port, 4000);
  EXPECT_EQ(loaded->config.server.log_level, log::Level::debug);
  EXPECT_EQ(loaded->config.storage.local_path, "/other");
  EXPECT_EQ(loaded->config.block_retention_ns, kHour);
  EXPECT_TRUE(loaded->config.multitenancy_enabled);
}

TEST(Load, FlagsAreNamedInErrors) {
  const TemporaryFile file(kHomelab);
  const auto loaded = load({file.flag(), "-target=querier", "-storage.trace.backend=gcs"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().exit_code, 1);
  EXPECT_EQ(
      loaded.error().message,
      fmt::format("invalid configuration in {}:\n"
                  "  -target: \"querier\" does not run on its own, all parts are one process; "
                  "remove it or set it to \"all\"\n"
                  "  -storage.trace.backend: \"gcs\" is not supported in this version; use "
                  "\"local\"",
                  file.path()));
}

TEST(Load, WrongCommandLineEndsWithTwo) {
  const auto loaded = load({"-nonsense"});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().exit_code, 2);
}

TEST(Load, FileThatCannotBeRead) {
  const auto missing = load({"-config.file=/nowhere/vivace.yaml"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().exit_code, 1);
  EXPECT_EQ(
      missing.error().message,
      "failed parsing config: failed to read configFile /nowhere/vivace.yaml: No such file or "
      "directory");
  const auto directory = load({"-config.file=/"});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message,
            "failed parsing config: failed to read configFile /: Is a directory");
  const TemporaryFile large(std::string((4 << 20) + 1, '#'));
  const auto too_large = load({large.flag()});
  ASSERT_FALSE(too_large);
  EXPECT_TRUE(too_large.error().message.ends_with("yaml: larger than 4 MiB"));
}

TEST(Load, ExpandsTheEnvironmentWhenAsked) {
  const TemporaryFile file(
      "storage: {trace: {backend: local, local: {path: \"${VIVACE_TEST_PATH:-/from/default}\"}}}");
  const auto path = [&](const std::vector<std::string>& arguments) {
    const auto loaded = load(arguments);
    return loaded ? loaded->config.storage.local_path : loaded.error().message;
  };
  EXPECT_EQ(path({file.flag()}), "${VIVACE_TEST_PATH:-/from/default}");
  EXPECT_EQ(path({file.flag(), "-config.expand-env"}), "/from/default");
  EXPECT_EQ(path({file.flag(), "-config.expand-env=false"}), "${VIVACE_TEST_PATH:-/from/default}");
  setenv("VIVACE_TEST_PATH", "/from/environment", 1);
  EXPECT_EQ(path({file.flag(), "-config.expand-env=true"}), "/from/environment");
  unsetenv("VIVACE_TEST_PATH");
  const TemporaryFile broken("a: ${");
  EXPECT_EQ(
      path({broken.flag(), "-config.expand-env"}),
      fmt::format("failed parsing config: failed to expand env vars of configFile {}: line 1: "
                  "${{ without a closing }}",
                  broken.path()));
}

TEST(Load, HelpAndVersionNeedNoFile) {
  EXPECT_EQ(load({"-help"})->action, Action::help);
  EXPECT_EQ(load({"-config.file=/nowhere", "-version"})->action, Action::version);
}

TEST(Load, Health) {
  EXPECT_EQ(load({"-health", "-server.http-listen-port=81"})->health_url,
            "http://localhost:81/ready");
  EXPECT_EQ(load({"-health", "-health.url=http://a/b"})->health_url, "http://a/b");
  EXPECT_EQ(load({})->health_url, std::nullopt);
}

}  // namespace
}  // namespace vivace::config
