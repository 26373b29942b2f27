// The build passes VIVACE_VERSION (of CMake's project) and VIVACE_REVISION (of the checkout that
// was configured).
#include "app/version.h"

#include <fmt/format.h>

namespace vivace {

std::string version() { return "2.10.8+vivace." VIVACE_VERSION; }

std::string revision() { return VIVACE_REVISION; }

std::string version_text() {
  return fmt::format(
      "tempo, version {} (branch: HEAD, revision: {})\n"
      "  vivace version:   {}\n"
      "  compiler:         {}\n"
      "  platform:         linux/amd64\n",
      version(), revision(), VIVACE_VERSION, __VERSION__);
}

}  // namespace vivace
