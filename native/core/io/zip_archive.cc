#include "io/zip_archive.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "runtime/error.h"

namespace gmiseg::io {
namespace {

// Signatures and fixed lengths of the zip format (APPNOTE 4.3).
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50;
constexpr uint32_t kEnd64Locator = 0x07064b50;
constexpr size_t kLocalLength = 30;
constexpr size_t kCentralLength = 46;
constexpr size_t kEndLength = 22;
constexpr size_t kEnd64Length = 56;
constexpr size_t kLocatorLength = 20;
constexpr uint64_t kMaxRecords = 1'000'000;

class Reader {
 public:
  explicit Reader(const MappedFile& file) : file_(file), bytes_(file.bytes()) {}

  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kCheckpointFormat, "'" + file_.path() + "' is not a usable .pth file: " + problem);
  }

  uint64_t size() const { return bytes_.size(); }

  // Little-endian, `width` bytes at `offset`; the caller has checked the bounds.
  uint64_t number(uint64_t offset, int width) const {
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i) value = (value << 8) | static_cast<uint8_t>(bytes_[offset + i]);
    return value;
  }
  uint32_t u32(uint64_t offset) const { return static_cast<uint32_t>(number(offset, 4)); }
  uint16_t u16(uint64_t offset) const { return static_cast<uint16_t>(number(offset, 2)); }
  std::string_view text(uint64_t offset, uint64_t length) const { return bytes_.substr(offset, length); }

  bool fits(uint64_t offset, uint64_t length) const { return offset <= size() && length <= size() - offset; }

 private:
  const MappedFile& file_;
  std::string_view bytes_;
};

struct Directory {
  uint64_t offset = 0, size = 0, records = 0;
};

Directory find_directory(const Reader& in) {
  const std::string cut_short =
      "it ends before its table of contents, so it is cut short. Download it again.";
  if (in.size() < kEndLength) in.fail(cut_short);
  // The end record is last but for a comment of at most 65535 bytes.
  const uint64_t last = in.size() - kEndLength;
  const uint64_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  std::optional<uint64_t> end;
  for (uint64_t at = last + 1; at-- > first;) {
    if (in.u32(at) == kEnd && in.u16(at + 20) == in.size() - at - kEndLength) {
      end = at;
      break;
    }
  }
  if (!end) in.fail(cut_short);
  if (in.u16(*end + 4) != 0 || in.u16(*end + 6) != 0)
    in.fail("it is one part of a split archive. Join the parts.");
  Directory directory{in.u32(*end + 16), in.u32(*end + 12), in.u16(*end + 10)};
  if (*end >= kLocatorLength && in.u32(*end - kLocatorLength) == kEnd64Locator) {
    const uint64_t at = in.number(*end - kLocatorLength + 8, 8);
    if (!in.fits(at, kEnd64Length) || in.u32(at) != kEnd64) in.fail("its 64-bit end record is missing.");
    directory = {in.number(at + 48, 8), in.number(at + 40, 8), in.number(at + 32, 8)};
  } else if (directory.records == 0xFFFF || directory.offset == 0xFFFFFFFF || directory.size == 0xFFFFFFFF) {
    in.fail("its 64-bit end record is missing.");
  }
  if (directory.records > kMaxRecords) in.fail("it has more than a million records.");
  if (!in.fits(directory.offset, directory.size)) in.fail(cut_short);
  return directory;
}

// Takes the 64-bit values from the extra field, in the order the format gives them.
void widen(const Reader& in, uint64_t at, uint64_t length, uint64_t& size, uint64_t& packed,
           uint64_t& offset) {
  const bool wide_size = size == 0xFFFFFFFF, wide_packed = packed == 0xFFFFFFFF,
             wide_offset = offset == 0xFFFFFFFF;
  if (!wide_size && !wide_packed && !wide_offset) return;
  const uint64_t end = at + length;
  while (end - at >= 4) {
    const uint16_t id = in.u16(at);
    const uint64_t field_end = at + 4 + in.u16(at + 2);
    if (field_end > end) break;
    at += 4;
    if (id != 1) {
      at = field_end;
      continue;
    }
    const auto take = [&](bool wanted, uint64_t& value) {
      if (!wanted) return;
      if (field_end - at < 8) in.fail("a record's 64-bit size is missing.");
      value = in.number(at, 8);
      at += 8;
    };
    take(wide_size, size);
    take(wide_packed, packed);
    take(wide_offset, offset);
    return;
  }
  in.fail("a record's 64-bit size is missing.");
}

}  // namespace

ZipArchive::ZipArchive(std::shared_ptr<MappedFile> file) : file_(std::move(file)) {
  const Reader in(*file_);
  const Directory directory = find_directory(in);
  const uint64_t end = directory.offset + directory.size;
  uint64_t at = directory.offset;
  std::vector<Record> spans;  // with the local header, to find overlaps
  for (uint64_t i = 0; i < directory.records; ++i) {
    if (end - at < kCentralLength || in.u32(at) != kCentralHeader)
      in.fail("its table of contents is damaged.");
    const uint16_t flags = in.u16(at + 8), method = in.u16(at + 10);
    uint64_t packed = in.u32(at + 20), size = in.u32(at + 24), local = in.u32(at + 42);
    const uint64_t name_length = in.u16(at + 28), extra_length = in.u16(at + 30),
                   comment_length = in.u16(at + 32);
    const uint64_t entry_length = kCentralLength + name_length + extra_length + comment_length;
    if (end - at < entry_length) in.fail("its table of contents is damaged.");
    const std::string name(in.text(at + kCentralLength, name_length));
    widen(in, at + kCentralLength + name_length, extra_length, size, packed, local);
    at += entry_length;

    const std::string quoted = "the record \"" + name + "\" ";
    if ((flags & 1) != 0) in.fail(quoted + "is encrypted.");
    if (method == 0 && packed != size) in.fail(quoted + "has two sizes.");
    if (!in.fits(local, kLocalLength) || in.u32(local) != kLocalHeader)
      in.fail(quoted + "has no local header.");
    // The local extra field differs from the central one: it holds torch's padding.
    const uint64_t header_length = kLocalLength + in.u16(local + 26) + in.u16(local + 28);
    if (!in.fits(local, header_length) || in.text(local + kLocalLength, in.u16(local + 26)) != name ||
        in.u16(local + 8) != method) {
      in.fail(quoted + "contradicts its local header.");
    }
    const uint64_t offset = local + header_length;
    if (offset > directory.offset || packed > directory.offset - offset) {
      in.fail(quoted + "reaches past the records. The file is cut short or damaged. Download it again.");
    }
    if (!records_.emplace(name, Record{offset, packed, method != 0}).second)
      in.fail(quoted + "appears twice.");
    spans.push_back({local, header_length + packed});
  }
  std::sort(spans.begin(), spans.end(), [](const Record& a, const Record& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].offset - spans[i - 1].offset < spans[i - 1].size) in.fail("two of its records overlap.");
  }
}

const ZipArchive::Record* ZipArchive::find(std::string_view name) const {
  const auto it = records_.find(name);
  if (it == records_.end()) return nullptr;
  if (it->second.compressed) {
    Reader(*file_).fail(
        "the record \"" + std::string(name) +
        "\" is compressed. Save the weights again with torch.save, or convert them to safetensors.");
  }
  return &it->second;
}

}  // namespace gmiseg::io
