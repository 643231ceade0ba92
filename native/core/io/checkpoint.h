// Any SAM checkpoint that users have -> weights under the reference's names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/safetensors.h"

namespace gmiseg::io {

// A weights file as it is: names untouched, nothing interpreted.
struct StoredWeights {
  std::string path;    // of the weights file, or of the index of its shards
  std::string folder;  // the Hugging Face folder, or empty where a file was named
  std::string format;  // "safetensors" | "pth"
  NamedTensors tensors;
  Metadata metadata;
};

struct Checkpoint {
  std::string path;    // of the weights file, or of the index of its shards
  std::string format;  // "safetensors" | "pth"
  // "gmiseg" (metadata `gmiseg.config`) | "huggingface" (names) | "medsam" (see
  // below) | "sam" | "adapter" (names) | "unknown" (no weights of a SAM).
  std::string flavour;
  // Names as in the reference (image_encoder.blocks.0...): wrappers and prefixes
  // (`model.`, `state_dict.`, `model_state.`, `module.`, `sam.` and others, in any
  // combination) removed, Hugging Face names translated; what is no weight of a
  // SAM (optimizer, epoch, pixel_mean) left out. Contiguous, none sharing memory.
  NamedTensors tensors;
  Metadata metadata;
  // The model's config in the keys of sam/config.h. It comes from our own
  // metadata, else from a config.json beside the file that fits the weights (ours
  // or Hugging Face's; in a folder it must fit), else from the tensors' shapes.
  // `preprocessing` is "medsam" where a config or the metadata key
  // `preprocessing` says so or, failing these, where the name of the file (of the
  // folder, for a folder) contains "medsam" in any case: MedSAM's files do
  // not differ from SAM's in any other way. Null where nothing tells; then
  // `config_reason` says why and what to do.
  Json config;
  std::string config_reason;
  // "sam" | "medsam" as above, also where the config is null; what a config that
  // the user names leaves open.
  std::string preprocessing = "sam";
  // 1e-6 for Hugging Face's layers (or what its config.json says), likewise.
  double decoder_norm_eps = 1e-5;
};

// `path`: .safetensors, .safetensors.index.json (shards), .pth/.pt/.bin, or a
// Hugging Face folder; the content decides, not the name.
// Throws Error(kCheckpointNotFound | kCheckpointFormat | kIo).
StoredWeights read_stored_weights(const std::string& path);

// Finds the SAM in it; `tensors` stays empty where there is none. Throws
// Error(kCheckpointFormat) for two models in one file, copies that differ and a
// malformed config, Error(kCheckpointMismatch) for a folder whose config.json does not fit.
Checkpoint interpret_weights(const StoredWeights& stored);

// The same, and Error(kCheckpointFormat) where the file holds no SAM.
Checkpoint read_checkpoint(const StoredWeights& stored);

// The shapes give widths, depth, grid, window and global blocks; heads come from the
// width of rel_pos. Fills what config.json would hold; `reason` says why it could not.
Json infer_sam_config(const NamedTensors& tensors, std::string& reason);

std::string sha256_of_file(const std::string& path);

// The files that `StoredWeights::path` stands for: itself, and of an index its shards after it.
std::vector<std::string> weight_files(const std::string& path);
// Identifies weights: the hash of their file, or of the hashes of an index and its shards.
std::string sha256_of_weights(const std::string& path);

// One error for everything that does not fit. `expected` and `found` are
// name -> shape; throws Error(kCheckpointMismatch) that lists missing,
// unexpected and mis-shaped keys (all of them, long lists cut with a count).
void check_keys(const std::vector<std::pair<std::string, std::vector<int64_t>>>& expected,
                const NamedTensors& found, const std::string& path);

}  // namespace gmiseg::io
