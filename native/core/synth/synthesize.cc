#include "synth/synthesize.h"

#include <algorithm>
#include <utility>

#include "io/json.h"
#include "synth/task.h"

namespace gmiseg::synth {

std::string synthesize(const SynthesizeRequest& request, const Progress& progress) {
  const Task task(request.seed, request.task, request.size);
  auto *image = request.images, *mask = request.masks;
  for (int64_t i = 0; i < request.count; ++i) {
    progress.check();
    const Sample sample = task.subject(request.first + static_cast<uint64_t>(i));
    image = std::copy(sample.image.begin(), sample.image.end(), image);
    mask = std::copy(sample.mask.begin(), sample.mask.end(), mask);
  }
  const Traits& traits = task.traits();
  io::Json::Object out;
  out.emplace_back("family", traits.family);
  out.emplace_back("aligned", traits.aligned);
  out.emplace_back("channels", traits.channels);
  out.emplace_back("target", traits.target);
  out.emplace_back("border", traits.border);
  out.emplace_back("area", traits.area);
  out.emplace_back("folded", traits.folded);
  return io::Json(std::move(out)).dump();
}

}  // namespace gmiseg::synth
