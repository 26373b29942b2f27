// A client for one purpose: `vivace -health` asks a running instance whether it is ready.
#pragma once

#include <string>

#include "base/result.h"

namespace vivace::net {

// GETs an http:// URL and returns the status of the answer. Blocks for at most a few seconds.
Result<int> probe(const std::string& url);

}  // namespace vivace::net
