#include "io/huggingface.h"

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "runtime/error.h"

namespace gmiseg::io {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Whole prefixes first match wins.
constexpr std::array<Pair, 20> kPrefixes = {{
    {"vision_encoder.patch_embed.projection.", "image_encoder.patch_embed.proj."},
    {"vision_encoder.neck.conv1.", "image_encoder.neck.0."},
    {"vision_encoder.neck.layer_norm1.", "image_encoder.neck.1."},
    {"vision_encoder.neck.conv2.", "image_encoder.neck.2."},
    {"vision_encoder.neck.layer_norm2.", "image_encoder.neck.3."},
    {"vision_encoder.layers.", "image_encoder.blocks."},
    {"vision_encoder.", "image_encoder."},
    {"shared_image_embedding.positional_embedding",
     "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"},
    {"prompt_encoder.shared_embedding.positional_embedding",
     "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"},
    {"prompt_encoder.point_embed.", "prompt_encoder.point_embeddings."},
    {"prompt_encoder.mask_embed.conv1.", "prompt_encoder.mask_downscaling.0."},
    {"prompt_encoder.mask_embed.layer_norm1.", "prompt_encoder.mask_downscaling.1."},
    {"prompt_encoder.mask_embed.conv2.", "prompt_encoder.mask_downscaling.3."},
    {"prompt_encoder.mask_embed.layer_norm2.", "prompt_encoder.mask_downscaling.4."},
    {"prompt_encoder.mask_embed.conv3.", "prompt_encoder.mask_downscaling.6."},
    {"mask_decoder.upscale_conv1.", "mask_decoder.output_upscaling.0."},
    {"mask_decoder.upscale_layer_norm.", "mask_decoder.output_upscaling.1."},
    {"mask_decoder.upscale_conv2.", "mask_decoder.output_upscaling.3."},
    {"mask_decoder.transformer.layer_norm_final_attn.", "mask_decoder.transformer.norm_final_attn."},
    {"mask_decoder.", "mask_decoder."},
}};

void replace(std::string& text, std::string_view from, std::string_view to) {
  if (const size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
}

[[noreturn]] void unsupported(const std::string& path, const std::string& setting) {
  throw Error(ErrorCode::kCheckpointFormat,
              "'" + path + "' describes a SAM that gmiseg cannot run: " + setting + ".");
}

// Sizes may be one integer or a pair of equal ones.
int64_t side(const Json& config, const char* key, int64_t fallback, const std::string& path) {
  const Json* value = config.find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_array()) return value->as_int();
  const Json::Array& pair = value->as_array();
  if (pair.size() != 2 || pair[0].as_int() != pair[1].as_int())
    unsupported(path, std::string(key) + " is not square");
  return pair[0].as_int();
}

Json section(const Json& json, const char* key) {
  const Json* value = json.find(key);
  return value == nullptr || value->is_null() ? Json(Json::Object{}) : *value;
}

Json translate(const Json& json, const std::string& path) {
  const Json vision = section(json, "vision_config");
  const Json prompt = section(json, "prompt_encoder_config");
  const Json decoder = section(json, "mask_decoder_config");

  const auto must_be = [&](const Json& config, const char* key, int64_t wanted) {
    if (config.get(key, wanted) != wanted)
      unsupported(path, std::string(key) + " is not " + std::to_string(wanted));
  };
  const auto must_hold = [&](const char* key) {
    if (!vision.get(key, true)) unsupported(path, std::string(key) + " is false");
  };
  const auto must_act = [&](const Json& config, const char* wanted) {
    if (config.get("hidden_act", wanted) != wanted)
      unsupported(path, std::string("hidden_act is not ") + wanted);
  };
  must_be(vision, "num_channels", 3);
  must_be(decoder, "attention_downsample_rate", 2);
  must_be(decoder, "num_hidden_layers", 2);
  must_be(decoder, "num_multimask_outputs", 3);
  must_be(decoder, "iou_head_depth", 3);
  must_be(prompt, "num_point_embeddings", 4);
  must_be(prompt, "mask_input_channels", 16);
  for (const char* key : {"use_abs_pos", "use_rel_pos", "qkv_bias"}) must_hold(key);
  must_act(vision, "gelu");
  must_act(prompt, "gelu");
  must_act(decoder, "relu");
  for (const Json* config : {&vision, &prompt}) {
    if (std::abs(config->get("layer_norm_eps", 1e-6) - 1e-6) > 1e-12)
      unsupported(path, "layer_norm_eps is not 1e-6");
  }
  const int64_t width = prompt.get("hidden_size", 256);
  must_be(vision, "output_channels", width);
  must_be(decoder, "hidden_size", width);
  must_be(vision, "num_pos_feats", width / 2);

  const int64_t embed_dim = vision.get("hidden_size", 768);
  const double ratio = vision.get("mlp_ratio", 4.0);
  Json out;
  out.set("image_size", side(vision, "image_size", 1024, path));
  out.set("patch_size", side(vision, "patch_size", 16, path));
  out.set("embed_dim", embed_dim);
  out.set("depth", vision.get("num_hidden_layers", 12));
  out.set("num_heads", vision.get("num_attention_heads", 12));
  out.set("mlp_dim", vision.get("mlp_dim", static_cast<int64_t>(static_cast<double>(embed_dim) * ratio)));
  const Json* global = vision.find("global_attn_indexes");
  out.set("global_attn_indexes",
          global != nullptr && global->is_array() ? *global : Json(Json::Array{2, 5, 8, 11}));
  out.set("window_size", vision.get("window_size", 14));
  out.set("prompt_embed_dim", width);
  out.set("decoder_mlp_dim", decoder.get("mlp_dim", 2048));
  out.set("decoder_num_heads", decoder.get("num_attention_heads", 8));
  out.set("iou_head_hidden_dim", decoder.get("iou_head_hidden_dim", 256));
  // Of norms 1 to 4 in the two-way layers; the last norm keeps 1e-5 there too.
  out.set("decoder_norm_eps", decoder.get("layer_norm_eps", 1e-6));
  return out;
}

}  // namespace

std::string translate_huggingface_name(const std::string& name) {
  std::string out = name;
  for (const auto& [from, to] : kPrefixes) {
    if (!name.starts_with(from)) continue;
    out = std::string(to) + name.substr(from.size());
    break;
  }
  if (out.starts_with("image_encoder.blocks.") || out.starts_with("mask_decoder.transformer.layers.")) {
    replace(out, ".layer_norm", ".norm");
  }
  // Their MLPs: proj_in, layers.0, proj_out; the reference's: layers.0, 1, 2.
  if (out.starts_with("mask_decoder.output_hypernetworks_mlps.") ||
      out.starts_with("mask_decoder.iou_prediction_head.")) {
    if (out.find(".layers.0.") != std::string::npos) {
      replace(out, ".layers.0.", ".layers.1.");
    } else {
      replace(out, ".proj_in.", ".layers.0.");
      replace(out, ".proj_out.", ".layers.2.");
    }
  }
  return out;
}

bool is_huggingface_config(const Json& json) {
  if (!json.is_object()) return false;
  const Json* type = json.find("model_type");
  const Json* vision = json.find("vision_config");
  if (type != nullptr && type->is_string()) return type->as_string() == "sam";
  return vision != nullptr && vision->is_object() && json.find("mask_decoder_config") != nullptr;
}

Json translate_huggingface_config(const Json& json, const std::string& path) {
  try {
    return translate(json, path);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInvalidArg) throw;
    throw Error(ErrorCode::kCheckpointFormat,
                "'" + path + "' is no usable config of a SamModel: " + e.what());
  }
}

}  // namespace gmiseg::io
