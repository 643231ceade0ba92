#include "io/json.h"

#include <charconv>
#include <cmath>
#include <set>

#include "runtime/error.h"

namespace gmiseg::io {
namespace {

constexpr int kMaxDepth = 64;
// A value takes about twenty times the bytes of its shortest text; this bounds the memory of a hostile file.
constexpr size_t kMaxValues = 16'000'000;

// Recursive descent over one buffer; `what` names the source in messages.
class Parser {
 public:
  Parser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  Json document() {
    Json value = this->value(0);
    skip_space();
    if (pos_ != text_.size()) fail("text after the end of the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kInvalidArg,
                what_ + " is not valid JSON: " + problem + " at byte " + std::to_string(pos_) + ".");
  }

  void skip_space() {
    while (pos_ < text_.size()) {
      const char c = text_[pos_];
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
      ++pos_;
    }
  }

  char peek() const {
    if (pos_ >= text_.size()) fail("unexpected end");
    return text_[pos_];
  }

  void expect(char c) {
    if (peek() != c) fail(std::string("expected '") + c + "'");
    ++pos_;
  }

  bool take(char c) {
    if (pos_ >= text_.size() || text_[pos_] != c) return false;
    ++pos_;
    return true;
  }

  Json value(int depth) {
    if (depth > kMaxDepth) fail("nested more than 64 deep");
    if (++values_ > kMaxValues) fail("more than 16 million values");
    skip_space();
    switch (peek()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"':
        return Json(string());
      case 't':
        return literal("true", Json(true));
      case 'f':
        return literal("false", Json(false));
      case 'n':
        return literal("null", Json());
      default:
        return number();
    }
  }

  Json literal(std::string_view word, Json value) {
    if (text_.substr(pos_, word.size()) != word) fail("unknown word");
    pos_ += word.size();
    return value;
  }

  Json object(int depth) {
    expect('{');
    Json::Object members;
    std::set<std::string, std::less<>> keys;
    skip_space();
    if (take('}')) return Json(std::move(members));
    while (true) {
      skip_space();
      if (peek() != '"') fail("expected a member's name");
      const size_t at = pos_;
      std::string key = string();
      if (!keys.insert(key).second) {
        pos_ = at;
        fail("the name \"" + key + "\" appears twice");
      }
      skip_space();
      expect(':');
      Json member = value(depth + 1);
      members.emplace_back(std::move(key), std::move(member));
      skip_space();
      if (take('}')) return Json(std::move(members));
      expect(',');
    }
  }

  Json array(int depth) {
    expect('[');
    Json::Array items;
    skip_space();
    if (take(']')) return Json(std::move(items));
    while (true) {
      items.push_back(value(depth + 1));
      skip_space();
      if (take(']')) return Json(std::move(items));
      expect(',');
    }
  }

  uint32_t hex4() {
    if (text_.size() - pos_ < 4) fail("a \\u escape is cut short");
    uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[pos_];
      uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<uint32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<uint32_t>(c - 'A' + 10);
      } else {
        fail("a \\u escape needs four hexadecimal digits");
      }
      code = code * 16 + digit;
      ++pos_;
    }
    return code;
  }

  static void append_utf8(std::string& out, uint32_t code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  void escape(std::string& out) {
    const char c = peek();
    ++pos_;
    switch (c) {
      case '"':
        out += '"';
        return;
      case '\\':
        out += '\\';
        return;
      case '/':
        out += '/';
        return;
      case 'b':
        out += '\b';
        return;
      case 'f':
        out += '\f';
        return;
      case 'n':
        out += '\n';
        return;
      case 'r':
        out += '\r';
        return;
      case 't':
        out += '\t';
        return;
      case 'u':
        break;
      default:
        fail("unknown escape");
    }
    uint32_t code = hex4();
    if (code >= 0xDC00 && code <= 0xDFFF) fail("a low surrogate without its high one");
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (!take('\\') || !take('u')) fail("a high surrogate without its low one");
      const uint32_t low = hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("a high surrogate without its low one");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
  }

  // Copies one multi-byte character; refuses overlong forms, surrogates and values past U+10FFFF.
  void multibyte(std::string& out) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text_[i]); };
    const unsigned char first = byte(pos_);
    size_t length = 0;
    uint32_t code = 0;
    if (first >= 0xC2 && first <= 0xDF) {
      length = 2;
      code = first & 0x1F;
    } else if (first >= 0xE0 && first <= 0xEF) {
      length = 3;
      code = first & 0x0F;
    } else if (first >= 0xF0 && first <= 0xF4) {
      length = 4;
      code = first & 0x07;
    } else {
      fail("bytes that are not UTF-8");
    }
    if (text_.size() - pos_ < length) fail("bytes that are not UTF-8");
    for (size_t i = 1; i < length; ++i) {
      if ((byte(pos_ + i) & 0xC0) != 0x80) fail("bytes that are not UTF-8");
      code = (code << 6) | (byte(pos_ + i) & 0x3F);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || (code >= 0xD800 && code <= 0xDFFF) || code > 0x10FFFF) fail("bytes that are not UTF-8");
    out.append(text_.substr(pos_, length));
    pos_ += length;
  }

  std::string string() {
    expect('"');
    std::string out;
    while (true) {
      const char c = peek();
      if (c == '"') {
        ++pos_;
        return out;
      }
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character inside a string");
      if (c == '\\') {
        ++pos_;
        escape(out);
      } else if (static_cast<unsigned char>(c) < 0x80) {
        out += c;
        ++pos_;
      } else {
        multibyte(out);
      }
    }
  }

  bool digits() {
    const size_t start = pos_;
    while (pos_ < text_.size() && text_[pos_] >= '0' && text_[pos_] <= '9') ++pos_;
    return pos_ > start;
  }

  Json number() {
    const size_t start = pos_;
    take('-');
    const size_t first = pos_;
    if (!digits()) {
      pos_ = start;
      fail("expected a value");
    }
    if (text_[first] == '0' && pos_ - first > 1) fail("a number with a leading zero");
    bool integer = true;
    if (take('.')) {
      integer = false;
      if (!digits()) fail("a number that ends at its point");
    }
    if (take('e') || take('E')) {
      integer = false;
      if (!take('+')) take('-');
      if (!digits()) fail("a number without its exponent");
    }
    const char* begin = text_.data() + start;
    const char* end = text_.data() + pos_;
    if (integer) {
      int64_t i = 0;
      if (std::from_chars(begin, end, i).ec != std::errc()) fail("an integer that does not fit 64 bits");
      return Json(i);
    }
    double d = 0;
    if (std::from_chars(begin, end, d).ec != std::errc() || !std::isfinite(d)) {
      fail("a number that a double cannot hold");
    }
    return Json(d);
  }

  std::string_view text_;
  const std::string& what_;
  size_t pos_ = 0;
  size_t values_ = 0;
};

const char* kind(const Json& j) {
  if (j.is_null()) return "null";
  if (j.is_bool()) return "a boolean";
  if (j.is_int()) return "an integer";
  if (j.is_number()) return "a number";
  if (j.is_string()) return "a string";
  if (j.is_array()) return "an array";
  return "an object";
}

[[noreturn]] void wrong_kind(const char* wanted, const Json& got) {
  throw Error(ErrorCode::kInvalidArg, std::string("JSON: expected ") + wanted + ", found " + kind(got) + ".");
}

void dump_string(std::string& out, const std::string& s) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : s) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[(c >> 4) & 15];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void dump_double(std::string& out, double d) {
  if (!std::isfinite(d)) {
    out += "null";
    return;
  }
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, d);
  const std::string_view text(buffer, static_cast<size_t>(result.ptr - buffer));
  out += text;
  // Keeps a double a double when it is read back.
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void dump_value(std::string& out, const Json& j) {
  if (j.is_null()) {
    out += "null";
  } else if (j.is_bool()) {
    out += j.as_bool() ? "true" : "false";
  } else if (j.is_int()) {
    out += std::to_string(j.as_int());
  } else if (j.is_number()) {
    dump_double(out, j.as_double());
  } else if (j.is_string()) {
    dump_string(out, j.as_string());
  } else if (j.is_array()) {
    out += '[';
    bool first = true;
    for (const Json& item : j.as_array()) {
      if (!first) out += ',';
      first = false;
      dump_value(out, item);
    }
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [key, member] : j.as_object()) {
      if (!first) out += ',';
      first = false;
      dump_string(out, key);
      out += ':';
      dump_value(out, member);
    }
    out += '}';
  }
}

}  // namespace

Json Json::parse(std::string_view text, const std::string& what) { return Parser(text, what).document(); }

bool Json::as_bool() const {
  if (!is_bool()) wrong_kind("a boolean", *this);
  return std::get<bool>(value_);
}

int64_t Json::as_int() const {
  if (is_int()) return std::get<int64_t>(value_);
  // JavaScript writes 1e3 or 16.0 for some integers.
  if (const auto* d = std::get_if<double>(&value_)) {
    if (std::trunc(*d) == *d && std::abs(*d) <= 9007199254740992.0) return static_cast<int64_t>(*d);
  }
  wrong_kind("an integer", *this);
}

double Json::as_double() const {
  if (is_int()) return static_cast<double>(std::get<int64_t>(value_));
  if (!is_number()) wrong_kind("a number", *this);
  return std::get<double>(value_);
}

const std::string& Json::as_string() const {
  if (!is_string()) wrong_kind("a string", *this);
  return std::get<std::string>(value_);
}

const Json::Array& Json::as_array() const {
  if (!is_array()) wrong_kind("an array", *this);
  return std::get<Array>(value_);
}

const Json::Object& Json::as_object() const {
  if (!is_object()) wrong_kind("an object", *this);
  return std::get<Object>(value_);
}

const Json* Json::find(std::string_view key) const {
  for (const auto& [name, member] : as_object()) {
    if (name == key) return &member;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key) const {
  const Json* member = find(key);
  if (member == nullptr)
    throw Error(ErrorCode::kInvalidArg, "JSON: \"" + std::string(key) + "\" is missing.");
  return *member;
}

namespace {

// Runs a typed access and names the member when it fails.
template <typename Access>
auto member_as(std::string_view key, Access access) {
  try {
    return access();
  } catch (const Error& e) {
    throw Error(e.code(), "\"" + std::string(key) + "\": " + e.what());
  }
}

}  // namespace

bool Json::get(std::string_view key, bool fallback) const {
  const Json* m = find(key);
  return m == nullptr || m->is_null() ? fallback : member_as(key, [&] { return m->as_bool(); });
}

int64_t Json::get(std::string_view key, int64_t fallback) const {
  const Json* m = find(key);
  return m == nullptr || m->is_null() ? fallback : member_as(key, [&] { return m->as_int(); });
}

double Json::get(std::string_view key, double fallback) const {
  const Json* m = find(key);
  return m == nullptr || m->is_null() ? fallback : member_as(key, [&] { return m->as_double(); });
}

std::string Json::get(std::string_view key, const char* fallback) const {
  const Json* m = find(key);
  return m == nullptr || m->is_null() ? std::string(fallback)
                                      : member_as(key, [&] { return m->as_string(); });
}

void Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  if (!is_object()) wrong_kind("an object", *this);
  for (auto& [name, member] : std::get<Object>(value_)) {
    if (name == key) {
      member = std::move(value);
      return;
    }
  }
  std::get<Object>(value_).emplace_back(std::move(key), std::move(value));
}

std::string Json::dump() const {
  std::string out;
  dump_value(out, *this);
  return out;
}

}  // namespace gmiseg::io
