// Episodes: pictures of one task, drawn or from the stores, of which some are examples for the others.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/progress.h"
#include "runtime/rng.h"
#include "train/element.h"
#include "train/options.h"
#include "train/samples.h"
#include "train/validate.h"

namespace gmiseg::synth {
class Task;
}

namespace gmiseg::train {

class Episodes {
 public:
  // size: side of the model's input. Without options.episodes all tasks are the stores' own. `options` must
  // outlive the episodes.
  Episodes(const TrainOptions& options, int64_t size);

  // What is drawn for batch number `number`: the size of its support sets, the side of the model's input, its
  // tasks, and more by whoever goes on.
  struct Batch {
    runtime::Rng rng;
    int64_t supports, size, tasks;
    uint64_t first;  // number of the first of its tasks
  };
  Batch batch(int64_t number) const;
  // That the encoder sees in it.
  int64_t pixels(int64_t number) const;
  // So many elements of the run's task number `item`, which depends on the seed alone, supports first;
  // synthetic ones of `size` pixels a side. No query is among the supports, unless there is one picture
  // alone.
  std::vector<Element> draw(uint64_t item, int64_t supports, int64_t queries, int64_t size) const;

  // Dice of each query, [Q], by suffixes of the task's name; the first one counts.
  using Scores = std::vector<std::pair<std::string, at::Tensor>>;
  using Judge =
      std::function<Scores(const std::vector<Element>& supports, const std::vector<Element>& queries)>;
  // In episodes 16 synthetic tasks of a world of their own, the same for every run; then the stores' split
  // "val", with supports from "train".
  Validation validate(const Judge& judge, const Progress& stop) const;

  // The stores' tasks, for the run's config.json.
  io::Json describe() const;
  // Names of the stores' tasks without their axis, each once.
  std::vector<std::string> targets() const;

 private:
  int64_t tasks_of(int64_t size) const;
  std::vector<Element> synthetic_task(uint64_t item, int64_t count, int64_t size, runtime::Rng& rng) const;
  std::vector<Element> real_task(uint64_t item, int64_t supports, int64_t queries, runtime::Rng& rng) const;

  const TrainOptions& options_;
  const TrainOptions still_;  // the same without mirroring: that is the task's, not the element's
  const int64_t size_;
  std::optional<SampleIndex> index_;
};

// Elements that differ in what scanners differ in: noise of a deviation up to `most` on [1, C, H, W].
at::Tensor jitter(at::Tensor image, double most, runtime::Rng& rng);

}  // namespace gmiseg::train
