#include "baselines/checkpoint.h"

#include "baselines/network.h"
#include "runtime/error.h"
#include "sam/sam.h"

namespace gmiseg::baselines {

namespace {

// A weight that no other network has: by it the published files are known, and what their names start with.
constexpr std::pair<const char*, const char*> kMarks[] = {
    {"universeg", "enc_blocks.0.cross.cross_conv.weight"},
    {"neuralizer", "enc_blocks.0.combine_conv_target.module.weight"},
};

std::optional<std::string> prefix_of(const io::NamedTensors& tensors, const std::string& mark) {
  for (const auto& [name, tensor] : tensors) {
    if (!name.ends_with(mark)) continue;
    const auto prefix = name.substr(0, name.size() - mark.size());
    if (prefix.empty() || prefix.ends_with('.')) return prefix;
  }
  return std::nullopt;
}

// What the shapes say of a published network.
Config inferred(const std::string& method, const io::NamedTensors& tensors, const std::string& prefix) {
  auto config = Config::named(method);
  const auto rows = [&](const std::string& name) -> int64_t {
    for (const auto& [own, tensor] : tensors) {
      if (own == prefix + name && tensor.dim() > 0) return tensor.size(0);
    }
    return 0;
  };
  if (method == "universeg") {
    config.widths.clear();
    for (int64_t i = 0;; ++i) {
      const int64_t width = rows("enc_blocks." + std::to_string(i) + ".cross.cross_conv.weight");
      if (width == 0) break;
      config.widths.push_back(width);
    }
  } else {
    config.width = rows("target_embedding.weight");
    config.activation = "none";
    config.stages = config.convs = 0;
    while (rows("enc_blocks." + std::to_string(config.stages) + ".target_conv.layers.0.weight") > 0)
      ++config.stages;
    while (rows("enc_blocks.0.target_conv.layers." + std::to_string(2 * config.convs) + ".weight") > 0)
      ++config.convs;
  }
  return Config::from_json(config.to_json());
}

}  // namespace

std::optional<Stored> find_baseline(const io::StoredWeights& stored, const std::optional<Config>& given) {
  Stored out;
  if (const auto own = stored.metadata.find("gmiseg.method"); own != stored.metadata.end()) {
    const auto config = stored.metadata.find("gmiseg.config");
    if (config == stored.metadata.end()) {
      throw Error(ErrorCode::kCheckpointFormat,
                  "'" + stored.path + "' says that it holds " + own->second + ", but not its config.");
    }
    try {
      out.config = Config::from_json(io::Json::parse(config->second, stored.path));
    } catch (const Error& error) {
      throw Error(ErrorCode::kCheckpointFormat,
                  "'" + stored.path + "' comes with a config that cannot be used: " + error.what());
    }
    if (given && given->method != out.config.method) {
      throw Error(ErrorCode::kCheckpointMismatch, "'" + stored.path + "' holds " + out.config.method +
                                                      ", not " + given->method + ". Leave the method out.");
    }
    out.tensors = stored.tensors;
    return out;
  }
  for (const auto& [method, mark] : kMarks) {
    if (given && given->method != method) continue;
    const auto prefix = prefix_of(stored.tensors, mark);
    if (!prefix) continue;
    try {
      out.config = inferred(method, stored.tensors, *prefix);
    } catch (const Error& error) {
      throw Error(ErrorCode::kCheckpointMismatch,
                  "'" + stored.path + "' has names of " + method + " but does not fit it: " + error.what());
    }
    if (given) out.config = out.config.resized(given->image_size);
    const auto network = make_network(out.config);
    for (const auto& [name, weight] : sam::named_weights(*network)) {
      for (const auto& [own, tensor] : stored.tensors) {
        if (own == *prefix + name) out.tensors.emplace_back(name, tensor);
      }
    }
    return out;
  }
  if (!given) return std::nullopt;
  out.config = *given;
  out.tensors = stored.tensors;
  return out;
}

}  // namespace gmiseg::baselines
