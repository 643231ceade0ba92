#include "runtime/error.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <new>

namespace gmiseg {
namespace {

// LibTorch's CPU allocator has no exception type of its own; it is told by its text.
bool says_out_of_memory(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::array<std::string_view, 5> kTexts = {"defaultcpuallocator", "can't allocate memory",
                                                      "not enough memory", "out of memory",
                                                      "cudaerrormemoryallocation"};
  return std::any_of(kTexts.begin(), kTexts.end(),
                     [&](std::string_view t) { return text.find(t) != std::string::npos; });
}

// The first line says what happened; the lines below are for developers.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Error out_of_memory(const std::string& native_text) {
  return Error(
      ErrorCode::kOutOfMemory,
      "There is not enough memory for this job. Use a smaller batch, image or model, or dtype 'bfloat16', or "
      "free memory on the device.",
      native_text);
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArg:
      return "ERR_INVALID_ARG";
    case ErrorCode::kShape:
      return "ERR_SHAPE";
    case ErrorCode::kCheckpointNotFound:
      return "ERR_CHECKPOINT_NOT_FOUND";
    case ErrorCode::kCheckpointFormat:
      return "ERR_CHECKPOINT_FORMAT";
    case ErrorCode::kCheckpointMismatch:
      return "ERR_CHECKPOINT_MISMATCH";
    case ErrorCode::kDeviceUnavailable:
      return "ERR_DEVICE_UNAVAILABLE";
    case ErrorCode::kOutOfMemory:
      return "ERR_OUT_OF_MEMORY";
    case ErrorCode::kNonFiniteLoss:
      return "ERR_NON_FINITE_LOSS";
    case ErrorCode::kDataset:
      return "ERR_DATASET";
    case ErrorCode::kIo:
      return "ERR_IO";
    case ErrorCode::kBusy:
      return "ERR_BUSY";
    case ErrorCode::kClosed:
      return "ERR_CLOSED";
    case ErrorCode::kAborted:
      return "ERR_ABORTED";
    case ErrorCode::kTorch:
      return "ERR_TORCH";
    case ErrorCode::kInternal:
      return "ERR_INTERNAL";
  }
  return "ERR_INTERNAL";
}

Error current_exception_to_error() {
  try {
    throw;
  } catch (const Error& e) {
    return e;
  } catch (const c10::OutOfMemoryError& e) {
    return out_of_memory(e.what_without_backtrace());
  } catch (const c10::Error& e) {
    const std::string text = e.what_without_backtrace();
    if (says_out_of_memory(text)) return out_of_memory(text);
    return Error(ErrorCode::kTorch, "LibTorch refused an operation: " + first_line(text), text);
  } catch (const std::bad_alloc& e) {
    return out_of_memory(e.what());
  } catch (const std::exception& e) {
    const std::string text = e.what();
    if (says_out_of_memory(text)) return out_of_memory(text);
    return Error(ErrorCode::kInternal, "Something unexpected went wrong: " + first_line(text), text);
  } catch (...) {
    return Error(ErrorCode::kInternal, "Something unexpected went wrong; what was thrown is no exception.");
  }
}

}  // namespace gmiseg
