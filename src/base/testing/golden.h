// Files that earlier programs wrote, and that are read for ever: tests/golden. A golden test reads
// its file and says what is in it; with VIVACE_WRITE_GOLDEN set it makes the file first, which is
// right only for as long as no released program has written the version.
//
// Not part of the product.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace vivace::golden {

inline bool is_to_be_written() { return std::getenv("VIVACE_WRITE_GOLDEN") != nullptr; }

inline std::filesystem::path path_of(const std::string& name) {
  const auto base = std::filesystem::path(__FILE__).parent_path().parent_path();
  return base.parent_path().parent_path() / "tests" / "golden" / name;
}

// Empty when there is none.
inline std::string read(const std::string& name) {
  std::stringstream out;
  out << std::ifstream(path_of(name), std::ios::binary).rdbuf();
  return out.str();
}

inline void write(const std::string& name, const std::string& bytes) {
  std::ofstream(path_of(name), std::ios::binary) << bytes;
}

}  // namespace vivace::golden
