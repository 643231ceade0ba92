// What one micro-batch of any kind of training holds; what a kind does not use is undefined.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace gmiseg::train {

struct Batch {
  // [B, 3, S, S] float32, preprocessed and augmented; of baselines [B, 1, S, S] in [0, 1], and all of their
  // masks of that size. In episodes the supports of all tasks come first, [tasks * supports], then their
  // queries, [tasks * queries], both task by task.
  at::Tensor images;
  // R rows of prompts: B * promptsPerImage, or one a query.
  at::Tensor target;       // [R, 1, low, low]
  at::Tensor part;         // [R, 1, low, low], in episodes: the part of the target that the prompts point at
  at::Tensor points;       // [R, n, 2] in the input's frame
  at::Tensor boxes;        // [R, 4]
  at::Tensor error_noise;  // [R, 1, low, low] in (0, 1] for the refining pass
  at::Tensor support_masks;   // [tasks * supports, 1, low, low] in [0, 1]
  at::Tensor inside;          // [B, 1, S, S]: 1 on the picture, 0 on padding; undefined where there is none
  std::vector<int64_t> keys;  // of the images, where what the encoder makes of them is kept
  int64_t tasks = 0;
  std::vector<double> draws;  // in [0, 1), for what is drawn in the forward pass

  template <typename Visitor>
  void each(Visitor&& visit) {
    for (auto* t : {&images, &target, &part, &points, &boxes, &error_noise, &support_masks, &inside}) {
      if (t->defined()) visit(*t);
    }
  }
};

}  // namespace gmiseg::train
