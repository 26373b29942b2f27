// The config file: any text is either a config or an error that says what is wrong; it is never a
// crash, an endless loop or an exception.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto loaded = vivace::config::parse(text, "fuzz.yaml");
  if (!loaded) ASSERT(!loaded.error().message.empty() && loaded.error().exit_code != 0);
  return 0;
}
