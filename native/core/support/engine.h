// A binary task, fitted to examples without training, and what it says of new pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/safetensors.h"
#include "model/model.h"
#include "runtime/progress.h"
#include "sam/transforms.h"
#include "support/task_encoder.h"

namespace gmiseg::support {

// A picture as the engines see it.
struct Seen {
  sam::ImageFeatures features;  // of one image; for a baseline its input in the place of the embedding
  Maps maps;                    // empty where the model has no task encoder
  at::Tensor pixels;            // uint8 [C, H, W], as given, on the CPU
  sam::Frame frame;

  // What it last contributed to a task, and with which mask: choosing among candidates asks again and again.
  struct Said {
    at::Tensor mask;
    Contributions contributions;
  };
  mutable std::optional<Said> said;

  // The same of its greys, for "threshold".
  struct Counted;
  mutable std::shared_ptr<const Counted> counted;
};

// Cells of the embedding along a side.
inline int64_t grid_of(const Seen& seen) { return seen.features.embedding.size(2); }

struct Example {
  std::shared_ptr<const Seen> image;
  at::Tensor mask;    // bool [H, W] of the picture, on the CPU
  int64_t group = 0;  // examples of one group are left out together
};

struct FitOptions {
  // "learned": the task encoder; "training-free": prototypes and prompts on any SAM;
  // "threshold": a band of one grey or colour; "copy": the mask of the most similar example;
  // "baseline": the network of a baseline model.
  std::string engine = "learned";
  // Of "learned": "refined" by SAM's decoder, "dense" (before it), or the "mean" of both.
  std::string output = "mean";
  // Of "training-free": weight of the location prior, and how sharply similarity decides.
  double location = 0.5, temperature = 0.07;
  // Of "threshold": what grey levels are levels of. "given": as they are; "stretched": the picture's own
  // range; "relative": to its median; "any": of these what fits the examples best.
  std::string scale = "any";
  // Side of the encoder's input that examples and queries are seen at; 0 = the model's own. Of "learned" and
  // "training-free".
  int64_t size = 0;
  // The probability from which on a pixel is target, in (0, 1). Answers are shifted (as logits) so that it
  // becomes 0.5. Thin and small targets are found with less certainty than large ones.
  double cutoff = 0.5;
  // Members of the ensemble, each fitted to another subset of the examples: 1 = all examples once.
  int64_t ensemble = 1;
  int64_t subset = 0;  // examples a member; 0 = two thirds of them
  uint64_t seed = 0;   // of the subsets

  // Throws Error(kInvalidArg) for unknown keys, names and ranges.
  static FitOptions from_json(const io::Json& json);
  io::Json to_json() const;
};

// The fitted state: no query changes it, and its size does not grow with the number of examples
// (but for "copy" and "baseline").
class Engine {
 public:
  virtual ~Engine() = default;
  // Probability of the target, float32 [H, W] of the query, on the CPU. `prompts`: further clicks and boxes
  // of one object in the input's frame, for engines that end in SAM's decoder; the others ignore them.
  virtual at::Tensor probability(const Seen& query, const sam::Prompts& prompts,
                                 const Progress& progress) const = 0;
  // Everything that `restore` needs, under these names.
  virtual io::NamedTensors tensors() const = 0;
  // What it found, for people: thresholds, prototypes, ...
  virtual io::Json describe() const = 0;
};

// Examples must not be empty. Throws Error(kInvalidArg), e.g. "learned" on a model without task encoder.
std::unique_ptr<Engine> fit(model::Model& model, const std::vector<Example>& examples,
                            const FitOptions& options, const Progress& progress);
std::unique_ptr<Engine> restore(model::Model& model, const io::NamedTensors& tensors,
                                const FitOptions& options);

// Each engine's own.
std::unique_ptr<Engine> fit_learned(model::Model& model, const std::vector<Example>& examples,
                                    const FitOptions& options, const Progress& progress);
std::unique_ptr<Engine> fit_training_free(model::Model& model, const std::vector<Example>& examples,
                                          const FitOptions& options);
std::unique_ptr<Engine> fit_baseline(model::Model& model, const std::vector<Example>& examples);
std::unique_ptr<Engine> fit_threshold(const std::vector<Example>& examples, const FitOptions& options);
std::unique_ptr<Engine> fit_copy(const std::vector<Example>& examples);
std::unique_ptr<Engine> restore_learned(model::Model& model, const io::NamedTensors& tensors,
                                        const FitOptions& options);
std::unique_ptr<Engine> restore_training_free(model::Model& model, const io::NamedTensors& tensors,
                                              const FitOptions& options);
std::unique_ptr<Engine> restore_baseline(model::Model& model, const io::NamedTensors& tensors);
std::unique_ptr<Engine> restore_threshold(const io::NamedTensors& tensors);
std::unique_ptr<Engine> restore_copy(const io::NamedTensors& tensors);

// An ensemble's members with the same interface; its probability is their mean.
struct Fitted {
  FitOptions options;
  int64_t examples = 0;
  std::vector<std::unique_ptr<Engine>> members;

  // Mean and standard deviation over the members, float32 [H, W] each.
  std::pair<at::Tensor, at::Tensor> probability(const model::Model& model, const Seen& query,
                                                const sam::Prompts& prompts, const Progress& progress) const;
  io::Json describe() const;
};

Fitted fit_members(model::Model& model, const std::vector<Example>& examples, const FitOptions& options,
                   const Progress& progress);

// Leave-one-out: each group is predicted from the others, by each candidate. JSON:
// {"cutoffs": [c, ...], "candidates": [{"options": {...}, "results": [{"group", "truth", "both": [n, ...],
// "predicted": [n, ...]}]}]}; one result an example, in their order, in pixels at each cutoff, whatever the
// options say of it. Needs two groups.
io::Json leave_one_out(model::Model& model, const std::vector<Example>& examples,
                       const std::vector<FitOptions>& candidates, const Progress& progress);

// A task's file: state and description. `extra` is the caller's own (labels, provenance), any JSON.
void save_task(const Fitted& task, model::Model& model, const io::Json& extra, const std::string& path);
// Throws Error(kCheckpointMismatch) if the task was made with another model.
std::pair<Fitted, io::Json> load_task(model::Model& model, const std::string& path);

}  // namespace gmiseg::support
