// Parameters, then one question to query/search.h, then one of its forms. Refusals have Go's words
// and Tempo's, because clients show and match them. The question borrows the trees that it asks
// with, so both lie in one struct until the answer is sent.
#include "api/search.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "api/legacy_search.h"
#include "api/params.h"
#include "api/search_answer.h"
#include "api/window.h"
#include "base/log.h"
#include "config/values.h"
#include "net/http.h"
#include "query/search.h"
#include "traceql/traceql.h"

namespace vivace::api {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kTagsMax = 1000;  // of the old form; each costs a look at every row group

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

// What is asked, with the trees that the question borrows.
struct Asked {
  SearchQuestion question;
  traceql::Query query;
  bool is_traceql = false;
};

Result<void> read_limits(const Params& params, const SearchLimits& limits, SearchQuestion& out) {
  const int64_t traces = TRY(parse_integer(params, "limit", "Atoi", limits.traces_default));
  if (traces <= 0) return bad("invalid limit: must be a positive number");
  if (limits.traces_max > 0 && traces > limits.traces_max) {
    return bad(fmt::format("limit {} exceeds max limit {}", traces, limits.traces_max));
  }
  int64_t spans = TRY(parse_integer(params, "spss", "Atoi", limits.spans_default));
  if (spans < 0) return bad("invalid spss: must be a non-negative number");
  if (limits.spans_max > 0 && spans > limits.spans_max) {
    return bad(fmt::format("spans per span set exceeds {}. received {}", limits.spans_max, spans));
  }
  if (spans == 0) spans = limits.spans_max;  // as many as there may be
  if (spans == 0) spans = UINT32_MAX;
  out.limit = static_cast<uint32_t>(std::min<int64_t>(traces, UINT32_MAX));
  out.spans_per_set = static_cast<uint32_t>(std::min<int64_t>(spans, UINT32_MAX));
  return {};
}

// Of whole seconds: the last one counts to its end.
Result<void> read_window(const Params& params, const SearchSettings& settings,
                         SearchQuestion& out) {
  const auto window = TRY(parse_window(params, settings.clock->unix_ns(), settings.range_max_ns));
  if (!window) return {};
  const int64_t start_s = std::max<int64_t>(0, window->start_ns) / kSecondNs;
  const int64_t end_s = std::max<int64_t>(0, window->end_ns) / kSecondNs;
  out.start_ns = static_cast<uint64_t>(start_s) * kSecondNs;
  out.end_ns = (static_cast<uint64_t>(end_s) + 1) * kSecondNs - 1;
  return {};
}

Result<int64_t> parse_go_duration(const Params& params, std::string_view name, int64_t otherwise) {
  const std::string_view text = params.get(name);
  if (text.empty()) return otherwise;
  const auto duration_ns = config::parse_duration(text);
  if (!duration_ns) {
    return bad(fmt::format("invalid {}: time: invalid duration \"{}\"", name, text));
  }
  return *duration_ns;
}

Result<void> read_durations(const Params& params, SearchQuestion& out) {
  out.duration_min_ns = TRY(parse_go_duration(params, "minDuration", 0));
  out.duration_max_ns = TRY(parse_go_duration(params, "maxDuration", INT64_MAX));
  if (out.duration_max_ns <= out.duration_min_ns) {
    return bad("invalid maxDuration: must be greater than minDuration");
  }
  return {};
}

// Every parameter that is none of the search itself.
Tags tags_of_parameters(std::string_view query) {
  constexpr auto kOwn = std::to_array<std::string_view>(
      {"q", "tags", "minDuration", "maxDuration", "limit", "spss", "start", "end", "since"});
  Tags out;
  for (auto& [name, value] : net::parse_query(query)) {
    const bool again = std::ranges::find(out, name, &Tags::value_type::first) != out.end();
    if (again || std::ranges::find(kOwn, name) != kOwn.end()) continue;
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

// As a balanced tree: a chain would be as high as there are tags.
Result<traceql::Spanset> spanset_of_tags(std::span<const Tags::value_type> tags) {
  if (tags.size() == 1) {
    return traceql::Spanset{traceql::Filter{TRY(tag_condition(tags[0].first, tags[0].second))}};
  }
  traceql::Spanset left = TRY(spanset_of_tags(tags.first(tags.size() / 2)));
  traceql::Spanset right = TRY(spanset_of_tags(tags.subspan(tags.size() / 2)));
  return traceql::Spanset{
      traceql::Operation{.op = {traceql::Relation::both, traceql::Form::plain},
                         .lhs = std::make_unique<traceql::Spanset>(std::move(left)),
                         .rhs = std::make_unique<traceql::Spanset>(std::move(right))}};
}

// Tags are found on any spans of a trace: `{ first } && { second } && ...`.
Result<traceql::Pipeline> pipeline_of_tags(const Tags& tags) {
  if (tags.size() > kTagsMax) {
    return bad(fmt::format("invalid tags: {} of them, at most {} can be asked for", tags.size(),
                           kTagsMax));
  }
  traceql::Pipeline out;
  if (tags.empty()) {
    out.stages.emplace_back(traceql::Spanset{traceql::Filter{{traceql::datum(true)}}});
  } else {
    out.stages.emplace_back(TRY(spanset_of_tags(tags)));
  }
  return out;
}

Result<void> read_traceql(std::string_view text, int64_t bytes_max, Asked& out) {
  if (bytes_max > 0 && text.size() > static_cast<size_t>(bytes_max)) {
    return bad(
        fmt::format("TraceQL expression exceeds the configured maximum size of {} bytes, "
                    "reduce the query expression size or contact your system administrator",
                    bytes_max));
  }
  traceql::Limits limits;
  limits.length_max = std::max(limits.length_max, text.size());
  auto query = traceql::parse(text, limits);
  if (!query) return bad("invalid TraceQL query: " + query.error().text());
  out.query = *std::move(query);
  out.question = TRY(plan_search(out.query));
  out.is_traceql = true;
  return {};
}

Result<void> read_tags(const Params& params, std::string_view url_query, Asked& out) {
  const std::string_view text = params.get("tags");
  const bool window = !params.get("start").empty() || !params.get("end").empty();
  Tags tags;
  if (!text.empty()) {
    tags = TRY(parse_tags(text));
  } else if (!window) {
    tags = tags_of_parameters(url_query);
  }
  out.query.pipeline = TRY(pipeline_of_tags(tags));
  out.question = TRY(plan_search(out.query));
  return read_durations(params, out.question);
}

Result<void> read_question(std::string_view url_query, const SearchSettings& settings, Asked& out) {
  const Params params(url_query);
  const std::string_view q = params.get("q");
  if (!q.empty() && !params.get("tags").empty()) {
    return bad("invalid request: can't specify tags and q in the same query");
  }
  if (q.empty()) {
    CHECK_OK(read_tags(params, url_query, out));
  } else {
    CHECK_OK(read_traceql(q, settings.query_bytes_max, out));
  }
  CHECK_OK(read_limits(params, settings.limits, out.question));
  return read_window(params, settings, out.question);
}

Result<SearchResult> run(Call& call, const Store& store, const SearchSettings& settings,
                         const SearchQuestion& question) {
  std::vector<Snapshot> snapshots;
  for (const std::string& tenant : call.tenants) snapshots.push_back(store.snapshot(tenant));
  SearchResult result = TRY(search(snapshots, question, call.control(settings.timeout_ns)));
  if (result.damaged > 0) {
    log::warn("search without damaged row groups",
              {{"url", call.request().path}, {"row_groups", result.damaged}});
  }
  return result;
}

void send(Call call, const SearchResult& result, bool with_sets) {
  const std::string_view accept = call.request().header("accept");
  const bool as_proto = accept.find("application/protobuf") != std::string_view::npos;
  const char* type = as_proto ? "application/protobuf" : "application/json";
  StreamedBody body(std::move(call), {.headers = {{"content-type", type}}, .body = {}});
  const auto checkpoint = [&] { return body.checkpoint(); };
  if (as_proto) {
    append_search_proto(body.buffer(), result, with_sets, checkpoint);
  } else {
    append_search_json(body.buffer(), result, with_sets, checkpoint);
  }
  std::move(body).finish();
}

}  // namespace

void answer_search(Call call, const Store& store, const SearchSettings& settings) {
  Asked asked;
  if (const auto read = read_question(call.request().query, settings, asked); !read) {
    return std::move(call).send_error(read.error());
  }
  const auto memory = call.memory();  // goes when the result is gone
  const auto result = run(call, store, settings, asked.question);
  if (!result) return std::move(call).send_error(result.error());
  send(std::move(call), *result, asked.is_traceql);
}

}  // namespace vivace::api
