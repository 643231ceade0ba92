#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <ATen/DeviceAccelerator.h>

#include "engine/session.h"
#include "io/json.h"
#include "runtime/device.h"

namespace gmiseg::engine {

namespace {

// The most that this process's tensors have taken on a GPU.
int64_t peak_bytes(c10::DeviceIndex device) {
  try {
    const auto stats = at::accelerator::getDeviceStats(device);
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
  } catch (const std::exception&) {
    return 0;  // nothing has been put there yet
  }
}

}  // namespace

std::string runtime_info_json() {
  io::Json json;
  json.set("gmiseg", GMISEG_VERSION);
  // The header's version is what the addon was built against, the library's what it runs on.
  json.set("torchBuilt", TORCH_VERSION);
  json.set("compiler", __VERSION__);
  try {
    // Only its build settings tell the version of the library that is loaded.
    const std::string settings = at::show_config();
    constexpr char kKey[] = "TORCH_VERSION=";
    if (const auto at = settings.find(kKey); at != std::string::npos) {
      const auto begin = at + sizeof(kKey) - 1;
      json.set("torch", settings.substr(begin, settings.find_first_of(", \n", begin) - begin));
    }
    json.set("threads", static_cast<int64_t>(at::get_num_threads()));
    json.set("cpuCapability", at::get_cpu_capability());
    json.set("bfloat16", runtime::has_bfloat16(c10::Device(c10::kCPU)));
    const bool cuda = torch::cuda::is_available();
    json.set("cudaBuilt", at::globalContext().hasCUDA() || at::detail::getCUDAHooks().hasCUDA());
    json.set("cudaAvailable", cuda);
    io::Json::Array devices;
    io::Json cpu;
    cpu.set("id", "cpu");
    devices.push_back(cpu);
    if (cuda) {
      for (int i = 0; i < static_cast<int>(torch::cuda::device_count()); ++i) {
        io::Json device;
        device.set("id", "cuda:" + std::to_string(i));
        device.set("peakBytes", peak_bytes(static_cast<c10::DeviceIndex>(i)));
        devices.push_back(device);
      }
    }
    json.set("devices", std::move(devices));
  } catch (const std::exception& e) {
    json.set("error", e.what());
  }
  return json.dump();
}

}  // namespace gmiseg::engine
