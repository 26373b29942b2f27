// The answer of a search in its two forms (query-API contract, 3.4 and 7.4). Clients decode the
// JSON strictly: no member but these, in this order, and zeros are left out.
#pragma once

#include <functional>
#include <string>

#include "query/search.h"

namespace vivace::api {

// Asked whenever some of the answer is written: once a span, or a set in protobuf. False: nobody
// waits for the rest.
using Checkpoint = std::function<bool()>;

// `with_sets`: TraceQL searches have sets of spans and statistics, old ones do not.
void append_search_json(std::string& out, const SearchResult& result, bool with_sets,
                        const Checkpoint& checkpoint);

// SearchResponse.
void append_search_proto(std::string& out, const SearchResult& result, bool with_sets,
                         const Checkpoint& checkpoint);

}  // namespace vivace::api
