#include "synth/task.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "synth/family.h"
#include "synth/filters.h"

namespace gmiseg::synth {

namespace {

// Streams of a task, and of a subject.
enum Stream : uint64_t {
  kFamily = 1,
  kAcquisition,
  kTarget,
  kPilot,
  kSubject,
  kView,
  kLook,
  kTexture,
  kDraw,
  kKind,
  kAttempts
};

constexpr int64_t kPilotSize = 64;
constexpr int kPilots = 4;
constexpr int kTries = 6;  // of a subject whose mask is out of bounds, and of a task without a target
constexpr double kLeast = 0.0015, kMost = 0.65;

Canvas paint_subject(const Family& family, int64_t size, const Rng& rng) {
  Canvas canvas(size, make_view(family.view, rng.fork(kView), size), vary(family.look, rng.fork(kLook)),
                rng.fork(kTexture));
  family.draw(canvas, rng.fork(kDraw));
  return canvas;
}

std::vector<uint8_t> mask_of(const Canvas& canvas, const Labels& labels, const Plane& inside, float border) {
  std::vector<uint8_t> mask(canvas.labels().size());
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = labels[canvas.labels()[i]] ? 1 : 0;
  for (size_t i = 0; i < inside.size(); ++i) mask[i] = inside[i] >= 0.5F ? mask[i] : 0;
  if (border > 0) mask = mask_border(mask, canvas.size(), border * static_cast<float>(canvas.size()));
  return mask;
}

double share_of(const std::vector<uint8_t>& mask) {
  int64_t count = 0;
  for (const auto value : mask) count += value;
  return static_cast<double>(count) / static_cast<double>(mask.size());
}

}  // namespace

struct Task::World {
  Rng rng{0};
  int64_t size = 0;
  FamilyPtr family;
  Acquisition acquisition;
  Target target;
  float border = 0;
  Traits traits;

  bool choose(const Rng& kind);
};

// Draws a family, looks at a few small subjects of it and picks a target whose
// area suits. False where none of its targets is fit to be learnt.
bool Task::World::choose(const Rng& kind) {
  family = make_family(kind, rng.fork(kFamily));
  acquisition = draw_acquisition(rng.fork(kAcquisition), family->modality);
  if (family->frame >= 0) acquisition.frame = family->frame;
  // Negatives are of grey pictures.
  if (family->look.channels == 3) acquisition.invert = false;
  std::vector<Canvas> pilots;
  std::vector<Plane> views;
  double folded = 0;
  for (uint64_t i = 0; i < kPilots; ++i) {
    const Rng subject = rng.fork(kPilot).fork(i);
    pilots.push_back(paint_subject(*family, kPilotSize, subject));
    views.push_back(field_of_view(acquisition, subject.fork(kAcquisition), kPilotSize));
    folded += folded_share(pilots.back().view(), kPilotSize) / kPilots;
  }
  Rng draw = rng.fork(kTarget);
  // Areas are wanted evenly in their logarithm.
  const double wanted = draw.log_uniform(0.003F, 0.4F);
  border = draw.chance(0.06F) ? draw.log_uniform(0.006F, 0.02F) : 0;
  double best = 1e9;
  for (const auto& candidate : family->targets) {
    double mean = 0, least = 1;
    for (size_t i = 0; i < pilots.size(); ++i) {
      const double share = share_of(mask_of(pilots[i], candidate.labels, views[i], border));
      mean += share / kPilots;
      least = std::min(least, share);
    }
    const double luck = draw.normal() * 0.5 - std::log(static_cast<double>(candidate.weight));
    if (least < kLeast || mean < 0.0025 || mean > 0.55) continue;
    const double miss = std::fabs(std::log(mean / wanted)) + luck;
    if (miss >= best) continue;
    best = miss;
    target = candidate;
    traits.area = mean;
  }
  traits.folded = folded;
  return best < 1e9;
}

Task::Task(uint64_t seed, uint64_t index, int64_t size) {
  if (size < 32 || size > 1024 || size % 8 != 0) {
    throw std::invalid_argument("A synthetic task's size is a multiple of 8 from 32 to 1024.");
  }
  auto world = std::make_unique<World>();
  const Rng root = Rng(seed).fork(index);
  world->size = size;
  bool found = false;
  for (uint64_t attempt = 0; attempt < 4 * kTries && !found; ++attempt) {
    world->rng = root.fork(kAttempts).fork(attempt);
    found = world->choose(root.fork(kKind));
  }
  // Practically never: then the mask may be empty, but the task is still one.
  if (!found) world->target = world->family->targets.front();
  const Family& family = *world->family;
  world->traits.family = family.name;
  world->traits.aligned = family.aligned;
  world->traits.channels = family.look.channels;
  world->traits.target = world->target.kind;
  world->traits.border = world->border > 0;
  world_ = std::move(world);
}

Task::~Task() = default;
Task::Task(Task&&) noexcept = default;
Task& Task::operator=(Task&&) noexcept = default;

const Traits& Task::traits() const { return world_->traits; }

Sample Task::subject(uint64_t number) const {
  const World& world = *world_;
  for (uint64_t attempt = 0;; ++attempt) {
    const Rng rng = world.rng.fork(kSubject).fork(number).fork(attempt);
    Canvas canvas = paint_subject(*world.family, world.size, rng);
    Sample sample;
    const Plane inside = field_of_view(world.acquisition, rng.fork(kAcquisition), world.size);
    sample.mask = mask_of(canvas, world.target.labels, inside, world.border);
    const double share = share_of(sample.mask);
    if ((share < kLeast || share > kMost) && attempt + 1 < kTries) continue;
    sample.size = world.size;
    sample.channels = canvas.channels();
    sample.image = acquire(canvas.values(), canvas.channels(), world.size, world.acquisition, inside,
                           rng.fork(kAcquisition));
    return sample;
  }
}

}  // namespace gmiseg::synth
