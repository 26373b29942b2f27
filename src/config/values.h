// The text forms of single values, as Go's flag and YAML packages read them: booleans, integers,
// durations, sizes, host:port. Each function returns nothing when the text is not of its form; who
// asked knows what to say. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vivace::config {

std::optional<bool> parse_bool(std::string_view text);  // true, yes, on, ... of YAML 1.1

// Decimal, 0x, 0o, 0b, leading 0 for octal, `_` between digits; also 15e6 when it is whole.
std::optional<int64_t> parse_integer(std::string_view text);

std::optional<double> parse_number(std::string_view text);  // finite

// Go's form in ns: 1h30m, 1.5s, 500ms, -2s. Of bare numbers only 0. Exact to the ns.
std::optional<int64_t> parse_duration(std::string_view text);

// Prometheus' form in ns: 1y2w3d4h5m6s7ms, each unit once, in this order; or 0.
std::optional<int64_t> parse_prometheus_duration(std::string_view text);

// How Go prints a duration, without zero units: 1h30m, 500ms, 0s.
std::string format_duration(int64_t ns);

// Bytes: an integer >= 0, or one with KiB, MiB, GiB or TiB.
std::optional<int64_t> parse_bytes(std::string_view text);

struct Address {
  std::string host;  // empty: every address of the machine
  uint16_t port = 0;
};

// host:port, :port, [v6]:port.
std::optional<Address> parse_address(std::string_view text);

}  // namespace vivace::config
