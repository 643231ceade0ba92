#include "errors.h"

#include <string>

namespace gmiseg::binding {

Napi::Object to_js(Napi::Env env, const Error& error) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("code", std::string(to_string(error.code())));
  object.Set("message", std::string(error.what()));
  object.Set("native", error.native_text());
  return object;
}

Napi::Array error_codes(Napi::Env env) {
  Napi::Array codes = Napi::Array::New(env);
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    codes.Set(static_cast<uint32_t>(code), std::string(to_string(static_cast<ErrorCode>(code))));
  }
  return codes;
}

}  // namespace gmiseg::binding
