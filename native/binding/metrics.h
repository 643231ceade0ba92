// The module's calls about metrics.
#pragma once

#include <napi.h>

namespace gmiseg::binding {

// evaluate(request)
Napi::Value evaluate(const Napi::CallbackInfo& info);
// distanceTransform(request, out)
Napi::Value distance_transform(const Napi::CallbackInfo& info);

}  // namespace gmiseg::binding
