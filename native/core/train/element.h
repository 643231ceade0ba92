// A picture of a task with its target.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::train {

struct Element {
  at::Tensor image;  // uint8 [C, H, W]
  at::Tensor mask;   // bool [H, W]
};

}  // namespace gmiseg::train
