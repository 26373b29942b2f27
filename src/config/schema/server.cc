// server and internal_server: the ports that answer questions. Their keys are the shape @server of
// shapes.cc. The form of the table is told in config/schema.h. Read once by schema.cc.
#include "config/schema.h"

namespace vivace::config::schema_text {

const std::string_view kServer = R"(
server                           @server

internal_server                  @server             # /ready and /metrics on a port of their own
  enable                         bool       false
)";

}  // namespace vivace::config::schema_text
