// The seed of this process's tables, drawn once before main. The standard library's random device
// reads the kernel's.
#include "base/hash.h"

#include <random>

namespace vivace {

const uint64_t kProcessSeed = uint64_t{std::random_device{}()} << 32 | std::random_device{}();

}  // namespace vivace
