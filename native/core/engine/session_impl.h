// The session over one model; session.h is its face.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/embedding_cache.h"
#include "engine/session.h"
#include "io/json.h"
#include "model/model.h"
#include "runtime/autocast.h"
#include "support/engine.h"

namespace gmiseg::engine {

class EmbeddingImpl : public Embedding {
 public:
  EmbeddingImpl(std::shared_ptr<const support::Seen> seen, int64_t low_res, const void* owner,
                int64_t version)
      : seen(std::move(seen)), owner(owner), version(version), low_res_(low_res) {}
  int64_t image_height() const override { return seen->frame.height; }
  int64_t image_width() const override { return seen->frame.width; }
  int64_t low_res() const override { return low_res_; }
  std::vector<int64_t> shape() const override { return seen->features.embedding.sizes().vec(); }
  void copy_to(float* out) const override;
  size_t memory_bytes() const override;

  const std::shared_ptr<const support::Seen> seen;
  const void* const owner;  // the model it came from
  const int64_t version;    // of that model's weights

 private:
  const int64_t low_res_;
};

// An image as a look shows it.
class Shown {
 public:
  Shown(const ImageView& image, const Look& look);
  const ImageView& view() const { return view_; }
  at::Tensor pixels() const;  // uint8 [H, W, C], not a copy

 private:
  std::vector<uint8_t> flat_;
  ImageView view_;
};

// {path, format, flavour, sha256}, or null for random weights.
io::Json checkpoint_json(const model::Model& model);

class SessionImpl : public Session {
 public:
  SessionImpl(std::shared_ptr<model::Model> model, int threads, std::optional<EmbeddingCache> cache = {})
      : model_(std::move(model)), threads_(threads), cache_(std::move(cache)) {}

  std::string info_json() const override;
  int64_t low_res_size() const override { return model_->sam->config.low_res(); }
  std::shared_ptr<Embedding> encode(const ImageView& image, const Look& look,
                                    const Progress& progress) override;
  void predict(const Embedding& embedding, const PromptBatch& prompts, const PredictOptions& options,
               const PredictOutput& out, const Progress& progress) override;
  std::shared_ptr<Task> define_task(const std::vector<TaskExample>& examples, const std::string& options_json,
                                    const Progress& progress) override;
  void predict_task(const Task& task, const Embedding& embedding, const PromptBatch* prompts,
                    const TaskOutput& out, const Progress& progress) override;
  std::string leave_one_out(const std::vector<TaskExample>& examples, const std::string& candidates_json,
                            const Progress& progress) override;
  void save_task(const Task& task, const std::string& extra_json, const std::string& path,
                 const Progress& progress) override;
  std::pair<std::shared_ptr<Task>, std::string> load_task(const std::string& path,
                                                          const Progress& progress) override;
  std::string train(const std::string& options_json, const ReportSink& sink,
                    const Progress& progress) override;
  void save(const std::string& path, const std::string& what, const Progress& progress) override;
  size_t memory_bytes() const override;

 protected:
  // The embedding's own kind, checked to be of this model and its weights of today.
  const EmbeddingImpl& own(const Embedding& embedding) const;
  std::vector<support::Example> examples_of(const std::vector<TaskExample>& examples) const;
  runtime::Autocast own_precision() const;
  sam::Prompts prompts_of_rows(const PromptBatch& batch, const sam::Frame& frame, int64_t first,
                               int64_t count) const;

  // Of prompts without a mask.
  const sam::MaskDecoderImpl::FirstLook& first_look(const std::shared_ptr<const support::Seen>& seen,
                                                    const at::Tensor& positions,
                                                    const sam::EncodedPrompts& prompts);

  std::shared_ptr<model::Model> model_;
  int threads_;
  std::optional<EmbeddingCache> cache_;

 private:
  // Of the image that was asked about last: whoever clicks does so several times in a row. One alone, for it
  // is larger than an embedding.
  std::weak_ptr<const support::Seen> looked_at_;
  sam::MaskDecoderImpl::FirstLook first_look_;
};

// Over a baseline: pictures are its inputs, tasks by example all that it answers. Training and saving are as
// with a SAM.
class BaselineSession : public SessionImpl {
 public:
  using SessionImpl::SessionImpl;

  std::string info_json() const override;
  int64_t low_res_size() const override { return model_->image_size(); }
  std::shared_ptr<Embedding> encode(const ImageView& image, const Look& look,
                                    const Progress& progress) override;
  void predict(const Embedding& embedding, const PromptBatch& prompts, const PredictOptions& options,
               const PredictOutput& out, const Progress& progress) override;
  void predict_task(const Task& task, const Embedding& embedding, const PromptBatch* prompts,
                    const TaskOutput& out, const Progress& progress) override;
  size_t memory_bytes() const override;
};

}  // namespace gmiseg::engine
