// Low-rank bypasses on the query and value projections of every encoder block.
// Formulas and parameter names: DESIGN 4.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sam/image_encoder.h"

namespace gmiseg::io {
class Json;
}

namespace gmiseg::adapter {

enum class Kind {
  kLora,         // each block its own A [r, D] and B [D, r]
  kPooled,       // one bank for all L adapted blocks, down [L, D], up [D, L], a gate row per block
  kTokenPooled,  // LoRA whose bottleneck is averaged over 2 x 2 tokens; cannot be merged
};

enum class Gate {
  kIdentity,  // block l uses vector l alone, fixed
  kShared,    // every block uses the whole bank, fixed
  kLearned,   // starts as the identity and trains
};

struct AdapterConfig {
  Kind kind = Kind::kPooled;
  int64_t rank = 4;  // of kLora and kTokenPooled; the pooled bank's is the number of blocks
  Gate gate = Gate::kLearned;
  double scale = 1;
  int64_t first_block = 0;  // blocks of the encoder before it have no bypass

  // Keys: kind "lora" | "pooled" | "token-pooled", rank, gate "identity" | "shared" | "learned", scale,
  // firstBlock. Throws Error(kInvalidArg).
  static AdapterConfig from_json(const io::Json& json);
  io::Json to_json() const;
};

class Adapter : public torch::nn::Module, public sam::QvBypass {
 public:
  explicit Adapter(AdapterConfig config) : config(config) {}
  const AdapterConfig config;
  int64_t first_block() const override { return config.first_block; }
  bool learns() const override { return parameters().front().requires_grad(); }
  // The dense update of block `block`: ([D, D] for q, [D, D] for v). Throws
  // Error(kInvalidArg) for a kind that has none (token-pooled). From first_block on.
  virtual std::pair<at::Tensor, at::Tensor> delta(int64_t block) const = 0;
  // Kaiming uniform (a = sqrt 5) below, zero above: the model starts unchanged.
  virtual void init(uint64_t seed) = 0;
};

// Throws Error(kInvalidArg) where an encoder of so many blocks has no such first block.
void check_first_block(const AdapterConfig& config, int64_t blocks);

// Parameters are uninitialised; names as in files without the prefix `adapter.`. Throws Error(kInvalidArg)
// where no block is left.
std::shared_ptr<Adapter> make_adapter(const AdapterConfig& config, int64_t blocks, int64_t dim);

// The fused qkv weight [3 D, D] with the block's update added: exact, for export.
at::Tensor merged_qkv(const Adapter& adapter, int64_t block, const at::Tensor& qkv_weight);

}  // namespace gmiseg::adapter
