// The training loop, for CPU and CUDA alike.
#pragma once

#include <functional>
#include <string>

#include "io/json.h"
#include "model/model.h"
#include "runtime/progress.h"

namespace gmiseg::train {

using ReportSink = std::function<void(const std::string& json_line)>;

// Trains `model` in place as `options_json` (train/options.h) says and returns
// the summary as JSON: steps, stopped, loss, valDice, bestValDice, bestStep,
// seconds, feedWaitSeconds, files.
//
// A stop between steps or encoder blocks, or the end of maxMinutes, ends it with
// a checkpoint of the last whole step. Throws Error: kInvalidArg (options),
// kDataset (stores), kIo (run folder), kCheckpointMismatch (resume of another run),
// kNonFiniteLoss (ten bad steps in a row; the last checkpoint is sound).
std::string train(model::Model& model, const io::Json& options_json, const ReportSink& sink,
                  const Progress& progress);

}  // namespace gmiseg::train
