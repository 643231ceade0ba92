#include "runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <torch/cuda.h>

#include <cctype>
#include <vector>

#include "runtime/error.h"

namespace gmiseg::runtime {

namespace {

void set_products(at::Float32Precision precision) {
  for (const auto op : {at::Float32Op::ALL, at::Float32Op::CONV, at::Float32Op::RNN, at::Float32Op::MATMUL})
    at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, op, precision);
}

// LibTorch lets cuDNN round float32 to TF32 unless told otherwise. What is called float32 here is float32.
c10::Device cuda_device(int64_t index) {
  set_products(at::Float32Precision::IEEE);
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

}  // namespace

c10::Device resolve_device(const std::string& name) {
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name == "auto") return torch::cuda::is_available() ? cuda_device(0) : c10::Device(c10::kCPU);
  int64_t index = -1;
  if (name == "cuda") {
    index = 0;
  } else if (name.rfind("cuda:", 0) == 0 && name.size() > 5 && name.size() < 9) {
    index = 0;
    for (char c : name.substr(5)) {
      if (std::isdigit(static_cast<unsigned char>(c)) == 0) index = -1;
      if (index >= 0) index = 10 * index + (c - '0');
    }
  }
  if (index < 0) {
    throw Error(ErrorCode::kInvalidArg,
                "There is no device '" + name + "'. Use 'auto', 'cpu', 'cuda' or 'cuda:N'.");
  }
  // The accelerator API answers "CUDA" on a CUDA build without a GPU: ask CUDA itself.
  if (!torch::cuda::is_available()) {
    throw Error(
        ErrorCode::kDeviceUnavailable,
        "The device '" + name +
            "' is not there: this LibTorch sees no CUDA GPU. Use device 'cpu', or install "
            "an NVIDIA driver and rebuild with GMISEG_LIBTORCH=cuda ('gmiseg doctor' shows what is in use).");
  }
  const auto count = static_cast<int64_t>(torch::cuda::device_count());
  if (index >= count) {
    throw Error(ErrorCode::kDeviceUnavailable, "The device '" + name + "' is not there: this machine has " +
                                                   std::to_string(count) +
                                                   " CUDA device(s), counted from 0.");
  }
  return cuda_device(index);
}

RoundedProducts::RoundedProducts(c10::Device device, bool on) : on_(on) {
  if (!on_) return;
  if (!device.is_cuda())
    throw Error(ErrorCode::kInvalidArg, "TF32 is for CUDA. Use dtype 'float32' or 'bfloat16' on the CPU.");
  set_products(at::Float32Precision::TF32);
}

RoundedProducts::~RoundedProducts() {
  if (on_) set_products(at::Float32Precision::IEEE);
}

bool has_bfloat16(c10::Device device) {
  if (!device.is_cpu()) return true;
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16");
#else
  // oneDNN's own answer, which LibTorch gives Python alone.
  const auto op = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
  if (!op) return false;
  std::vector<c10::IValue> stack;
  op->callBoxed(stack);
  return stack.front().toBool();
#endif
}

void use_threads(int threads) {
  // Of LibTorch's own choosing, before anybody has named a number.
  static const int own = at::get_num_threads();
  const int wanted = threads > 0 ? threads : own;
  if (at::get_num_threads() != wanted) at::set_num_threads(wanted);
}

}  // namespace gmiseg::runtime
