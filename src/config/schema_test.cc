// Every key of the schema: accepted with a value of its type, refused with another, placed where
// its first spelling says, and known to the list of what works. The cases are made from the schema
// itself.
#include "config/schema.h"

#include <functional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/apply.h"
#include "config/check.h"
#include "config/flags.h"

namespace vivace::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Samples {
  std::string good;
  std::string bad;  // empty: nothing is wrong
};

Samples samples(const Field& field) {
  switch (field.type) {
    case Type::section:
      return {"{}", "word"};
    case Type::sections:
      return {"[{}]", "word"};
    case Type::any:
      return {"{a: [1, {b: c}]}", ""};
    case Type::boolean:
      return {"yes", "\"true\""};
    case Type::integer:
      return {"7", "7.5"};
    case Type::port:
      return {"65535", "65536"};
    case Type::number:
      return {"0.5", "half"};
    case Type::text:
    case Type::scalar:
      return {"word", "[word]"};
    case Type::choice:
      return {std::string(field.choices.back()), "no-such-choice"};
    case Type::duration:
      return {"1h30m", "90"};
    case Type::long_duration:
      return {"7d", "7"};
    case Type::bytes:
      return {"4096", "-1"};
    case Type::address:
      return {"\"127.0.0.1:1234\"", "somewhere"};
    case Type::texts:
      return {"[a, b]", "a"};
    case Type::numbers:
      return {"[0.5, 1]", "[a]"};
    case Type::map:
      return {"{a: b, c: 1}", "a"};
  }
  return {};
}

// A place in a file: what stands before and after a value, and the path of messages.
struct Place {
  std::string before;
  std::string after;
  std::string path;
};

Place below(const Place& place, const std::string& name) {
  return {fmt::format("{}{{\"{}\": ", place.before, name), "}" + place.after,
          place.path.empty() ? name : place.path + "." + name};
}

void each_field(const Field& field, const Place& place,
                const std::function<void(const Field&, const Place&)>& visit) {
  for (const Field& child : field.children) {
    const std::string name = child.name == "*" ? "something_else" : child.name;
    for (const std::string& suffix : {std::string(), std::string("/second")}) {
      if (!suffix.empty() && !child.suffix) continue;
      Place at = below(place, name + suffix);
      visit(child, at);
      if (child.type == Type::sections) at = {at.before + "[", "]" + at.after, at.path + "[0]"};
      each_field(child, at, visit);
    }
  }
}

Checked check_text(const std::string& text) {
  const auto document = parse_yaml(text);
  EXPECT_TRUE(document) << text;
  return check(*document);
}

TEST(Schema, EveryKeyTakesItsTypeAndNoOther) {
  int fields = 0;
  each_field(schema(), Place(), [&](const Field& field, const Place& place) {
    ++fields;
    const auto [good, bad] = samples(field);
    const std::string text = place.before + good + place.after;
    const Checked accepted = check_text(text);
    EXPECT_EQ(render(accepted.problems), "") << text;
    inactive(accepted.settings);  // stops the process when a path is in no line of parts.cc
    warnings(accepted.settings);

    if (!bad.empty()) {
      const Checked refused = check_text(place.before + bad + place.after);
      ASSERT_EQ(refused.problems.size(), 1) << place.path;
      const std::string& problem = refused.problems[0].text;
      EXPECT_TRUE(problem.starts_with(place.path)) << problem;
      EXPECT_NE(problem.find(": expected "), problem.npos) << problem;
      EXPECT_NE(problem.find(", found "), problem.npos) << problem;
    }
    const Checked null = check_text(place.before + "null" + place.after);
    EXPECT_EQ(render(null.problems), "") << place.path;
  });
  EXPECT_GT(fields, 700);
}

TEST(Schema, EveryKeyMisspeltIsRefusedWithItsName) {
  each_field(schema(), Place(), [&](const Field& field, const Place& place) {
    if (field.name.size() < 4 || field.suffix || place.path.ends_with("something_else")) return;
    if (place.path.starts_with("backend_") || place.path.starts_with("storage.trace.s3.")) return;
    if (field.name == "processor") return;  // `processors` is as near
    const std::string wrong = field.name + "q";
    std::string before = place.before;
    before.replace(before.rfind(field.name), field.name.size(), wrong);
    const Checked refused = check_text(before + "1" + place.after);
    ASSERT_EQ(refused.problems.size(), 1) << place.path;
    EXPECT_NE(refused.problems[0].text.find(fmt::format("(did you mean \"{}\"?)", field.name)),
              std::string::npos)
        << refused.problems[0].text;
  });
}

TEST(Schema, DefaultsAreOfTheirType) {
  each_field(schema(), Place(), [&](const Field& field, const Place&) {
    if (!field.default_text.empty()) default_value(field);  // stops the process when it is not
  });
}

TEST(Schema, OtherSpellingsLeadToKeysOfTheSameType) {
  int aliases = 0;
  each_field(schema(), Place(), [&](const Field& field, const Place& place) {
    if (field.alias.empty()) return;
    ++aliases;
    const Field* const first = find_field(field.alias);
    ASSERT_NE(first, nullptr) << place.path;
    EXPECT_EQ(first->type, field.type) << place.path;
    EXPECT_TRUE(first->alias.empty()) << place.path;
    const Checked checked = check_text(place.before + samples(field).good + place.after);
    const std::string path = field.alias + (field.type == Type::sections ? "[0]" : "");
    EXPECT_TRUE(checked.settings.has(path)) << place.path;
  });
  EXPECT_GT(aliases, 60);
}

TEST(Schema, FindsPaths) {
  EXPECT_EQ(find_field("server.http_listen_port")->default_text, "3200");
  EXPECT_EQ(find_field("distributor.receivers.otlp/a.protocols.http.endpoint")->default_text,
            "localhost:4318");
  EXPECT_EQ(find_field("distributor.forwarders[3].name")->type, Type::text);
  EXPECT_EQ(find_field("memberlist.bind_port")->type, Type::any);
  EXPECT_EQ(find_field("server.nothing"), nullptr);
  EXPECT_EQ(find_field("distributor.receivers.otlp/"), nullptr);
}

TEST(Schema, FlatOverrides) {
  const auto alias = [](const char* name) {
    return schema().child("overrides")->child(name)->alias;
  };
  EXPECT_EQ(alias("max_traces_per_user"), "overrides.defaults.ingestion.max_traces_per_user");
  EXPECT_EQ(alias("ingestion_rate_limit_bytes"), "overrides.defaults.ingestion.rate_limit_bytes");
  EXPECT_EQ(alias("ingestion_tenant_shard_size"), "overrides.defaults.ingestion.tenant_shard_size");
  EXPECT_EQ(alias("block_retention"), "overrides.defaults.compaction.block_retention");
  EXPECT_EQ(alias("max_bytes_per_trace"), "overrides.defaults.global.max_bytes_per_trace");
  EXPECT_EQ(alias("max_search_duration"), "overrides.defaults.read.max_search_duration");
  EXPECT_EQ(alias("parquet_dedicated_columns"),
            "overrides.defaults.storage.parquet_dedicated_columns");
  EXPECT_EQ(alias("metrics_generator_forwarder_queue_size"),
            "overrides.defaults.metrics_generator.forwarder.queue_size");
  EXPECT_EQ(alias("metrics_generator_processor_span_metrics_intrinsic_dimensions"),
            "overrides.defaults.metrics_generator.processor.span_metrics.intrinsic_dimensions");
}

TEST(Flags, EveryPathIsAKeyAndEveryDefaultOfItsType) {
  for (const Flag& flag : flags()) {
    if (!flag.path.empty()) {
      const Field* const field = find_field(flag.path);
      ASSERT_NE(field, nullptr) << flag.name;
      EXPECT_TRUE(field->alias.empty()) << flag.name;
    } else {
      EXPECT_THAT(flag.type, testing::AnyOf("bool", "int", "string")) << flag.name;
    }
  }
}

}  // namespace
}  // namespace vivace::config
