// Embeddings on disk, by content: a picture that a model has seen is not encoded again, by whatever process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/session.h"
#include "model/model.h"
#include "sam/image_encoder.h"

namespace gmiseg::engine {

class EmbeddingCache {
 public:
  // Makes the folder where it is missing. `most_bytes`: beyond, what was not asked for the longest goes.
  // Throws Error(kIo).
  EmbeddingCache(std::string folder, int64_t most_bytes, model::Model& model);

  // Of the picture's bytes, the input's side, the weights and the arithmetic: 64 hexadecimal digits.
  std::string key_of(const ImageView& image, int64_t side) const;
  // On the model's device, to the last bit what was kept. Nothing where it is not there or not whole.
  std::optional<sam::ImageFeatures> find(const std::string& key, c10::Device device) const;
  // A full disk or the like is no reason to fail: the embedding is there, it is not kept.
  void keep(const std::string& key, const sam::ImageFeatures& features);

 private:
  std::string file_of(const std::string& key) const;
  void make_room();

  const std::string folder_;
  const int64_t most_bytes_;
  std::string model_;   // what stands for the model in keys
  int64_t bytes_ = -1;  // in the folder, as far as this process knows; -1 = not counted yet
};

}  // namespace gmiseg::engine
