// A stack of open messages follows the parser's events. A message's length stands before its
// content and is known only at its end: one byte is kept free, and where the length needs more the
// content moves up when the message closes. Values in values, which may nest deep, get a length of
// fixed size instead (a varint may be written longer than it needs), so that no byte moves often.
#include "decode/otlp_json.h"

#include <span>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>
#include <protozero/buffer_string.hpp>
#include <protozero/varint.hpp>

#include "base/bytes.h"
#include "decode/otlp.h"
#include "decode/otlp_json_fields.h"
#include "decode/otlp_json_schema.h"
#include "wire/protobuf.h"

namespace vivace {
namespace {

namespace json = boost::json;
using ErrorCode = json::error_code;
using View = json::string_view;

// An attribute's value lies at most 12 JSON values deep; a level of nesting takes up to 4.
constexpr int kJsonNestingMax = 4 * kNestingMax + 100;
constexpr int kMovedNestingMax = 4;      // up to here, messages move up when they close
constexpr size_t kFixedLengthBytes = 5;  // of the others' lengths

struct Frame {
  JsonMessage message;
  bool in_array = false;  // the member being read is an array that has begun
  bool fixed_length = false;
  const JsonField* maybe_field = nullptr;  // of the member being read; null: unknown
  uint32_t element = 0;                    // position in that array
  uint32_t written = 0;                    // bits of the scalars, by number
  size_t content = 0;                      // offset in the output
};

// What the parser tells, in Boost.JSON's names. False ends the parsing.
class Transcoder {
 public:
  static constexpr size_t max_object_size = SIZE_MAX;
  static constexpr size_t max_array_size = SIZE_MAX;
  static constexpr size_t max_key_size = SIZE_MAX;
  static constexpr size_t max_string_size = SIZE_MAX;

  explicit Transcoder(size_t json_bytes) { out_.reserve(json_bytes / 2); }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode& ec) { return tell(ec, begin_object()); }
  bool on_object_end(size_t, ErrorCode&) { return end_object(); }
  bool on_array_begin(ErrorCode& ec) { return tell(ec, begin_array()); }
  bool on_array_end(size_t, ErrorCode&) { return end_array(); }
  bool on_key_part(View part, size_t, ErrorCode&) { return keep(part); }
  bool on_key(View last, size_t, ErrorCode&) { return key(whole(last)); }
  bool on_string_part(View part, size_t, ErrorCode&) { return keep(part); }
  bool on_string(View last, size_t, ErrorCode& ec) {
    return tell(ec, scalar({JsonToken::string, whole(last)}));
  }
  // Boost.JSON's own numbers are not used: its doubles are off by a bit now and then.
  bool on_number_part(View part, ErrorCode&) { return keep(part); }
  bool on_int64(int64_t, View last, ErrorCode& ec) { return number(ec, last); }
  bool on_uint64(uint64_t, View last, ErrorCode& ec) { return number(ec, last); }
  bool on_double(double, View last, ErrorCode& ec) { return number(ec, last); }
  bool on_bool(bool value, ErrorCode& ec) {
    return tell(ec, scalar({JsonToken::boolean, value ? "true" : "false"}));
  }
  bool on_null(ErrorCode&) { return null(); }
  bool on_comment_part(View, ErrorCode&) { return true; }
  bool on_comment(View, ErrorCode&) { return true; }

  const std::string& error() const { return error_; }
  std::string path() const;
  std::string take() { return std::move(out_); }

 private:
  static bool tell(ErrorCode& ec, bool good) {
    if (!good) ec = json::error::syntax;  // the parser wants one; error() says more
    return good;
  }
  bool number(ErrorCode& ec, View last) {
    return tell(ec, scalar({JsonToken::number, whole(last)}));
  }

  // Texts with escapes, and whatever else the parser likes to cut, come in parts.
  bool keep(View part) {
    if (!is_skipping()) parts_.append(part.data(), part.size());
    return true;
  }
  std::string_view whole(View last) {
    if (parts_.empty()) return {last.data(), last.size()};
    keep(last);
    text_.swap(parts_);
    parts_.clear();
    return text_;
  }

  bool is_skipping() const { return skipped_depth_ > 0; }
  bool skip() {
    ++skipped_depth_;
    return true;
  }

  bool begin_object();
  bool end_object();
  bool begin_array();
  bool end_array();
  bool key(std::string_view name);
  bool null();
  bool scalar(JsonScalar value);
  void put_key(const JsonField& field) {
    protozero::add_varint_to_buffer(&out_, proto_key(field.number, Wire::bytes));
  }
  bool open(const JsonField& field);
  void close();

  bool refuse(std::string_view what);

  std::string out_;
  std::vector<Frame> frames_;
  int nesting_ = 0;           // of arrays and maps in a value
  size_t skipped_depth_ = 0;  // objects and arrays that are open inside an unknown member
  std::string parts_;
  std::string text_;
  std::string error_;
};

bool is_nested(JsonMessage message) {
  return message == JsonMessage::array_value || message == JsonMessage::kvlist_value;
}

std::string Transcoder::path() const {
  std::string out;
  for (const Frame& frame : frames_) {
    if (frame.maybe_field == nullptr) break;
    if (!out.empty()) out += '.';
    out += frame.maybe_field->name;
    if (frame.in_array) out += fmt::format("[{}]", frame.element);
  }
  return out;
}

bool Transcoder::refuse(std::string_view what) {
  const std::string where = path();
  error_ = where.empty() ? std::string(what) : fmt::format("{}: {}", where, what);
  return false;
}

// ------------------------------------------------------------------------------------- structure

bool Transcoder::begin_object() {
  if (is_skipping()) return skip();
  if (frames_.empty()) {
    frames_.push_back({.message = JsonMessage::request});
    return true;
  }
  const Frame& top = frames_.back();
  if (top.maybe_field == nullptr) return skip();
  const JsonField& field = *top.maybe_field;
  const bool good = top.in_array || field.kind == JsonKind::message;
  return good ? open(field) : refuse(fmt::format("expected {}", expected_of(field.kind)));
}

bool Transcoder::end_object() {
  if (is_skipping()) {
    --skipped_depth_;
  } else {
    close();
  }
  return true;
}

bool Transcoder::begin_array() {
  if (is_skipping()) return skip();
  if (frames_.empty()) return refuse("expected an object");
  Frame& top = frames_.back();
  if (top.maybe_field == nullptr) return skip();
  if (top.in_array || top.maybe_field->kind != JsonKind::messages) {
    return refuse(fmt::format("expected {}", expected_of(top.maybe_field->kind)));
  }
  top.in_array = true;
  top.element = 0;
  return true;
}

bool Transcoder::end_array() {
  if (is_skipping()) {
    --skipped_depth_;
  } else {
    frames_.back().in_array = false;
  }
  return true;
}

// Members mostly come in the order of the schema: the search begins behind the last one.
bool Transcoder::key(std::string_view name) {
  if (is_skipping()) return true;
  Frame& top = frames_.back();
  const std::span<const JsonField> fields = fields_of(top.message);
  const size_t first =
      top.maybe_field == nullptr ? 0 : static_cast<size_t>(top.maybe_field - fields.data()) + 1;
  top.maybe_field = nullptr;
  for (size_t i = 0; i < fields.size(); ++i) {
    const JsonField& field = fields[(first + i) % fields.size()];
    if (field.name != name && field.proto_name != name) continue;
    top.maybe_field = &field;
    break;
  }
  return true;
}

// An absent member; as an element of an array, an empty message.
bool Transcoder::null() {
  if (is_skipping() || frames_.empty() || !frames_.back().in_array) return true;
  Frame& top = frames_.back();
  put_key(*top.maybe_field);
  out_.push_back('\0');
  ++top.element;
  return true;
}

bool Transcoder::open(const JsonField& field) {
  if (is_nested(field.message) && ++nesting_ > kNestingMax) {
    return refuse(fmt::format("value nested more than {} deep", kNestingMax));
  }
  put_key(field);
  const bool fixed = nesting_ > kMovedNestingMax;
  out_.append(fixed ? kFixedLengthBytes : 1, '\0');
  frames_.push_back({.message = field.message, .fixed_length = fixed, .content = out_.size()});
  return true;
}

void Transcoder::close() {
  const Frame closed = frames_.back();
  frames_.pop_back();
  if (frames_.empty()) return;
  const size_t size = out_.size() - closed.content;
  if (closed.fixed_length) {
    for (size_t i = 0; i < kFixedLengthBytes; ++i) {
      const char more = i + 1 < kFixedLengthBytes ? '\x80' : '\0';
      out_[closed.content - kFixedLengthBytes + i] =
          static_cast<char>((size >> (7 * i) & 0x7f) | static_cast<uint8_t>(more));
    }
  } else if (size < 128) {
    out_[closed.content - 1] = static_cast<char>(size);
  } else {
    std::string length;
    protozero::add_varint_to_buffer(&length, size);
    out_.replace(closed.content - 1, 1, length);
  }
  if (is_nested(closed.message)) --nesting_;
  ++frames_.back().element;
}

// A default is written where it says something: as the choice in an AnyValue, or after another
// value.
bool Transcoder::scalar(JsonScalar value) {
  if (is_skipping()) return true;
  if (frames_.empty()) return refuse("expected an object");
  Frame& top = frames_.back();
  if (top.maybe_field == nullptr) return true;
  if (top.in_array) return refuse("expected an object");
  const JsonField& field = *top.maybe_field;
  const uint32_t bit = 1U << field.number;
  const bool writes_default = top.message == JsonMessage::any_value || (top.written & bit) != 0;
  const size_t before = out_.size();
  const std::string wrong = append_json_field(out_, field, value, writes_default);
  if (out_.size() > before) top.written |= bit;
  return wrong.empty() || refuse(wrong);
}

// --------------------------------------------------------------------------------------- parsing

// 0xd800 to 0xdfff of "\\uXXXX" at `at`; -1 for anything else.
int surrogate_at(std::string_view text, size_t at) {
  if (text.size() - at < 6 || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int code = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code >= 0xd800 && code <= 0xdfff ? code : -1;
}

// Writes U+FFFD over every half of a surrogate pair that has lost the other one; false when there
// is none.
bool mend_surrogates(std::string& text) {
  bool found = false;
  for (size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const int first = surrogate_at(text, at);
    if (first < 0) {
      at += 2;
    } else if (first < 0xdc00 && surrogate_at(text, at + 6) >= 0xdc00) {
      at += 12;
    } else {
      text.replace(at + 2, 4, "fffd");
      found = true;
      at += 6;
    }
  }
  return found;
}

// `is_no_json` is set when it is the parser that gives up, and not the transcoder.
Result<std::string> transcode(std::string_view text, bool& is_no_json) {
  json::parse_options options;
  options.max_depth = kJsonNestingMax;
  options.allow_invalid_utf8 = true;
  json::basic_parser<Transcoder> parser(options, text.size());
  ErrorCode ec;
  const size_t used = parser.write_some(false, text.data(), text.size(), ec);
  Transcoder& transcoder = parser.handler();
  if (!ec) return transcoder.take();
  is_no_json = transcoder.error().empty();
  if (!is_no_json) return fail(Code::invalid_argument, transcoder.error());
  const std::string where = transcoder.path();
  return fail(Code::invalid_argument, fmt::format("{}{}JSON: {} at byte {}", where,
                                                  where.empty() ? "" : ": ", ec.message(), used));
}

}  // namespace

Result<std::string> otlp_json_to_protobuf(std::string json) {
  bool is_no_json = false;
  auto protobuf = transcode(json, is_no_json);
  if (is_no_json && mend_surrogates(json)) protobuf = transcode(json, is_no_json);
  return protobuf;
}

}  // namespace vivace
