#include "io/torch_checkpoint.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "io/pickle.h"
#include "io/zip_archive.h"
#include "runtime/error.h"

namespace gmiseg::io {
namespace {

__extension__ using Wide = unsigned __int128;
using Kind = PickleValue::Kind;

constexpr size_t kMaxPickle = size_t{64} << 20;
constexpr int kMaxDepth = 32;
constexpr size_t kMaxTensors = 100'000;
constexpr size_t kMaxNodes = 5'000'000;
constexpr size_t kMaxName = 4096;
[[noreturn]] void fail(const std::string& path, const std::string& problem) {
  throw Error(ErrorCode::kCheckpointFormat, "'" + path + "' " + problem);
}

// For what loads in Python but is no plain state dict.
[[noreturn]] void fail_resave(const std::string& path, const std::string& problem) {
  fail(path,
       problem +
           " Save the weights again with torch.save(model.state_dict(), 'weights.pth') or convert them to "
           "safetensors.");
}

struct Dtype {
  std::string_view storage, name;
  at::ScalarType type;
};

constexpr std::array<Dtype, 15> kDtypes = {{
    {"DoubleStorage", "float64", at::kDouble},
    {"FloatStorage", "float32", at::kFloat},
    {"HalfStorage", "float16", at::kHalf},
    {"BFloat16Storage", "bfloat16", at::kBFloat16},
    {"LongStorage", "int64", at::kLong},
    {"IntStorage", "int32", at::kInt},
    {"ShortStorage", "int16", at::kShort},
    {"CharStorage", "int8", at::kChar},
    {"ByteStorage", "uint8", at::kByte},
    {"BoolStorage", "bool", at::kBool},
    {"", "uint16", at::kUInt16},
    {"", "uint32", at::kUInt32},
    {"", "uint64", at::kUInt64},
    {"", "float8_e4m3fn", at::kFloat8_e4m3fn},
    {"", "float8_e5m2", at::kFloat8_e5m2},
}};

// Tensors over the mapped records. Tensors of one record share its memory, as they did when saved.
class Storages {
 public:
  Storages(std::shared_ptr<MappedFile> file, const ZipArchive& zip, std::string folder)
      : file_(std::move(file)), zip_(zip), folder_(std::move(folder)) {}

  at::Tensor make(const PickleTensor& wanted) {
    const std::string& path = file_->path();
    const Dtype* dtype = nullptr;
    for (const Dtype& d : kDtypes) {
      if (d.name == wanted.dtype || d.storage == wanted.dtype) dtype = &d;
    }
    if (dtype == nullptr)
      fail_resave(path, "holds a tensor in a " + wanted.dtype + ", which gmiseg does not read.");
    const auto element = static_cast<uint64_t>(c10::elementSize(dtype->type));

    const std::string record_name = folder_ + "data/" + std::string(wanted.key);
    const ZipArchive::Record* record = zip_.find(record_name);
    if (record == nullptr) fail(path, "lacks the record \"" + record_name + "\". Download it again.");
    const Wide declared = static_cast<Wide>(wanted.storage_elements) * (wanted.untyped ? 1 : element);
    if (declared != record->size || record->size % element != 0) {
      fail(path, "has a record \"" + record_name + "\" of " + std::to_string(record->size) +
                     " bytes where its pickle says otherwise. Download it again.");
    }

    // `extent` leaves zero sizes out, so that no product can overflow.
    Wide extent = element, last = static_cast<Wide>(wanted.offset);
    bool empty = false;
    for (size_t i = 0; i < wanted.sizes.size(); ++i) {
      const auto size = static_cast<Wide>(wanted.sizes[i]);
      empty = empty || size == 0;
      extent *= size == 0 ? 1 : size;
      if (extent > static_cast<Wide>(std::numeric_limits<int64_t>::max()))
        fail(path, "has a tensor whose shape overflows.");
      if (size > 0) last += (size - 1) * static_cast<Wide>(wanted.strides[i]);
      if (last > static_cast<Wide>(std::numeric_limits<int64_t>::max())) break;
    }
    if (empty) return at::empty(wanted.sizes, at::TensorOptions().dtype(dtype->type));
    if (last >= record->size / element) {
      fail(path,
           "has a tensor that reaches past its storage \"" + record_name + "\". It is damaged or forged.");
    }
    return base(*record, *dtype, element).as_strided(wanted.sizes, wanted.strides, wanted.offset);
  }

 private:
  at::Tensor base(const ZipArchive::Record& record, const Dtype& dtype, uint64_t element) {
    at::Tensor& tensor = bases_[{record.offset, dtype.type}];
    if (tensor.defined()) return tensor;
    const auto options = at::TensorOptions().dtype(dtype.type);
    const auto count = static_cast<int64_t>(record.size / element);
    uint8_t* data = file_->data() + record.offset;
    if (reinterpret_cast<uintptr_t>(data) % element != 0) {
      // torch.save aligns to 64 bytes; other writers may not.
      tensor = at::empty({count}, options);
      std::memcpy(tensor.data_ptr(), data, record.size);
    } else {
      tensor = at::from_blob(
          data, {count}, [file = file_](void*) {}, options);
    }
    return tensor;
  }

  std::shared_ptr<MappedFile> file_;
  const ZipArchive& zip_;
  std::string folder_;
  std::map<std::pair<uint64_t, at::ScalarType>, at::Tensor> bases_;
};

// Parts of training checkpoints that hold no weights: tensors of odd kinds in
// them are nobody's business, in the model they are an error.
bool is_bookkeeping(const std::string& name) {
  const std::string first = name.substr(0, name.find('.'));
  for (const char* word : {"optim", "sched", "scaler", "args", "config", "cfg", "hparam", "hyper", "rng",
                           "callbacks", "loops"}) {
    if (first.find(word) != std::string::npos) return true;
  }
  return false;
}

// Walks the dicts and lists of a checkpoint and collects its tensors.
class Collector {
 public:
  Collector(const std::string& path, TensorFile& out) : path_(path), out_(out) {}

  void collect(const PickleValue& value, const std::string& name, int depth) {
    if (++nodes_ > kMaxNodes) fail_resave(path_, "nests its values in too many ways.");
    switch (value.kind) {
      case Kind::kTensor:
        add(name.empty() ? "tensor" : name, value.tensor);
        return;
      case Kind::kOpaque:
        if (value.hides_tensor && !is_bookkeeping(name)) {
          fail_resave(path_, "stores \"" + name + "\" as a tensor of a foreign kind, built by " + value.name +
                                 ", which gmiseg never runs.");
        }
        return;
      case Kind::kDict:
        check_depth(depth);
        for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
          const PickleValue& key = *value.items[i];
          std::string part;
          if (key.kind == Kind::kString) {
            part = std::string(key.text);
          } else if (key.kind == Kind::kInt || key.kind == Kind::kBool) {
            part = std::to_string(key.integer);
          } else {
            continue;  // keyed by tuples or objects: no state dict
          }
          descend(*value.items[i + 1], name, part, depth);
        }
        return;
      case Kind::kList:
      case Kind::kTuple:
        check_depth(depth);
        for (size_t i = 0; i < value.items.size(); ++i)
          descend(*value.items[i], name, std::to_string(i), depth);
        return;
      default:
        if (depth == 1) note(value, name);
        return;
    }
  }

 private:
  void check_depth(int depth) const {
    if (depth > kMaxDepth) fail_resave(path_, "nests its dicts more than 32 deep.");
  }

  void descend(const PickleValue& value, const std::string& name, const std::string& part, int depth) {
    if (name.size() + part.size() > kMaxName)
      fail_resave(path_, "has a tensor with a name of more than 4096 bytes.");
    collect(value, name.empty() ? part : name + "." + part, depth + 1);
  }

  void add(const std::string& name, const at::Tensor& tensor) {
    if (out_.tensors.size() >= kMaxTensors) fail_resave(path_, "holds more than 100000 tensors.");
    if (!names_.insert(name).second) fail_resave(path_, "holds two tensors named \"" + name + "\".");
    out_.tensors.emplace_back(name, tensor);
  }

  // Scalars beside the weights ("epoch": 3) are worth showing.
  void note(const PickleValue& value, const std::string& name) {
    if (name.size() > 100 || out_.metadata.size() >= 100) return;
    if (value.kind == Kind::kInt || value.kind == Kind::kBool)
      out_.metadata[name] = std::to_string(value.integer);
    if (value.kind == Kind::kString && value.text.size() <= 100'000)
      out_.metadata[name] = std::string(value.text);
  }

  const std::string& path_;
  TensorFile& out_;
  std::set<std::string> names_;
  size_t nodes_ = 0;
};

std::string describe_root(const PickleValue& root, const std::set<std::string>& foreign) {
  if (root.kind == Kind::kOpaque || root.kind == Kind::kGlobal) {
    return "holds no state dict but an object of " + root.name + ", which gmiseg never runs or imports.";
  }
  std::string text = "holds no tensors.";
  if (!foreign.empty())
    text += " It holds objects of " + *foreign.begin() + ", which gmiseg never runs or imports.";
  return text;
}

void refuse_other_formats(const MappedFile& file) {
  const std::string& path = file.path();
  const std::string_view bytes = file.bytes();
  if (const std::string what = not_a_checkpoint(bytes); !what.empty())
    fail(path, "holds no weights: " + what);
  if (bytes.starts_with("PK\x03\x04")) return;
  if (bytes.size() >= 263 && bytes.substr(257, 5) == "ustar") {
    fail(path,
         "is a tar file, the format of torch.save before version 0.4. Load it in Python and save it again "
         "with "
         "torch.save(model.state_dict(), 'weights.pth').");
  }
  const auto first = static_cast<uint8_t>(bytes[0]);
  if (first == 0x80 && bytes.size() > 1 && static_cast<uint8_t>(bytes[1]) <= 5) {
    fail(path,
         "is a plain pickle, the format of torch.save before version 1.6. Load it in Python and save it "
         "again with "
         "torch.save(model.state_dict(), 'weights.pth').");
  }
  fail(path,
       "is neither a zip file as torch.save writes them nor a safetensors file. Check that it is the right "
       "file, "
       "and download it again if it is.");
}

// The folder inside the zip that holds data.pkl, with its slash; its name is arbitrary.
std::string find_folder(const std::string& path, const ZipArchive& zip) {
  const std::string* found = nullptr;
  for (const auto& [name, record] : zip.records()) {
    const bool matches =
        name == "data.pkl" || (name.ends_with("/data.pkl") && name.find('/') == name.size() - 9);
    if (!matches) continue;
    if (found != nullptr) fail_resave(path, "holds two checkpoints in one zip file.");
    found = &name;
  }
  if (found == nullptr) fail(path, "is a zip file without data.pkl, so torch.save did not write it.");
  return found->substr(0, found->size() - 8);
}

}  // namespace

TensorFile read_torch_checkpoint(const std::string& path) {
  const std::shared_ptr<MappedFile> file = MappedFile::open(path);
  refuse_other_formats(*file);
  const ZipArchive zip(file);
  const std::string folder = find_folder(path, zip);
  if (zip.records().count(folder + "constants.pkl") > 0) {
    fail_resave(path, "is a TorchScript program (torch.jit.save), not weights.");
  }
  if (const auto* order = zip.find(folder + "byteorder"); order != nullptr && zip.bytes(*order) != "little") {
    fail(path, "was saved on a big-endian machine. Save it again on a little-endian one.");
  }
  const ZipArchive::Record& record = *zip.find(folder + "data.pkl");
  if (record.size > kMaxPickle) fail_resave(path, "has a pickle of more than 64 MiB.");

  Storages storages(file, zip, folder);
  const Pickle pickle(zip.bytes(record), "'" + path + "'",
                      [&](const PickleTensor& wanted) { return storages.make(wanted); });
  TensorFile result;
  Collector(path, result).collect(pickle.root(), "", 0);
  if (result.tensors.empty()) fail_resave(path, describe_root(pickle.root(), pickle.foreign()));
  if (!pickle.foreign().empty()) {
    std::string names;
    for (const std::string& name : pickle.foreign()) names += (names.empty() ? "" : ", ") + name;
    result.metadata["pickle.ignored"] = names;
  }
  return result;
}

}  // namespace gmiseg::io
