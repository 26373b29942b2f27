// A client for one purpose: `vivace -health`, in a container's health check, asks a running
// instance whether it is ready. Called by main, on its thread, in a process that does nothing else.
#pragma once

#include <string>

#include "base/result.h"

namespace vivace::net {

// GETs an http:// URL and returns the status of the answer. Blocks for at most a few seconds.
Result<int> probe(const std::string& url);

}  // namespace vivace::net
