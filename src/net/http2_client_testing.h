// For tests of the HTTP/2 engine: nghttp2's client session whose bytes go straight into an engine
// and back, and frames made by hand where a decent client would not send them.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include "net/engine_driver.h"
#include "net/http2_engine.h"

namespace vivace::net {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline nghttp2_nv make_nv(const Header& h) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(h.name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(h.value.data())), h.name.size(),
          h.value.size(), NGHTTP2_NV_FLAG_NONE};
}

struct Answered {
  std::string head;  // "name:value|" each, without date
  std::string body;
  bool ended = false;
  int header_blocks = 0;
  int64_t reset = -1;  // the error code
};

// A client whose bytes go straight into an engine, and the other way round.
class Client {
 public:
  explicit Client(Engine& engine, EngineDriver::Answer answer = {}, bool reads_windows = true)
      : driver(engine, std::move(answer)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t n,
                      const uint8_t* value, size_t v, uint8_t, void* user) {
          std::string text(reinterpret_cast<const char*>(name), n);
          if (text == "date") return 0;
          text += ":" + std::string(reinterpret_cast<const char*>(value), v) + "|";
          self(user).answers[frame->hd.stream_id].head += text;
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t n, void* user) {
          self(user).answers[id].body.append(reinterpret_cast<const char*>(data), n);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          Client& me = self(user);
          if (frame->hd.type == NGHTTP2_GOAWAY) me.goaway = frame->goaway.error_code;
          if (frame->hd.type == NGHTTP2_RST_STREAM) {
            me.answers[frame->hd.stream_id].reset = frame->rst_stream.error_code;
          }
          if (frame->hd.type == NGHTTP2_HEADERS) me.answers[frame->hd.stream_id].header_blocks++;
          const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
          if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            me.answers[frame->hd.stream_id].ended = true;
          }
          return 0;
        });
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    if (!reads_windows) nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_session_client_new2(&session, callbacks, this, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Client() { nghttp2_session_del(session); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int32_t request(std::string method, std::string path, std::vector<Header> more = {},
                  std::optional<std::string> body = std::nullopt) {
    std::vector<Header> headers = {{":method", std::move(method)},
                                   {":scheme", "http"},
                                   {":authority", "x"},
                                   {":path", std::move(path)}};
    for (Header& h : more) headers.push_back(std::move(h));
    std::vector<nghttp2_nv> nvs;
    for (const Header& h : headers) nvs.push_back(make_nv(h));
    if (!body)
      return nghttp2_submit_request(session, nullptr, nvs.data(), nvs.size(), nullptr, nullptr);
    auto& source = sources_.emplace_back(std::make_unique<Source>());
    source->bytes = std::move(*body);
    nghttp2_data_provider provider{.source = {.ptr = source.get()}, .read_callback = read_body};
    return nghttp2_submit_request(session, nullptr, nvs.data(), nvs.size(), &provider, nullptr);
  }

  // A body that never ends.
  int32_t open_request(std::string path, std::string start) {
    const int32_t id = request("POST", std::move(path), {}, std::move(start));
    sources_.back()->open = true;
    return id;
  }

  // Everything there is to send, and everything that comes back, until nothing moves.
  void run() { run_split(nullptr, 0); }
  void run_split(std::mt19937* random, size_t longest) {
    for (;;) {
      const std::string bytes = take_outgoing();
      if (random != nullptr) {
        driver.send_split(bytes, *random, longest);
      } else if (!bytes.empty()) {
        driver.send(bytes);
      }
      driver.pump();
      const std::string back = driver.take_out();
      if (!back.empty()) {
        nghttp2_session_mem_recv(session, reinterpret_cast<const uint8_t*>(back.data()),
                                 back.size());
      }
      if (bytes.empty() && back.empty()) return;
    }
  }

  std::string take_outgoing() {
    std::string bytes;
    const uint8_t* data = nullptr;
    ssize_t n = 0;
    while ((n = nghttp2_session_mem_send(session, &data)) > 0) {
      bytes.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
      sent_bytes += n;
    }
    return bytes;
  }

  EngineDriver driver;
  nghttp2_session* session = nullptr;
  std::map<int32_t, Answered> answers;
  std::optional<uint32_t> goaway;
  int64_t sent_bytes = 0;

 private:
  struct Source {
    std::string bytes;
    size_t used = 0;
    bool open = false;
  };

  static Client& self(void* user) { return *static_cast<Client*>(user); }

  static ssize_t read_body(nghttp2_session*, int32_t, uint8_t* out, size_t size, uint32_t* flags,
                           nghttp2_data_source* from, void*) {
    Source& s = *static_cast<Source*>(from->ptr);
    const size_t n = std::min(size, s.bytes.size() - s.used);
    std::copy_n(s.bytes.data() + s.used, n, out);
    s.used += n;
    if (s.used == s.bytes.size() && !s.open) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (n == 0 && s.open) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(n);
  }

  std::vector<std::unique_ptr<Source>> sources_;
};

inline std::optional<Response> echo(const Request& q) {
  return Response{.headers = {{"X-Kind", "echo"}}, .body = q.method + " " + q.path + " " + q.body};
}

inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string f;
  const auto n = static_cast<uint32_t>(payload.size());
  for (const uint32_t byte : {n >> 16, n >> 8, n, uint32_t{type}, uint32_t{flags}, stream >> 24,
                              stream >> 16, stream >> 8, stream}) {
    f.push_back(static_cast<char>(byte & 0xff));
  }
  return f.append(payload);
}

inline std::string opening() { return std::string(kPreface) + frame(NGHTTP2_SETTINGS, 0, 0, ""); }

// Whether the bytes that the server wrote hold a GOAWAY, and with which code.
inline std::optional<uint32_t> find_goaway(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  while (bytes.size() >= 9) {
    const size_t n = at(0) << 16 | at(1) << 8 | at(2);
    if (at(3) == NGHTTP2_GOAWAY) return at(13) << 24 | at(14) << 16 | at(15) << 8 | at(16);
    bytes.remove_prefix(std::min(bytes.size(), 9 + n));
  }
  return std::nullopt;
}

}  // namespace vivace::net
