#include "metrics/evaluate.h"

#include <utility>

#include "io/json.h"
#include "metrics/distance.h"
#include "metrics/surface.h"

namespace gmiseg::metrics {
namespace {

struct Overlap {
  int64_t both = 0, predicted = 0, actual = 0;
};

Overlap overlap_of(const std::vector<uint8_t>& prediction, const std::vector<uint8_t>& truth) {
  Overlap overlap;
  for (size_t i = 0; i < truth.size(); ++i) {
    overlap.predicted += prediction[i];
    overlap.actual += truth[i];
    overlap.both += prediction[i] & truth[i];
  }
  return overlap;
}

// Nothing but the box around both masks matters to their surfaces.
Grid cropped(const Grid& grid, const Box& box) {
  Grid out = grid;
  for (size_t axis = 0; axis < 3; ++axis) out.size[axis] = box.high[axis] - box.low[axis];
  return out;
}

SurfaceScores compare_surfaces(const std::vector<uint8_t>& prediction, const std::vector<uint8_t>& truth,
                               const Grid& grid, double tolerance, const Progress& progress) {
  const PointSet predicted = surface_of(prediction.data(), grid);
  progress.check();
  const PointSet actual = surface_of(truth.data(), grid);
  progress.check();
  return surface_scores(distances(grid, actual, predicted, progress),
                        distances(grid, predicted, actual, progress), tolerance);
}

SurfaceScores worst_scores(double diagonal) {
  return {diagonal, diagonal, diagonal, diagonal, diagonal, diagonal, diagonal, 0};
}

io::Json score(const EvaluateRequest& request, const Labels& labels, const Box& within,
               const Progress& progress) {
  Box box = extent_of(request.prediction, labels, request.grid, within);
  progress.check();
  box.include(extent_of(request.truth, labels, request.grid, within));
  progress.check();
  Overlap overlap;
  SurfaceScores surface;
  const char* empty = "both";
  double dice = 1, jaccard = 1;
  surface.nsd = 1;
  if (!box.empty()) {
    const std::vector<uint8_t> prediction = mask_of(request.prediction, labels, request.grid, box);
    const std::vector<uint8_t> truth = mask_of(request.truth, labels, request.grid, box);
    overlap = overlap_of(prediction, truth);
    progress.check();
    const int64_t sum = overlap.predicted + overlap.actual;
    dice = 2 * static_cast<double>(overlap.both) / static_cast<double>(sum);
    jaccard = static_cast<double>(overlap.both) / static_cast<double>(sum - overlap.both);
    const bool none = overlap.predicted > 0 && overlap.actual > 0;
    empty = none ? "none" : overlap.predicted == 0 ? "prediction" : "truth";
    surface =
        none ? compare_surfaces(prediction, truth, cropped(request.grid, box), request.tolerance, progress)
             : worst_scores(request.grid.diagonal());
  }
  io::Json::Object out;
  out.emplace_back("empty", empty);
  out.emplace_back("truePositives", overlap.both);
  out.emplace_back("predicted", overlap.predicted);
  out.emplace_back("actual", overlap.actual);
  out.emplace_back("dice", dice);
  out.emplace_back("jaccard", jaccard);
  out.emplace_back("assd", surface.assd);
  out.emplace_back("assdPooled", surface.assd_pooled);
  out.emplace_back("asd", surface.asd);
  out.emplace_back("asdReverse", surface.asd_reverse);
  out.emplace_back("hd", surface.hd);
  out.emplace_back("hd95", surface.hd95);
  out.emplace_back("hd95Max", surface.hd95_max);
  out.emplace_back("nsd", surface.nsd);
  return io::Json(std::move(out));
}

}  // namespace

std::string evaluate(const EvaluateRequest& request, const Progress& progress) {
  const Box whole{{0, 0, 0}, request.grid.size};
  // Many labels mostly share a small part of the volume: it is looked through once for all.
  Box within = whole;
  if (request.objects.size() > 1) {
    within = extent_of(request.prediction, {}, request.grid, whole);
    progress.check();
    within.include(extent_of(request.truth, {}, request.grid, whole));
  }
  io::Json::Array out;
  for (const Labels& labels : request.objects) {
    progress.check();
    out.push_back(score(request, labels, within, progress));
  }
  return io::Json(std::move(out)).dump();
}

}  // namespace gmiseg::metrics
