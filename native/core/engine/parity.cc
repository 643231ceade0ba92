#include "parity/parity.h"

#include <torch/types.h>

#include "engine/session.h"
#include "io/json.h"

namespace gmiseg::engine {

std::string run_parity(const std::string& folder, const std::string& suite, const std::string& device,
                       const Progress& progress) {
  at::AutoGradMode grad(true);
  io::Json::Array rows;
  for (const auto& row : parity::run(folder, suite, device, progress)) {
    io::Json json;
    json.set("name", row.name);
    json.set("kind", row.kind);
    json.set("maxDiff", row.max_diff);
    json.set("scale", row.scale);
    json.set("tolerance", row.tolerance);
    json.set("pass", row.pass);
    rows.push_back(std::move(json));
  }
  return io::Json(std::move(rows)).dump();
}

}  // namespace gmiseg::engine
