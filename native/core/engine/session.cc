#include "engine/session_impl.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <type_traits>

#include "io/json.h"
#include "model/model.h"
#include "runtime/buffer_reuse.h"
#include "runtime/device.h"
#include "runtime/error.h"
#include "sam/mask_pixels.h"
#include "sam/transforms.h"
#include "support/flatten.h"
#include "train/trainer.h"

namespace gmiseg::engine {

namespace {

// Prompts decoded together: enough to share the work, few enough to stop soon, and so few that their masks,
// of which there are copies in several types, do not fill the memory. A GPU is busy with many only.
constexpr int64_t kRowsAtOnce = 8, kRowsAtOnceOnGpu = 64, kPixelsAtOnce = int64_t{1} << 26;

// Straight to where the caller wants it, from whatever device.
template <typename T>
void copy_out(const at::Tensor& values, T* out, int64_t offset) {
  static_assert(sizeof(T) == 1 || std::is_same_v<T, float>);
  const auto type = sizeof(T) == 1 ? at::kBool : at::kFloat;
  at::from_blob(out + offset, values.sizes(), type).copy_(values);
}

}  // namespace

void EmbeddingImpl::copy_to(float* out) const {
  c10::InferenceMode inference;
  copy_out(seen->features.embedding, out, 0);
}

size_t EmbeddingImpl::memory_bytes() const {
  size_t bytes = seen->features.embedding.nbytes() + seen->pixels.nbytes();
  for (const auto& map : seen->features.high_res) bytes += map.nbytes();
  // The other scales are the features' own memory.
  if (!seen->maps.features.empty()) bytes += seen->maps.features.front().nbytes();
  return bytes;
}

std::string SessionImpl::train(const std::string& options_json, const ReportSink& sink,
                               const Progress& progress) {
  runtime::use_threads(threads_);
  return train::train(*model_, io::Json::parse(options_json, "training options"), sink, progress);
}

void SessionImpl::save(const std::string& path, const std::string& what, const Progress& progress) {
  progress.check();
  model::save_model(*model_, path, what);
}

size_t SessionImpl::memory_bytes() const {
  size_t bytes = 0;
  for (const auto& [name, tensor] : sam::named_weights(*model_->sam)) bytes += tensor.nbytes();
  return bytes;
}

io::Json checkpoint_json(const model::Model& model) {
  io::Json checkpoint;
  if (model.checkpoint_path.empty()) return checkpoint;
  checkpoint.set("path", model.checkpoint_path);
  checkpoint.set("format", model.format);
  checkpoint.set("flavour", model.flavour);
  checkpoint.set("sha256", model.base_identity);
  return checkpoint;
}

std::string SessionImpl::info_json() const {
  const auto& config = model_->sam->config;
  int64_t parameters = 0, trainable = 0;
  for (const auto& p : model_->sam->parameters()) parameters += p.numel();
  io::Json adapter;
  if (model_->adapter) {
    for (const auto& p : model_->adapter->parameters()) trainable += p.numel();
    adapter = model_->adapter->config.to_json();
    adapter.set("parameters", trainable);
  }
  for (const auto& item : model_->sam->named_parameters()) {
    for (const auto& prefix : model_->trained_prefixes) {
      if (item.key().compare(0, prefix.size(), prefix) == 0) trainable += item.value().numel();
    }
  }
  io::Json json;
  json.set("method", "sam");
  json.set("variant", config.variant);
  json.set("imageSize", config.image_size);
  json.set("gridSize", config.grid());
  json.set("lowResSize", config.low_res());
  json.set("embeddingChannels", config.prompt_embed_dim);
  json.set("parameters", parameters);
  json.set("trainableParameters", trainable);
  json.set("trainings", model_->version);
  json.set("device", model_->device.str());
  json.set("dtype", model_->dtype == at::kBFloat16 ? "bfloat16" : "float32");
  json.set("threads", static_cast<int64_t>(threads_));
  json.set("preprocessing", sam::name_of(config.preprocessing));
  json.set("checkpoint", checkpoint_json(*model_));
  json.set("adapter", std::move(adapter));
  json.set("taskEncoder", model_->task_encoder ? model_->task_encoder->config.to_json() : io::Json());
  json.set("config", config.to_json());
  return json.dump();
}

Shown::Shown(const ImageView& image, const Look& look) : view_(image) {
  if (look.radius == 0) return;
  flat_ = support::flatten(image.data, image.height, image.width, image.channels, look.channel, look.radius);
  view_ = {flat_.data(), image.height, image.width, 1};
}

at::Tensor Shown::pixels() const {
  return at::from_blob(const_cast<uint8_t*>(view_.data), {view_.height, view_.width, view_.channels},
                       at::kByte);
}

std::shared_ptr<Embedding> SessionImpl::encode(const ImageView& image, const Look& look,
                                               const Progress& progress) {
  runtime::use_threads(threads_);
  progress.check();
  const int64_t side = look.side;
  const int64_t patch = model_->sam->config.patch_size;
  if (side != 0 && (side % patch != 0 || side < 2 * patch)) {
    throw Error(ErrorCode::kInvalidArg, "The encoder's input cannot be " + std::to_string(side) +
                                            " pixels a side; choose a multiple of " + std::to_string(patch) +
                                            ", at least " + std::to_string(2 * patch) + ".");
  }
  const auto& own = model_->sam->config;
  const auto config = side > 0 ? own.resized(side) : own;
  // What training has changed in this process has no name yet.
  const bool known = cache_ && model_->version == 0;
  const Shown shown(image, look);
  const auto key = known ? cache_->key_of(shown.view(), config.image_size) : "";
  auto found = known ? cache_->find(key, model_->device) : std::nullopt;
  if (!found) model_->sam->image_encoder->pack();
  const runtime::BufferReuse reuse;
  c10::InferenceMode inference;
  const auto pixels = shown.pixels();
  at::Tensor input;  // where somebody looks at it
  if (!found || model_->task_encoder)
    input = sam::preprocess(pixels, config, model_->device).to(model_->arithmetic);
  sam::EncodeOptions options;
  options.bypass = model_->adapter.get();
  auto seen = std::make_shared<support::Seen>();
  seen->frame = sam::frame_of(image.height, image.width, config);
  if (found) {
    seen->features = std::move(*found);
  } else {
    seen->features = model_->sam->image_encoder->forward(input, options, progress);
    if (known) cache_->keep(key, seen->features);
  }
  // A copy in any case: a grey picture is contiguous as it is, and its memory is the caller's.
  seen->pixels = pixels.permute({2, 0, 1}).clone(at::MemoryFormat::Contiguous);
  if (model_->task_encoder) {
    const auto inside = sam::picture_share(seen->frame).to(model_->device);
    const auto mixed = own_precision();
    seen->maps = model_->task_encoder->maps(input, seen->features, inside);
  }
  return std::make_shared<EmbeddingImpl>(std::move(seen), config.low_res(), model_.get(), model_->version);
}

// A task encoder's weights are float32 whatever those of the SAM are.
runtime::Autocast SessionImpl::own_precision() const {
  return {model_->device.type(), {model_->arithmetic == at::kBFloat16, at::kBFloat16}};
}

sam::Prompts SessionImpl::prompts_of_rows(const PromptBatch& batch, const sam::Frame& frame, int64_t first,
                                          int64_t count) const {
  const auto device = model_->device;
  const auto rows = [&](const std::vector<float>& values, at::IntArrayRef shape) {
    return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat)
        .slice(0, first, first + count)
        .clone()
        .to(device);
  };
  const auto pair = [&](double x, double y) { return at::tensor({x, y}).to(device, at::kFloat); };
  const auto scale = pair(frame.scale_x(), frame.scale_y());
  const auto corner = pair(static_cast<double>(frame.left), static_cast<double>(frame.top));
  sam::Prompts out;
  if (batch.points_per_row > 0) {
    out.points = rows(batch.points, {batch.rows, batch.points_per_row, 2}) * scale + corner;
    out.labels = rows(batch.labels, {batch.rows, batch.points_per_row});
  }
  if (!batch.boxes.empty())
    out.boxes = (rows(batch.boxes, {batch.rows, 2, 2}) * scale + corner).view({count, 4});
  const int64_t low = sam::low_res_of(frame, model_->sam->config);
  if (!batch.mask_logits.empty()) {
    out.masks = rows(batch.mask_logits, {batch.rows, 1, low, low});
  } else if (!batch.mask.empty()) {
    const auto mask = at::from_blob(const_cast<uint8_t*>(batch.mask.data()),
                                    {batch.rows, frame.height, frame.width}, at::kByte)
                          .slice(0, first, first + count);
    out.masks = sam::mask_to_logits(mask, frame, model_->sam->config).to(device);
  }
  if (!batch.hint.empty()) {
    const auto pixels = at::from_blob(const_cast<float*>(batch.hint.data()),
                                      {batch.rows, 1, frame.height, frame.width}, at::kFloat)
                            .slice(0, first, first + count);
    const auto hint = sam::logits_to_low_res(pixels, frame, model_->sam->config).to(device);
    out.masks = out.masks.defined() ? out.masks + hint : hint;
  }
  return out;
}

const EmbeddingImpl& SessionImpl::own(const Embedding& embedding) const {
  const auto* image = dynamic_cast<const EmbeddingImpl*>(&embedding);
  if (image == nullptr || image->owner != model_.get()) {
    throw Error(ErrorCode::kInvalidArg,
                "This embedding comes from another model. Encode the image with this one.");
  }
  if (image->version != model_->version) {
    throw Error(ErrorCode::kInvalidArg,
                "This embedding is older than the model's weights. Encode the image again.");
  }
  return *image;
}

const sam::MaskDecoderImpl::FirstLook& SessionImpl::first_look(
    const std::shared_ptr<const support::Seen>& seen, const at::Tensor& positions,
    const sam::EncodedPrompts& prompts) {
  if (looked_at_.lock() != seen) {
    first_look_ = model_->sam->mask_decoder->look(seen->features, positions, prompts);
    looked_at_ = seen;
  }
  return first_look_;
}

void SessionImpl::predict(const Embedding& embedding, const PromptBatch& batch, const PredictOptions& options,
                          const PredictOutput& out, const Progress& progress) {
  const auto seen = own(embedding).seen;
  const auto& image = *seen;
  const auto& config = model_->sam->config;
  const int64_t side = sam::low_res_of(image.frame, config), grid = support::grid_of(image);
  const auto fits = [&](size_t got, int64_t wanted, const char* name) {
    if (got != 0 && got != static_cast<size_t>(wanted)) {
      throw Error(ErrorCode::kShape, "The prompt array '" + std::string(name) + "' has " +
                                         std::to_string(got) + " values, not " + std::to_string(wanted) +
                                         ".");
    }
  };
  fits(batch.points.size(), batch.rows * batch.points_per_row * 2, "points");
  fits(batch.labels.size(), batch.rows * batch.points_per_row, "labels");
  fits(batch.boxes.size(), batch.rows * 4, "boxes");
  fits(batch.mask_logits.size(), batch.rows * side * side, "maskLogits");
  fits(batch.mask.size(), batch.rows * image.frame.height * image.frame.width, "mask");
  fits(batch.hint.size(), batch.rows * image.frame.height * image.frame.width, "hint");

  runtime::use_threads(threads_);
  const runtime::BufferReuse reuse;
  c10::InferenceMode inference;
  const auto positions = model_->sam->prompt_encoder->dense_pe(grid);
  const int64_t masks_a_row = options.multimask ? 3 : 1;
  const int64_t pixels = image.frame.height * image.frame.width, low = side * side;
  const int64_t rows_at_once = std::clamp<int64_t>(kPixelsAtOnce / (masks_a_row * pixels), 1,
                                                   model_->device.is_cpu() ? kRowsAtOnce : kRowsAtOnceOnGpu);
  for (int64_t first = 0; first < batch.rows; first += rows_at_once) {
    progress.report("decode", static_cast<double>(first) / static_cast<double>(batch.rows));
    const int64_t count = std::min(rows_at_once, batch.rows - first);
    const auto prompts = prompts_of_rows(batch, image.frame, first, count);
    const auto encoded = model_->sam->prompt_encoder->forward(prompts, count, grid);
    const bool same_for_all = !prompts.masks.defined() && !config.dense_prompts;
    const auto decoded = model_->sam->mask_decoder->forward(
        image.features, positions, encoded,
        options.multimask ? sam::MaskChoice::kMulti : sam::MaskChoice::kSingle,
        same_for_all ? &first_look(seen, positions, encoded) : nullptr);
    const int64_t at_mask = first * masks_a_row;
    if (out.low_res != nullptr) copy_out(decoded.logits, out.low_res, at_mask * low);
    if (out.scores != nullptr) copy_out(decoded.iou, out.scores, at_mask);
    if (decoded.logits.is_cpu() && out.logits == nullptr &&
        config.preprocessing != sam::Preprocessing::kMedSam) {
      sam::write_masks(decoded.logits, image.frame,
                       out.masks == nullptr ? nullptr : out.masks + at_mask * pixels,
                       out.stability == nullptr ? nullptr : out.stability + at_mask);
      continue;
    }
    const auto logits = sam::postprocess(decoded.logits, image.frame, config);
    if (out.masks != nullptr) copy_out(logits.gt(0), out.masks, at_mask * pixels);
    if (out.logits != nullptr) copy_out(logits, out.logits, at_mask * pixels);
    if (out.stability != nullptr) copy_out(sam::stability_score(logits), out.stability, at_mask);
  }
}

std::shared_ptr<Session> load(const LoadOptions& options, const Progress& progress) {
  runtime::use_threads(options.threads);
  auto model = model::load_model(options, progress);
  if (model->baseline) return std::make_shared<BaselineSession>(std::move(model), options.threads);
  std::optional<EmbeddingCache> cache;
  if (!options.embedding_cache.empty())
    cache.emplace(options.embedding_cache, options.embedding_cache_bytes, *model);
  return std::make_shared<SessionImpl>(std::move(model), options.threads, std::move(cache));
}

}  // namespace gmiseg::engine
