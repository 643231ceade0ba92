#include "parity/parity.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>

#include "adapter/adapter.h"
#include "baselines/neuralizer.h"
#include "baselines/universeg.h"
#include "io/checkpoint.h"
#include "io/json.h"
#include "io/safetensors.h"
#include "parity/attention.h"
#include "parity/flatten.h"
#include "parity/report.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "sam/resize.h"
#include "sam/sam.h"
#include "sam/transforms.h"
#include "train/adamw.h"
#include "train/losses.h"

namespace gmiseg::parity {

namespace {

using Tensors = std::map<std::string, at::Tensor>;

Tensors load(const std::string& path, c10::Device device) {
  Tensors out;
  for (auto& [name, tensor] : io::read_safetensors(path).tensors) out.emplace(name, tensor.to(device));
  return out;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(ErrorCode::kInvalidArg, "The reference file " + path + " is not there.");
  return {std::istreambuf_iterator<char>(file), {}};
}

void fill(torch::nn::Module& module, const Tensors& weights, const std::string& prefix = {}) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : sam::named_weights(module)) {
    const auto found = weights.find(prefix + name);
    if (found == weights.end())
      throw Error(ErrorCode::kCheckpointMismatch, "The reference weights lack " + name + ".");
    tensor.set_data(found->second.clone());
  }
}

sam::Prompts prompts_of(const Tensors& cases, const std::string& prefix) {
  const auto find = [&](const char* name) {
    const auto it = cases.find(prefix + name);
    return it == cases.end() ? at::Tensor() : it->second;
  };
  return {find("in.point_coords"), find("in.point_labels"), find("in.boxes"), find("in.mask")};
}

constexpr const char* kPromptCases[] = {"points", "box", "points_box", "box_mask", "none"};

std::vector<Row> run_sam(const std::string& folder, c10::Device device, const Progress& progress) {
  torch::NoGradGuard no_grad;
  Report report;
  const auto config =
      sam::SamConfig::from_json(io::Json::parse(read_text(folder + "/config.json"), "config.json"));
  sam::Sam model(config);
  fill(*model, load(folder + "/weights.safetensors", device));
  const auto cases = load(folder + "/cases.safetensors", device);

  const auto input = sam::preprocess(cases.at("image_u8_hwc").cpu(), config).to(device);
  report.values("preprocessed", input, cases.at("preprocessed"));
  sam::EncodeOptions options;
  options.on_block = [&](int64_t block, const at::Tensor& x) {
    const std::string name = "block_" + std::to_string(block);
    report.values(name, x, cases.at(name));
  };
  const auto features = model->image_encoder->forward(cases.at("preprocessed"), options, progress);
  report.values("image_embedding", features.embedding, cases.at("image_embedding"));
  const auto positions = model->prompt_encoder->dense_pe();
  report.values("dense_pe", positions, cases.at("dense_pe"));
  for (const std::string name : kPromptCases) {
    const auto encoded = model->prompt_encoder->forward(prompts_of(cases, name + "."), 1);
    report.values(name + ".sparse", encoded.sparse, cases.at(name + ".sparse"));
    report.values(name + ".dense", encoded.dense, cases.at(name + ".dense"));
    for (const auto& [text, choice] :
         {std::pair("single", sam::MaskChoice::kSingle), std::pair("multi", sam::MaskChoice::kMulti)}) {
      const std::string key = name + "." + text;
      const auto masks = model->mask_decoder->forward(features, positions, encoded, choice);
      report.values(key + ".low_res_logits", masks.logits, cases.at(key + ".low_res_logits"));
      report.values(key + ".iou", masks.iou, cases.at(key + ".iou"));
      const auto& want = cases.at(key + ".mask_150x200");
      const auto got =
          sam::postprocess(masks.logits, sam::frame_of(want.size(2), want.size(3), config), config).gt(0);
      report.masks(key + ".mask_150x200", got, want);
    }
  }
  return report.rows;
}

uint32_t crc32(const std::string& text) {
  uint32_t crc = 0xFFFFFFFFU;
  for (unsigned char c : text) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
  }
  return ~crc;
}

// The fixtures' recipe: weights of any size from nothing but their names.
at::Tensor recipe_weight(const std::string& name, at::IntArrayRef shape) {
  const auto x = at::randn(shape, at::detail::createCPUGenerator(crc32(name)), at::kFloat);
  if (name.find("positional_encoding_gaussian_matrix") != std::string::npos) return x;
  if (name.ends_with("pos_embed")) return x * 0.1;
  if (shape.size() == 1) return name.ends_with("weight") ? 1 + 0.1 * x : 0.1 * x;
  return x * std::pow(static_cast<double>(x.numel() / shape[0]), -0.5);
}

at::Tensor formula_image(int64_t height, int64_t width) {
  const auto y = at::arange(height, at::kLong).view({height, 1, 1}),
             x = at::arange(width, at::kLong).view({1, width, 1});
  const auto c = at::arange(3, at::kLong).view({1, 1, 3});
  return (7 * x + 13 * y + 29 * c + (x * y).div(17, "floor")).remainder(256).to(at::kByte);
}

// Every k-th cell: the samples are strided views of the whole.
at::Tensor strided(const at::Tensor& whole, const at::Tensor& sample) {
  auto out = whole;
  for (int64_t d = 0; d < whole.dim(); ++d) {
    if (whole.size(d) != sample.size(d)) out = out.slice(d, 0, c10::nullopt, whole.size(d) / sample.size(d));
  }
  return out;
}

std::vector<Row> run_full_size(const std::string& folder, c10::Device device, const Progress& progress) {
  torch::NoGradGuard no_grad;
  Report report;
  const auto json = io::Json::parse(read_text(folder + "/config.json"), "config.json");
  const auto config = sam::SamConfig::from_json(json);
  sam::Sam model(config);
  const auto weights = sam::named_weights(*model);
  const auto shapes =
      io::Json::parse(read_text(folder + "/state_dict_shapes.json"), "state_dict_shapes.json");
  if (shapes.as_object().size() != weights.size()) {
    throw Error(ErrorCode::kCheckpointMismatch, "The model has " + std::to_string(weights.size()) +
                                                    " weights, the reference " +
                                                    std::to_string(shapes.as_object().size()) + ".");
  }
  double done = 0;
  for (auto [name, tensor] : weights) {
    progress.report("weights", ++done / static_cast<double>(weights.size()));
    std::vector<int64_t> shape;
    for (const auto& side : shapes.at(name).as_array()) shape.push_back(side.as_int());
    if (tensor.sizes() != at::IntArrayRef(shape))
      throw Error(ErrorCode::kShape, "The weight " + name + " has another shape than the reference's.");
    tensor.set_data(recipe_weight(name, shape).to(device));
  }
  const auto cases = load(folder + "/cases.safetensors", device);
  const auto input =
      sam::preprocess(formula_image(json.at("image_height").as_int(), json.at("image_width").as_int()),
                      config)
          .to(device);
  const auto features = model->image_encoder->forward(input, {}, progress);
  const auto& sample = cases.at("image_embedding.sample");
  report.values("image_embedding.sample", strided(features.embedding, sample), sample);
  const auto& embedding = features.embedding;
  const auto statistics = at::stack({embedding.mean(), embedding.std(), embedding.abs().max()});
  report.values("image_embedding.mean_std_absmax", statistics, cases.at("image_embedding.mean_std_absmax"));
  const auto positions = model->prompt_encoder->dense_pe();
  for (const std::string name : kPromptCases) {
    const auto encoded = model->prompt_encoder->forward(prompts_of(cases, name + "."), 1);
    const auto masks = model->mask_decoder->forward(features, positions, encoded, sam::MaskChoice::kMulti);
    const auto& logits = cases.at(name + ".low_res_logits.sample");
    report.values(name + ".low_res_logits.sample", strided(masks.logits, logits), logits);
    report.values(name + ".iou", masks.iou, cases.at(name + ".iou"));
  }
  return report.rows;
}

// One training step by the reference, whole: outputs, loss, gradients, AdamW.
std::vector<Row> run_adapter(const std::string& folder, const std::string& kind, c10::Device device,
                             const Progress& progress) {
  Report report;
  const auto config =
      sam::SamConfig::from_json(io::Json::parse(read_text(folder + "/config.json"), "config.json"));
  sam::Sam model(config);
  fill(*model, load(folder + "/weights.safetensors", device));
  const auto cases = load(folder + "/adapter/" + kind + ".safetensors", device);
  adapter::AdapterConfig adapter_config;
  adapter_config.kind = kind == "lora" ? adapter::Kind::kLora : adapter::Kind::kPooled;
  const auto bypass = adapter::make_adapter(adapter_config, config.depth, config.embed_dim);
  fill(*bypass, cases, "param.adapter.");
  for (auto& p : model->image_encoder->parameters()) p.set_requires_grad(false);
  for (auto& p : model->prompt_encoder->parameters()) p.set_requires_grad(false);
  for (auto& p : model->mask_decoder->parameters()) p.set_requires_grad(true);

  const auto input = sam::preprocess(cases.at("image_u8_hwc").cpu(), config).to(device);
  for (const bool checkpoint : {false, true}) {
    // The recomputing form must give the same gradients as the plain one.
    const std::string suffix = checkpoint ? " (activations recomputed)" : "";
    for (auto& p : model->parameters()) p.mutable_grad().reset();
    std::vector<std::pair<std::string, at::Tensor>> parameters;
    for (auto& item : bypass->named_parameters()) {
      item.value().mutable_grad().reset();
      item.value().set_requires_grad(true);
      parameters.emplace_back("adapter." + item.key(), item.value());
    }
    sam::EncodeOptions options;
    options.bypass = bypass.get();
    options.recompute.assign(static_cast<size_t>(config.depth), checkpoint);
    const auto features = model->image_encoder->forward(input, options, progress);
    const auto encoded = model->prompt_encoder->forward(prompts_of(cases, ""), 1);
    const auto masks = model->mask_decoder->forward(features, model->prompt_encoder->dense_pe(), encoded,
                                                    sam::MaskChoice::kSingle);
    const auto parts = train::segmentation_loss(masks.logits, cases.at("target"));
    const auto loss = (parts.focal + parts.dice).mean();
    torch::autograd::backward({loss}, {});
    if (!checkpoint) {
      report.values("image_embedding", features.embedding, cases.at("image_embedding"));
      report.values("low_res_logits", masks.logits, cases.at("low_res_logits"));
      report.values("focal", parts.focal, cases.at("focal"));
      report.values("dice", parts.dice, cases.at("dice"));
      report.values("loss", loss.view(1), cases.at("loss"));
    }
    for (const auto& [name, p] : parameters)
      report.gradient("grad." + name + suffix, p.grad(), cases.at("grad." + name));
    for (const auto& item : model->mask_decoder->named_parameters()) {
      const std::string name = "grad.mask_decoder." + item.key();
      if (cases.count(name) > 0) report.gradient(name + suffix, item.value().grad(), cases.at(name));
    }
    if (!checkpoint) continue;
    train::AdamWOptions adamw;
    adamw.decay_vectors = true;
    train::AdamW optimizer(parameters, adamw);
    optimizer.step(1e-3, at::zeros({}, at::TensorOptions(device).dtype(at::kFloat)));
    for (const auto& [name, p] : parameters)
      report.values("after_adamw." + name, p, cases.at("after_adamw." + name));
  }

  // The merged weights must give what the bypass gives.
  torch::NoGradGuard no_grad;
  fill(*bypass, cases, "param.adapter.");
  for (size_t i = 0; i < model->image_encoder->blocks.size(); ++i) {
    auto& weight = model->image_encoder->blocks[i]->attn->qkv->weight;
    weight.set_data(adapter::merged_qkv(*bypass, static_cast<int64_t>(i), weight));
  }
  report.values("image_embedding (merged)", model->image_encoder->forward(input, {}, progress).embedding,
                cases.at("image_embedding"));
  return report.rows;
}

std::vector<Row> run_losses(const std::string& folder, c10::Device device) {
  Report report;
  const auto cases = load(folder + "/losses/cases.safetensors", device);
  const auto logits = cases.at("logits").clone().requires_grad_();
  const auto parts = train::segmentation_loss(logits, cases.at("target"));
  const auto total = (parts.focal + parts.dice).mean();
  torch::autograd::backward({total}, {});
  report.values("focal_per_sample", parts.focal, cases.at("focal_per_sample"));
  report.values("dice_per_sample", parts.dice, cases.at("dice_per_sample"));
  report.values("total", total.view(1), cases.at("total"));
  report.gradient("grad_logits", logits.grad(), cases.at("grad_logits"));
  return report.rows;
}

std::vector<Row> run_resize(const std::string& folder) {
  Report report;
  const auto cases = load(folder + "/resize/cases.safetensors", at::kCPU);
  for (const auto& [name, image] : cases) {
    if (!name.ends_with(".in")) continue;
    const std::string stem = name.substr(0, name.size() - 3);
    const auto& want = cases.at(stem + ".out");
    const auto got =
        sam::resize_uint8(image.permute({2, 0, 1}), want.size(0), want.size(1)).permute({1, 2, 0});
    report.grey_levels(stem, got, want);
  }
  return report.rows;
}

// An in-context network against the reference's output, whole and in parts, and what must not matter to it.
void compare_in_context(baselines::InContext& network, const at::Tensor& target, const at::Tensor& contexts,
                        const at::Tensor& want, Report& report, const Progress& progress) {
  report.values("output", network.forward(target, contexts), want);
  for (const auto& [together, kept] : {std::pair<int64_t, int64_t>{1, 0}, {2, 0}, {1, 2}, {2, 2}, {2, 64}}) {
    std::vector<at::Tensor> singles;
    for (int64_t i = 0; i < target.size(0); ++i)
      singles.push_back(
          network.forward_in_parts(target.slice(0, i, i + 1), contexts[i], together, kept, progress));
    report.values(
        "output, contexts by " + std::to_string(together) + ", " + std::to_string(kept) + " of them kept",
        at::cat(singles), want);
  }
  report.values("output, contexts in reverse", network.forward(target, contexts.flip({1})), want);
  report.values("output, all contexts twice", network.forward(target, at::cat({contexts, contexts}, 1)),
                want);
}

// UniverSeg with one example as it is defined, without anything that the engine saves.
at::Tensor plain_universeg(at::Tensor u, at::Tensor v, const Tensors& w, int64_t stages) {
  const auto conv = [&](const at::Tensor& x, const std::string& name) {
    const auto& weight = w.at(name + ".weight");
    const int64_t padding = weight.size(2) / 2;
    return at::conv2d(x, weight, w.at(name + ".bias"), at::IntArrayRef{1, 1},
                      at::IntArrayRef{padding, padding});
  };
  std::vector<std::pair<at::Tensor, at::Tensor>> skips;
  for (int64_t level = 0; level < 2 * stages - 1; ++level) {
    if (level >= stages) {
      const auto up = [](const at::Tensor& x, const at::Tensor& skip) {
        return at::cat({at::upsample_bilinear2d(x, {skip.size(2), skip.size(3)}, true), skip}, 1);
      };
      u = up(u, skips.back().first);
      v = up(v, skips.back().second);
      skips.pop_back();
    }
    const std::string name = level < stages ? "enc_blocks." + std::to_string(level)
                                            : "dec_blocks." + std::to_string(level - stages);
    const auto z = conv(at::cat({u, v}, 1), name + ".cross.cross_conv");
    u = at::leaky_relu(conv(z, name + ".target.vmapped.conv"), 0.01);
    v = at::leaky_relu(conv(z, name + ".support.vmapped.conv"), 0.01);
    if (level + 1 >= stages) continue;
    skips.emplace_back(u, v);
    u = at::max_pool2d(u, {2, 2});
    v = at::max_pool2d(v, {2, 2});
  }
  return conv(u, "out_conv.conv");
}

std::vector<Row> run_universeg(const std::string& folder, c10::Device device, const Progress& progress) {
  torch::NoGradGuard no_grad;
  Report report;
  const auto json = io::Json::parse(read_text(folder + "/config.json"), "config.json");
  auto config = baselines::Config::named("universeg");
  config.widths.clear();
  for (const auto& width : json.at("encoder_blocks").as_array()) config.widths.push_back(width.as_int());
  baselines::UniverSeg network(config);
  const auto weights = load(folder + "/weights.safetensors", device);
  fill(network, weights);
  const auto cases = load(folder + "/cases.safetensors", device);
  const auto& target = cases.at("target_image");
  const auto contexts = at::cat({cases.at("support_images"), cases.at("support_labels")}, 2);
  compare_in_context(network, target, contexts, cases.at("logits"), report, progress);
  report.values(
      "one context, as plain convolutions", network.forward(target, contexts.slice(1, 0, 1)),
      plain_universeg(target, contexts.select(1, 0), weights, static_cast<int64_t>(config.widths.size())));
  return report.rows;
}

std::vector<Row> run_neuralizer(const std::string& folder, c10::Device device, const Progress& progress) {
  torch::NoGradGuard no_grad;
  Report report;
  const auto json = io::Json::parse(read_text(folder + "/config.json"), "config.json");
  auto config = baselines::Config::named("neuralizer");
  config.stages = json.at("stages").as_int();
  config.width = json.at("inner_channels").as_int();
  config.convs = json.at("conv_layers_per_stage").as_int();
  baselines::Neuralizer network(config);
  fill(network, load(folder + "/weights.safetensors", device));
  const auto cases = load(folder + "/cases.safetensors", device);
  const auto contexts = at::cat({cases.at("context_in"), cases.at("context_out")}, 2);
  compare_in_context(network, cases.at("target_in"), contexts, cases.at("output"), report, progress);
  return report.rows;
}

}  // namespace

std::vector<Row> run(const std::string& folder, const std::string& suite, const std::string& device_name,
                     const Progress& progress) {
  const auto device = runtime::resolve_device(device_name);
  if (suite == "sam-tiny") return run_sam(folder + "/sam-tiny", device, progress);
  if (suite == "lora" || suite == "pooled") return run_adapter(folder + "/sam-tiny", suite, device, progress);
  if (suite == "attention") return attention_rows(device);
  if (suite == "flatten") return flatten_rows();
  if (suite == "losses") return run_losses(folder, device);
  if (suite == "resize") return run_resize(folder);
  if (suite == "universeg") return run_universeg(folder + "/universeg-small", device, progress);
  if (suite == "neuralizer") return run_neuralizer(folder + "/neuralizer-small", device, progress);
  if (suite == "sam-vit_b" || suite == "sam-vit_l")
    return run_full_size(folder + "/" + suite, device, progress);
  throw Error(ErrorCode::kInvalidArg, "There is no parity suite '" + suite +
                                          "'. Use sam-tiny, lora, pooled, attention, flatten, losses, "
                                          "resize, universeg, neuralizer, sam-vit_b or "
                                          "sam-vit_l.");
}

}  // namespace gmiseg::parity
