// Errors on their way to JavaScript: plain objects { code, message, native }.
#pragma once

#include <napi.h>

#include "runtime/error.h"

namespace gmiseg::binding {

Napi::Object to_js(Napi::Env env, const Error& error);

// Every code, in the order of the enumeration.
Napi::Array error_codes(Napi::Env env);

// Runs a synchronous call; an Error of the core becomes a JS exception.
template <typename Function>
Napi::Value guarded(Napi::Env env, Function&& function) {
  try {
    return function();
  } catch (const Napi::Error&) {
    throw;  // JavaScript's own, on its way back
  } catch (...) {
    napi_throw(env, to_js(env, current_exception_to_error()));
    return env.Undefined();
  }
}

}  // namespace gmiseg::binding
