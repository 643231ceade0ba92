#include "baselines/network.h"

#include "baselines/cyclegan.h"
#include "baselines/neuralizer.h"
#include "baselines/unet.h"
#include "baselines/universeg.h"

namespace gmiseg::baselines {

std::shared_ptr<Network> make_network(const Config& config) {
  if (config.method == "universeg") return std::make_shared<UniverSeg>(config);
  if (config.method == "neuralizer") return std::make_shared<Neuralizer>(config);
  if (config.method == "cyclegan") return std::make_shared<CycleGan>(config);
  return std::make_shared<UNet>(config);
}

}  // namespace gmiseg::baselines
