#include "baselines/config.h"

#include <algorithm>

#include "runtime/error.h"

namespace gmiseg::baselines {

namespace {

using io::Json;

constexpr const char* kMethods[] = {"universeg", "neuralizer", "cyclegan", "unet"};
constexpr int64_t kMostWidth = 1024, kMostSize = 1024;

[[noreturn]] void bad(const std::string& key, const std::string& why) {
  throw Error(ErrorCode::kInvalidArg, "The baseline's '" + key + "' " + why);
}

int64_t blocks_for(int64_t image_size) { return image_size < 256 ? 6 : 9; }

// The keys that a method has, beside `method`.
template <typename Owner, typename Visitor>
void visit(Owner& c, Visitor&& v) {
  v("image_size", c.image_size, 8, kMostSize);
  if (c.method == "universeg" || c.method == "unet") v("widths", c.widths, 1, kMostWidth);
  if (c.method == "neuralizer" || c.method == "cyclegan") v("width", c.width, 1, kMostWidth);
  if (c.method == "neuralizer") {
    v("stages", c.stages, 2, 8);
    v("convs", c.convs, 1, 8);
    v("activation", c.activation, 0, 0);
  }
  if (c.method == "cyclegan") {
    v("blocks", c.blocks, 1, 32);
    v("variant", c.variant, 0, 0);
  }
}

void read(const Json& json, const char* key, int64_t& value, int64_t low, int64_t high) {
  if (!json.is_int() || json.as_int() < low || json.as_int() > high) {
    bad(key, "is " + json.dump() + ", not a whole number from " + std::to_string(low) + " to " +
                 std::to_string(high) + ".");
  }
  value = json.as_int();
}
void read(const Json& json, const char* key, std::vector<int64_t>& list, int64_t low, int64_t high) {
  if (!json.is_array() || json.as_array().size() < 2 || json.as_array().size() > 8)
    bad(key, "must be a list of 2 to 8 numbers, one a stage.");
  list.clear();
  for (const auto& item : json.as_array()) read(item, key, list.emplace_back(), low, high);
}
void read(const Json& json, const char* key, std::string& value, int64_t, int64_t) {
  if (!json.is_string()) bad(key, "must be a string.");
  value = json.as_string();
}

Json written(int64_t value) { return value; }
Json written(const std::string& value) { return value; }
Json written(const std::vector<int64_t>& list) { return Json::Array(list.begin(), list.end()); }

void one_of(const char* key, const std::string& value, std::initializer_list<const char*> names) {
  std::string list;
  for (const char* name : names) {
    if (value == name) return;
    list += (list.empty() ? "'" : ", '") + std::string(name) + "'";
  }
  bad(key, "is '" + value + "', not one of " + list + ".");
}

}  // namespace

Config Config::named(const std::string& method) {
  one_of("method", method, {kMethods[0], kMethods[1], kMethods[2], kMethods[3]});
  Config config;
  config.method = method;
  if (method == "universeg") config.widths = {64, 64, 64, 64};
  if (method == "unet") config.widths = {32, 64, 128, 256};
  return config;
}

Config Config::from_json(const Json& json) {
  if (!json.is_object()) throw Error(ErrorCode::kInvalidArg, "The baseline's config is no JSON object.");
  auto config = named(json.get("method", ""));
  if (const auto* size = json.find("image_size"); size != nullptr && size->is_int())
    config.blocks = blocks_for(size->as_int());
  std::vector<std::string> known{"method"};
  visit(config, [&](const char* key, auto& value, int64_t low, int64_t high) {
    known.emplace_back(key);
    if (const auto* given = json.find(key); given != nullptr) read(*given, key, value, low, high);
  });
  for (const auto& [key, value] : json.as_object()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      bad(key, "does not exist for the method '" + config.method + "'.");
  }
  one_of("activation", config.activation, {"sigmoid", "none"});
  one_of("variant", config.variant, {"C1", "C2", "C3"});
  // Each stage but the first halves the sides; a CycleGAN does so twice and pads by reflection.
  const auto halvings = config.method == "cyclegan"     ? int64_t{2}
                        : config.method == "neuralizer" ? config.stages - 1
                                                        : static_cast<int64_t>(config.widths.size()) - 1;
  const int64_t divisor = int64_t{1} << halvings;
  if (config.image_size % divisor != 0 || config.image_size < 2 * divisor) {
    bad("image_size", "is " + std::to_string(config.image_size) + ", not a multiple of " +
                          std::to_string(divisor) + " of at least " + std::to_string(2 * divisor) + ".");
  }
  // Five convolutions of stride 2 and 1 must leave the discriminator something to judge.
  if (config.method == "cyclegan" && config.image_size < 32) bad("image_size", "must be at least 32.");
  return config;
}

Json Config::to_json() const {
  Json json;
  json.set("method", method);
  visit(*this, [&](const char* key, const auto& value, int64_t, int64_t) { json.set(key, written(value)); });
  return json;
}

Config Config::resized(int64_t size) const {
  auto json = to_json();
  json.set("image_size", size);
  if (method == "cyclegan" && blocks == blocks_for(image_size)) json.set("blocks", blocks_for(size));
  return from_json(json);
}

bool is_baseline(const std::string& config) {
  if (config.empty()) return false;
  if (config.front() != '{')
    return std::find(std::begin(kMethods), std::end(kMethods), config) != std::end(kMethods);
  return Json::parse(config, "config").find("method") != nullptr;
}

}  // namespace gmiseg::baselines
