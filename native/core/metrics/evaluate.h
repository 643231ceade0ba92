// Scores of a prediction against the truth, for the binding.
#pragma once

#include <string>
#include <vector>

#include "metrics/grid.h"
#include "metrics/label_map.h"
#include "runtime/progress.h"

namespace gmiseg::metrics {

struct EvaluateRequest {
  Grid grid;
  LabelMap prediction, truth;  // grid.voxels() values each
  // The objects to score, one after another.
  std::vector<Labels> objects;
  // Of the NSD, in the unit of the spacing.
  double tolerance = 1;
};

// A JSON list with, for each object: { empty, truePositives, predicted, actual, dice,
// jaccard, assd, assdPooled, asd, asdReverse, hd, hd95, hd95Max, nsd }. `empty` says which
// masks are: "none", "both", "prediction" or "truth". Two empty masks agree (overlaps and NSD
// are 1, distances 0); one empty mask is the worst there is (0, and the image's diagonal).
std::string evaluate(const EvaluateRequest& request, const Progress& progress);

}  // namespace gmiseg::metrics
