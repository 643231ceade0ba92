// Baselines in files: the published ones under their own names, and ours, which say what they are.
#pragma once

#include <optional>

#include "baselines/config.h"
#include "io/checkpoint.h"

namespace gmiseg::baselines {

struct Stored {
  Config config;
  // Under the network's names. What else a published file holds is left out; of ours, nothing.
  io::NamedTensors tensors;
};

// The baseline in a file; nothing where it holds none. `given`: the config that the user named, for a file
// that does not tell. Throws Error(kCheckpointFormat) for a config in the file that makes no sense.
std::optional<Stored> find_baseline(const io::StoredWeights& stored, const std::optional<Config>& given);

}  // namespace gmiseg::baselines
