// A SAM with its adapter, or a baseline, and how it comes from files and goes back to them.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <memory>
#include <string>
#include <vector>

#include "adapter/adapter.h"
#include "baselines/network.h"
#include "model/load_options.h"
#include "runtime/progress.h"
#include "sam/sam.h"
#include "support/task_encoder.h"

namespace gmiseg::model {

struct Model {
  sam::Sam sam{nullptr};
  std::shared_ptr<adapter::Adapter> adapter;  // null = none
  support::TaskEncoder task_encoder{nullptr};
  std::shared_ptr<baselines::Network> baseline;  // in the place of all three, which are null then
  c10::Device device = c10::Device(c10::kCPU);
  // What the weights are rounded to, and what is computed in. They differ on a processor that cannot compute
  // in bfloat16: there the encoder's linear layers, nearly all of a SAM, keep weights of two bytes and widen
  // them for each product; all others are widened when they are loaded.
  c10::ScalarType dtype = c10::ScalarType::Float, arithmetic = c10::ScalarType::Float;
  std::string checkpoint_path;  // empty for random weights
  std::string format, flavour;
  std::string base_identity;  // sha256 of the checkpoint file or "random-SEED"; see base_id()
  uint64_t seed = 0;
  // Weights outside the adapter that training has changed ("mask_decoder.", ...):
  // an adapter file carries them, or it would not give the same masks again.
  std::vector<std::string> trained_prefixes;
  bool has_adapter_file = false;  // beside the checkpoint
  // Counts changes of the weights, so that stale embeddings can be refused.
  int64_t version = 0;

  // Identifies the base weights in adapter files; hashes the checkpoint on first use.
  const std::string& base_id();
  // Identifies all weights, those of an adapter file and what training has changed too: the base's own name
  // where there are no others.
  std::string weights_id();
  // Of the SAM or of the baseline, whichever it is.
  io::Json config_json() const;
  int64_t image_size() const;
};

std::shared_ptr<Model> load_model(const LoadOptions& options, const Progress& progress);

// No weight asks for gradients any more, and none keeps one.
void freeze(Model& model);

// The SAM's weights in the types that they are held in, after a training has widened some.
void hold(Model& model);

// Puts a new adapter with fresh weights on the model. Replaces one that is there.
void add_adapter(Model& model, const adapter::AdapterConfig& config, uint64_t seed);

// Puts a task encoder with fresh weights on the model. Replaces one that is there.
void add_task_encoder(Model& model, const support::TaskEncoderConfig& config, uint64_t seed);

// Lays an adapter file over the model. Throws Error(kCheckpointMismatch) if it
// was trained on another base.
void load_adapter(Model& model, const std::string& path);

// what: "adapter" | "full" | "merged"; of a baseline "full" alone. `extra` goes into the file's metadata.
void save_model(Model& model, const std::string& path, const std::string& what,
                const io::Json* extra = nullptr);

}  // namespace gmiseg::model
