// The answer of a search in its two forms (query-API contract, 3.4 and 7.4). Clients decode the
// JSON strictly: no member but these, in this order, and zeros are left out.
#pragma once

#include <functional>
#include <string>

#include "query/search.h"

namespace vivace::api {

// `with_sets`: TraceQL searches have sets of spans and statistics, old ones do not. `checkpoint` is
// called after each trace; false ends it early.
void append_search_json(std::string& out, const SearchResult& result, bool with_sets,
                        const std::function<bool()>& checkpoint);

// SearchResponse.
std::string search_proto(const SearchResult& result, bool with_sets);

}  // namespace vivace::api
