// A task on disk: the members' tensors and what they were made with.
#include <torch/types.h>

#include "runtime/error.h"
#include "support/engine.h"

namespace gmiseg::support {

namespace {

constexpr char kKey[] = "gmiseg.task", kExtraKey[] = "gmiseg.extra", kModelKey[] = "gmiseg.base";

std::string member_prefix(size_t member) { return "members." + std::to_string(member) + "."; }

// Thresholds and copies see the picture alone: any model may load them.
bool needs_model(const FitOptions& options) {
  return options.engine != "threshold" && options.engine != "copy";
}

}  // namespace

void save_task(const Fitted& task, model::Model& model, const io::Json& extra, const std::string& path) {
  io::NamedTensors tensors;
  for (size_t i = 0; i < task.members.size(); ++i) {
    for (const auto& [name, tensor] : task.members[i]->tensors())
      tensors.emplace_back(member_prefix(i) + name, tensor);
  }
  auto description = task.describe();
  description.set("config", model.config_json());
  io::write_safetensors(path, tensors,
                        {{kKey, description.dump()},
                         {kExtraKey, extra.dump()},
                         {kModelKey, model.weights_id()},
                         {"gmiseg.version", GMISEG_VERSION}});
}

std::pair<Fitted, io::Json> load_task(model::Model& model, const std::string& path) {
  const auto file = io::read_safetensors(path);
  const auto description = file.metadata.find(kKey), extra = file.metadata.find(kExtraKey),
             base = file.metadata.find(kModelKey);
  if (description == file.metadata.end() || extra == file.metadata.end() || base == file.metadata.end()) {
    throw Error(ErrorCode::kCheckpointFormat,
                path + " is no task file. Task files come from 'gmiseg task define' or task.save(path).");
  }
  const auto json = io::Json::parse(description->second, path);
  Fitted out;
  out.options = FitOptions::from_json(json.at("options"));
  out.examples = json.at("examples").as_int();
  const auto own = needs_model(out.options) ? model.weights_id() : "";
  if (needs_model(out.options) &&
      (base->second != own || json.at("config").dump() != model.config_json().dump())) {
    throw Error(ErrorCode::kCheckpointMismatch,
                path + " was made with another model (" + base->second.substr(0, 16) + "..., this one is " +
                    own.substr(0, 16) +
                    "..., which counts adapters and trainings) or for another input size. Load that model, "
                    "or define the task again from its examples.");
  }
  const size_t members = json.at("members").as_array().size();
  for (size_t i = 0; i < members; ++i) {
    const auto prefix = member_prefix(i);
    io::NamedTensors own;
    for (const auto& [name, tensor] : file.tensors) {
      // Copied: a file that is replaced must not change a task that is loaded.
      if (name.compare(0, prefix.size(), prefix) == 0)
        own.emplace_back(name.substr(prefix.size()), tensor.clone());
    }
    out.members.push_back(restore(model, own, out.options));
  }
  return {std::move(out), io::Json::parse(extra->second, path)};
}

}  // namespace gmiseg::support
