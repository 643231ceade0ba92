#include "sam/config.h"

#include <algorithm>

#include "io/json.h"
#include "runtime/error.h"

namespace gmiseg::sam {

namespace {

SamConfig vit(const std::string& name, int64_t dim, int64_t depth, int64_t heads,
              std::vector<int64_t> global) {
  SamConfig c;
  c.variant = name;
  c.embed_dim = dim;
  c.depth = depth;
  c.num_heads = heads;
  c.global_attn_indexes = std::move(global);
  return c;
}

// Small enough to train from scratch in half an hour on two cores: 8-pixel patches
// keep thin walls visible in the 128 x 128 logits, narrow layers leave time for
// the thousands of steps that learning to read prompts takes.
SamConfig tiny() {
  SamConfig c;
  c.variant = "tiny";
  c.image_size = 256;
  c.patch_size = 8;
  c.embed_dim = 128;
  c.depth = 4;
  c.num_heads = 4;
  c.mlp_dim = 384;
  c.global_attn_indexes = {1, 3};
  c.window_size = 8;
  c.prompt_embed_dim = 64;
  c.decoder_mlp_dim = 256;
  c.decoder_num_heads = 4;
  c.iou_head_hidden_dim = 64;
  c.dense_prompts = true;
  c.stem = {16, 32};
  return c;
}

// The embedded model's shape: fine enough for small targets, quick enough to train on two cores for days.
SamConfig small() {
  SamConfig c = tiny();
  c.variant = "small";
  c.embed_dim = 192;
  c.num_heads = 6;
  c.mlp_dim = 576;
  c.prompt_embed_dim = 128;
  c.decoder_mlp_dim = 256;
  c.iou_head_hidden_dim = 128;
  c.stem = {24, 48};
  c.preprocessing = Preprocessing::kCentred;
  return c;
}

[[noreturn]] void bad(const std::string& why) {
  throw Error(ErrorCode::kInvalidArg, "The model config does not work: " + why);
}

void read_list(const io::Json& json, const char* key, std::vector<int64_t>& list) {
  const auto* values = json.find(key);
  if (values == nullptr) return;
  list.clear();
  for (const auto& value : values->as_array()) list.push_back(value.as_int());
}

io::Json::Array as_list(const std::vector<int64_t>& values) { return {values.begin(), values.end()}; }

}  // namespace

SamConfig SamConfig::resized(int64_t side) const {
  auto out = *this;
  out.image_size = side;
  return out;
}

bool SamConfig::is_global(int64_t block) const {
  return std::find(global_attn_indexes.begin(), global_attn_indexes.end(), block) !=
         global_attn_indexes.end();
}

SamConfig SamConfig::named(const std::string& variant) {
  if (variant == "vit_b") return vit("vit_b", 768, 12, 12, {2, 5, 8, 11});
  if (variant == "vit_l") return vit("vit_l", 1024, 24, 16, {5, 11, 17, 23});
  if (variant == "vit_h") return vit("vit_h", 1280, 32, 16, {7, 15, 23, 31});
  if (variant == "tiny") return tiny();
  if (variant == "small") return small();
  throw Error(ErrorCode::kInvalidArg, "There is no model variant '" + variant +
                                          "'. Use vit_b, vit_l, vit_h, tiny, small or a config.json.");
}

const char* name_of(Preprocessing preprocessing) {
  if (preprocessing == Preprocessing::kMedSam) return "medsam";
  return preprocessing == Preprocessing::kCentred ? "centred" : "sam";
}

SamConfig SamConfig::from_json(const io::Json& json) {
  if (!json.is_object()) bad("it is not a JSON object.");
  SamConfig c;
  if (const auto* v = json.find("variant"); v != nullptr && v->is_string() && v->as_string() != "custom") {
    c = named(v->as_string());
  } else {
    for (const char* key : {"embed_dim", "depth", "num_heads"}) {
      if (json.find(key) == nullptr) bad(std::string("the key '") + key + "' is missing.");
    }
  }
  c.image_size = json.get("image_size", c.image_size);
  c.patch_size = json.get("patch_size", c.patch_size);
  c.embed_dim = json.get("embed_dim", c.embed_dim);
  c.depth = json.get("depth", c.depth);
  c.num_heads = json.get("num_heads", c.num_heads);
  c.mlp_dim = json.get("mlp_dim", c.mlp_dim);
  c.window_size = json.get("window_size", c.window_size);
  c.prompt_embed_dim = json.get("prompt_embed_dim", c.prompt_embed_dim);
  c.decoder_mlp_dim = json.get("decoder_mlp_dim", c.decoder_mlp_dim);
  c.decoder_num_heads = json.get("decoder_num_heads", c.decoder_num_heads);
  c.iou_head_hidden_dim = json.get("iou_head_hidden_dim", c.iou_head_hidden_dim);
  c.decoder_norm_eps = json.get("decoder_norm_eps", c.decoder_norm_eps);
  c.dense_prompts = json.get("dense_prompts", c.dense_prompts);
  read_list(json, "global_attn_indexes", c.global_attn_indexes);
  read_list(json, "stem", c.stem);
  const std::string preprocessing = json.get("preprocessing", name_of(c.preprocessing));
  bool known = false;
  for (const auto one : {Preprocessing::kSam, Preprocessing::kMedSam, Preprocessing::kCentred}) {
    if (preprocessing != name_of(one)) continue;
    c.preprocessing = one;
    known = true;
  }
  if (!known) bad("preprocessing is '" + preprocessing + "', not 'sam', 'medsam' or 'centred'.");
  c.validate();
  return c;
}

io::Json SamConfig::to_json() const {
  io::Json json;
  json.set("variant", variant);
  json.set("image_size", image_size);
  json.set("patch_size", patch_size);
  json.set("embed_dim", embed_dim);
  json.set("depth", depth);
  json.set("num_heads", num_heads);
  json.set("mlp_dim", hidden_dim());
  json.set("global_attn_indexes", as_list(global_attn_indexes));
  json.set("window_size", window_size);
  json.set("prompt_embed_dim", prompt_embed_dim);
  json.set("decoder_mlp_dim", decoder_mlp_dim);
  json.set("decoder_num_heads", decoder_num_heads);
  json.set("iou_head_hidden_dim", iou_head_hidden_dim);
  json.set("decoder_norm_eps", decoder_norm_eps);
  json.set("dense_prompts", dense_prompts);
  json.set("stem", as_list(stem));
  json.set("preprocessing", name_of(preprocessing));
  return json;
}

void SamConfig::validate() const {
  const auto positive = [](int64_t v, const char* name, int64_t most) {
    if (v < 1 || v > most) {
      bad(std::string(name) + " is " + std::to_string(v) + ", not between 1 and " + std::to_string(most) +
          ".");
    }
  };
  positive(image_size, "image_size", 8192);
  positive(patch_size, "patch_size", 64);
  positive(embed_dim, "embed_dim", 8192);
  positive(depth, "depth", 256);
  positive(num_heads, "num_heads", 256);
  positive(window_size, "window_size", 1024);
  positive(prompt_embed_dim, "prompt_embed_dim", 4096);
  positive(decoder_mlp_dim, "decoder_mlp_dim", 65536);
  positive(decoder_num_heads, "decoder_num_heads", 256);
  positive(iou_head_hidden_dim, "iou_head_hidden_dim", 8192);
  if (image_size % patch_size != 0) bad("image_size must be a multiple of patch_size.");
  if (embed_dim % num_heads != 0) bad("embed_dim must be a multiple of num_heads.");
  if (prompt_embed_dim % 8 != 0) bad("prompt_embed_dim must be a multiple of 8.");
  // Cross attention works at half the width.
  if (prompt_embed_dim % (2 * decoder_num_heads) != 0) {
    bad("prompt_embed_dim must be a multiple of twice decoder_num_heads.");
  }
  if (!stem.empty()) {
    if (stem.size() != 2) bad("stem needs two numbers of channels, or none.");
    for (const int64_t channels : stem) positive(channels, "stem", 1024);
    if (patch_size % 4 != 0) bad("a stem needs a patch_size that is a multiple of 4.");
  }
  for (int64_t i : global_attn_indexes) {
    if (i < 0 || i >= depth)
      bad("global_attn_indexes names block " + std::to_string(i) + ", which does not exist.");
  }
}

}  // namespace gmiseg::sam
