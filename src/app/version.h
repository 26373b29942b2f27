// What this program calls itself. Clients switch features by the version of the Tempo whose API it
// speaks; our own version stands behind it as build metadata (semver.org, 10).
#pragma once

#include <string>

namespace vivace {

std::string version();   // "2.10.8+vivace.0.1.0"
std::string revision();  // of the source tree, short
// What `-version` prints.
std::string version_text();

}  // namespace vivace
