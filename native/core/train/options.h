// Everything a training run can be told, as JSON from TypeScript and in the
// run folder's config.json. Every key has a default but `data` and `out`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "adapter/adapter.h"
#include "io/json.h"
#include "runtime/autocast.h"
#include "support/config.h"

namespace gmiseg::train {

// How a mask becomes the loss's low-resolution target.
enum class TargetMode { kArea, kNearest, kSoft };

// Of models that are no SAM. The keys are crossEntropy, imageCycle, maskCycle, identity and paired.
struct BaselineOptions {
  double cross_entropy = 0;  // weight beside the Dice loss
  // Of a CycleGAN. A mask cannot hold the texture of a picture: its cycle must count less.
  double image_cycle = 2, mask_cycle = 10;  // picture -> mask -> picture, and back
  double identity = 0;                      // of a domain's own, relative to its cycle
  double paired = 100;                      // of the difference from the truth, in variant C2
};

struct TrainOptions {
  // JSON key                                      meaning, unit
  std::vector<std::string> data;  // "data": slice stores, a string or a list
  std::string out;                // "out": run folder, made if it is not there
  bool resume = false;            // "resume": go on from the newest checkpoint in `out`, if there is one

  // What trains. "train": any of "adapter", "decoder", "prompt-encoder", "encoder", or "all"
  // (encoder, decoder and prompt encoder). Default: adapter and decoder if there is an adapter, else all.
  std::vector<std::string> train;
  bool has_adapter =
      false;  // "adapter": null or {kind, rank, gate, scale, firstBlock}: put a new one on the model
  adapter::AdapterConfig adapter;

  // Episodes: queries are predicted from a support set of their task.
  bool episodes = false;                    // "episodes"
  support::TaskEncoderConfig task_encoder;  // "taskEncoder": null or its config, if the model has none yet
  std::vector<int64_t> supports = {1, 2, 4, 8};  // "supports": sizes of the support set, one drawn a batch
  int64_t queries = 4;                           // "queries": of each task
  // "imageSizes": sides of the encoder's input, one drawn a step; empty = the model's own. Of a SAM. A step
  // has `batchSize` tasks of the model's own size, more of smaller ones and fewer of larger ones, at least
  // one.
  std::vector<int64_t> image_sizes;
  double synthetic_share = 0.5;   // "syntheticShare": of the tasks; 1 where `data` is empty
  double dense_weight = 1;        // "denseWeight": of the task encoder's own logits
  double prompted_weight = 0.5;   // "promptedWeight": of the same queries with clicks and boxes instead
  int64_t validate_supports = 8;  // "validateSupports"

  bool has_baseline = false;  // "baseline": null or what of it differs from the defaults
  BaselineOptions baseline;

  // Tasks. Every (data set, label, axis) is one; each sample draws a task first, then a slice of it.
  std::vector<std::string> datasets;  // "datasets": only these (empty = all)
  std::vector<int64_t> labels;        // "labels": only these label values (empty = all)
  int64_t min_pixels = 10;            // "minPixels": smaller masks are no samples

  int64_t steps = 1000;           // "steps": optimiser steps
  double max_minutes = 0;         // "maxMinutes": stop (with a checkpoint) after that long; 0 = never
  int64_t batch_size = 4;         // "batchSize": images a micro-batch
  int64_t prompts_per_image = 1;  // "promptsPerImage": objects asked for in each image, of any of its labels
  int64_t accumulate = 1;         // "accumulate": micro-batches a step
  uint64_t seed = 0;              // "seed"

  double learning_rate = 1e-4;        // "learningRate"
  int64_t warmup = 100;               // "warmupSteps": linear from 0
  std::string schedule = "cosine";    // "schedule": "constant" | "linear" | "cosine" | "poly" (power 0.9)
                                      // | "constant-linear" (half of the steps each)
  double final_factor = 0.01;         // "finalFactor": last learning rate / learningRate
  double beta1 = 0.9, beta2 = 0.999;  // "beta1", "beta2"
  double epsilon = 1e-8;              // "epsilon"
  double weight_decay = 0.01;         // "weightDecay", decoupled; not on what has one axis: biases, norms
  double clip = 1.0;                  // "clipNorm": of the whole gradient; 0 = never
  double average = 0;                 // "average": decay of the running mean of the weights, which is what
                                      // validates and is written as the model; 0 = the last weights
  std::string dtype = "float32";      // "dtype": "float32" | "tf32" (CUDA) | "bfloat16" (autocast)
  bool checkpointing = false;         // "activationCheckpointing": of all blocks
  int64_t memory = 0;                 // "memory": bytes that the process (on CUDA: the tensors) may take; as
                                      // many blocks are recomputed as that needs; 0 = no limit
  // "activationCache": bytes for what frozen blocks make of images that come again (no "noise", "zoom",
  // "rotate", "gamma"), in trainings on prompts
  int64_t activation_cache = int64_t{1} << 30;

  double focal_weight = 1, dice_weight = 1;  // "focalWeight", "diceWeight"
  double iou_weight = -1;  // "iouWeight": squared error of the predicted IoU; default 0.1 if the
                           // decoder trains from scratch ("all"), else 0
  TargetMode target = TargetMode::kArea;  // "target": "area" | "nearest" | "soft"

  // Prompts: one kind a micro-batch, drawn by these weights (they need not sum to 1).
  double box_share = 0.5, points_share = 0.25, both_share = 0.25;  // "boxShare", "pointsShare", "bothShare"
  int64_t max_points = 3;      // "maxPoints": 1 .. maxPoints uniform points inside the mask
  double box_offset = 20;      // "boxOffset": each side moves out by U(0, boxOffset) px at 1024
  double refine_share = 0.25;  // "refineShare": micro-batches with a second pass: an error point and
                               // the first pass's logits as mask prompt

  // Augmentation.
  double flip = 0.5;   // "flip": chance of each of the two mirrorings
  double noise = 0.1;  // "noise": deviation of Gaussian noise is U(0, noise), normalised units
  double zoom = 0;     // "zoom": scale factor exp(U(-zoom, zoom)) about a random centre
  double rotate = 0;   // "rotate": U(-rotate, rotate) degrees
  double gamma = 0;    // "gamma": intensity exponent exp(U(-gamma, gamma))

  double task_augment = 0;  // "taskAugment": of episodes from the stores, the strength of UniverSeg's recipe
                            // (see task_augmentation.h), 0 = none, 1 = as published

  // Validation and files.
  int64_t validate_every = 200;    // "validateEvery": steps; 0 = only at the end
  int64_t validate_samples = 64;   // "validateSamples": of the split "val", the same ones each time
  int64_t checkpoint_every = 200;  // "checkpointEvery": steps
  int64_t keep_checkpoints = 2;    // "keepCheckpoints"
  int64_t export_every = 0;        // "exportEvery": steps between models kept for choosing among; 0 = none
  int64_t report_every = 0;        // "reportEvery": steps between looks at the losses; 0 = 1 on the CPU,
                                   // 20 on CUDA, where a look waits for the device
  int64_t feed_threads = 0;  // "feedThreads": that make batches; 0 = 1 on the CPU, on CUDA all cores but two

  // Throws Error(kInvalidArg) for unknown keys, wrong types and ranges.
  // What is not given is as in `defaults`.
  static TrainOptions from_json(const io::Json& json, const TrainOptions& defaults);
  // Everything that decides the result, for config.json and for resume's check; without `resume` and `out`.
  io::Json to_json() const;
  // What forward passes run under.
  runtime::AutocastState autocast() const { return {dtype == "bfloat16", c10::ScalarType::BFloat16}; }
};

}  // namespace gmiseg::train
