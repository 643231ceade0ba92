#include "adapter/adapter.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include "adapter/lora.h"
#include "adapter/pooled.h"
#include "io/json.h"
#include "runtime/error.h"

namespace gmiseg::adapter {

namespace {

constexpr std::pair<const char*, Kind> kKinds[] = {
    {"lora", Kind::kLora}, {"pooled", Kind::kPooled}, {"token-pooled", Kind::kTokenPooled}};
constexpr std::pair<const char*, Gate> kGates[] = {
    {"identity", Gate::kIdentity}, {"shared", Gate::kShared}, {"learned", Gate::kLearned}};

template <typename T, size_t N>
T from_name(const std::pair<const char*, T> (&table)[N], const std::string& name, const char* what) {
  std::string known;
  for (const auto& [text, value] : table) {
    if (name == text) return value;
    known += known.empty() ? text : std::string(", ") + text;
  }
  throw Error(ErrorCode::kInvalidArg,
              "There is no adapter " + std::string(what) + " '" + name + "'. Use one of: " + known + ".");
}

template <typename T, size_t N>
std::string to_name(const std::pair<const char*, T> (&table)[N], T wanted) {
  for (const auto& [text, value] : table) {
    if (value == wanted) return text;
  }
  return {};
}

}  // namespace

AdapterConfig AdapterConfig::from_json(const io::Json& json) {
  AdapterConfig c;
  c.kind = from_name(kKinds, json.get("kind", "pooled"), "kind");
  c.gate = from_name(kGates, json.get("gate", "learned"), "gate");
  c.rank = json.get("rank", c.rank);
  c.scale = json.get("scale", c.scale);
  c.first_block = json.get("firstBlock", c.first_block);
  if (c.rank < 1 || c.rank > 1024) {
    throw Error(ErrorCode::kInvalidArg,
                "The adapter's rank is " + std::to_string(c.rank) + ", not between 1 and 1024.");
  }
  return c;
}

io::Json AdapterConfig::to_json() const {
  io::Json json;
  json.set("kind", to_name(kKinds, kind));
  if (kind == Kind::kPooled) {
    json.set("gate", to_name(kGates, gate));
  } else {
    json.set("rank", rank);
  }
  json.set("scale", scale);
  if (first_block > 0) json.set("firstBlock", first_block);
  return json;
}

void check_first_block(const AdapterConfig& config, int64_t blocks) {
  if (config.first_block < 0 || config.first_block >= blocks) {
    throw Error(ErrorCode::kInvalidArg, "The adapter's firstBlock is " + std::to_string(config.first_block) +
                                            "; this encoder's blocks are 0 to " + std::to_string(blocks - 1) +
                                            ".");
  }
}

std::shared_ptr<Adapter> make_adapter(const AdapterConfig& config, int64_t blocks, int64_t dim) {
  check_first_block(config, blocks);
  if (config.kind == Kind::kPooled) return std::make_shared<Pooled>(config, blocks, dim);
  return std::make_shared<Lora>(config, blocks, dim);
}

at::Tensor merged_qkv(const Adapter& adapter, int64_t block, const at::Tensor& qkv_weight) {
  if (block < adapter.first_block()) return qkv_weight;
  const auto [q, v] = adapter.delta(block);
  const int64_t dim = q.size(0);
  auto out = qkv_weight.detach().to(at::kFloat).clone();
  out.slice(0, 0, dim).add_(q.detach());
  out.slice(0, 2 * dim, 3 * dim).add_(v.detach());
  return out.to(qkv_weight.scalar_type());
}

}  // namespace gmiseg::adapter
