// The model's config from the shapes of its weights.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/checkpoint.h"

namespace gmiseg::io {
namespace {

// Thrown and caught in this file only: why the shapes do not tell.
struct Unknown {
  std::string why;
};

class Shapes {
 public:
  explicit Shapes(const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors) shapes_.emplace(name, tensor.sizes());
  }

  // The shape of a tensor that must be there with that many dimensions.
  at::IntArrayRef of(const std::string& name, size_t rank) const {
    const auto it = shapes_.find(name);
    if (it == shapes_.end()) throw Unknown{"it lacks \"" + name + "\""};
    if (it->second.size() != rank)
      throw Unknown{"\"" + name + "\" has " + std::to_string(it->second.size()) + " dimensions"};
    return it->second;
  }

  bool has(const std::string& name) const { return shapes_.count(name) > 0; }

  // One past the largest block number.
  int64_t depth() const {
    constexpr std::string_view kPrefix = "image_encoder.blocks.";
    int64_t depth = 0;
    for (const auto& [name, shape] : shapes_) {
      if (!name.starts_with(kPrefix)) continue;
      int64_t block = -1;
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), block);
      if (block >= 0 && block < 1000) depth = std::max(depth, block + 1);
    }
    return depth;
  }

 private:
  std::map<std::string_view, at::IntArrayRef> shapes_;
};

struct Variant {
  std::string_view name;
  int64_t embed_dim, depth, num_heads;
  std::array<int64_t, 4> global;
};

constexpr std::array<Variant, 3> kVariants = {{
    {"vit_b", 768, 12, 12, {2, 5, 8, 11}},
    {"vit_l", 1024, 24, 16, {5, 11, 17, 23}},
    {"vit_h", 1280, 32, 16, {7, 15, 23, 31}},
}};

struct Attention {
  int64_t head_dim = 0, window = 14;
  std::vector<int64_t> global;
};

// Tables of 2k - 1 rows belong to attention over k x k tokens.
Attention infer_attention(const Shapes& shapes, int64_t depth, int64_t grid) {
  Attention out;
  std::set<int64_t> windows;
  for (int64_t i = 0; i < depth; ++i) {
    const std::string name = "image_encoder.blocks." + std::to_string(i) + ".attn.rel_pos_h";
    const at::IntArrayRef table = shapes.of(name, 2);
    if (table[0] % 2 == 0 || table[1] < 1 || (out.head_dim != 0 && out.head_dim != table[1])) {
      throw Unknown{"\"" + name + "\" has an odd shape"};
    }
    out.head_dim = table[1];
    const int64_t tokens = (table[0] + 1) / 2;
    if (tokens == grid) {
      out.global.push_back(i);
    } else {
      windows.insert(tokens);
    }
  }
  if (windows.size() > 1) throw Unknown{"its blocks have windows of several sizes"};
  if (!windows.empty()) {
    out.window = *windows.begin();
    if (out.window > grid) throw Unknown{"its relative positions were made for another image size"};
  }
  return out;
}

Json infer(const NamedTensors& tensors) {
  const Shapes shapes(tensors);
  if (shapes.has("image_encoder.patch_embed.seq.0.c.weight")) {
    throw Unknown{"its encoder is a TinyViT (MobileSAM), which gmiseg does not have"};
  }
  const at::IntArrayRef positions = shapes.of("image_encoder.pos_embed", 4);
  const at::IntArrayRef patch = shapes.of("image_encoder.patch_embed.proj.weight", 4);
  const int64_t grid = positions[1], embed_dim = positions[3], patch_size = patch[3];
  if (positions[0] != 1 || positions[2] != grid || grid < 1 || patch[0] != embed_dim || patch[1] != 3 ||
      patch[2] != patch_size || patch_size < 1) {
    throw Unknown{"its position and patch embeddings contradict each other"};
  }
  const int64_t depth = shapes.depth();
  if (depth == 0) throw Unknown{"it has no encoder blocks"};
  const Attention attention = infer_attention(shapes, depth, grid);
  const at::IntArrayRef qkv = shapes.of("image_encoder.blocks.0.attn.qkv.weight", 2);
  if (qkv[0] != 3 * embed_dim || embed_dim % attention.head_dim != 0) {
    throw Unknown{"its attention is not as wide as its blocks"};
  }
  const int64_t heads = embed_dim / attention.head_dim;
  const int64_t mlp_dim = shapes.of("image_encoder.blocks.0.mlp.lin1.weight", 2)[0];
  const int64_t width = shapes.of("image_encoder.neck.0.weight", 4)[0];
  const int64_t decoder_mlp_dim = shapes.of("mask_decoder.transformer.layers.0.mlp.lin1.weight", 2)[0];
  const int64_t iou_hidden = shapes.of("mask_decoder.iou_prediction_head.layers.0.weight", 2)[0];
  if (width != 256) {
    throw Unknown{"the shapes do not tell how many heads a mask decoder of width " + std::to_string(width) +
                  " has"};
  }

  std::string variant = "custom";
  for (const Variant& v : kVariants) {
    const bool same_blocks =
        std::equal(v.global.begin(), v.global.end(), attention.global.begin(), attention.global.end());
    if (v.embed_dim == embed_dim && v.depth == depth && v.num_heads == heads && same_blocks && grid == 64 &&
        patch_size == 16 && attention.window == 14 && mlp_dim == 4 * embed_dim) {
      variant = std::string(v.name);
    }
  }
  Json::Array global;
  for (const int64_t i : attention.global) global.emplace_back(i);
  Json out;
  out.set("variant", variant);
  out.set("image_size", grid * patch_size);
  out.set("patch_size", patch_size);
  out.set("embed_dim", embed_dim);
  out.set("depth", depth);
  out.set("num_heads", heads);
  out.set("mlp_dim", mlp_dim);
  out.set("global_attn_indexes", std::move(global));
  out.set("window_size", attention.window);
  out.set("prompt_embed_dim", width);
  out.set("decoder_mlp_dim", decoder_mlp_dim);
  out.set("decoder_num_heads", 8);
  out.set("iou_head_hidden_dim", iou_hidden);
  return out;
}

}  // namespace

Json infer_sam_config(const NamedTensors& tensors, std::string& reason) {
  try {
    reason.clear();
    return infer(tensors);
  } catch (const Unknown& unknown) {
    reason = "The weights alone do not tell the model's config: " + unknown.why +
             ". Name it with --config (config: in the API): vit_b, vit_l, vit_h, tiny or a config.json.";
    return {};
  }
}

}  // namespace gmiseg::io
