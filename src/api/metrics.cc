// Parameters, then one question to query/metrics.h, then its answer. Refusals have the words that
// Grafana and scripts know.
#include "api/metrics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "api/metrics_answer.h"
#include "api/window.h"
#include "base/log.h"
#include "config/values.h"
#include "traceql/traceql.h"

namespace vivace::api {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

// As the parts of a Tempo cluster hand each other a refusal.
std::unexpected<Error> bad_parameter(std::string_view message) {
  return bad(fmt::format("rpc error: code = Code(400) desc = {}", message));
}

Result<int64_t> parse_time(const Params& params, std::string_view name, int64_t otherwise_ns) {
  const std::string_view text = params.get(name);
  if (text.empty()) return otherwise_ns;
  const auto time_ns = parse_time_ns(text);
  if (time_ns && *time_ns >= 0) return *time_ns;
  return bad_parameter(fmt::format(
      "could not parse '{}' parameter: cannot parse \"{}\" to a valid timestamp", name, text));
}

Result<int64_t> parse_since(const Params& params) {
  constexpr int64_t kSinceDefaultNs = 3600 * kSecondNs;
  const std::string_view text = params.get("since");
  if (text.empty()) return kSinceDefaultNs;
  const auto since_ns = config::parse_prometheus_duration(text);
  if (since_ns && *since_ns > 0) return *since_ns;
  return bad_parameter(
      fmt::format("could not parse 'since' parameter: not a valid duration string: \"{}\"", text));
}

// `30s`, or seconds as `30` and `0.5`.
Result<uint64_t> parse_step(std::string_view text) {
  double seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failed == std::errc() && end == text.data() + text.size()) {
    if (seconds >= 0 && seconds < 1e9) return static_cast<uint64_t>(std::llround(seconds * 1e9));
  } else if (const auto ns = config::parse_duration(text); ns && *ns >= 0) {
    return static_cast<uint64_t>(*ns);
  }
  return bad_parameter(fmt::format("cannot parse \"{}\" to a valid duration", text));
}

uint32_t parse_exemplars(const Params& params, uint32_t exemplars_max) {
  const std::string_view text = params.get("exemplars");
  uint32_t wanted = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), wanted);
  const bool valid = failed == std::errc() && end == text.data() + text.size();
  return valid && wanted > 0 ? std::min(wanted, exemplars_max) : exemplars_max;
}

Result<traceql::Query> parse_query(const Params& params, bool instant, int64_t bytes_max) {
  const std::string_view q = params.get("q");
  const std::string_view text = q.empty() ? params.get("query") : q;
  if (bytes_max > 0 && text.size() > static_cast<size_t>(bytes_max)) {
    return bad(
        fmt::format("TraceQL expression exceeds the configured maximum size of {} bytes, "
                    "reduce the query expression size or contact your system administrator",
                    bytes_max));
  }
  traceql::Limits limits;
  limits.length_max = std::max(limits.length_max, text.size());
  auto query = traceql::parse(text, limits);
  if (query) return *std::move(query);
  return bad((instant ? "compiling query: " : "") + query.error().text());
}

Result<MetricsResult> run(Call& call, const Store& store, const MetricsSettings& settings,
                          bool instant, MetricsAxis& axis) {
  const Params params(call.request().query);
  const traceql::Query query = TRY(parse_query(params, instant, settings.query_bytes_max));
  MetricsQuestion question = TRY(plan_metrics(query));
  question.axis = TRY(parse_metrics_axis(params, instant, settings.clock->unix_ns(), settings));
  question.limits = settings.limits;
  question.limits.exemplars_max = parse_exemplars(params, settings.limits.exemplars_max);
  question.maybe_counts = settings.maybe_counts;
  axis = question.axis;
  std::vector<Snapshot> snapshots;
  for (const std::string& tenant : call.tenants) snapshots.push_back(store.snapshot(tenant));
  MetricsResult result =
      TRY(evaluate_metrics(snapshots, question, call.control(settings.timeout_ns)));
  if (result.damaged > 0) {
    log::warn("metrics without damaged row groups",
              {{"url", call.request().path}, {"row_groups", result.damaged}});
  }
  return result;
}

void answer(Call call, const Store& store, const MetricsSettings& settings, bool instant) {
  MetricsAxis axis;
  const auto memory = call.memory();  // goes when the result is gone
  const auto result = run(call, store, settings, instant, axis);
  if (!result) return std::move(call).send_error(result.error());
  StreamedBody body(std::move(call),
                    {.headers = {{"content-type", "application/json"}}, .body = {}});
  const auto checkpoint = [&] { return body.checkpoint(); };
  if (instant) {
    append_instant_json(body.buffer(), *result, checkpoint);
  } else {
    append_range_json(body.buffer(), axis, *result, checkpoint);
  }
  std::move(body).finish();
}

}  // namespace

Result<MetricsAxis> parse_metrics_axis(const Params& params, bool instant, int64_t now_ns,
                                       const MetricsSettings& settings) {
  const int64_t end_ns = TRY(parse_time(params, "end", now_ns));
  const int64_t since_ns = TRY(parse_since(params));
  const int64_t before_ns = std::max<int64_t>(1, std::min(end_ns, now_ns) - since_ns);
  const int64_t start_ns = TRY(parse_time(params, "start", before_ns));
  const auto start = static_cast<uint64_t>(start_ns);
  const auto end = static_cast<uint64_t>(end_ns);
  if (settings.range_max_ns > 0 && end > start &&
      end - start > static_cast<uint64_t>(settings.range_max_ns)) {
    return bad(fmt::format("metrics query time range exceeds the maximum allowed duration of {}",
                           traceql::duration_text({settings.range_max_ns})));
  }
  if (instant) return MetricsAxis::instant(start, end);
  const std::string_view step = params.get("step");
  const uint64_t step_ns =
      step.empty() ? default_metrics_step_ns(start, end) : TRY(parse_step(step));
  return MetricsAxis::range(start, end, step_ns, settings.intervals_max);
}

void answer_metrics_range(Call call, const Store& store, const MetricsSettings& settings) {
  answer(std::move(call), store, settings, false);
}

void answer_metrics_instant(Call call, const Store& store, const MetricsSettings& settings) {
  answer(std::move(call), store, settings, true);
}

}  // namespace vivace::api
