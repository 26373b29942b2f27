// The conversation of HTTP/1: see the header. Beast's basic_parser is fed with put(), one head,
// chunk header or piece of body at a time (not eager), because room for a body is taken before its
// bytes are parsed. It needs each head and each chunk header in one piece, so that less is left
// unused.
#include "net/http1_engine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>

#include "base/result.h"
#include "net/http_text.h"

namespace vivace::net {
namespace {

namespace beast = boost::beast;
using beast::http::error;

// A chunk header and what must follow it never take less; with less, put() must not be called (the
// parser asserts it for the last one).
constexpr size_t kChunkHeaderBytesMin = 5;
constexpr size_t kJoinBytesMax = 8 << 10;  // bodies up to this travel in the head's buffer

struct Fault {
  int status;
  std::string_view why;
};

Fault fault_of(const beast::error_code& ec) {
  if (ec == error::bad_version) return {505, "the request line does not name HTTP/1.0 or HTTP/1.1"};
  if (ec == error::header_limit) return {431, "a header is too long"};
  if (ec == error::bad_method) return {400, "malformed method in the request line"};
  if (ec == error::bad_target) return {400, "malformed target in the request line"};
  if (ec == error::bad_field) return {400, "malformed header name"};
  if (ec == error::bad_value) return {400, "malformed header value"};
  if (ec == error::bad_line_ending) return {400, "a line does not end in CR LF"};
  if (ec == error::bad_content_length) return {400, "malformed or conflicting content-length"};
  if (ec == error::multiple_content_length) return {400, "more than one content-length"};
  if (ec == error::bad_transfer_encoding) {
    return {400, "transfer-encoding twice or beside content-length"};
  }
  if (ec == error::bad_chunk) return {400, "malformed chunk"};
  if (ec == error::bad_chunk_extension) return {400, "malformed chunk extension"};
  return {400, "malformed request"};
}

}  // namespace

class Http1Engine::Parser {
 public:
  explicit Parser(Http1Engine& owner) : owner_(owner) {}

  void start() {
    parser_.emplace(owner_);
    parser_->body_limit(boost::none);
    parser_->header_limit(UINT32_MAX);
  }
  size_t put(std::string_view bytes, beast::error_code& ec) {
    return parser_->put({bytes.data(), bytes.size()}, ec);
  }
  bool head_done() const { return parser_->is_header_done(); }
  bool done() const { return parser_->is_done(); }
  bool chunked() const { return parser_->chunked(); }
  bool keep_alive() const { return parser_->keep_alive(); }
  bool asks_upgrade() const { return parser_->upgrade(); }
  int64_t declared() const {
    const auto length = parser_->content_length();
    if (!length) return 0;
    return static_cast<int64_t>(std::min<uint64_t>(*length, INT64_MAX));
  }

 private:
  class Events final : public beast::http::basic_parser<true> {
   public:
    explicit Events(Http1Engine& owner) : owner_(owner) {}

   private:
    using View = beast::string_view;
    using Code = beast::error_code;

    void on_request_impl(beast::http::verb, View method, View target, int version, Code&) override {
      owner_.request_.method.assign(method.data(), method.size());
      split_target({target.data(), target.size()}, owner_.request_);
      owner_.http11_ = version == 11;
    }
    void on_field_impl(beast::http::field, View name, View value, Code&) override {
      if (is_header_done()) return;  // a trailer: nobody asks for them
      if (owner_.request_.headers.empty()) owner_.request_.headers.reserve(12);
      Header& h = owner_.request_.headers.emplace_back();
      h.name.assign(name.data(), name.size());
      lower_in_place(h.name);
      h.value.assign(value.data(), value.size());
    }
    void on_chunk_header_impl(uint64_t size, View, Code&) override {
      const auto room = static_cast<uint64_t>(owner_.limits_.body_bytes_max - owner_.body_.size());
      if (size > room) {
        owner_.too_large_ = true;
      } else {
        owner_.chunk_left_ = static_cast<int64_t>(size);
      }
    }
    size_t on_body_impl(View bytes, Code&) override {
      owner_.body_.append({bytes.data(), bytes.size()});
      return bytes.size();
    }
    size_t on_chunk_body_impl(uint64_t, View bytes, Code&) override {
      owner_.body_.append({bytes.data(), bytes.size()});
      owner_.chunk_left_ -= static_cast<int64_t>(bytes.size());
      return bytes.size();
    }
    void on_response_impl(int, View, int, Code&) override {}
    void on_header_impl(Code&) override {}
    void on_body_init_impl(const boost::optional<uint64_t>&, Code&) override {}
    void on_finish_impl(Code&) override {}

    Http1Engine& owner_;
  };

  Http1Engine& owner_;
  std::optional<Events> parser_;
};

Http1Engine::Http1Engine(const Limits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>(*this)), body_(limits.maybe_bodies) {}

Http1Engine::~Http1Engine() = default;

size_t Http1Engine::feed(std::string_view bytes) {
  no_room_ = false;
  size_t used = 0;
  for (;;) {
    const std::string_view rest = bytes.substr(used);
    const Input before = input_;
    size_t n = 0;
    if (input_ == Input::head && !closing_) n = feed_head(rest);
    if (input_ == Input::body) n = feed_body(bytes.substr(used + n)) + n;
    if (input_ == Input::discard) return bytes.size();
    used += n;
    if ((n == 0 && input_ == before) || used == bytes.size()) return used;
    if (input_ == Input::hold || input_ == Input::upgrade) return used;
  }
}

bool Http1Engine::takes_input() const {
  if (input_ == Input::discard) return true;
  return (input_ == Input::head || input_ == Input::body) && !no_room_ && !closing_;
}

Phase Http1Engine::phase() const {
  if (no_room_) return Phase::no_room;
  if (answer_ != Answer::none || closing_ || input_ == Input::upgrade) return Phase::busy;
  if (input_ == Input::body) return Phase::body;
  return parsing_ ? Phase::head : Phase::idle;
}

size_t Http1Engine::feed_head(std::string_view bytes) {
  size_t skipped = 0;
  if (!parsing_) {
    // RFC 9112 section 2.2: empty lines before a request are ignored.
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) skipped++;
    bytes.remove_prefix(skipped);
    if (bytes.empty()) return skipped;
    parser_->start();
    parsing_ = true;
  }
  beast::error_code ec;
  const size_t used = parser_->put(bytes, ec);
  head_bytes_ += static_cast<int64_t>(used);
  const bool whole = parser_->head_done();
  const size_t waiting = whole ? 0 : bytes.size() - used;
  if (ec && ec != error::need_more) {
    const Fault fault = fault_of(ec);
    refuse(fault.status, fault.why);
  } else if (head_bytes_ + static_cast<int64_t>(waiting) > limits_.header_bytes_max) {
    refuse(431, "the request's head is too large");
  } else if (whole) {
    head_done();
  }
  return skipped + used;
}

void Http1Engine::head_done() {
  head_only_ = request_.method == "HEAD";
  keep_alive_ = parser_->keep_alive();
  declared_ = parser_->chunked() ? -1 : parser_->declared();
  if (!check_head()) return;
  if (declared_ > limits_.body_bytes_max) return refuse_body(BodyState::too_large);
  if (parser_->done()) {
    if (http11_ && parser_->asks_upgrade()) look_for_upgrade();
    if (input_ != Input::upgrade) complete();
    return;
  }
  input_ = Input::body;
  continue_owed_ = http11_ && request_.has_header("expect");
}

bool Http1Engine::check_head() {
  int hosts = 0;
  int lengths = 0;
  for (const Header& h : request_.headers) {
    if (h.name == "host") {
      hosts++;
    } else if (h.name == "content-length") {
      lengths += h.value.find(',') == std::string::npos ? 1 : 2;
    } else if (h.name == "transfer-encoding") {
      if (!http11_) {
        refuse(400, "transfer-encoding in an HTTP/1.0 request");
        return false;
      }
      if (!equals_ignoring_case(h.value, "chunked")) {
        refuse(501, "only the transfer-encoding \"chunked\" is understood");
        return false;
      }
    } else if (h.name == "expect" && !equals_ignoring_case(h.value, "100-continue")) {
      refuse(417, "only the expectation \"100-continue\" is understood");
      return false;
    }
  }
  if (hosts > 1 || (hosts == 0 && http11_)) {
    refuse(400, hosts == 0 ? "no host header" : "more than one host header");
    return false;
  }
  if (lengths > 1) {
    refuse(400, "more than one content-length");
    return false;
  }
  return true;
}

void Http1Engine::look_for_upgrade() {
  if (!has_token(request_.header("upgrade"), "h2c")) return;
  int settings = 0;
  bool listed = false;
  for (const Header& h : request_.headers) {
    if (h.name == "http2-settings") settings++;
    if (h.name == "connection") listed = listed || has_token(h.value, "http2-settings");
  }
  if (settings != 1 || !listed || draining_) return;
  upgrade_.settings = request_.header("http2-settings");
  upgrade_.request = std::move(request_);
  request_ = {};
  input_ = Input::upgrade;
}

void Http1Engine::decline_upgrade() {
  request_ = std::move(upgrade_.request);
  complete();
}

// False while the budget has no room for the first bytes that it would invite.
bool Http1Engine::say_continue() {
  const int64_t most = declared_ >= 0 ? declared_ : limits_.body_bytes_max;
  if (!body_.make_room(std::min<int64_t>(most, 1), most)) {
    no_room_ = true;
    return false;
  }
  continue_owed_ = false;
  out_.push({"HTTP/1.1 100 Continue\r\n\r\n", 0});
  return true;
}

size_t Http1Engine::feed_body(std::string_view bytes) {
  if (!bytes.empty()) {
    continue_owed_ = false;  // the client did not wait
  } else if (continue_owed_ && !say_continue()) {
    return 0;
  }
  if (bytes.empty()) return 0;
  if (declared_ < 0 && chunk_left_ == 0) return feed_chunk_header(bytes);
  const int64_t left = declared_ < 0 ? chunk_left_ : declared_ - body_.size();
  const int64_t most = declared_ < 0 ? limits_.body_bytes_max : declared_;
  const auto piece = std::min<int64_t>(left, static_cast<int64_t>(bytes.size()));
  if (!body_.make_room(piece, most)) {
    no_room_ = true;
    return 0;
  }
  beast::error_code ec;
  const size_t used = parser_->put(bytes.substr(0, static_cast<size_t>(piece)), ec);
  if (ec && ec != error::need_more) {
    const Fault fault = fault_of(ec);
    refuse(fault.status, fault.why);
  } else if (parser_->done()) {
    complete();
  }
  return used;
}

size_t Http1Engine::feed_chunk_header(std::string_view bytes) {
  if (bytes.size() < kChunkHeaderBytesMin) return 0;
  beast::error_code ec;
  const size_t used = parser_->put(bytes, ec);
  if (too_large_) {
    refuse_body(BodyState::too_large);
  } else if (ec && ec != error::need_more) {
    const Fault fault = fault_of(ec);
    refuse(fault.status, fault.why);
  } else if (static_cast<int64_t>(ec ? bytes.size() : used) > limits_.header_bytes_max) {
    refuse(431, "a chunk's extensions or the trailers are too large");
  } else if (parser_->done()) {
    complete();
  }
  return used;
}

void Http1Engine::complete() {
  body_.move_into(request_);
  input_ = Input::hold;
  answer_ = Answer::arrived;
  id_++;
}

void Http1Engine::refuse_body(BodyState state) {
  set_fault(state == BodyState::too_large ? "body_too_large" : "no_room");
  body_.clear();
  request_.body_state = state;
  complete();
  input_ = Input::discard;
  keep_alive_ = false;
  no_room_ = false;
}

void Http1Engine::refuse(int status, std::string_view why) {
  set_fault(status == 408 ? "timeout" : status == 431 ? "head_too_large" : "bad_request");
  Response response{.status = status, .headers = {{"content-type", kPlainText}}, .body = {}};
  response.body.append(why).push_back('\n');
  keep_alive_ = false;
  head_only_ = false;
  id_++;
  answer_ = Answer::waiting;
  input_ = Input::discard;
  no_room_ = false;
  body_.clear();
  respond(id_, std::move(response));
}

bool Http1Engine::next(Arrival& arrival) {
  if (answer_ != Answer::arrived) return false;
  answer_ = Answer::waiting;
  arrival.id = id_;
  arrival.request = std::move(request_);
  request_ = {};
  return true;
}

std::string Http1Engine::make_head(const Response& response, bool chunked, bool no_length) {
  last_ = !keep_alive_ || draining_ || (no_length && !chunked && !head_only_);
  std::string head;
  head.reserve(256);
  append_status_line(head, response.status);
  for (const Header& h : response.headers) append_header(head, h.name, h.value);
  append_date(head);
  if (chunked) {
    head += "transfer-encoding: chunked\r\n";
  } else if (!no_length && status_has_body(response.status)) {
    head += "content-length: ";
    head += std::to_string(response.body.size());
    head += "\r\n";
  }
  if (last_) {
    head += "connection: close\r\n";
  } else if (!http11_) {
    head += "connection: keep-alive\r\n";
  }
  head += "\r\n";
  return head;
}

void Http1Engine::respond(int32_t id, Response response) {
  if (id != id_ || answer_ != Answer::waiting) return;
  std::string head = make_head(response, false, false);
  if (!head_only_ && status_has_body(response.status) && !response.body.empty()) {
    if (response.body.size() <= kJoinBytesMax) {
      head += response.body;
      out_.push({std::move(head), 0});
    } else {
      out_.push({std::move(head), 0});
      out_.push({std::move(response.body), 0});
    }
  } else {
    out_.push({std::move(head), 0});
  }
  finish_answer();
}

void Http1Engine::begin(int32_t id, Response head) {
  if (id != id_ || answer_ != Answer::waiting) return;
  chunking_ = http11_ && !head_only_ && status_has_body(head.status);
  std::string first = std::move(head.body);
  out_.push({make_head(head, chunking_, true), 0});
  answer_ = Answer::streaming;
  head_only_ = head_only_ || !status_has_body(head.status);
  if (!head_only_ && !first.empty()) push_chunk(std::move(first), 0);
}

void Http1Engine::write(int32_t id, std::string chunk) {
  if (id != id_ || answer_ != Answer::streaming || chunk.empty()) return;
  const size_t bytes = chunk.size();
  if (head_only_) {
    owed_credit_ += bytes;
  } else {
    push_chunk(std::move(chunk), bytes);
  }
}

void Http1Engine::push_chunk(std::string chunk, size_t credit) {
  if (chunking_) out_.push({chunk_header(chunk.size()), 0});
  out_.push({std::move(chunk), credit});
  if (chunking_) out_.push({"\r\n", 0});
}

void Http1Engine::end(int32_t id, std::vector<Header>) {
  if (id != id_ || answer_ != Answer::streaming) return;
  if (chunking_) out_.push({"0\r\n\r\n", 0});
  finish_answer();
}

void Http1Engine::finish_answer() {
  answer_ = Answer::none;
  if (last_ || draining_) {
    closing_ = true;
  } else {
    reset();
  }
}

void Http1Engine::reset() {
  input_ = Input::head;
  parsing_ = false;
  head_bytes_ = 0;
  declared_ = -1;
  chunk_left_ = 0;
  too_large_ = false;
  continue_owed_ = false;
  chunking_ = false;
  request_ = {};
}

void Http1Engine::fill(Output& output) {
  if (owed_credit_ > 0) output.credits.push_back({id_, std::exchange(owed_credit_, 0)});
  while (!out_.empty() && output.bytes < kFillBytes) {
    Piece& piece = out_.front();
    if (piece.credit > 0) output.credits.push_back({id_, piece.credit});
    output.add(std::move(piece.bytes));
    out_.pop();
  }
}

void Http1Engine::time_out() {
  if (closing_ || answer_ != Answer::none) return;
  refuse(408, input_ == Input::body ? "the request's body took too long"
                                    : "the request's head took too long");
}

void Http1Engine::give_up_room() {
  if (no_room_) refuse_body(BodyState::no_room);
}

void Http1Engine::drain() {
  draining_ = true;
  if (answer_ == Answer::none && input_ == Input::head && !parsing_) closing_ = true;
}

}  // namespace vivace::net
