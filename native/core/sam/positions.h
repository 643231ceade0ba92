// Position weights of an image encoder for grids other than the one they were trained on.
#pragma once

#include <ATen/core/Tensor.h>

namespace gmiseg::sam {

// Absolute positions [1, g, g, D] -> [1, rows, columns, D], bilinearly with antialiasing; of the same type.
at::Tensor position_map(const at::Tensor& pos_embed, int64_t rows, int64_t columns);

// A relative-position table [2 g - 1, d] for n tokens a side, [2 n - 1, d], linearly.
at::Tensor relative_table(const at::Tensor& table, int64_t n);

}  // namespace gmiseg::sam
