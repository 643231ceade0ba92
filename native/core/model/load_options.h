// What a model is loaded from. Plain data: no LibTorch.
#pragma once

#include <cstdint>
#include <string>

namespace gmiseg::model {

struct LoadOptions {
  std::string checkpoint;  // path of a file or a Hugging Face folder; empty = random weights of `config`
  std::string config;   // "vit_b" | "vit_l" | "vit_h" | "tiny" | "small" | JSON text | empty = infer from the
                        // checkpoint
  std::string adapter;  // path of an adapter file; empty = none
  int64_t image_size = 0;         // side of the encoder's input; 0 = the config's own
  std::string device = "auto";    // "auto" | "cpu" | "cuda" | "cuda:N"
  std::string dtype = "float32";  // "float32" | "bfloat16"
  int threads = 0;                // intra-op threads, 0 = LibTorch's own choice
  uint64_t seed = 0;              // for random weights
  std::string embedding_cache;    // folder for embeddings by content; empty = none are kept
  int64_t embedding_cache_bytes = int64_t{4} << 30;  // that it may hold
};

}  // namespace gmiseg::model
