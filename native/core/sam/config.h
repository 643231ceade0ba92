// What a SAM of any size is made of. The keys of config.json are these names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gmiseg::io {
class Json;
}

namespace gmiseg::sam {

// How pixels become the encoder's input; belongs to the checkpoint.
enum class Preprocessing {
  kSam,     // longest side to image_size, ImageNet mean and deviation, zero padding right and below
  kMedSam,  // both sides to image_size, minimum and maximum to [0, 1], no padding
  // As kSam, but the picture lies in the middle: a place means the same in pictures of all shapes.
  kCentred,
};

const char* name_of(Preprocessing preprocessing);

struct SamConfig {
  std::string variant = "custom";  // "vit_b" | "vit_l" | "vit_h" | "tiny" | "small" | "custom"
  int64_t image_size = 1024;       // pixels a side; a multiple of patch_size
  int64_t patch_size = 16;
  int64_t embed_dim = 768;
  int64_t depth = 12;
  int64_t num_heads = 12;
  int64_t mlp_dim = 0;                       // 0 = 4 * embed_dim
  std::vector<int64_t> global_attn_indexes;  // blocks that attend over the whole grid
  int64_t window_size = 14;                  // of the other blocks, in patches
  int64_t prompt_embed_dim = 256;
  int64_t decoder_mlp_dim = 2048;
  int64_t decoder_num_heads = 8;
  int64_t iou_head_hidden_dim = 256;
  double decoder_norm_eps = 1e-5;  // 1e-6 in Hugging Face's layers
  // Points and boxes are also painted into the mask prompt. SAM learns to read its
  // position tokens from a billion masks; a small model that trains from scratch
  // sees where a box lies at once. Off for every published checkpoint.
  bool dense_prompts = false;
  // Channels of a convolutional stem at strides patch_size / 4 and patch_size / 2, from
  // which the patches are taken and which the mask decoder sees again while it scales
  // up: thin walls survive a coarse grid. Empty (none) for every published SAM.
  std::vector<int64_t> stem;
  Preprocessing preprocessing = Preprocessing::kSam;

  int64_t grid() const { return image_size / patch_size; }
  int64_t low_res() const { return 4 * grid(); }
  int64_t hidden_dim() const { return mlp_dim > 0 ? mlp_dim : 4 * embed_dim; }
  bool is_global(int64_t block) const;
  // The same for inputs of another side.
  SamConfig resized(int64_t side) const;

  // "vit_b", "vit_l", "vit_h", "tiny" or "small". Throws Error(kInvalidArg) for other names.
  static SamConfig named(const std::string& variant);
  // Throws Error(kInvalidArg) naming the key that is missing or makes no sense.
  static SamConfig from_json(const io::Json& json);
  io::Json to_json() const;
  // Throws Error(kInvalidArg) unless sizes divide as the layers need.
  void validate() const;
};

}  // namespace gmiseg::sam
