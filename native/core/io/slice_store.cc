#include "io/slice_store.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include "io/json.h"
#include "io/mapped_file.h"
#include "io/safetensors.h"
#include "runtime/error.h"

namespace gmiseg::io {
namespace {

constexpr int64_t kSchema = 1;
constexpr int64_t kMaxSide = 65536;

[[noreturn]] void fail(const std::string& where, const std::string& problem) {
  throw Error(ErrorCode::kDataset, where + " " + problem + " Import the data again.");
}

// What the readers of checkpoints report, in the words of a data set.
template <typename Read>
auto as_dataset(const std::string& where, Read read) {
  try {
    return read();
  } catch (const Error& e) {
    if (e.code() == ErrorCode::kDataset || e.code() == ErrorCode::kOutOfMemory) throw;
    throw Error(ErrorCode::kDataset, where + ": " + e.what(), e.native_text());
  }
}

struct Slice {
  SliceInfo info;
  at::Tensor image, mask;  // keep the map alive
};

// The shards of one store, each mapped when its first slice is read.
class Shards {
 public:
  explicit Shards(std::string folder) : folder_(std::move(folder)) {}

  const at::Tensor& find(const std::string& file, const std::string& tensor, const std::string& where) {
    const bool plain = !file.empty() && file[0] != '.' &&
                       file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!plain) fail(where, "names a shard outside its folder: \"" + file + "\".");
    auto [it, is_new] = files_.try_emplace(file);
    if (is_new) {
      TensorFile content = as_dataset(where, [&] { return read_safetensors(folder_ + "/" + file); });
      for (auto& [name, value] : content.tensors) it->second.emplace(std::move(name), std::move(value));
    }
    const auto found = it->second.find(tensor);
    if (found == it->second.end())
      fail(where, "names the tensor \"" + tensor + "\", which '" + file + "' does not hold.");
    if (found->second.scalar_type() != at::kByte)
      fail(where, "has a tensor \"" + tensor + "\" that is not U8.");
    return found->second;
  }

 private:
  std::string folder_;
  std::map<std::string, std::map<std::string, at::Tensor>> files_;
};

int64_t in_range(const Json& entry, const char* key, int64_t least, int64_t most, const std::string& where) {
  const int64_t value = entry.at(key).as_int();
  if (value < least || value > most)
    fail(where, std::string("has ") + key + " = " + std::to_string(value) + ".");
  return value;
}

void read_spacing(const Json& entry, SliceInfo& info, const std::string& where) {
  const Json* spacing = entry.find("spacing");
  if (spacing == nullptr || spacing->is_null()) return;
  const Json::Array& pair = spacing->as_array();
  if (pair.size() != 2) fail(where, "has a spacing that is no [row, column].");
  info.row_spacing = pair[0].as_double();
  info.column_spacing = pair[1].as_double();
  if (!(info.row_spacing > 0) || !(info.column_spacing > 0))
    fail(where, "has a spacing that is not positive.");
}

void read_labels(const Json& entry, SliceInfo& info, const std::string& where) {
  const Json* labels = entry.find("labels");
  if (labels == nullptr || labels->is_null()) return;
  for (const auto& [name, pixels] : labels->as_object()) {
    int64_t label = 0;
    for (const char c : name) {
      if (c < '0' || c > '9' || label > 255) {
        label = 256;
        break;
      }
      label = label * 10 + (c - '0');
    }
    if (name.empty() || label < 1 || label > 255)
      fail(where, "has a label \"" + name + "\" that is not 1 to 255.");
    const int64_t count = pixels.as_int();
    if (count < 0 || count > info.height * info.width) fail(where, "counts more pixels than it has.");
    info.labels.emplace_back(label, count);
  }
}

Slice read_slice(const Json& entry, Shards& shards, const std::string& where) {
  Slice slice;
  SliceInfo& info = slice.info;
  info.dataset = entry.at("dataset").as_string();
  info.subject = entry.at("subject").as_string();
  info.modality = entry.get("modality", "");
  info.split = entry.at("split").as_string();
  if (info.split != "train" && info.split != "val" && info.split != "test") {
    fail(where, "has the split \"" + info.split + "\", not train, val or test.");
  }
  info.axis = in_range(entry, "axis", 0, 2, where);
  info.index = in_range(entry, "index", 0, std::numeric_limits<int32_t>::max(), where);
  info.height = in_range(entry, "height", 1, kMaxSide, where);
  info.width = in_range(entry, "width", 1, kMaxSide, where);
  info.channels = in_range(entry, "channels", 1, 3, where);
  if (info.channels == 2) fail(where, "has 2 channels, not 1 or 3.");
  read_spacing(entry, info, where);
  read_labels(entry, info, where);
  const std::string& file = entry.at("file").as_string();
  slice.image = shards.find(file, entry.at("image").as_string(), where);
  slice.mask = shards.find(file, entry.at("mask").as_string(), where);
  if (!slice.image.sizes().equals({info.height, info.width, info.channels})) {
    fail(where, "has an image tensor that is not [height, width, channels].");
  }
  if (!slice.mask.sizes().equals({info.height, info.width}))
    fail(where, "has a mask tensor that is not [height, width].");
  return slice;
}

class MappedSliceStore final : public SliceStore {
 public:
  explicit MappedSliceStore(const std::string& folder) {
    const std::string index_path = folder + "/index.json";
    const auto file =
        as_dataset("'" + folder + "' is no slice store", [&] { return MappedFile::open(index_path); });
    const Json index = as_dataset("'" + folder + "' is no slice store",
                                  [&] { return Json::parse(file->bytes(), "'" + index_path + "'"); });
    const std::string whole = "'" + index_path + "'";
    if (!index.is_object()) fail(whole, "is no JSON object.");
    const int64_t schema = as_dataset(whole, [&] { return index.get("schema", 0); });
    if (schema != kSchema) {
      fail(whole, "has schema " + std::to_string(schema) + "; this version reads schema " +
                      std::to_string(kSchema) + ".");
    }
    const Json::Array& entries =
        as_dataset(whole, [&]() -> const Json::Array& { return index.at("slices").as_array(); });
    Shards shards(folder);
    infos_.reserve(entries.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      const std::string where = whole + ", slice " + std::to_string(i);
      Slice slice = as_dataset(where, [&] { return read_slice(entries[i], shards, where); });
      infos_.push_back(std::move(slice.info));
      images_.push_back(std::move(slice.image));
      masks_.push_back(std::move(slice.mask));
    }
  }

  const std::vector<SliceInfo>& slices() const override { return infos_; }
  const uint8_t* image(size_t slice) const override { return images_.at(slice).const_data_ptr<uint8_t>(); }
  const uint8_t* mask(size_t slice) const override { return masks_.at(slice).const_data_ptr<uint8_t>(); }

 private:
  std::vector<SliceInfo> infos_;
  std::vector<at::Tensor> images_, masks_;
};

}  // namespace

std::shared_ptr<SliceStore> SliceStore::open(const std::string& folder) {
  return std::make_shared<MappedSliceStore>(folder);
}

}  // namespace gmiseg::io
