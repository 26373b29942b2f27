// The tools beside the server: `vivace block ...`, `vivace wal ...`, `vivace snapshot ...`. One
// call runs one of them to its end on the calling thread; none takes a lock, so each may run beside
// a server that uses the same folders.
//
// Exit codes: 0 all is well; 1 something is damaged, missing or failed, and said so; 2 the command
// line is wrong.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "storage/storage.h"

namespace vivace::tools {

// Where text goes.
struct Console {
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;
};

// Whether a command line that begins with this word is one of ours.
bool is_tool(std::string_view word);

// `words`: the command line without the program's name.
int run(Storage& storage, std::span<const std::string> words, const Console& console);

}  // namespace vivace::tools
