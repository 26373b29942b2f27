// The table of codes and the two messages, written field by field. See the header; runs on io
// threads and on whichever thread answers.
#include "receive/status.h"

#include <protozero/pbf_writer.hpp>

namespace vivace::receive {

int grpc_code(Code code) {
  switch (code) {
    case Code::cancelled:
      return 1;
    case Code::invalid_argument:
      return 3;
    case Code::deadline_exceeded:
      return 4;
    case Code::not_found:
      return 5;
    case Code::limit:
      return 8;
    case Code::unimplemented:
      return 12;
    case Code::internal:
      return 13;
    case Code::unavailable:
    case Code::io:
      return 14;  // the next attempt may meet a disk that works
    case Code::corrupt:
      return 15;
    case Code::unauthenticated:
      return 16;
    case Code::too_large:
      return 3;
  }
  return 13;
}

int otlp_http_status(Code code) {
  switch (grpc_code(code)) {
    case 3:
      return 400;
    case 8:
      return 429;
    case 12:
      return 404;
    case 16:
      return 401;
    case 1:
    case 4:
    case 14:
    case 15:
      return 503;
    default:
      return 500;
  }
}

int64_t retry_after(const Error& error, int64_t retry_after_s) {
  const bool may_pass =
      error.code == Code::limit || error.code == Code::unavailable || error.code == Code::io;
  return may_pass ? retry_after_s : 0;
}

// Status: code 1, message 2, details 3, each an Any: type_url 1, value 2. RetryInfo: retry_delay 1,
// a Duration: seconds 1.
std::string status_message(const Error& error, int64_t retry_after_s) {
  std::string out;
  protozero::pbf_writer status(out);
  status.add_int32(1, grpc_code(error.code));
  status.add_string(2, error.message);
  if (retry_after_s == 0) return out;
  protozero::pbf_writer any(status, 3);
  any.add_string(1, "type.googleapis.com/google.rpc.RetryInfo");
  protozero::pbf_writer retry_info(any, 2);
  protozero::pbf_writer delay(retry_info, 1);
  delay.add_int64(1, retry_after_s);
  return out;
}

std::string export_response(const Outcome& outcome) {
  std::string out;
  protozero::pbf_writer response(out);
  if (outcome.rejected_spans == 0) {
    response.add_message(1, "", 0);  // a pbf_writer that stays empty takes itself back
  } else {
    protozero::pbf_writer partial(response, 1);
    partial.add_int64(1, outcome.rejected_spans);
    partial.add_string(2, outcome.message);
  }
  return out;
}

}  // namespace vivace::receive
