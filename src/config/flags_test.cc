// Command lines, one a row: what they set, or how they are refused.
#include "config/flags.h"

#include <gtest/gtest.h>

namespace vivace::config {
namespace {

using Arguments = std::vector<std::string>;

CommandLine good(const Arguments& arguments) {
  auto line = parse_flags(arguments);
  EXPECT_TRUE(line) << line.error().message;
  return line ? *line : CommandLine();
}

std::string refused(const Arguments& arguments) {
  const auto line = parse_flags(arguments);
  if (line) return "accepted";
  EXPECT_EQ(line.error().exit_code, 2);
  const std::string& message = line.error().message;
  EXPECT_TRUE(message.ends_with("\nRun with -help for all flags.")) << message;
  return message.substr(0, message.find('\n'));
}

TEST(Flags, Forms) {
  for (const Arguments& arguments :
       {Arguments{"-config.file=a.yaml"}, Arguments{"--config.file=a.yaml"},
        Arguments{"-config.file", "a.yaml"}, Arguments{"--config.file", "a.yaml"},
        Arguments{"-config.file=b.yaml", "-config.file=a.yaml"}}) {
    EXPECT_EQ(good(arguments).file, "a.yaml");
  }
  EXPECT_EQ(good({"-config.file=a=b"}).file, "a=b");
  EXPECT_EQ(good({"-config.file="}).file, "");
  EXPECT_EQ(good({"-config.file", "-version"}).file, "-version");
}

TEST(Flags, Booleans) {
  EXPECT_TRUE(good({"-config.expand-env"}).expand_env);
  for (const auto* yes : {"true", "True", "TRUE", "t", "T", "1"}) {
    EXPECT_TRUE(good({std::string("-config.expand-env=") + yes}).expand_env) << yes;
  }
  for (const auto* no : {"false", "F", "0"}) {
    EXPECT_FALSE(good({std::string("-config.expand-env=") + no}).expand_env) << no;
  }
  // A bare switch takes no argument: what follows ends the flags.
  const CommandLine line = good({"-config.expand-env", "false", "-config.file=a"});
  EXPECT_TRUE(line.expand_env);
  EXPECT_EQ(line.file, "");
}

TEST(Flags, Actions) {
  EXPECT_EQ(good({}).action, Action::run);
  EXPECT_EQ(good({"-config.verify"}).action, Action::verify);
  EXPECT_EQ(good({"-config.verify=true", "-config.file=a"}).action, Action::verify);
  EXPECT_EQ(good({"-config.verify=false"}).action, Action::run);
  EXPECT_EQ(good({"-version"}).action, Action::version);
  EXPECT_EQ(good({"-version", "-config.verify"}).action, Action::version);
  EXPECT_EQ(good({"-help", "-nonsense"}).action, Action::help);
  EXPECT_EQ(good({"-h"}).action, Action::help);
  EXPECT_TRUE(good({"-health"}).health);
  EXPECT_EQ(good({"-health.url=http://h/ready"}).health_url, "http://h/ready");
}

TEST(Flags, WhereTheyEnd) {
  EXPECT_EQ(good({"word", "-nonsense"}).action, Action::run);
  EXPECT_EQ(good({"--", "-nonsense"}).action, Action::run);
  EXPECT_EQ(good({"-", "-nonsense"}).action, Action::run);
}

TEST(Flags, Settings) {
  const auto line =
      good({"-server.http-listen-port=80", "-storage.trace.local.path", "/x", "-shutdown-delay=1m",
            "-ingester.max-bytes-per-trace=7", "-mem-ballast-size-mbs=1024",
            "-memberlist.host-port=a", "-memberlist.host-port=b"});
  ASSERT_EQ(line.settings.size(), 4);
  EXPECT_EQ(line.settings[0].first, "server.http_listen_port");
  EXPECT_EQ(line.settings[0].second.value, Value(int64_t{80}));
  EXPECT_EQ(line.settings[0].second.written, "-server.http-listen-port");
  EXPECT_EQ(line.settings[1].second.value, Value(std::string("/x")));
  EXPECT_EQ(line.settings[2].second.value, Value(int64_t{60'000'000'000}));
  EXPECT_EQ(line.settings[3].first, "overrides.defaults.global.max_bytes_per_trace");
}

TEST(Flags, Refusals) {
  const std::pair<Arguments, std::string_view> cases[] = {
      {{"-confg.file=a"},
       "flag provided but not defined: -confg.file (did you mean \"-config.file\"?)"},
      {{"-qqq"}, "flag provided but not defined: -qqq"},
      {{"-server.http_listen_port=1"},
       "flag provided but not defined: -server.http_listen_port (did you mean "
       "\"-server.http-listen-port\"?)"},
      {{"-config.file"}, "flag needs an argument: -config.file"},
      {{"-=x"}, "bad flag syntax: -=x"},
      {{"---x"}, "bad flag syntax: --x"},
      {{"-config.verify=maybe"},
       "invalid value \"maybe\" for flag -config.verify: expected true or false"},
      {{"-server.http-listen-port=http"},
       "invalid value \"http\" for flag -server.http-listen-port: expected a port (0 to 65535)"},
      {{"-shutdown-delay", "5"},
       "invalid value \"5\" for flag -shutdown-delay: expected a duration such as 30s or 1h30m"},
      {{"-log.level=loud"},
       "invalid value \"loud\" for flag -log.level: expected one of debug, info, warn, error"},
  };
  for (const auto& [arguments, message] : cases) EXPECT_EQ(refused(arguments), message);
}

TEST(Flags, UsageNamesAll) {
  const std::string text = usage();
  for (const Flag& flag : flags()) {
    EXPECT_NE(text.find(std::string("\n  -") + std::string(flag.name)), text.npos) << flag.name;
  }
  EXPECT_NE(
      text.find("  -server.http-listen-port int\n        port of the HTTP API (default 3200)\n"),
      text.npos);
}

}  // namespace
}  // namespace vivace::config
