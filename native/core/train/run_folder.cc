#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "io/mapped_file.h"
#include "runtime/error.h"

namespace gmiseg::train {

namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "checkpoint-", kSuffix[] = ".safetensors";

// Steps of the checkpoints in a folder, ascending.
std::vector<int64_t> steps_in(const std::string& folder) {
  std::vector<int64_t> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const size_t head = sizeof(kPrefix) - 1, tail = sizeof(kSuffix) - 1;
    if (name.size() <= head + tail || name.compare(0, head, kPrefix) != 0 ||
        name.compare(name.size() - tail, tail, kSuffix) != 0) {
      continue;
    }
    const std::string digits = name.substr(head, name.size() - head - tail);
    if (digits.size() < 16 && digits.find_first_not_of("0123456789") == std::string::npos)
      out.push_back(std::stoll(digits));
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string checkpoint_name(int64_t step) {
  char text[64];
  std::snprintf(text, sizeof(text), "%s%08lld%s", kPrefix, static_cast<long long>(step), kSuffix);
  return text;
}

// Only files that AtomicFile names: a half-written one outlives a process that is killed.
void remove_half_written(const std::string& folder) {
  std::error_code ignored;  // a file too many does no harm
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (io::AtomicFile::is_temporary(entry.path().filename().string())) fs::remove(entry.path(), ignored);
  }
}

}  // namespace

RunFolder::RunFolder(const std::string& path, bool resume) : path_(path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path)) {
    throw Error(ErrorCode::kIo, "The run folder " + path + " cannot be made: " + error.message() + ".");
  }
  if (!resume && (!steps_in(path).empty() || fs::exists(file("metrics.jsonl")))) {
    throw Error(ErrorCode::kInvalidArg,
                "There is already a run in " + path + ". Go on with it (resume) or name another folder.");
  }
  hold();
  if (resume) remove_half_written(path);
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

// The kernel drops this lock with the process, however that ends. A file system
// without locks (some network mounts) goes unguarded.
void RunFolder::hold() {
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    throw Error(ErrorCode::kBusy,
                "Another training writes to " + path_ + ". Wait for it, stop it, or name another folder.");
  }
}

std::string RunFolder::file(const std::string& name) const { return (fs::path(path_) / name).string(); }

std::optional<RunCheckpoint> RunFolder::newest() const {
  const auto steps = steps_in(path_);
  if (steps.empty()) return std::nullopt;
  const std::string name = file(checkpoint_name(steps.back()));
  auto read = io::read_safetensors(name);
  const auto state = read.metadata.find("gmiseg.state");
  if (state == read.metadata.end()) {
    throw Error(ErrorCode::kCheckpointFormat,
                name + " is no training checkpoint. Remove it to resume from an older one.");
  }
  return RunCheckpoint{steps.back(), io::Json::parse(state->second, name), std::move(read.tensors)};
}

void RunFolder::write_checkpoint(const RunCheckpoint& checkpoint, int64_t keep) const {
  io::write_safetensors(file(checkpoint_name(checkpoint.step)), checkpoint.tensors,
                        {{"gmiseg.kind", "training"}, {"gmiseg.state", checkpoint.state.dump()}});
  auto steps = steps_in(path_);
  while (static_cast<int64_t>(steps.size()) > keep) {
    std::error_code ignored;  // a checkpoint too many does no harm
    fs::remove(file(checkpoint_name(steps.front())), ignored);
    steps.erase(steps.begin());
  }
}

void RunFolder::write_config(const io::Json& config) const {
  io::write_file_atomically(file("config.json"), config.dump() + "\n");
}

void RunFolder::open_metrics(int64_t step) {
  const std::string name = file("metrics.jsonl");
  std::string kept, line;
  if (std::ifstream old(name); old) {
    while (std::getline(old, line) && !old.eof()) {
      const auto json = io::Json::parse(line, name);
      if (json.get("step", int64_t{0}) <= step) kept += line + "\n";
    }
  }
  io::write_file_atomically(name, kept);
  metrics_.open(name, std::ios::app);
  if (!metrics_) throw Error(ErrorCode::kIo, name + " cannot be opened for writing.");
}

void RunFolder::append_metrics(const std::string& line) {
  metrics_ << line << '\n' << std::flush;
  if (!metrics_) throw Error(ErrorCode::kIo, file("metrics.jsonl") + " cannot be written: is the disk full?");
}

}  // namespace gmiseg::train
