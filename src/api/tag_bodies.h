// The bodies of answers about tags (query-API contract, 4 and 7.4): JSON as protobuf maps it,
// protobuf, and the form for language models, which only values with types have. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "query/tags.h"

namespace vivace::api {

enum class Form : uint8_t { json, protobuf, llm };

// Names of v1, and values of v1: `member` is "tagNames" or "tagValues".
std::string texts_body(Form form, std::string_view member, const std::vector<std::string>& texts,
                       const Inspected& inspected);

struct NamedScope {
  std::string_view name;
  std::vector<std::string> tags;
};
std::string scopes_body(Form form, const std::vector<NamedScope>& scopes,
                        const Inspected& inspected);

std::string typed_body(Form form, const TagValues& values);

// {"string":["a","b"],"int":["1"]}: values by type.
std::string llm_body(const TagValues& values);

}  // namespace vivace::api
