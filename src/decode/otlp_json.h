// Turns an OTLP/JSON ExportTraceServiceRequest into the same request as protobuf, in one pass, so
// that the log, the decoder and replay know one form. The rules are those of the ingest contract,
// section 4.6: names in lowerCamelCase or as in the .proto files, unknown members passed over, ids
// in hexadecimal, 64-bit integers as numbers or strings and always exact, null as absent. Members
// that come twice are joined as protobuf joins them: the last scalar counts, messages merge. Bytes
// behind the first JSON value are not looked at. Strings need not be UTF-8, as in protobuf; half a
// surrogate pair, which JavaScript leaves when it cuts a text, becomes U+FFFD.
//
// The same JSON always gives the same bytes: what is sent again is recognised by them. Scalars that
// have their default value are left out, as protobuf encoders leave them out.
//
// Errors are Code::invalid_argument with the path: "resourceSpans[0].scopeSpans[0].spans[3].kind:
// ...". Values may nest kNestingMax deep. What decode_otlp checks as well (empty ids, for example)
// is left to it.
//
// Boost.JSON's event parser does the reading. Beside simdjson's On-Demand (3.0, of Debian 12) it
// was the faster in our measurement (a request of 500 spans from the JavaScript SDK, 414 KB, walked
// with all strings unescaped: 1.9 against 0.8 GB/s), and it needs no memory but for the depth,
// where simdjson takes 4 to 6 bytes for each one of the body's; it also stops by itself behind the
// first value and lets strings pass that are not UTF-8.
//
// Cost: about 2 ns a byte of JSON. The result is not longer than the JSON. Any thread.
#pragma once

#include <string>

#include "base/result.h"

namespace vivace {

Result<std::string> otlp_json_to_protobuf(std::string json);

}  // namespace vivace
