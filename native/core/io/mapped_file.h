// Files as the readers and writers of this folder want them: mapped
// copy-on-write for reading, temporary-then-renamed for writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace gmiseg::io {

// A regular file in memory. Writing to the memory changes a private copy of the
// page, never the file. If another program shortens the file while it is
// mapped, reading the lost part ends the process (SIGBUS).
class MappedFile {
 public:
  // Throws Error: kCheckpointNotFound where nothing is there, kCheckpointFormat
  // for a folder, device or pipe, kIo where the system refuses.
  static std::shared_ptr<MappedFile> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const std::string& path() const { return path_; }

 private:
  explicit MappedFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

// Lets the whole pages of this range go that lie in a MappedFile: they come back from the file, without
// changes made since, if somebody reads them after all. Other memory stays as it is.
void drop_resident(const void* data, size_t size);

// Collects what goes into `path` under a temporary name in the same folder;
// commit() syncs it and puts it in place. Without commit() nothing is left.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  // Whether a file's name is one of those temporary ones.
  static bool is_temporary(std::string_view name);

  // Both throw Error(kIo).
  void write(const void* data, size_t size);
  void commit();

 private:
  [[noreturn]] void fail(const char* action, int error_number) const;

  std::string path_;
  std::string temporary_;
  int fd_ = -1;
};

// What a file that is certainly no checkpoint is ("a Git LFS pointer ...", with
// the remedy), told by its first bytes; empty where it may be one.
std::string not_a_checkpoint(std::string_view bytes);

}  // namespace gmiseg::io
