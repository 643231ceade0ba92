// Any SAM checkpoint that users have -> weights under the reference's names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/safetensors.h"

namespace gmiseg::io {

struct Checkpoint {
  std::string path;       // of the weights file
  std::string format;     // "safetensors" | "pth"
  std::string flavour;    // "sam" | "huggingface" | "medsam" | "gmiseg": where names or metadata tell
  std::string sha256;     // of the weights file; empty until asked for (sha256_of_file)
  // Names as in the reference (image_encoder.blocks.0...), prefixes `module.`
  // and `sam.` removed, wrappers {"model"}, {"state_dict"}, {"model_state"} opened, Hugging
  // Face names translated; keys that are no weights of SAM (optimizer, epoch) left out.
  NamedTensors tensors;
  Metadata metadata;
  // The model's config in the keys of fixtures/sam-tiny/config.json plus
  // `preprocessing` ("sam" | "medsam"), `decoder_norm_eps` where it differs:
  // from our own metadata, from config.json beside the file, or from the tensors' shapes.
  // Null where nothing tells, with the reason.
  Json config;
  std::string config_reason;
};

// `path`: .safetensors (also with .index.json shards), .pth/.pt, or a Hugging Face folder.
// Throws Error(kCheckpointNotFound | kCheckpointFormat).
Checkpoint read_checkpoint(const std::string& path);

// The shapes give widths, depth, grid, window and global blocks; heads come from the
// width of rel_pos. Fills what config.json would hold; `reason` says why it could not.
Json infer_sam_config(const NamedTensors& tensors, std::string& reason);

std::string sha256_of_file(const std::string& path);

// One error for everything that does not fit. `expected` and `found` are
// name -> shape; throws Error(kCheckpointMismatch) that lists missing,
// unexpected and mis-shaped keys (all of them, long lists cut with a count).
void check_keys(const std::vector<std::pair<std::string, std::vector<int64_t>>>& expected,
                const NamedTensors& found, const std::string& path);

}  // namespace gmiseg::io
