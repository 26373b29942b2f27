// Parameters, then one question to query/tags.h, then one of the bodies of tag_bodies.h. Runs on a
// worker, as every query.
#include "api/tags.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "api/params.h"
#include "api/tag_bodies.h"
#include "api/window.h"
#include "query/tags.h"
#include "traceql/traceql.h"

namespace vivace::api {
namespace {

// In the order of the answer.
struct ScopeName {
  std::string_view name;
  Scope scope;
};
constexpr std::array<ScopeName, kScopes> kScopeNames = {{
    {"resource", Scope::resource},
    {"span", Scope::span},
    {"event", Scope::event},
    {"link", Scope::link},
    {"instrumentation", Scope::scope},
}};
constexpr std::string_view kIntrinsic = "intrinsic";

// Those that Tempo offers; ascending.
constexpr auto kIntrinsics = std::to_array<std::string_view>({"duration",
                                                              "event:name",
                                                              "event:timeSinceStart",
                                                              "instrumentation:name",
                                                              "instrumentation:version",
                                                              "kind",
                                                              "link:spanID",
                                                              "link:traceID",
                                                              "name",
                                                              "rootName",
                                                              "rootServiceName",
                                                              "span:duration",
                                                              "span:id",
                                                              "span:kind",
                                                              "span:name",
                                                              "span:parentID",
                                                              "span:status",
                                                              "span:statusMessage",
                                                              "status",
                                                              "statusMessage",
                                                              "trace:duration",
                                                              "trace:id",
                                                              "trace:rootName",
                                                              "trace:rootService",
                                                              "traceDuration"});

Form form_of(const Call& call) {
  const std::string_view accept = call.request().header("accept");
  if (accept.find("application/protobuf") != std::string_view::npos) return Form::protobuf;
  if (accept.find("application/vnd.grafana.llm") != std::string_view::npos) return Form::llm;
  return Form::json;
}

void send(Call call, Form form, std::string body) {
  constexpr std::array<const char*, 3> kTypes = {"application/json", "application/protobuf",
                                                 "application/vnd.grafana.llm+json"};
  std::move(call).send(
      {.headers = {{"content-type", kTypes[static_cast<size_t>(form)]}}, .body = std::move(body)});
}

// ---- what is asked
// -------------------------------------------------------------------------------

// Not a number, or not above zero: no limit.
uint64_t parse_limit(const Params& params) {
  const std::string_view text = params.get("limit");
  int64_t limit = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (failed != std::errc() || end != text.data() + text.size() || limit < 0) return 0;
  return static_cast<uint64_t>(limit);
}

Result<traceql::TagFilter> parse_filter(std::string_view text, int64_t bytes_max) {
  if (bytes_max > 0 && text.size() > static_cast<size_t>(bytes_max)) {
    return fail(Code::invalid_argument,
                fmt::format("TraceQL expression exceeds the configured maximum size of {} bytes, "
                            "reduce the query expression size or contact your system administrator",
                            bytes_max));
  }
  auto filter = traceql::read_tag_filter(text);
  if (!filter) return std::unexpected(filter.error().to_error());
  return std::move(*filter);
}

Result<TagQuestion> parse_question(const Params& params, const TagsQuestion& asked) {
  TagQuestion out;
  const auto window = TRY(parse_window(params, asked.clock->unix_ns(), asked.range_max_ns));
  if (window) {
    out.start_ns = static_cast<uint64_t>(std::max<int64_t>(0, window->start_ns));
    out.end_ns = static_cast<uint64_t>(std::max<int64_t>(0, window->end_ns));
  }
  if (asked.version == 2) out.filter = TRY(parse_filter(params.get("q"), asked.query_bytes_max));
  out.count_max = parse_limit(params);
  out.bytes_max = static_cast<uint64_t>(asked.bytes_max);
  return out;
}

struct AskedScopes {
  ScopeSet stored;
  bool intrinsic = false;
};
Result<AskedScopes> parse_scope(const Params& params, int version) {
  const std::string_view text = params.get("scope");
  AskedScopes out;
  if (text.empty() || text == "none") {
    out.stored.set();
    out.intrinsic = version == 2;
    return out;
  }
  out.intrinsic = text == kIntrinsic;
  for (const ScopeName& known : kScopeNames) {
    if (known.name == text) out.stored.set(static_cast<size_t>(known.scope));
  }
  if (out.stored.none() && !out.intrinsic) {
    return fail(Code::invalid_argument, fmt::format("invalid scope: {}", text));
  }
  return out;
}

std::vector<Snapshot> snapshots_of(const Call& call, const Store& store) {
  std::vector<Snapshot> out;
  for (const std::string& tenant : call.tenants) out.push_back(store.snapshot(tenant));
  return out;
}

// ---- names
// ---------------------------------------------------------------------------------------

std::vector<std::string> intrinsics(uint64_t count_max) {
  size_t count = kIntrinsics.size();
  if (count_max > 0) count = std::min<size_t>(count, count_max);
  return {kIntrinsics.begin(), kIntrinsics.begin() + static_cast<ptrdiff_t>(count)};
}

void sort_and_cut(std::vector<std::string>& texts, uint64_t count_max) {
  std::ranges::sort(texts);
  const auto [end, last] = std::ranges::unique(texts);
  texts.erase(end, last);
  if (count_max > 0 && texts.size() > count_max) texts.resize(count_max);
}

std::vector<NamedScope> by_scope(TagNames& names, const AskedScopes& scopes, uint64_t count_max) {
  std::vector<NamedScope> out;
  for (const ScopeName& known : kScopeNames) {
    auto& tags = names.names[static_cast<size_t>(known.scope)];
    if (!tags.empty()) out.push_back({known.name, std::move(tags)});
  }
  if (scopes.intrinsic) out.push_back({kIntrinsic, intrinsics(count_max)});
  return out;
}

std::vector<std::string> of_all_scopes(TagNames& names, const AskedScopes& scopes,
                                       uint64_t count_max) {
  if (scopes.intrinsic) return intrinsics(count_max);
  std::vector<std::string> out;
  for (auto& tags : names.names) std::ranges::move(tags, std::back_inserter(out));
  sort_and_cut(out, count_max);
  return out;
}

Result<std::string> names_body(Call& call, const Store& store, const TagsQuestion& asked) {
  const Params params(call.request().query);
  const AskedScopes scopes = TRY(parse_scope(params, asked.version));
  const TagQuestion question = TRY(parse_question(params, asked));
  TagNames names;
  if (scopes.stored.any()) {
    names = TRY(tag_names(snapshots_of(call, store), scopes.stored, question,
                          call.control(asked.timeout_ns)));
  }
  const Form form = form_of(call);
  if (asked.version == 2) {
    return scopes_body(form, by_scope(names, scopes, question.count_max), names.inspected);
  }
  return texts_body(form, "tagNames", of_all_scopes(names, scopes, question.count_max),
                    names.inspected);
}

// ---- values
// --------------------------------------------------------------------------------------

// Names of v1 that are no attributes.
traceql::Attribute unscoped(std::string_view name) {
  using traceql::Intrinsic;
  traceql::Attribute out{.name = std::string(name)};
  if (name == "name") out.intrinsic = Intrinsic::name;
  if (name == "rootName" || name == "root.name") out.intrinsic = Intrinsic::root_name;
  if (name == "rootServiceName" || name == "root.service.name") {
    out.intrinsic = Intrinsic::root_service;
  }
  return out;
}

Result<std::string> texts_of_values(Call& call, const Store& store, const TagsQuestion& asked) {
  const std::string name = decode_tag_name(asked.name);
  const TagQuestion question = TRY(parse_question(Params(call.request().query), asked));
  TagValues values;
  std::vector<std::string> texts;
  if (name == "status.code") {
    texts = {"error", "ok", "unset"};
  } else if (name == "error") {
    texts = {"true"};
  } else {
    values = TRY(tag_values(snapshots_of(call, store), unscoped(name), question,
                            call.control(asked.timeout_ns)));
  }
  for (TagValue& value : values.values) texts.push_back(std::move(value.text));
  sort_and_cut(texts, question.count_max);
  return texts_body(form_of(call), "tagValues", texts, values.inspected);
}

Result<std::string> typed_values(Call& call, const Store& store, const TagsQuestion& asked) {
  const std::string name = decode_tag_name(asked.name);
  const auto attribute = parse_tag_name(name);
  if (!attribute) {
    return fail(Code::invalid_argument,
                fmt::format("please provide a valid tagName: tag name is not valid intrinsic or "
                            "scoped attribute: {}",
                            name));
  }
  const TagQuestion question = TRY(parse_question(Params(call.request().query), asked));
  const TagValues values = TRY(
      tag_values(snapshots_of(call, store), *attribute, question, call.control(asked.timeout_ns)));
  const Form form = form_of(call);
  return form == Form::llm ? llm_body(values) : typed_body(form, values);
}

}  // namespace

std::string decode_tag_name(std::string_view text) {
  std::string once;
  if (!net::percent_decode(text, once)) return std::string(text);
  std::string twice;
  return net::percent_decode(once, twice) ? twice : once;
}

std::optional<traceql::Attribute> parse_tag_name(std::string_view text) {
  using traceql::Intrinsic;
  if (text.find('"') != std::string_view::npos) {
    const auto query = traceql::parse_unchecked(fmt::format("{{ {} }}", text));
    if (query && query->pipeline.stages.size() == 1) {
      const auto* spanset = std::get_if<traceql::Spanset>(&query->pipeline.stages.front());
      const auto* filter = spanset == nullptr ? nullptr : spanset->get_if<traceql::Filter>();
      const auto* attribute =
          filter == nullptr ? nullptr : filter->condition.get_if<traceql::Attribute>();
      if (attribute != nullptr && !attribute->of_parent) return *attribute;
    }
  }
  std::optional<Intrinsic> intrinsic = traceql::bare_intrinsic(text);
  if (const size_t colon = text.find(':'); !intrinsic && colon != std::string_view::npos) {
    intrinsic = traceql::scoped_intrinsic(text.substr(0, colon + 1), text.substr(colon + 1));
  }
  if (intrinsic && *intrinsic != Intrinsic::parent) {
    return traceql::Attribute{.intrinsic = *intrinsic};
  }
  using enum traceql::Scope;
  for (const traceql::Scope scope : {any, span, resource, event, link, instrumentation}) {
    const std::string_view prefix = traceql::scope_prefix(scope);
    if (!text.starts_with(prefix) || text.size() == prefix.size()) continue;
    return traceql::Attribute{.scope = scope, .name = std::string(text.substr(prefix.size()))};
  }
  return std::nullopt;
}

void answer_tags(Call call, const Store& store, const TagsQuestion& question) {
  const bool typed = !question.name.empty() && question.version == 2;
  auto body = question.name.empty() ? names_body(call, store, question)
              : typed               ? typed_values(call, store, question)
                                    : texts_of_values(call, store, question);
  if (!body) return std::move(call).send_error(body.error());
  Form form = form_of(call);
  if (form == Form::llm && !typed) form = Form::json;
  send(std::move(call), form, std::move(*body));
}

}  // namespace vivace::api
