// The files of a training run: config.json, metrics.jsonl, checkpoint-NNN.safetensors.
// What is named here is either whole or not there.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "io/json.h"
#include "io/safetensors.h"

namespace gmiseg::train {

struct RunCheckpoint {
  int64_t step = 0;
  io::Json state;            // what is no tensor: best Dice, options, base
  io::NamedTensors tensors;  // weights and optimiser state
};

class RunFolder {
 public:
  // Makes the folder and holds it until destruction: throws Error(kBusy) if another
  // training writes to it. Without `resume`, throws Error(kInvalidArg) if a run is
  // already in it; with it, sweeps out what a killed process had half written.
  RunFolder(const std::string& path, bool resume);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  // The newest checkpoint that is whole, or nothing.
  std::optional<RunCheckpoint> newest() const;
  void write_checkpoint(const RunCheckpoint& checkpoint, int64_t keep) const;
  void write_config(const io::Json& config) const;
  // Opens metrics.jsonl to append, after cutting off what came after `step` (and half a line at its end).
  void open_metrics(int64_t step);
  void append_metrics(const std::string& line);
  std::string file(const std::string& name) const;

 private:
  void hold();

  std::string path_;
  int lock_ = -1;  // the folder's descriptor
  std::ofstream metrics_;
};

}  // namespace gmiseg::train
