// gzip for a body that is made bit by bit, over zlib. One thread; 256 KiB of state as long as it
// lives.
//
//   GzipStream stream;
//   while (more) send(stream.compress(piece));
//   send(stream.finish());
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace vivace {

class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(GzipStream&&) noexcept;
  GzipStream& operator=(GzipStream&&) noexcept;

  // What is ready to be sent; it may be empty for a while, and nothing is lost by that.
  std::string compress(std::string_view piece);
  // The rest, with the trailer. The stream is done then.
  std::string finish();

 private:
  struct State;
  std::string run(std::string_view piece, int flush);
  std::unique_ptr<State> state_;
};

}  // namespace vivace
