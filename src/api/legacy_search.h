// The old form of a search (query-API contract, 3.3): tags, each of which some span of the trace
// must have, as conditions of the language.
//
//   service.name=sho                     a part of a text, for the names that every trace has
//   http.status_code=500 status.code=error error=true
//   anything=else                        the whole text, of a span or its resource
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "traceql/ast.h"

namespace vivace::api {

using Tags = std::vector<std::pair<std::string, std::string>>;

// logfmt: k=v k2="v \"2\"" k3. Code::invalid_argument: `invalid tags: ...`, with the place.
Result<Tags> parse_tags(std::string_view text);

// Code::invalid_argument: a text that is not UTF-8 where a part is looked for.
Result<traceql::FieldExpr> tag_condition(std::string_view key, std::string_view value);

}  // namespace vivace::api
