#include "io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>

#include "runtime/error.h"

namespace gmiseg::io {
namespace {

std::string system_text(int error_number) { return std::generic_category().message(error_number); }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Closes a descriptor when the scope ends.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Where files are mapped now: start -> size. Never destroyed: threads may outlive the statics.
struct Mappings {
  std::mutex mutex;
  std::map<uintptr_t, size_t> ranges;
  static Mappings& all() {
    static auto* mappings = new Mappings;
    return *mappings;
  }
};

}  // namespace

void drop_resident(const void* data, size_t size) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<uintptr_t>(data);
  const uintptr_t first = (start + page - 1) / page * page, end = (start + size) / page * page;
  if (first >= end) return;
  auto& all = Mappings::all();
  const std::lock_guard lock(all.mutex);
  auto next = all.ranges.upper_bound(start);
  if (next == all.ranges.begin()) return;
  const auto& [from, length] = *--next;
  if (start + size > from + length) return;
  ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

std::shared_ptr<MappedFile> MappedFile::open(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kCheckpointNotFound, "A file's path may not hold a zero byte.");
  }
  // Not blocking, so that a pipe without a writer is refused instead of waited for.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const int error_number = errno;
    if (error_number == ENOENT || error_number == ENOTDIR) {
      throw Error(ErrorCode::kCheckpointNotFound, "There is no file '" + path + "'. Check the path.",
                  system_text(error_number));
    }
    throw Error(ErrorCode::kIo, "'" + path + "' cannot be opened: " + system_text(error_number) + ".",
                system_text(error_number));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    throw Error(ErrorCode::kIo, "'" + path + "' cannot be read: " + system_text(errno) + ".",
                system_text(errno));
  }
  if (S_ISDIR(info.st_mode)) {
    throw Error(ErrorCode::kCheckpointFormat, "'" + path + "' is a folder where a file is wanted.");
  }
  if (!S_ISREG(info.st_mode)) {
    throw Error(ErrorCode::kCheckpointFormat, "'" + path + "' is no regular file.");
  }
  std::shared_ptr<MappedFile> file(new MappedFile(path));
  if (info.st_size == 0) return file;
  const auto size = static_cast<size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd.get(), 0);
  if (data == MAP_FAILED) {
    const int error_number = errno;
    throw Error(error_number == ENOMEM ? ErrorCode::kOutOfMemory : ErrorCode::kIo,
                "'" + path + "' cannot be mapped into memory: " + system_text(error_number) + ".",
                system_text(error_number));
  }
  file->data_ = static_cast<uint8_t*>(data);
  file->size_ = size;
  auto& all = Mappings::all();
  const std::lock_guard lock(all.mutex);
  all.ranges.emplace(reinterpret_cast<uintptr_t>(data), size);
  return file;
}

MappedFile::~MappedFile() {
  if (data_ == nullptr) return;
  auto& all = Mappings::all();
  {
    const std::lock_guard lock(all.mutex);
    all.ranges.erase(reinterpret_cast<uintptr_t>(data_));
  }
  ::munmap(data_, size_);
}

namespace {

constexpr char kTemporaryMark[] = ".tmp-";

}  // namespace

bool AtomicFile::is_temporary(std::string_view name) {
  return !name.empty() && name.front() == '.' && name.find(kTemporaryMark) != std::string_view::npos;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  static std::atomic<uint64_t> counter{0};
  const size_t slash = path_.rfind('/');
  const std::string base = slash == std::string::npos ? path_ : path_.substr(slash + 1);
  if (base.empty() || path_.find('\0') != std::string::npos) {
    throw Error(ErrorCode::kIo, "'" + path_ + "' is no file name to write to.");
  }
  for (int attempt = 0; attempt < 100; ++attempt) {
    temporary_ = folder_of(path_) + "/." + base + kTemporaryMark + std::to_string(::getpid()) + "-" +
                 std::to_string(counter.fetch_add(1));
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ >= 0 || errno != EEXIST) break;
  }
  if (fd_ < 0) fail("created", errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    ::close(fd_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::fail(const char* action, int error_number) const {
  const std::string text = system_text(error_number);
  std::string remedy;
  if (error_number == ENOENT || error_number == ENOTDIR) remedy = " Create its folder first.";
  if (error_number == ENOSPC || error_number == EDQUOT) remedy = " Free some space or choose another place.";
  if (error_number == EACCES || error_number == EPERM || error_number == EROFS) {
    remedy = " Choose a folder that you may write to.";
  }
  throw Error(ErrorCode::kIo, "'" + path_ + "' cannot be " + action + ": " + text + "." + remedy, text);
}

void AtomicFile::write(const void* data, size_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd_, bytes, std::min<size_t>(size, size_t{1} << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("written", errno);
    }
    bytes += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) fail("written", errno);
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) {
    const int error_number = errno;
    ::unlink(temporary_.c_str());
    fail("written", error_number);
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(temporary_.c_str());
    fail("put in place", error_number);
  }
  // The new name itself must survive a power cut. Some file systems cannot sync
  // a folder (EINVAL); there is nothing more to do then.
  const Descriptor folder(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0 && ::fsync(folder.get()) != 0 && errno == EIO) fail("synced", errno);
}

std::string not_a_checkpoint(std::string_view bytes) {
  if (bytes.empty()) return "it is empty. Download or export it again.";
  if (bytes.starts_with("version https://git-lfs")) {
    return "it is a Git LFS pointer, not the weights themselves. Fetch the file with 'git lfs pull' or "
           "download it "
           "from the web page.";
  }
  const std::string_view head = bytes.substr(
      bytes.find_first_not_of(" \t\r\n") == std::string_view::npos ? 0 : bytes.find_first_not_of(" \t\r\n"));
  if (head.starts_with("<!DOCTYPE") || head.starts_with("<!doctype") || head.starts_with("<html") ||
      head.starts_with("<?xml")) {
    return "it is a web page, most likely a failed download. Download it again.";
  }
  return {};
}

}  // namespace gmiseg::io
