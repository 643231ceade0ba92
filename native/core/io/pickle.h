// A reader of the pickle subset that torch.save needs. It builds plain values
// and tensors and can do nothing else: there is no import, no call, no
// attribute access. Whatever a foreign class or function would make is an
// opaque value that carries only its name.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gmiseg::io {

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kBytes,
    kList,
    kTuple,
    kDict,
    kSet,
    kGlobal,
    kStorage,
    kTensor,
    kOpaque
  };

  Kind kind = Kind::kNone;
  // An opaque value that was built from a tensor or a storage: a tensor of a
  // kind that is not read here, not mere bookkeeping.
  bool hides_tensor = false;
  int64_t integer = 0;  // also 0 or 1 of a kBool, elements of a kStorage
  double real = 0;
  std::string_view text;                  // kString and kBytes; kStorage: the record's key
  std::string name;                       // "module.name" of kGlobal and kOpaque; kStorage: of its class
  std::vector<const PickleValue*> items;  // of lists, tuples and sets; key, value, key, value ... of a dict
  at::Tensor tensor;
};

// Makes a tensor of a storage that the pickle names. `dtype` is the name of the
// storage's class ("FloatStorage") or of a dtype ("float32") where the storage
// has none; sizes and strides are non-negative and of one length.
struct PickleTensor {
  std::string_view key;
  std::string dtype;
  int64_t storage_elements = 0;  // as declared; bytes where `untyped`
  bool untyped = false;
  int64_t offset = 0;
  std::vector<int64_t> sizes, strides;
};
using TensorMaker = std::function<at::Tensor(const PickleTensor&)>;

class Pickle {
 public:
  // `bytes` must outlive the object: strings are views into it. `what` names the
  // file. Throws Error(kCheckpointFormat) for anything malformed, for opcodes
  // outside the subset and for what exceeds the limits (values, memo, stack).
  Pickle(std::string_view bytes, std::string what, TensorMaker make_tensor);

  const PickleValue& root() const { return *root_; }
  // Names of classes and functions that were left opaque, e.g. "argparse.Namespace".
  const std::set<std::string>& foreign() const { return foreign_; }

 private:
  friend class PickleMachine;

  std::deque<PickleValue> values_;  // owns all: cycles and deep nesting are harmless
  std::set<std::string> foreign_;
  const PickleValue* root_ = nullptr;
};

}  // namespace gmiseg::io
