#include "support/config.h"

#include <string>

#include "io/json.h"
#include "runtime/error.h"

namespace gmiseg::support {

namespace {

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw Error(ErrorCode::kInvalidArg, "The task encoder's '" + key + "' " + why);
}

template <typename Config, typename Visitor>
void visit(Config& c, Visitor&& v) {
  v("heads", c.heads);
  v("latents", c.latents);
  v("tokens", c.tokens);
  v("blocks", c.blocks);
  v("joint", c.joint);
  v("bins", c.bins);
  v("values", c.values);
  v("ridge", c.ridge);
  v("widths", c.widths);
  v("sideStem", c.side_stem);
  v("sizes", c.sizes);
}

void read(const io::Json& json, int64_t& value) { value = json.as_int(); }
void read(const io::Json& json, std::vector<int64_t>& list) {
  list.clear();
  for (const auto& item : json.as_array()) list.push_back(item.as_int());
}
void check(const char* key, int64_t value) {
  if (value < 1 || value > 4096) bad(key, "is not between 1 and 4096.");
}
void check(const char* key, const std::vector<int64_t>& list) {
  const std::string name = key;
  for (const int64_t value : list) check(key, value);
  if (name == "sizes" || (name == "sideStem" && list.empty())) return;
  if (list.size() != (name == "sideStem" ? 2 : kScales)) bad(key, "needs one number a scale.");
}
io::Json written(int64_t value) { return io::Json(value); }
io::Json written(const std::vector<int64_t>& list) { return io::Json::Array(list.begin(), list.end()); }

}  // namespace

TaskEncoderConfig TaskEncoderConfig::from_json(const io::Json& json) {
  TaskEncoderConfig config;
  visit(config, [&](const char* key, auto& value) {
    if (const auto* given = json.find(key); given != nullptr) read(*given, value);
    check(key, value);
  });
  if (config.tokens > config.latents) bad("tokens", "is more than 'latents'.");
  return config;
}

io::Json TaskEncoderConfig::to_json() const {
  io::Json json;
  visit(*this, [&](const char* key, const auto& value) {
    // Nobody gives the sizes: training writes them.
    if (std::string(key) != "sizes" || !sizes.empty()) json.set(key, written(value));
  });
  return json;
}

}  // namespace gmiseg::support
