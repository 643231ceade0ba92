#include "io/safetensors.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>

#include "io/json.h"
#include "io/mapped_file.h"
#include "runtime/error.h"

namespace gmiseg::io {
namespace {

__extension__ using Wide = unsigned __int128;

// The cap of the reference implementation.
constexpr uint64_t kMaxHeader = 100'000'000;
constexpr size_t kMaxRank = 32;

struct Dtype {
  std::string_view name;
  at::ScalarType type;
  size_t size;
};

constexpr std::array<Dtype, 15> kDtypes = {{
    {"F64", at::kDouble, 8},
    {"F32", at::kFloat, 4},
    {"F16", at::kHalf, 2},
    {"BF16", at::kBFloat16, 2},
    {"I64", at::kLong, 8},
    {"I32", at::kInt, 4},
    {"I16", at::kShort, 2},
    {"I8", at::kChar, 1},
    {"U8", at::kByte, 1},
    {"BOOL", at::kBool, 1},
    {"U64", at::kUInt64, 8},
    {"U32", at::kUInt32, 4},
    {"U16", at::kUInt16, 2},
    {"F8_E4M3", at::kFloat8_e4m3fn, 1},
    {"F8_E5M2", at::kFloat8_e5m2, 1},
}};

[[noreturn]] void fail(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kCheckpointFormat, "'" + path + "' is not a usable safetensors file: " + problem +
                                                " Download or export it again.");
}

struct Entry {
  std::string name;
  const Dtype* dtype = nullptr;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // within the data area
};

struct Header {
  std::vector<Entry> entries;  // in the header's order
  Metadata metadata;
  size_t data_offset = 0;
};

const Dtype* find_dtype(const std::string& path, const std::string& name, const std::string& dtype) {
  for (const Dtype& d : kDtypes) {
    if (d.name == dtype) return &d;
  }
  throw Error(
      ErrorCode::kCheckpointFormat,
      "'" + path + "': tensor \"" + name + "\" has dtype \"" + dtype +
          "\", which gmiseg does not read. Convert the weights to F32, F16 or BF16 and save them again.");
}

int64_t non_negative(const std::string& path, const std::string& name, const Json& value) {
  if (!value.is_int() || value.as_int() < 0) {
    fail(path, "tensor \"" + name + "\" has a size or offset that is no non-negative integer.");
  }
  return value.as_int();
}

Entry read_entry(const std::string& path, const std::string& name, const Json& value) {
  if (!value.is_object()) fail(path, "the entry of tensor \"" + name + "\" is no object.");
  Entry entry;
  entry.name = name;
  bool has_shape = false, has_offsets = false;
  for (const auto& [key, member] : value.as_object()) {
    if (key == "dtype" && member.is_string()) {
      entry.dtype = find_dtype(path, name, member.as_string());
    } else if (key == "shape" && member.is_array()) {
      has_shape = true;
      for (const Json& size : member.as_array()) entry.shape.push_back(non_negative(path, name, size));
    } else if (key == "data_offsets" && member.is_array() && member.as_array().size() == 2) {
      has_offsets = true;
      entry.begin = static_cast<uint64_t>(non_negative(path, name, member.as_array()[0]));
      entry.end = static_cast<uint64_t>(non_negative(path, name, member.as_array()[1]));
    } else {
      fail(path, "the entry of tensor \"" + name + "\" has an unknown or malformed field \"" + key + "\".");
    }
  }
  if (entry.dtype == nullptr || !has_shape || !has_offsets) {
    fail(path, "the entry of tensor \"" + name + "\" lacks dtype, shape or data_offsets.");
  }
  if (entry.shape.size() > kMaxRank) fail(path, "tensor \"" + name + "\" has more than 32 dimensions.");
  // `extent` leaves zeros out, so that strides cannot overflow either.
  Wide bytes = entry.dtype->size, extent = entry.dtype->size;
  for (const int64_t size : entry.shape) {
    bytes *= static_cast<Wide>(size);
    extent *= static_cast<Wide>(std::max<int64_t>(size, 1));
    if (extent > static_cast<Wide>(std::numeric_limits<int64_t>::max())) {
      fail(path, "the shape of tensor \"" + name + "\" overflows.");
    }
  }
  if (entry.end < entry.begin || bytes != static_cast<Wide>(entry.end - entry.begin)) {
    fail(path, "tensor \"" + name + "\" has a shape that does not fit its data_offsets.");
  }
  return entry;
}

Header read_header(const MappedFile& file) {
  const std::string& path = file.path();
  const std::string_view bytes = file.bytes();
  if (const std::string what = not_a_checkpoint(bytes); !what.empty()) {
    throw Error(ErrorCode::kCheckpointFormat, "'" + path + "' holds no weights: " + what);
  }
  if (bytes.size() < 8) fail(path, "it is shorter than its 8-byte header length.");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = (length << 8) | file.data()[i];
  if (length > kMaxHeader)
    fail(path, "its header claims " + std::to_string(length) + " bytes, over the limit of 100 MB.");
  if (length > bytes.size() - 8) fail(path, "it ends inside its header, so it is cut short.");
  const std::string_view text = bytes.substr(8, length);
  if (text.empty() || text[0] != '{') fail(path, "its header does not start with '{'.");

  Json json;
  try {
    json = Json::parse(text, "the header");
  } catch (const Error& e) {
    fail(path, e.what());
  }

  Header header;
  header.data_offset = 8 + length;
  for (const auto& [name, value] : json.as_object()) {
    if (name != "__metadata__") {
      header.entries.push_back(read_entry(path, name, value));
      continue;
    }
    if (!value.is_object()) fail(path, "__metadata__ is no object.");
    for (const auto& [key, text_value] : value.as_object()) {
      if (!text_value.is_string()) fail(path, "__metadata__ \"" + key + "\" is no string.");
      header.metadata.emplace(key, text_value.as_string());
    }
  }

  std::vector<const Entry*> by_offset;
  for (const Entry& entry : header.entries) by_offset.push_back(&entry);
  std::sort(by_offset.begin(), by_offset.end(), [](const Entry* a, const Entry* b) {
    return a->begin != b->begin ? a->begin < b->begin : a->end < b->end;
  });
  uint64_t position = 0;
  for (const Entry* entry : by_offset) {
    if (entry->begin != position) {
      fail(path, "tensor \"" + entry->name + "\" " +
                     (entry->begin < position ? "overlaps the one before it." : "leaves a gap before it."));
    }
    position = entry->end;
  }
  const uint64_t available = bytes.size() - header.data_offset;
  if (position > available) {
    fail(path, "it is cut short: " + std::to_string(position - available) + " bytes of " +
                   std::to_string(position) + " are missing.");
  }
  if (position < available) {
    fail(path, std::to_string(available - position) + " bytes at its end belong to no tensor.");
  }
  return header;
}

const Dtype& dtype_of(const std::string& name, const at::Tensor& tensor) {
  for (const Dtype& d : kDtypes) {
    if (d.type == tensor.scalar_type()) return d;
  }
  throw Error(ErrorCode::kInvalidArg, "Tensor \"" + name + "\" has dtype " +
                                          c10::toString(tensor.scalar_type()) +
                                          ", which safetensors cannot hold here.");
}

}  // namespace

TensorFile read_safetensors(const std::string& path) {
  const std::shared_ptr<MappedFile> file = MappedFile::open(path);
  Header header = read_header(*file);
  TensorFile result;
  result.metadata = std::move(header.metadata);
  result.tensors.reserve(header.entries.size());
  for (Entry& entry : header.entries) {
    const auto options = at::TensorOptions().dtype(entry.dtype->type);
    uint8_t* data = file->data() + header.data_offset + entry.begin;
    at::Tensor tensor;
    if (entry.begin == entry.end) {
      tensor = at::empty(entry.shape, options);
    } else if (reinterpret_cast<uintptr_t>(data) % entry.dtype->size != 0) {
      // Writers pad the header, but nothing makes them.
      tensor = at::empty(entry.shape, options);
      std::memcpy(tensor.data_ptr(), data, entry.end - entry.begin);
    } else {
      tensor = at::from_blob(
          data, entry.shape, [file](void*) {}, options);
    }
    result.tensors.emplace_back(std::move(entry.name), std::move(tensor));
  }
  return result;
}

void write_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  // The header keeps the caller's order; the data lies widest dtype first, so
  // that every tensor is aligned. The same input gives the same bytes.
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.defined() || tensor.layout() != at::kStrided) {
      throw Error(ErrorCode::kInvalidArg,
                  "Tensor \"" + name + "\" is undefined or not dense and cannot be saved.");
    }
    dtype_of(name, tensor);
    if (name == "__metadata__" || !names.insert(name).second) {
      throw Error(ErrorCode::kInvalidArg, "The tensor name \"" + name + "\" is reserved or appears twice.");
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return tensors[a].second.element_size() > tensors[b].second.element_size();
  });
  std::vector<uint64_t> begin(tensors.size());
  uint64_t position = 0;
  for (const size_t i : order) {
    begin[i] = position;
    position += static_cast<uint64_t>(tensors[i].second.nbytes());
  }

  Json::Object header;
  if (!metadata.empty()) {
    Json::Object members;
    for (const auto& [key, value] : metadata) members.emplace_back(key, Json(value));
    header.emplace_back("__metadata__", Json(std::move(members)));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, tensor] = tensors[i];
    Json::Array shape;
    for (const int64_t size : tensor.sizes()) shape.emplace_back(size);
    Json::Array offsets = {Json(static_cast<int64_t>(begin[i])),
                           Json(static_cast<int64_t>(begin[i] + static_cast<uint64_t>(tensor.nbytes())))};
    Json::Object entry;
    entry.emplace_back("dtype", Json(dtype_of(name, tensor).name));
    entry.emplace_back("shape", Json(std::move(shape)));
    entry.emplace_back("data_offsets", Json(std::move(offsets)));
    header.emplace_back(name, Json(std::move(entry)));
  }
  std::string text = Json(std::move(header)).dump();
  // The data then starts at a multiple of 64 bytes: mapped tensors can be used where they lie.
  text.append((64 - (text.size() + 8) % 64) % 64, ' ');
  std::array<uint8_t, 8> length{};
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(text.size() >> (8 * i));

  AtomicFile file(path);
  file.write(length.data(), length.size());
  file.write(text.data(), text.size());
  for (const size_t i : order) {
    const at::Tensor data = tensors[i].second.detach().to(at::kCPU).contiguous();
    if (data.nbytes() > 0) file.write(data.const_data_ptr(), data.nbytes());
  }
  file.commit();
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace gmiseg::io
