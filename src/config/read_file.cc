// By stdio, since a configuration is read before there is a storage. What is behind `bytes_max` is
// not read. See read_file.h.
#include "config/read_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace vivace::config {

std::expected<std::string, std::string> read_file(const std::string& path, size_t bytes_max) {
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return std::unexpected(std::string(std::strerror(errno)));
  std::string text(bytes_max, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file));
  const int error = std::ferror(file) != 0 ? errno : 0;
  std::fclose(file);
  if (error != 0) return std::unexpected(std::string(std::strerror(error)));
  return text;
}

}  // namespace vivace::config
