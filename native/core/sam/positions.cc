#include "sam/positions.h"

#include <ATen/Functions.h>

namespace gmiseg::sam {

at::Tensor position_map(const at::Tensor& pos_embed, int64_t rows, int64_t columns) {
  if (pos_embed.size(1) == rows && pos_embed.size(2) == columns) return pos_embed;
  const auto map = pos_embed.to(at::kFloat).permute({0, 3, 1, 2});
  return at::_upsample_bilinear2d_aa(map, {rows, columns}, false)
      .permute({0, 2, 3, 1})
      .to(pos_embed.scalar_type());
}

at::Tensor relative_table(const at::Tensor& table, int64_t n) {
  if (table.size(0) == 2 * n - 1) return table;
  return at::upsample_linear1d(table.t().unsqueeze(0), {2 * n - 1}, false).squeeze(0).t();
}

}  // namespace gmiseg::sam
