#include "io/pickle.h"

#include <bit>
#include <cstdint>
#include <unordered_map>

#include "runtime/error.h"

namespace gmiseg::io {

using Kind = PickleValue::Kind;

namespace {

// A SAM state dict makes some ten thousand values; these bound the memory of a hostile file.
constexpr size_t kMaxValues = 4'000'000;
constexpr size_t kMaxRank = 32;

std::string kind_name(const PickleValue& v) {
  switch (v.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
      return "an int";
    case Kind::kFloat:
      return "a float";
    case Kind::kString:
      return "a str";
    case Kind::kBytes:
      return "bytes";
    case Kind::kList:
      return "a list";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kDict:
      return "a dict";
    case Kind::kSet:
      return "a set";
    case Kind::kStorage:
      return "a storage";
    case Kind::kTensor:
      return "a tensor";
    case Kind::kGlobal:
    case Kind::kOpaque:
      return v.name;
  }
  return "?";
}

bool is_dtype_name(std::string_view name) {
  for (const std::string_view known :
       {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool",
        "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"}) {
    if (name == known) return true;
  }
  return false;
}

bool is_storage_class(std::string_view name) {
  return (name.starts_with("torch.") || name.starts_with("torch.storage.") ||
          name.starts_with("torch.cuda.")) &&
         name.ends_with("Storage");
}

}  // namespace

class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, std::string what, TensorMaker make_tensor, Pickle& out)
      : bytes_(bytes), what_(std::move(what)), make_tensor_(std::move(make_tensor)), out_(out) {}

  const PickleValue* run() {
    while (true) {
      const auto op = static_cast<uint8_t>(take(1)[0]);
      if (op == '.') {
        const PickleValue* root = pop();
        if (!stack_.empty() || !marks_.empty()) fail("it stops with values left over");
        return root;
      }
      step(op);
      if (stack_.size() > kMaxValues || memo_.size() > kMaxValues) fail("it holds too many values");
    }
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw Error(ErrorCode::kCheckpointFormat,
                what_ + " has a pickle that gmiseg cannot read: " + problem + " (byte " +
                    std::to_string(at_) +
                    "). Save the weights again with torch.save(model.state_dict(), ...) "
                    "or convert them to safetensors.");
  }

  std::string_view take(uint64_t length) {
    if (length > bytes_.size() - at_) fail("it ends early");
    const std::string_view view = bytes_.substr(at_, length);
    at_ += length;
    return view;
  }

  uint64_t number(int width) {
    const std::string_view view = take(static_cast<uint64_t>(width));
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; --i)
      value = (value << 8) | static_cast<uint8_t>(view[static_cast<size_t>(i)]);
    return value;
  }

  std::string_view line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("it ends early");
    const std::string_view view = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return view;
  }

  PickleValue& make(Kind kind) {
    if (out_.values_.size() >= kMaxValues) fail("it holds too many values");
    PickleValue& value = out_.values_.emplace_back();
    value.kind = kind;
    return value;
  }

  PickleValue& push(Kind kind) {
    PickleValue& value = make(kind);
    stack_.push_back(&value);
    return value;
  }

  PickleValue* pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back())) fail("its stack runs empty");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  PickleValue* top() {
    PickleValue* value = pop();
    stack_.push_back(value);
    return value;
  }

  // Everything above the last mark.
  std::vector<const PickleValue*> pop_mark() {
    if (marks_.empty()) fail("a mark is missing");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<const PickleValue*> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  void push_integer(int64_t value) { push(Kind::kInt).integer = value; }
  void push_text(Kind kind, std::string_view text) { push(kind).text = text; }

  void push_tuple(int count) {
    std::vector<const PickleValue*> items(static_cast<size_t>(count));
    for (int i = count - 1; i >= 0; --i) items[static_cast<size_t>(i)] = pop();
    push(Kind::kTuple).items = std::move(items);
  }

  void push_long(uint64_t width) {
    const std::string_view digits = take(width);
    if (width > 8) {
      push(Kind::kOpaque).name = "int";  // a seed, say: larger than anything needed here
      return;
    }
    uint64_t value = 0;
    for (size_t i = digits.size(); i-- > 0;) value = (value << 8) | static_cast<uint8_t>(digits[i]);
    if (width > 0 && width < 8 && (static_cast<uint8_t>(digits.back()) & 0x80) != 0)
      value |= ~uint64_t{0} << (8 * width);
    push_integer(static_cast<int64_t>(value));
  }

  void push_global(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > 1000) fail("a class has a name of more than 1000 characters");
    push(Kind::kGlobal).name = std::string(module) + "." + std::string(name);
  }

  void put(uint64_t index) { memo_[index] = top(); }

  void get(uint64_t index) {
    const auto it = memo_.find(index);
    if (it == memo_.end()) fail("it refers to a value that it has not stored");
    stack_.push_back(it->second);
  }

  void step(uint8_t op) {
    switch (op) {
      case 0x80: {  // PROTO
        const uint64_t protocol = number(1);
        if (protocol < 2 || protocol > 5)
          fail("its protocol is " + std::to_string(protocol) + ", not 2 to 5");
        return;
      }
      case 0x95:
        take(8);
        return;  // FRAME: only a hint for buffering
      case '(':
        marks_.push_back(stack_.size());
        if (marks_.size() > kMaxValues) fail("it holds too many marks");
        return;
      case '0':
        pop();
        return;  // POP
      case '1':
        pop_mark();
        return;  // POP_MARK
      case '2':
        stack_.push_back(top());
        return;  // DUP
      case 'N':
        push(Kind::kNone);
        return;
      case 0x88:
        push(Kind::kBool).integer = 1;
        return;
      case 0x89:
        push(Kind::kBool).integer = 0;
        return;
      case 'J':
        push_integer(static_cast<int32_t>(number(4)));
        return;
      case 'K':
        push_integer(static_cast<int64_t>(number(1)));
        return;
      case 'M':
        push_integer(static_cast<int64_t>(number(2)));
        return;
      case 0x8a:
        push_long(number(1));
        return;
      case 0x8b:
        push_long(number(4));
        return;
      case 'G': {  // BINFLOAT, big-endian
        uint64_t bits = 0;
        for (const char c : take(8)) bits = (bits << 8) | static_cast<uint8_t>(c);
        push(Kind::kFloat).real = std::bit_cast<double>(bits);
        return;
      }
      case 'X':
        push_text(Kind::kString, take(number(4)));
        return;
      case 0x8c:
        push_text(Kind::kString, take(number(1)));
        return;
      case 0x8d:
        push_text(Kind::kString, take(number(8)));
        return;
      case 'T':
        push_text(Kind::kString, take(number(4)));
        return;  // Python 2's str
      case 'U':
        push_text(Kind::kString, take(number(1)));
        return;
      case 'B':
        push_text(Kind::kBytes, take(number(4)));
        return;
      case 'C':
        push_text(Kind::kBytes, take(number(1)));
        return;
      case 0x8e:
      case 0x96:
        push_text(Kind::kBytes, take(number(8)));
        return;
      case ']':
        push(Kind::kList);
        return;
      case ')':
        push(Kind::kTuple);
        return;
      case '}':
        push(Kind::kDict);
        return;
      case 0x8f:
        push(Kind::kSet);
        return;
      case 'l':
        fill(Kind::kList);
        return;
      case 't':
        fill(Kind::kTuple);
        return;
      case 'd':
        fill(Kind::kDict);
        return;
      case 0x91:
        fill(Kind::kSet);
        return;
      case 0x85:
        push_tuple(1);
        return;
      case 0x86:
        push_tuple(2);
        return;
      case 0x87:
        push_tuple(3);
        return;
      case 'a': {  // APPEND
        const PickleValue* item = pop();
        extend(Kind::kList, {item});
        return;
      }
      case 'e':
        extend(Kind::kList, pop_mark());
        return;
      case 0x90:
        extend(Kind::kSet, pop_mark());
        return;
      case 's': {  // SETITEM
        const PickleValue* value = pop();
        const PickleValue* key = pop();
        extend(Kind::kDict, {key, value});
        return;
      }
      case 'u':
        extend(Kind::kDict, pop_mark());
        return;
      case 'c': {  // GLOBAL
        const std::string_view module = line();
        push_global(module, line());
        return;
      }
      case 0x93: {  // STACK_GLOBAL
        const PickleValue* name = pop();
        const PickleValue* module = pop();
        if (name->kind != Kind::kString || module->kind != Kind::kString) fail("a class has no name");
        push_global(module->text, name->text);
        return;
      }
      case 'R':     // REDUCE
      case 0x81: {  // NEWOBJ
        const PickleValue* arguments = pop();
        const PickleValue* callable = pop();
        call(*callable, *arguments);
        return;
      }
      case 0x92: {  // NEWOBJ_EX
        const PickleValue* keywords = pop();
        const PickleValue* arguments = pop();
        const PickleValue* callable = pop();
        push_opaque(*callable, hides_tensor(*arguments, 0) || hides_tensor(*keywords, 0));
        return;
      }
      case 'b':  // BUILD: attributes of an object (OrderedDict._metadata, say), never weights
        pop();
        top();
        return;
      case 'Q':
        persistent_id(*pop());
        return;
      case 'h':
        get(number(1));
        return;
      case 'j':
        get(number(4));
        return;
      case 'q':
        put(number(1));
        return;
      case 'r':
        put(number(4));
        return;
      case 0x94:
        put(memo_.size());
        return;
      default:
        break;
    }
    fail("it uses opcode " + std::to_string(op) + ", which state dicts do not need");
  }

  void fill(Kind kind) {
    std::vector<const PickleValue*> items = pop_mark();
    if (kind == Kind::kDict && items.size() % 2 != 0) fail("a dict has a key without a value");
    push(kind).items = std::move(items);
  }

  void extend(Kind kind, const std::vector<const PickleValue*>& items) {
    PickleValue* target = top();
    if (target->kind == Kind::kOpaque) return;  // what a foreign object holds stays unseen
    if (target->kind != kind) fail("items are added to " + kind_name(*target));
    if (kind == Kind::kDict && items.size() % 2 != 0) fail("a dict has a key without a value");
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  // Whether a tensor or storage is among the arguments of a foreign call.
  bool hides_tensor(const PickleValue& v, int depth) {
    if (++inspected_ > 5 * kMaxValues) fail("it holds too many values");
    if (v.kind == Kind::kTensor || v.kind == Kind::kStorage || v.hides_tensor) return true;
    if (depth >= 3 || v.kind == Kind::kDict) return false;
    for (size_t i = 0; i < v.items.size() && i < 64; ++i) {
      if (hides_tensor(*v.items[i], depth + 1)) return true;
    }
    return false;
  }

  void push_opaque(const PickleValue& callable, bool hides) {
    if (callable.kind != Kind::kGlobal && callable.kind != Kind::kOpaque)
      fail("it calls " + kind_name(callable));
    if (out_.foreign_.size() < 1000) out_.foreign_.insert(callable.name);
    PickleValue& value = push(Kind::kOpaque);
    value.name = callable.name;
    value.hides_tensor = hides;
  }

  const PickleValue& argument(const PickleValue& callable, const PickleValue& arguments, size_t index,
                              Kind kind) const {
    if (index >= arguments.items.size() || arguments.items[index]->kind != kind) {
      fail(callable.name + " has arguments of an unknown form");
    }
    return *arguments.items[index];
  }

  void call(const PickleValue& callable, const PickleValue& arguments) {
    if (arguments.kind != Kind::kTuple) fail("a call without a tuple of arguments");
    if (callable.kind == Kind::kGlobal) {
      const std::string& name = callable.name;
      if (name == "collections.OrderedDict" || name == "collections.defaultdict")
        return new_dict(callable, arguments);
      if (name == "torch._utils._rebuild_tensor" || name == "torch._utils._rebuild_tensor_v2" ||
          name == "torch._utils._rebuild_tensor_v3") {
        return rebuild_tensor(callable, arguments);
      }
      if (name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state" ||
          name == "torch.nn.parameter.Parameter") {
        // A parameter is its tensor with flags that do not matter here.
        const bool is_tensor = !arguments.items.empty() && arguments.items[0]->kind == Kind::kTensor;
        if (!is_tensor) return push_opaque(callable, true);
        push(Kind::kTensor).tensor = arguments.items[0]->tensor;
        return;
      }
      if (name == "torch.Size" && arguments.items.size() == 1) {
        push(Kind::kTuple).items = arguments.items[0]->items;
        return;
      }
      if (name == "__builtin__.set" || name == "builtins.set") {
        push(Kind::kSet);
        return;
      }
    }
    push_opaque(callable, hides_tensor(arguments, 0));
  }

  void new_dict(const PickleValue& callable, const PickleValue& arguments) {
    PickleValue& dict = push(Kind::kDict);
    if (callable.name == "collections.defaultdict" || arguments.items.empty()) return;
    // Python 2 passed the items as a list of pairs.
    for (const PickleValue* pair : argument(callable, arguments, 0, Kind::kList).items) {
      if (pair->items.size() != 2) fail("an OrderedDict has an item that is no pair");
      dict.items.insert(dict.items.end(), pair->items.begin(), pair->items.end());
    }
  }

  std::vector<int64_t> sizes(const PickleValue& tuple, const char* what) const {
    if (tuple.items.size() > kMaxRank) fail("a tensor has more than 32 dimensions");
    std::vector<int64_t> values;
    for (const PickleValue* item : tuple.items) {
      if (item->kind != Kind::kInt || item->integer < 0) {
        fail(std::string("a tensor has ") + what + " that are no non-negative integers");
      }
      values.push_back(item->integer);
    }
    return values;
  }

  // (storage, offset, size, stride, requires_grad, hooks[, dtype][, metadata])
  void rebuild_tensor(const PickleValue& callable, const PickleValue& arguments) {
    if (!arguments.items.empty() && arguments.items[0]->kind == Kind::kOpaque) {
      return push_opaque(*arguments.items[0], true);
    }
    const PickleValue& storage = argument(callable, arguments, 0, Kind::kStorage);
    PickleTensor request;
    request.key = storage.text;
    request.storage_elements = storage.integer;
    request.offset = argument(callable, arguments, 1, Kind::kInt).integer;
    request.sizes = sizes(argument(callable, arguments, 2, Kind::kTuple), "sizes");
    request.strides = sizes(argument(callable, arguments, 3, Kind::kTuple), "strides");
    if (request.offset < 0 || request.sizes.size() != request.strides.size()) {
      fail("a tensor has sizes, strides and an offset that contradict each other");
    }
    request.dtype = storage.name.substr(storage.name.rfind('.') + 1);
    request.untyped = request.dtype == "UntypedStorage";
    if (callable.name == "torch._utils._rebuild_tensor_v3") {
      const std::string& dtype = argument(callable, arguments, 6, Kind::kGlobal).name;
      request.dtype = dtype.substr(dtype.rfind('.') + 1);
      if (!dtype.starts_with("torch.") || !is_dtype_name(request.dtype)) {
        return push_opaque(*arguments.items[6], true);
      }
    } else if (request.untyped) {
      fail("a tensor has no dtype");
    }
    at::Tensor tensor = make_tensor_(request);
    push(Kind::kTensor).tensor = std::move(tensor);
  }

  // ('storage', class, key, location, elements)
  void persistent_id(const PickleValue& id) {
    if (id.kind != Kind::kTuple || id.items.size() < 5 || id.items[0]->kind != Kind::kString ||
        id.items[0]->text != "storage" || id.items[1]->kind != Kind::kGlobal ||
        id.items[2]->kind != Kind::kString || id.items[4]->kind != Kind::kInt || id.items[4]->integer < 0) {
      fail("a storage is described in an unknown way");
    }
    const PickleValue& type = *id.items[1];
    if (!is_storage_class(type.name)) return push_opaque(type, true);
    PickleValue& storage = push(Kind::kStorage);
    storage.name = type.name;
    storage.text = id.items[2]->text;
    storage.integer = id.items[4]->integer;
  }

  std::string_view bytes_;
  std::string what_;
  TensorMaker make_tensor_;
  Pickle& out_;
  size_t at_ = 0;
  size_t inspected_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // sizes of the stack
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

Pickle::Pickle(std::string_view bytes, std::string what, TensorMaker make_tensor) {
  root_ = PickleMachine(bytes, std::move(what), std::move(make_tensor), *this).run();
}

}  // namespace gmiseg::io
