#include "train/episodes.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "synth/task.h"
#include "train/task_augmentation.h"

namespace gmiseg::train {

namespace {

// Names of independent random streams of a run.
enum Stream : uint64_t {
  kEpisodeStream = 11,
  kTaskStream = 12,
  kElementStream = 13,
  kValidationStream = 14,
  kAugmentationStream = 15
};

// Validation draws its tasks from a world of its own, the same for every run.
constexpr uint64_t kValidationWorld = 0x76616c6964;
constexpr int64_t kSyntheticValidations = 16, kQueriesASupport = 4;

Element drawn(const synth::Task& task, uint64_t subject) {
  const auto sample = task.subject(subject);
  const auto bytes = [](const std::vector<uint8_t>& from, at::IntArrayRef shape) {
    return at::from_blob(const_cast<uint8_t*>(from.data()), shape, at::kByte).clone();
  };
  return {bytes(sample.image, {sample.size, sample.size, sample.channels}).permute({2, 0, 1}),
          bytes(sample.mask, {sample.size, sample.size}).ne(0)};
}

// Mirrors and quarter turns that all elements of a task share.
struct Turn {
  bool mirror;
  int64_t quarters;
  Element operator()(const Element& e) const {
    Element out = e;
    if (mirror) out = {out.image.flip({2}), out.mask.flip({1})};
    if (quarters > 0) out = {at::rot90(out.image, quarters, {1, 2}), at::rot90(out.mask, quarters, {0, 1})};
    return out;
  }
};

// What is cut off the pictures of a task: few are square, and what pads the others to a square must be known
// for what it is.
struct Cut {
  bool rows;
  double share, place, spread;
  static Cut drawn(runtime::Rng& rng) {
    const bool square = rng.chance(0.5), alike = rng.chance(0.6);
    return {rng.chance(0.5), square ? 1 : rng.uniform(0.55, 0.97), rng.uniform(0, 1), alike ? 0 : 0.1};
  }
  Element operator()(const Element& e, runtime::Rng& rng) const {
    if (share == 1) return e;
    const int64_t side = e.mask.size(0);
    const auto length = static_cast<int64_t>(
        std::round(static_cast<double>(side) * std::min(1.0, share * (1 + rng.uniform(-spread, spread)))));
    const auto first = static_cast<int64_t>(place * static_cast<double>(side - length));
    const int64_t axis = rows ? 0 : 1;
    return {e.image.narrow(axis + 1, first, length), e.mask.narrow(axis, first, length)};
  }
};

TrainOptions without_flips(TrainOptions options) {
  options.flip = 0;
  return options;
}

}  // namespace

Episodes::Episodes(const TrainOptions& options, int64_t size)
    : options_(options), still_(without_flips(options)), size_(size) {
  if (!options.data.empty()) index_.emplace(options);
}

Episodes::Batch Episodes::batch(int64_t number) const {
  runtime::Rng rng(options_.seed, kEpisodeStream, static_cast<uint64_t>(number));
  const auto one_of = [&](const std::vector<int64_t>& list) {
    return list[rng.below(static_cast<int64_t>(list.size()))];
  };
  const int64_t supports = one_of(options_.supports);
  const int64_t size = options_.image_sizes.empty() ? size_ : one_of(options_.image_sizes);
  int64_t most = options_.batch_size;
  for (const int64_t each : options_.image_sizes) most = std::max(most, tasks_of(each));
  return {rng, supports, size, tasks_of(size), static_cast<uint64_t>(number * most)};
}

int64_t Episodes::pixels(int64_t number) const {
  const auto drawn = batch(number);
  return drawn.tasks * (drawn.supports + options_.queries) * drawn.size * drawn.size;
}

// Half the side is a quarter of the pixels, but not of the time.
int64_t Episodes::tasks_of(int64_t size) const {
  return std::max<int64_t>(1, options_.batch_size * size_ / size);
}

std::vector<Element> Episodes::synthetic_task(uint64_t item, int64_t count, int64_t size,
                                              runtime::Rng& rng) const {
  const synth::Task task(options_.seed, item, size);
  std::vector<Element> out;
  uint64_t subject = static_cast<uint64_t>(rng.below(1000)) * 100;
  const auto cut = Cut::drawn(rng);
  // An empty mask says nothing of the task: the next subject takes its place, a few times.
  for (int64_t misses = 0; static_cast<int64_t>(out.size()) < count;) {
    auto element = cut(drawn(task, subject++), rng);
    if (misses < 8 && !element.mask.any().item<bool>()) {
      ++misses;
      continue;
    }
    out.push_back(std::move(element));
  }
  return out;
}

std::vector<Element> Episodes::real_task(uint64_t item, int64_t supports, int64_t queries,
                                         runtime::Rng& rng) const {
  const auto& tasks = index_->train();
  const auto& task = tasks[rng.below(static_cast<int64_t>(tasks.size()))];
  // Shuffled, then the subjects taken in turns: queries and supports are of different ones where there are
  // enough.
  std::vector<size_t> order(task.samples.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[rng.below(static_cast<int64_t>(i))]);
  std::vector<SampleRef> chosen, rest;
  std::vector<std::string> seen;
  for (const size_t i : order) {
    const auto& ref = task.samples[i];
    const auto& subject = index_->subject(ref);
    if (std::find(seen.begin(), seen.end(), subject) == seen.end()) {
      seen.push_back(subject);
      chosen.push_back(ref);
    } else {
      rest.push_back(ref);
    }
  }
  chosen.insert(chosen.end(), rest.begin(), rest.end());
  // A task of fewer samples than are wanted repeats some, but never shows a query among the supports: what
  // has been shown need not be understood.
  const auto have = static_cast<int64_t>(chosen.size());
  const bool enough = have >= supports + queries;
  const int64_t asked = enough ? queries : std::min(queries, have / 2),
                shown = enough ? supports : have - asked;
  std::vector<Element> out;
  runtime::Rng shared(options_.seed, kAugmentationStream, item);
  const TaskAugmentation recipe(options_.task_augment, shared);
  for (int64_t i = 0; i < supports + queries; ++i) {
    const bool query = i >= supports && asked > 0;
    const auto& ref = chosen[static_cast<size_t>(query ? shown + (i - supports) % asked : i % shown)];
    runtime::Rng own(options_.seed, kElementStream, (item << 8) + static_cast<uint64_t>(i));
    const auto sample = augment({index_->image(ref), index_->labels(ref)}, ref.label, still_, own);
    out.push_back({sample.image, sample.labels.eq(ref.label)});
    if (options_.task_augment > 0) out.back() = recipe(out.back(), options_.min_pixels, own);
  }
  return out;
}

std::vector<Element> Episodes::draw(uint64_t item, int64_t supports, int64_t queries, int64_t size) const {
  runtime::Rng rng(options_.seed, kTaskStream, item);
  const bool synthetic = !index_ || rng.chance(options_.episodes ? options_.synthetic_share : 0);
  const Turn turn{rng.chance(options_.flip), rng.chance(options_.flip) ? 1 + rng.below(3) : 0};
  auto out = synthetic ? synthetic_task(item, supports + queries, size, rng)
                       : real_task(item, supports, queries, rng);
  for (auto& element : out) element = turn(element);
  return out;
}

Validation Episodes::validate(const Judge& judge, const Progress& stop) const {
  torch::NoGradGuard no_grad;
  Validation out;
  out.tasks = io::Json(io::Json::Object{});
  std::vector<Scores> judged;
  // Of the scores so far; returns the first one's.
  const auto note = [&](const std::string& name) {
    at::Tensor main;
    for (size_t s = 0; s < judged.front().size(); ++s) {
      std::vector<at::Tensor> parts;
      for (const auto& scores : judged) parts.push_back(scores[s].second);
      const auto dice = at::cat(parts);
      out.tasks.set(name + judged.front()[s].first, dice.mean().item<double>());
      if (s == 0) main = dice;
    }
    judged.clear();
    return main;
  };
  if (options_.episodes) {
    for (int64_t t = 0; t < kSyntheticValidations; ++t) {
      stop.check();
      const synth::Task task(kValidationWorld, static_cast<uint64_t>(t), size_);
      std::vector<Element> elements;
      for (int64_t i = 0; i < options_.validate_supports + kQueriesASupport; ++i)
        elements.push_back(drawn(task, static_cast<uint64_t>(i)));
      const auto middle = elements.begin() + options_.validate_supports;
      judged.push_back(judge({elements.begin(), middle}, {middle, elements.end()}));
    }
    out.samples = kSyntheticValidations * kQueriesASupport;
    out.dice = note("synthetic").mean().item<double>();
  }
  if (!index_ || index_->validation().empty()) return out;

  double sum = 0;
  out.samples = 0;
  const auto& tasks = index_->validation();
  for (size_t t = 0; t < tasks.size(); ++t) {
    const auto& task = tasks[t];
    const auto pool = std::find_if(index_->train().begin(), index_->train().end(),
                                   [&](const Task& other) { return other.name == task.name; });
    if (pool == index_->train().end()) continue;
    const auto have = static_cast<int64_t>(task.samples.size());
    const int64_t count =
        std::min(have, (options_.validate_samples + static_cast<int64_t>(tasks.size()) - 1) /
                           static_cast<int64_t>(tasks.size()));
    for (int64_t first = 0; first < count; first += kQueriesASupport) {
      stop.check();
      runtime::Rng rng(0, kValidationStream, (t << 32) + static_cast<uint64_t>(first));
      std::vector<Element> supports, queries;
      for (int64_t i = 0; i < options_.validate_supports; ++i) {
        const auto& ref = pool->samples[rng.below(static_cast<int64_t>(pool->samples.size()))];
        supports.push_back({index_->image(ref), index_->mask(ref)});
      }
      for (int64_t i = first; i < std::min(count, first + kQueriesASupport); ++i) {
        const auto& ref = task.samples[i * have / count];
        queries.push_back({index_->image(ref), index_->mask(ref)});
      }
      judged.push_back(judge(supports, queries));
    }
    sum += note(task.name).sum().item<double>();
    out.samples += count;
  }
  out.dice = out.samples > 0 ? sum / static_cast<double>(out.samples) : 0;
  return out;
}

io::Json Episodes::describe() const { return index_ ? index_->describe() : io::Json(io::Json::Array{}); }

std::vector<std::string> Episodes::targets() const {
  std::vector<std::string> out;
  if (!index_) return out;
  for (const auto& task : index_->train()) {
    const auto target = task.name.substr(0, task.name.rfind('/'));
    if (std::find(out.begin(), out.end(), target) == out.end()) out.push_back(target);
  }
  return out;
}

at::Tensor jitter(at::Tensor image, double most, runtime::Rng& rng) {
  const double deviation = rng.uniform(0, most);
  const uint64_t seed = rng.seed();
  if (most > 0) {
    auto generator = at::detail::createCPUGenerator(seed);
    image = image + deviation * at::randn({1, 1, image.size(2), image.size(3)}, generator, at::kFloat);
  }
  return image;
}

}  // namespace gmiseg::train
