// The parts of a request that callers ask for, and the one answer that every Responder owes: one
// that dies unanswered answers 500, so that no client waits for ever on a bug of ours.
#include "net/http.h"

#include "base/bytes.h"

namespace vivace::net {
namespace {

std::string decode_component(std::string_view text, bool& ok) {
  std::string spaced(text);
  for (char& c : spaced) {
    if (c == '+') c = ' ';
  }
  std::string out;
  ok = percent_decode(spaced, out);
  return out;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const Header& h : headers) {
    if (h.name == name) return h.value;
  }
  return {};
}

bool Request::has_header(std::string_view name) const {
  for (const Header& h : headers) {
    if (h.name == name) return true;
  }
  return false;
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Responder unanswered(std::move(exchange_));
    exchange_ = std::move(other.exchange_);
  }
  return *this;
}

Responder::~Responder() {
  if (!exchange_) return;
  exchange_->respond({.status = 500,
                      .headers = {{"content-type", "text/plain; charset=utf-8"}},
                      .body = "the request was dropped without an answer\n"});
}

void Responder::send(Response response) && {
  std::exchange(exchange_, nullptr)->respond(std::move(response));
}

Responder::Stream Responder::stream(Response head) && {
  exchange_->begin(std::move(head));
  return Stream(std::exchange(exchange_, nullptr));
}

bool percent_decode(std::string_view text, std::string& out) {
  out.clear();
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); i++) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    // As Go's net/url has it: a pair with a bare ';' is malformed.
    if (pair.empty() || pair.find(';') != std::string_view::npos) continue;
    const size_t equals = pair.find('=');
    bool name_ok = false;
    bool value_ok = true;
    std::string name = decode_component(pair.substr(0, equals), name_ok);
    std::string value;
    if (equals != std::string_view::npos) {
      value = decode_component(pair.substr(equals + 1), value_ok);
    }
    if (name_ok && value_ok) parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

}  // namespace vivace::net
