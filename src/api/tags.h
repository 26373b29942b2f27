// GET /api/search/tags, /api/search/tag/{name}/values, and both below /api/v2 (query-API contract,
// section 4): the lists behind the drop-downs of an editor.
//
//             v1                                       v2
//   names     distinct over all scopes                 by scope, intrinsics as a scope of their own
//   values    of a name without scope; texts           of a scoped name; texts with their types
//   q         has no effect                            only spans that pass it count
//
// JSON, or protobuf when the Accept header asks for it, or the form for language models (values of
// v2). Lists are sorted, and cut off silently at `limit` and at the limit of bytes. Runs on a
// worker.
#pragma once

#include <optional>
#include <string>

#include "api/call.h"
#include "base/clock.h"
#include "store/store.h"
#include "traceql/names.h"

namespace vivace::api {

struct TagsQuestion {
  std::string name;  // as in the path, for values; empty: the names are asked for
  int version = 1;
  int64_t bytes_max = 0;        // of the texts of an answer; 0: no limit
  int64_t range_max_ns = 0;     // between start and end; 0: no limit
  int64_t query_bytes_max = 0;  // of `q`; 0: no limit
  int64_t timeout_ns = 0;       // 0: none
  const Clock* clock = nullptr;
};

void answer_tags(Call call, const Store& store, const TagsQuestion& question);

// `span.x`, `.x`, `span."a b"`, `name`, `event:name` and so on; nothing for other texts.
std::optional<traceql::Attribute> parse_tag_name(std::string_view text);

// The name in a path: percent-decoded, once more if something is left to decode.
std::string decode_tag_name(std::string_view text);

}  // namespace vivace::api
