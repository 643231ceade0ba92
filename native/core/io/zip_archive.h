// The directory of a zip file as torch.save makes them: names and where the
// bytes of uncompressed records lie in the map.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "io/mapped_file.h"

namespace gmiseg::io {

class ZipArchive {
 public:
  // Reads the central directory (with its 64-bit form) and checks every record
  // against its local header and the file's size. Throws Error(kCheckpointFormat)
  // for a truncated, encrypted, split or contradictory archive.
  explicit ZipArchive(std::shared_ptr<MappedFile> file);

  struct Record {
    uint64_t offset = 0;  // of the record's first byte in the file
    uint64_t size = 0;
    bool compressed = false;
  };
  // Null where there is no such record. Throws Error(kCheckpointFormat) for a compressed one.
  const Record* find(std::string_view name) const;
  std::string_view bytes(const Record& record) const {
    return file_->bytes().substr(record.offset, record.size);
  }
  const std::map<std::string, Record, std::less<>>& records() const { return records_; }

 private:
  std::shared_ptr<MappedFile> file_;
  std::map<std::string, Record, std::less<>> records_;
};

}  // namespace gmiseg::io
