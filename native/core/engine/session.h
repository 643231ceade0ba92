// The face of the core: plain data in, plain data out. The binding includes
// this header and nothing else of the core except runtime/{error,progress}.h,
// so no LibTorch header reaches Node-API code.
//
// Threads: every function here is called on the lane thread and sets grad mode,
// device and thread count itself. Nothing is safe to call from two threads at
// once, except destruction, `memory_bytes()` and what an embedding tells of itself
// (of one on a GPU `copy_to` waits for what the lane has started there).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/load_options.h"
#include "runtime/progress.h"

namespace gmiseg::engine {

using model::LoadOptions;

// Row-major uint8 pixels, `channels` interleaved: [height, width, channels].
struct ImageView {
  const uint8_t* data = nullptr;
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  // 1 or 3
};

// How an image is shown to the encoder.
struct Look {
  int64_t side = 0;      // of the encoder's input, a multiple of the patch size; 0 = the model's own
  int64_t radius = 0;    // of each pixel's surroundings (support/flatten.h); 0 = the image as it is
  int64_t channel = -1;  // of a coloured image, the one that is flattened; -1 = its grey
};

// A batch of prompts for one image; each row is one object. Coordinates are
// (x, y) pixels of the original image.
struct PromptBatch {
  int64_t rows = 1;
  int64_t points_per_row = 0;
  std::vector<float> points;       // [rows, points_per_row, 2]
  std::vector<float> labels;       // [rows, points_per_row]: 1 foreground, 0 background, -1 padding
  std::vector<float> boxes;        // [rows, 4] as x0, y0, x1, y1, or empty
  std::vector<float> mask_logits;  // [rows, low_res, low_res], logits of an earlier answer, or empty
  std::vector<uint8_t> mask;       // [rows, height, width] of the image, 0 or not 0, or empty
  std::vector<float> hint;         // [rows, height, width] of the image: logits added to the mask, or empty
};

struct PredictOptions {
  bool multimask = false;  // three masks a row instead of one
};

// Arrays that the caller owns; null = not wanted. count = rows * (multimask ? 3 : 1).
struct PredictOutput {
  uint8_t* masks = nullptr;    // [count, height, width], 0 or 1
  float* scores = nullptr;     // [count], predicted IoU
  float* stability = nullptr;  // [count], in [0, 1]; 0 for an empty mask
  float* low_res = nullptr;    // [count, low_res, low_res] logits
  float* logits = nullptr;     // [count, height, width]
};

// The embedding of one image, with the geometry that prompts and masks need.
class Embedding {
 public:
  virtual ~Embedding() = default;
  virtual int64_t image_height() const = 0;  // of the original image
  virtual int64_t image_width() const = 0;
  virtual int64_t low_res() const = 0;             // side of its masks' low-resolution logits
  virtual std::vector<int64_t> shape() const = 0;  // [1, channels, grid, grid]
  virtual void copy_to(float* out) const = 0;      // product(shape) floats
  virtual size_t memory_bytes() const = 0;
};

// One example of a task: an encoded picture and its mask.
struct TaskExample {
  std::shared_ptr<Embedding> embedding;
  std::vector<uint8_t> mask;  // [height, width] of the image, 0 or not 0
  int64_t group = 0;          // examples of one group are left out together
};

// A binary task, fitted to its examples.
class Task {
 public:
  virtual ~Task() = default;
  virtual int64_t examples() const = 0;
  virtual std::string describe_json() const = 0;
  virtual size_t memory_bytes() const = 0;
};

// Arrays [height, width] that the caller owns; null = not wanted.
struct TaskOutput {
  float* probability = nullptr;  // mean over the ensemble's members
  float* spread = nullptr;       // their standard deviation
};

// Where training sends its step reports: one JSON object of a line each, the
// same that metrics.jsonl gets. Called on the lane thread.
using ReportSink = std::function<void(const std::string& json_line)>;

class Session {
 public:
  virtual ~Session() = default;
  // JSON: method, variant, imageSize, gridSize, lowResSize, parameters,
  // trainableParameters, device, dtype, threads, preprocessing,
  // checkpoint {path, sha256, format}, adapter {kind, rank, ...} | null, taskEncoder {...} | null, config.
  virtual std::string info_json() const = 0;
  virtual int64_t low_res_size() const = 0;
  virtual std::shared_ptr<Embedding> encode(const ImageView& image, const Look& look,
                                            const Progress& progress) = 0;
  virtual void predict(const Embedding& embedding, const PromptBatch& prompts, const PredictOptions& options,
                       const PredictOutput& out, const Progress& progress) = 0;
  // options_json: support::FitOptions of support/engine.h; candidates_json: a list of them.
  virtual std::shared_ptr<Task> define_task(const std::vector<TaskExample>& examples,
                                            const std::string& options_json, const Progress& progress) = 0;
  // `prompts`: one row that corrects the task's answer, or null.
  virtual void predict_task(const Task& task, const Embedding& embedding, const PromptBatch* prompts,
                            const TaskOutput& out, const Progress& progress) = 0;
  virtual std::string leave_one_out(const std::vector<TaskExample>& examples,
                                    const std::string& candidates_json, const Progress& progress) = 0;
  virtual void save_task(const Task& task, const std::string& extra_json, const std::string& path,
                         const Progress& progress) = 0;
  // The task and its extra JSON.
  virtual std::pair<std::shared_ptr<Task>, std::string> load_task(const std::string& path,
                                                                  const Progress& progress) = 0;
  // Trains in place; `options_json` is documented in train/options.h. Returns
  // the summary as JSON. A stop ends it between steps with the summary of what
  // was done ("stopped": true), not with an error.
  virtual std::string train(const std::string& options_json, const ReportSink& sink,
                            const Progress& progress) = 0;
  // what: "adapter" | "full" | "merged"; written to a temporary name and renamed.
  virtual void save(const std::string& path, const std::string& what, const Progress& progress) = 0;
  virtual size_t memory_bytes() const = 0;  // weights, for the garbage collector's accounts
};

std::shared_ptr<Session> load(const LoadOptions& options, const Progress& progress);

// JSON about a checkpoint without building a model: format, flavour
// ("sam" | "huggingface" | ...), preprocessing, config (or null with the reason),
// metadata and tensors [{name, dtype, shape}], names as stored in the file.
std::string inspect_checkpoint(const std::string& path, const Progress& progress);

// JSON: {gmiseg, torch, torchBuilt, compiler, cpuCapability, cudaBuilt, cudaAvailable,
// threads, devices: [{id, name}]}. Never throws.
std::string runtime_info_json();

// Runs one suite of reference values ("sam-tiny", "lora", "pooled", "attention", "flatten", "losses",
// "resize", "universeg", "neuralizer", "sam-vit_b", "sam-vit_l") in `folder` (laid out as test/fixtures).
// JSON: [{name, maxDiff, scale, tolerance, kind, pass}].
std::string run_parity(const std::string& folder, const std::string& suite, const std::string& device,
                       const Progress& progress);

}  // namespace gmiseg::engine
