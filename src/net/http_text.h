// Small pieces of HTTP's text that the engines share: case, lists of tokens, status lines, dates.
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "net/http.h"

namespace vivace::net {

constexpr const char* kPlainText = "text/plain; charset=utf-8";

void lower_in_place(std::string& text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Whether a comma-separated list holds the (lower-case) token, ignoring case.
bool has_token(std::string_view list, std::string_view token);

// Path and query of a request target, which may be in absolute form.
void split_target(std::string_view target, Request& request);

// 1xx, 204 and 304 have neither body nor length.
bool status_has_body(int status);

void append_status_line(std::string& out, int status);
// CR, LF and NUL in a value become spaces: an answer cannot be split by what it quotes.
void append_header(std::string& out, std::string_view name, std::string_view value);
// "date: ...\r\n", made once a second and thread.
void append_date(std::string& out);
std::string_view date_now();

// "1a2b\r\n"
std::string chunk_header(size_t bytes);

}  // namespace vivace::net
