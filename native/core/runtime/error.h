// The one error type of the core. It carries a stable code that callers branch
// on and a sentence that names the remedy; `what()` is that sentence.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace gmiseg {

// The string forms (error.cc) are public: lib/errors.ts lists the same ones and
// a test compares the two lists.
enum class ErrorCode {
  kInvalidArg,
  kShape,
  kCheckpointNotFound,
  kCheckpointFormat,
  kCheckpointMismatch,
  kDeviceUnavailable,
  kOutOfMemory,
  kNonFiniteLoss,
  kDataset,
  kIo,
  kBusy,
  kClosed,
  kAborted,
  kTorch,
  kInternal,
};

// "ERR_INVALID_ARG", "ERR_CHECKPOINT_FORMAT", ...
std::string_view to_string(ErrorCode code);

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string native_text = {})
      : std::runtime_error(message), code_(code), native_text_(std::move(native_text)) {}
  ErrorCode code() const { return code_; }
  // The text of the library below (LibTorch, the operating system), or empty.
  const std::string& native_text() const { return native_text_; }

 private:
  ErrorCode code_;
  std::string native_text_;
};

// Maps whatever is in flight to one of ours: our own errors unchanged, then
// c10::OutOfMemoryError, the CPU allocator's text, c10::Error, std::bad_alloc,
// std::exception, everything else. Call it inside a catch block only.
Error current_exception_to_error();

}  // namespace gmiseg
