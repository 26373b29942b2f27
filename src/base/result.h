// Errors as values. A function that can fail for a reason outside the program returns Result<T>; a
// broken invariant is ASSERT, which stops the process in every build (the write-ahead log makes
// that safe). One Code serves the whole program; api/ and receive/ map it to HTTP status and gRPC
// code.
//
//   Result<Block> open_block(Path path) {
//     auto bytes = TRY(storage.read(path));   // returns early with the error
//     CHECK_OK(verify(bytes));                // the same for Result<void>
//     return Block(std::move(bytes));
//   }
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace vivace {

enum class Code : uint8_t {
  invalid_argument,   // the caller's input is wrong; the same input will fail again
  unauthenticated,    // the caller did not say who it is
  not_found,          // the thing named does not exist
  too_large,          // input beyond a limit that does not change with load
  corrupt,            // stored bytes do not match their checksum or format
  io,                 // the disk or the network failed
  limit,              // a budget is used up now; the same input may pass later
  cancelled,          // the caller went away
  deadline_exceeded,  // it took longer than allowed
  unavailable,        // starting or stopping; try again
  unimplemented,      // known, but not built
  internal,           // a fault of this program
};

struct Error {
  Code code = Code::internal;
  std::string message;

  // The same error with the name of the thing in front: "segment 12: " + message.
  Error in(std::string_view where) && {
    message.insert(0, ": ");
    message.insert(0, where);
    return std::move(*this);
  }
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

std::string_view code_name(Code code);

// Prints the expression and stops the process. `what` may be empty.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

}  // namespace vivace

#define TRY(expression)                                                       \
  ({                                                                          \
    auto try_result_ = (expression);                                          \
    if (!try_result_) return std::unexpected(std::move(try_result_).error()); \
    *std::move(try_result_);                                                  \
  })

#define CHECK_OK(expression)                                                      \
  do {                                                                            \
    auto check_result_ = (expression);                                            \
    if (!check_result_) return std::unexpected(std::move(check_result_).error()); \
  } while (false)

#define ASSERT(condition)                                      \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::vivace::assert_failed(#condition, __FILE__, __LINE__); \
  } while (false)
