// The engine over an Http2Session: takes what the session's callbacks noted, and submits answers.
// Like the session it runs on the connection's io thread and does no I/O.
#include "net/http2_engine.h"

#include <algorithm>
#include <utility>

#include <nghttp2/nghttp2.h>

#include "net/http2_session.h"

namespace vivace::net {

Http2Engine::Http2Engine(const Limits& limits) : session_(std::make_unique<Http2Session>(limits)) {
  session_->start();
}

Http2Engine::~Http2Engine() = default;

std::unique_ptr<Http2Engine> Http2Engine::upgraded(const Limits& limits, std::string_view settings,
                                                   Request& request) {
  auto engine = std::make_unique<Http2Engine>(limits);
  if (!engine->session_->upgrade(settings, request)) return nullptr;
  return engine;
}

size_t Http2Engine::feed(std::string_view bytes) {
  Http2Session& me = *session_;
  if (me.uncovered > 0) me.retry_room();
  if (!bytes.empty()) me.awaits_preface = false;
  if (!bytes.empty() && !me.dead) me.receive(bytes);
  if (!me.fault.empty()) set_fault(std::exchange(me.fault, {}));
  return bytes.size();
}

bool Http2Engine::takes_input() const { return true; }

Phase Http2Engine::phase() const {
  const Http2Session& me = *session_;
  if (me.uncovered > 0) return Phase::no_room;
  if (me.awaits_preface || me.head_stream != 0) return Phase::head;
  if (me.receiving > 0) return Phase::body;
  return me.streams.empty() ? Phase::idle : Phase::busy;
}

bool Http2Engine::next(Arrival& arrival) {
  Http2Session& me = *session_;
  // The answer to an upgrade waits for the client's preface: more than the settings behind the 101
  // overflows the buffers of some.
  while (!me.arrivals.empty() && !me.awaits_preface) {
    Http2Stream* s = me.find(me.arrivals.front());
    me.arrivals.pop();
    if (s == nullptr) continue;
    s->handed = true;
    arrival.id = s->id;
    arrival.request = std::move(s->request);
    return true;
  }
  return false;
}

bool Http2Engine::next_gone(int32_t& id) {
  if (session_->gone.empty()) return false;
  id = session_->gone.front();
  session_->gone.pop();
  return true;
}

void Http2Engine::respond(int32_t id, Response response) {
  Http2Stream* s = session_->find(id);
  if (s == nullptr || s->answered) return;
  session_->submit(*s, std::move(response), false);
}

void Http2Engine::begin(int32_t id, Response head) {
  Http2Stream* s = session_->find(id);
  if (s == nullptr || s->answered) return;
  session_->submit(*s, std::move(head), true);
}

void Http2Engine::write(int32_t id, std::string chunk) {
  Http2Stream* s = session_->find(id);
  if (s == nullptr || chunk.empty()) return;
  if (!s->streaming) {  // the answer to HEAD
    session_->credits.push_back({id, chunk.size()});
    return;
  }
  session_->add_part(*s, std::move(chunk));
  session_->resume(*s);
}

void Http2Engine::end(int32_t id, std::vector<Header> trailers) {
  Http2Stream* s = session_->find(id);
  if (s == nullptr || !s->streaming) return;
  s->trailers = std::move(trailers);
  s->ended = true;
  session_->resume(*s);
}

void Http2Engine::fill(Output& output) {
  Http2Session& me = *session_;
  std::string frames;
  while (output.bytes + frames.size() < kFillBytes) {
    const uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(me.session, &data);
    if (n <= 0) {
      if (n < 0) me.dead = true;
      me.written = me.dead;
      break;
    }
    frames.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
  }
  me.closed.clear();
  if (!frames.empty()) output.add(std::move(frames));
  output.credits.insert(output.credits.end(), me.credits.begin(), me.credits.end());
  me.credits.clear();
}

void Http2Engine::time_out() {
  Http2Session& me = *session_;
  if (me.awaits_preface || me.head_stream != 0) {
    me.end_session(NGHTTP2_ENHANCE_YOUR_CALM, "timeout");
    me.dead = true;
  }
  for (auto& [id, s] : me.streams) {
    if (!s->receiving || s->uncovered || std::exchange(s->fresh, false)) continue;
    me.fault = "timeout";
    const auto why = s->answer_sent ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL;
    nghttp2_submit_rst_stream(me.session, NGHTTP2_FLAG_NONE, id, why);
  }
  if (!me.fault.empty()) set_fault(std::exchange(me.fault, {}));
}

bool Http2Engine::owes_answers() const { return session_->owing > 0; }

void Http2Engine::time_out_answers() {
  Http2Session& me = *session_;
  for (auto& [id, s] : me.streams) {
    const size_t moved = std::exchange(s->moved, 0);
    const bool owed_before = std::exchange(s->owed_at_check, s->owes);
    if (!s->owes || !owed_before || moved >= kAnswerStepBytes) continue;
    me.fault = "timeout_write";
    nghttp2_submit_rst_stream(me.session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  }
  if (!me.fault.empty()) set_fault(std::exchange(me.fault, {}));
}

void Http2Engine::give_up_room() {
  Http2Session& me = *session_;
  for (auto& [id, s] : me.streams) {
    if (s->uncovered) me.refuse_body(*s, BodyState::no_room);
  }
  if (!me.fault.empty()) set_fault(std::exchange(me.fault, {}));
}

void Http2Engine::drain() {
  Http2Session& me = *session_;
  if (std::exchange(me.draining, true)) return;
  const int32_t last = nghttp2_session_get_last_proc_stream_id(me.session);
  nghttp2_submit_goaway(me.session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
}

bool Http2Engine::finished() const {
  const Http2Session& me = *session_;
  if (me.dead) return me.written;
  return nghttp2_session_want_read(me.session) == 0 && nghttp2_session_want_write(me.session) == 0;
}

}  // namespace vivace::net
