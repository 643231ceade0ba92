#include "runtime/autocast.h"

#include <ATen/autocast_mode.h>

namespace gmiseg::runtime {

AutocastState current_autocast(c10::DeviceType device) {
  return {at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)};
}

Autocast::Autocast(c10::DeviceType device, AutocastState state)
    : device_(device),
      before_(current_autocast(device)),
      cache_before_(at::autocast::is_autocast_cache_enabled()) {
  at::autocast::set_autocast_dtype(device, state.dtype);
  at::autocast::set_autocast_enabled(device, state.enabled);
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_dtype(device_, before_.dtype);
  at::autocast::set_autocast_enabled(device_, before_.enabled);
  at::autocast::set_autocast_cache_enabled(cache_before_);
}

}  // namespace gmiseg::runtime
