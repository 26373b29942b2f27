// nghttp2's session and our streams: see the header. First the callbacks, then what they note. A
// callback only notes; streams are freed between calls into nghttp2, never inside one.
#include "net/http2_session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/result.h"
#include "net/body_buffer.h"
#include "net/http_text.h"

namespace vivace::net {
namespace {

// Frames that wait to be written; a client that makes more without reading is flooding.
constexpr size_t kOutboundFramesMax = 2000;
constexpr size_t kAcksMax = 500;
constexpr size_t kContinuationsMax = 8;
constexpr int64_t kHeaderOverhead = 32;  // RFC 9113 section 6.5.2

std::string_view view_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec v = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(v.base), v.len};
}

int base64url_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-' || c == '+') return 62;
  if (c == '_' || c == '/') return 63;
  return -1;
}

bool base64url_decode(std::string_view text, std::string& out) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int value = base64url_value(c);
    if (value < 0) return false;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0xfffff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>(bits >> held & 0xff));
    }
  }
  return text.size() % 4 != 1;
}

nghttp2_nv make_nv(std::string_view name, std::string_view value) {
  // nghttp2 copies both and changes neither.
  const auto bytes = [](std::string_view s) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(s.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// RFC 9113 section 8.2.2, and what the engine adds itself.
bool is_left_out(std::string_view name) {
  return name == "connection" || name == "content-length" || name == "transfer-encoding" ||
         name == "keep-alive" || name == "proxy-connection" || name == "upgrade";
}

// Names become lower-case and values one line, in place: the result refers to `fields`.
void append_fields(std::vector<nghttp2_nv>& out, std::vector<Header>& fields) {
  for (Header& h : fields) {
    lower_in_place(h.name);
    if (is_left_out(h.name)) continue;
    for (char& c : h.value) {
      if (c == '\r' || c == '\n' || c == '\0') c = ' ';
    }
    out.push_back(make_nv(h.name, h.value));
  }
}

}  // namespace

// Static members of a nested class, so that they may touch what Http2Session keeps private.
struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name_buffer,
                       nghttp2_rcbuf* value_buffer, uint8_t flags, void* user);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session*, uint8_t flags, int32_t id, const uint8_t* data, size_t size,
                     void* user);
  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_close(nghttp2_session*, int32_t id, uint32_t error_code, void* user) {
    self(user).stream_closed(id);
    (void)error_code;
    return 0;
  }
  static ssize_t read_answer(nghttp2_session*, int32_t id, uint8_t* out, size_t size,
                             uint32_t* flags, nghttp2_data_source* source, void* user);
};

int Http2Session::Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame,
                                              void* user) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  Http2Session& me = self(user);
  const int32_t id = frame->hd.stream_id;
  me.streams[id] = std::make_unique<Http2Stream>(id, me.limits.maybe_bodies);
  me.head_stream = id;
  return 0;
}

int Http2Session::Callbacks::on_header(nghttp2_session*, const nghttp2_frame* frame,
                                       nghttp2_rcbuf* name_buffer, nghttp2_rcbuf* value_buffer,
                                       uint8_t, void* user) {
  Http2Session& me = self(user);
  Http2Stream* s = me.find(frame->hd.stream_id);
  if (s == nullptr || s->head_done) return 0;  // a trailer: nobody asks for them
  const std::string_view name = view_of(name_buffer);
  const std::string_view value = view_of(value_buffer);
  s->header_bytes += static_cast<int64_t>(name.size() + value.size()) + kHeaderOverhead;
  if (s->header_bytes > me.limits.header_bytes_max) {
    s->header_too_large = true;
  } else if (name == ":method") {
    s->request.method = value;
  } else if (name == ":path") {
    split_target(value, s->request);
  } else if (name == ":authority") {
    s->authority = value;
  } else if (!name.starts_with(':')) {
    if (s->request.headers.empty()) s->request.headers.reserve(12);
    s->request.headers.push_back({std::string(name), std::string(value)});
  }
  return 0;
}

int Http2Session::Callbacks::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  Http2Session& me = self(user);
  Http2Stream* s = me.find(frame->hd.stream_id);
  if (s == nullptr) return 0;
  const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (frame->hd.type == NGHTTP2_HEADERS && !s->head_done) {
    s->input_ended = ends;
    me.head_done(*s);
  } else if (ends) {
    s->input_ended = true;
    me.input_ended(*s);
  }
  return 0;
}

int Http2Session::Callbacks::on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data,
                                     size_t size, void* user) {
  Http2Session& me = self(user);
  Http2Stream* s = me.find(id);
  if (s == nullptr) {
    nghttp2_session_consume_connection(me.session, size);
  } else if (s->arrived) {
    me.discard(*s, size);
  } else {
    me.body_bytes(*s, {reinterpret_cast<const char*>(data), size});
  }
  return 0;
}

int Http2Session::Callbacks::on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  Http2Session& me = self(user);
  Http2Stream* s = me.find(frame->hd.stream_id);
  if (s == nullptr) return 0;
  s->answer_sent = true;
  if (!s->input_ended) me.await_more(*s);
  return 0;
}

ssize_t Http2Session::Callbacks::read_answer(nghttp2_session*, int32_t id, uint8_t* out,
                                             size_t size, uint32_t* flags,
                                             nghttp2_data_source* source, void* user) {
  Http2Stream& s = *static_cast<Http2Stream*>(source->ptr);
  size_t used = 0;
  while (used < size && !s.parts.empty()) {
    const std::string& part = s.parts.front();
    const size_t n = std::min(size - used, part.size() - s.part_used);
    std::copy_n(part.data() + s.part_used, n, out + used);
    used += n;
    s.part_used += n;
    if (s.part_used == part.size()) {
      s.parts.pop();
      s.part_used = 0;
    }
  }
  s.moved += used;
  if (s.parts.empty()) self(user).stop_owing(s);
  if (s.parts.empty() && s.ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!s.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      std::vector<nghttp2_nv> trailers;
      append_fields(trailers, s.trailers);
      nghttp2_submit_trailer(self(user).session, id, trailers.data(), trailers.size());
    }
  } else if (used == 0) {
    s.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (s.streaming && used > 0) self(user).credits.push_back({id, used});
  return static_cast<ssize_t>(used);
}

Http2Session::Http2Session(const Limits& l) : limits(l) {
  nghttp2_session_callbacks* callbacks = nullptr;
  ASSERT(nghttp2_session_callbacks_new(&callbacks) == 0);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, Callbacks::on_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_option* options = nullptr;
  ASSERT(nghttp2_option_new(&options) == 0);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, kAcksMax);
  nghttp2_option_set_max_continuations(options, kContinuationsMax);
  ASSERT(nghttp2_session_server_new2(&session, callbacks, this, options) == 0);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
}

Http2Session::~Http2Session() { nghttp2_session_del(session); }

void Http2Session::start() {
  const auto header_list =
      static_cast<uint32_t>(std::min<int64_t>(limits.header_bytes_max, INT32_MAX));
  const std::array<nghttp2_settings_entry, 3> settings = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, Http2Engine::kWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, header_list},
  }};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, Http2Engine::kWindowBytes);
}

bool Http2Session::upgrade(std::string_view settings, Request& request) {
  std::string decoded;
  if (!base64url_decode(settings, decoded)) return false;
  const bool head = request.method == "HEAD";
  if (nghttp2_session_upgrade2(session, reinterpret_cast<const uint8_t*>(decoded.data()),
                               decoded.size(), head ? 1 : 0, nullptr) != 0) {
    return false;
  }
  auto& slot = streams[1];
  slot = std::make_unique<Http2Stream>(1, limits.maybe_bodies);
  slot->request = std::move(request);
  slot->request.http2 = true;
  slot->head_only = head;
  slot->head_done = true;
  slot->input_ended = true;
  awaits_preface = true;
  arrive(*slot);
  return true;
}

void Http2Session::receive(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const ssize_t n = nghttp2_session_mem_recv(session, data, bytes.size());
  closed.clear();
  if (n == NGHTTP2_ERR_FLOODED) {
    end_session(NGHTTP2_ENHANCE_YOUR_CALM, "http2_flood");
    dead = true;
  } else if (n < 0) {
    fault = "http2_protocol";
    dead = true;
  } else if (nghttp2_session_get_outbound_queue_size(session) > kOutboundFramesMax) {
    end_session(NGHTTP2_ENHANCE_YOUR_CALM, "http2_flood");
    dead = true;
  } else if (reset_credits < 0) {
    end_session(NGHTTP2_ENHANCE_YOUR_CALM, "http2_reset_flood");
    dead = true;
  }
}

void Http2Session::end_session(uint32_t error_code, std::string_view why) {
  fault = why;
  nghttp2_session_terminate_session(session, error_code);
}

void Http2Session::head_done(Http2Stream& s) {
  s.head_done = true;
  head_stream = 0;
  s.head_only = s.request.method == "HEAD";
  s.request.http2 = true;
  if (s.header_too_large) {
    fault = "head_too_large";
    s.arrived = true;
    submit(s,
           {.status = 431,
            .headers = {{"content-type", kPlainText}},
            .body = "the request's head is too large\n"},
           false);
    return;
  }
  if (!s.authority.empty() && !s.request.has_header("host")) {
    s.request.headers.push_back({"host", std::move(s.authority)});
  }
  const std::string_view length = s.request.header("content-length");
  std::from_chars(length.data(), length.data() + length.size(), s.declared);
  if (s.declared > limits.body_bytes_max) return refuse_body(s, BodyState::too_large);
  if (s.input_ended) return arrive(s);
  await_more(s);
  if (equals_ignoring_case(s.request.header("expect"), "100-continue")) {
    const nghttp2_nv status = make_nv(":status", "100");
    nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, s.id, nullptr, &status, 1, nullptr);
  }
}

void Http2Session::input_ended(Http2Stream& s) {
  stop_receiving(s);
  if (s.arrived) return;
  if (!s.uncovered) arrive(s);  // else once the budget has room
}

void Http2Session::arrive(Http2Stream& s) {
  stop_receiving(s);
  s.body.move_into(s.request);
  s.arrived = true;
  arrivals.push(s.id);
}

void Http2Session::await_more(Http2Stream& s) {
  s.fresh = true;
  if (!std::exchange(s.receiving, true)) receiving++;
}

void Http2Session::stop_receiving(Http2Stream& s) {
  if (std::exchange(s.receiving, false)) receiving--;
}

void Http2Session::discard(Http2Stream& s, size_t bytes) {
  s.fresh = true;
  s.discarded += static_cast<int64_t>(bytes);
  if (s.discarded <= kDiscardBytesMax) {
    nghttp2_session_consume(session, s.id, bytes);
    return;
  }
  nghttp2_session_consume_connection(session, bytes);
  // RFC 9113 section 8.1: answered in full, the rest of the request is not wanted.
  if (s.answer_sent) nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s.id, NGHTTP2_NO_ERROR);
}

void Http2Session::body_bytes(Http2Stream& s, std::string_view bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  s.fresh = true;
  s.unconsumed += bytes.size();
  if (s.body.size() + size > limits.body_bytes_max) return refuse_body(s, BodyState::too_large);
  const int64_t most = s.declared >= 0 ? s.declared : limits.body_bytes_max;
  if (!s.uncovered && s.body.make_room(size, most)) {
    s.body.append(bytes);
    consume(s, s.unconsumed);
    return;
  }
  s.body.force_room(size);
  s.body.append(bytes);
  if (!std::exchange(s.uncovered, true)) uncovered++;
}

void Http2Session::consume(Http2Stream& s, size_t bytes) {
  s.unconsumed -= bytes;
  nghttp2_session_consume(session, s.id, bytes);
}

void Http2Session::forget_uncovered(Http2Stream& s) {
  if (std::exchange(s.uncovered, false)) uncovered--;
}

void Http2Session::retry_room() {
  for (auto& [id, s] : streams) {
    if (uncovered == 0) return;
    if (!s->uncovered || !s->body.covered()) continue;
    forget_uncovered(*s);
    consume(*s, s->unconsumed);
    if (s->input_ended) arrive(*s);
  }
}

void Http2Session::refuse_body(Http2Stream& s, BodyState state) {
  fault = state == BodyState::too_large ? "body_too_large" : "no_room";
  forget_uncovered(s);
  s.body.keep_start();
  s.request.body_state = state;
  arrive(s);
  consume(s, s.unconsumed);
}

void Http2Session::stream_closed(int32_t id) {
  const auto it = streams.find(id);
  if (it == streams.end()) return;
  Http2Stream& s = *it->second;
  if (head_stream == id) head_stream = 0;
  stop_receiving(s);
  forget_uncovered(s);
  stop_owing(s);
  if (s.unconsumed > 0) nghttp2_session_consume_connection(session, s.unconsumed);
  if (s.answer_sent) {
    reset_credits = std::min(reset_credits + 1, Http2Engine::kResetsMax);
  } else {
    reset_credits--;
    if (s.handed) gone.push(id);
  }
  closed.push_back(std::move(it->second));
  streams.erase(it);
}

void Http2Session::submit(Http2Stream& s, Response response, bool streamed) {
  s.answered = true;
  const std::string status = std::to_string(response.status);
  const std::string length = std::to_string(response.body.size());
  const bool has_body = status_has_body(response.status);
  std::vector<nghttp2_nv> headers;
  headers.reserve(response.headers.size() + response.trailers.size() + 3);
  headers.push_back(make_nv(":status", status));
  append_fields(headers, response.headers);
  headers.push_back(make_nv("date", date_now()));
  const bool sends_data = has_body && !s.head_only && (streamed || !response.body.empty());
  if (!sends_data) append_fields(headers, response.trailers);
  if (!streamed && has_body && response.trailers.empty()) {
    headers.push_back(make_nv("content-length", length));
  }
  if (sends_data) s.trailers = std::move(response.trailers);
  s.streaming = streamed && sends_data;
  s.ended = !s.streaming;
  if (sends_data && !response.body.empty()) add_part(s, std::move(response.body));
  nghttp2_data_provider provider{.source = {.ptr = &s}, .read_callback = Callbacks::read_answer};
  nghttp2_submit_response(session, s.id, headers.data(), headers.size(),
                          sends_data ? &provider : nullptr);
}

void Http2Session::add_part(Http2Stream& s, std::string part) {
  s.parts.push(std::move(part));
  if (!std::exchange(s.owes, true)) owing++;
}

void Http2Session::stop_owing(Http2Stream& s) {
  if (std::exchange(s.owes, false)) owing--;
  s.owed_at_check = false;
}

void Http2Session::resume(Http2Stream& s) {
  if (std::exchange(s.deferred, false)) nghttp2_session_resume_data(session, s.id);
}

}  // namespace vivace::net
