// A whole file as text, for configuration files and secrets. Called while a configuration is read,
// at start and by the thread that reloads overrides.
#pragma once

#include <cstddef>
#include <expected>
#include <string>

namespace vivace::config {

// At most `bytes_max`; the error is the system's text, as "No such file or directory".
std::expected<std::string, std::string> read_file(const std::string& path, size_t bytes_max);

}  // namespace vivace::config
