// A small strict JSON reader and writer (RFC 8259, UTF-8). Duplicate keys,
// trailing text, bad escapes, numbers that overflow and nesting deeper than 64
// are errors: it reads headers of files that strangers made.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gmiseg::io {

class Json {
 public:
  using Array = std::vector<Json>;
  // In file order, so that what is written reads like what was put in.
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() : value_(nullptr) {}
  Json(std::nullptr_t) : value_(nullptr) {}
  Json(bool b) : value_(b) {}
  Json(int i) : value_(static_cast<int64_t>(i)) {}
  Json(int64_t i) : value_(i) {}
  Json(double d) : value_(d) {}
  Json(const char* s) : value_(std::string(s)) {}
  Json(std::string s) : value_(std::move(s)) {}
  Json(std::string_view s) : value_(std::string(s)) {}
  Json(Array a) : value_(std::move(a)) {}
  Json(Object o) : value_(std::move(o)) {}

  // Throws Error(kInvalidArg) naming `what` and the offset.
  static Json parse(std::string_view text, const std::string& what);

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // Typed access; throws Error(kInvalidArg) that says what was expected.
  bool as_bool() const;
  int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  // The member of an object, or null where there is none.
  const Json* find(std::string_view key) const;
  // The member of an object; throws where there is none.
  const Json& at(std::string_view key) const;
  // Members with a default for absent or null ones.
  bool get(std::string_view key, bool fallback) const;
  int64_t get(std::string_view key, int64_t fallback) const;
  int64_t get(std::string_view key, int fallback) const { return get(key, static_cast<int64_t>(fallback)); }
  double get(std::string_view key, double fallback) const;
  std::string get(std::string_view key, const char* fallback) const;

  // Sets or replaces a member; turns null into an object.
  void set(std::string key, Json value);

  // One line. Doubles round-trip; NaN and infinities become null.
  std::string dump() const;

 private:
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> value_;
};

}  // namespace gmiseg::io
