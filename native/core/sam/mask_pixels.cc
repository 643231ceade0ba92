#include "sam/mask_pixels.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "sam/cpu_levels.h"

namespace gmiseg::sam {

namespace {

// Bilinear enlargement along one axis as at::upsample_bilinear2d has it (align_corners false): entry i of
// `count` from `first` on is left * x[from] + right * x[to].
struct Axis {
  std::vector<int32_t> from, to;
  std::vector<float> left, right;

  Axis(int64_t in, int64_t out, int64_t first, int64_t count) {
    const float scale = static_cast<float>(in) / static_cast<float>(out);
    for (int64_t i = first; i < first + count; ++i) {
      const float at = std::max(0.0F, scale * (static_cast<float>(i) + 0.5F) - 0.5F);
      const auto index = std::min(static_cast<int64_t>(at), in - 1);
      const float share = std::min(std::max(at - static_cast<float>(index), 0.0F), 1.0F);
      from.push_back(static_cast<int32_t>(index));
      to.push_back(static_cast<int32_t>(index + (index < in - 1 ? 1 : 0)));
      left.push_back(1 - share);
      right.push_back(share);
    }
  }
  int64_t size() const { return static_cast<int64_t>(from.size()); }
};

GMISEG_FOR_EACH_LEVEL
void along(const float* x, const int32_t* from, const int32_t* to, const float* left, const float* right,
           int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = left[i] * x[from[i]] + right[i] * x[to[i]];
}

GMISEG_FOR_EACH_LEVEL
void between(const float* above, const float* below, float left, float right, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = left * above[i] + right * below[i];
}

struct Counts {
  int64_t inside = 0, around = 0;
};

GMISEG_FOR_EACH_LEVEL
void cut(const float* above, const float* below, float left, float right, int64_t n, uint8_t* mask,
         Counts* counts) {
  int32_t inside = 0, around = 0;
  for (int64_t i = 0; i < n; ++i) {
    const float x = left * above[i] + right * below[i];
    mask[i] = x > 0 ? 1 : 0;
    inside += x > 1 ? 1 : 0;
    around += x > -1 ? 1 : 0;
  }
  counts->inside += inside;
  counts->around += around;
}

// Rows of an enlarged map, made when they are asked for; two at most are wanted at a time, from above to
// below.
template <typename Source>
class Rows {
 public:
  Rows(Source source, const Axis& columns) : source_(std::move(source)), columns_(columns) {
    for (auto& row : rows_) row.resize(static_cast<size_t>(columns.size()));
  }
  const float* at(int64_t row) {
    auto& slot = rows_[row % 2];
    if (held_[row % 2] != row) {
      along(source_(row), columns_.from.data(), columns_.to.data(), columns_.left.data(),
            columns_.right.data(), columns_.size(), slot.data());
      held_[row % 2] = row;
    }
    return slot.data();
  }

 private:
  Source source_;
  const Axis& columns_;
  std::vector<float> rows_[2];
  int64_t held_[2] = {-1, -1};
};

}  // namespace

void write_masks(const at::Tensor& low_res, const Frame& frame, uint8_t* masks, float* stability) {
  const auto values = low_res.to(at::kFloat).contiguous();
  const int64_t low = values.size(-1), count = values.numel() / (low * low);
  const float* data = values.const_data_ptr<float>();
  // To the encoder's input, of which the picture is a part, and from there to the picture's own pixels.
  const Axis rows(low, frame.side, frame.top, frame.input_height),
      columns(low, frame.side, frame.left, frame.input_width);
  const Axis own_rows(frame.input_height, frame.height, 0, frame.height),
      own_columns(frame.input_width, frame.width, 0, frame.width);
  const bool same = frame.input_height == frame.height && frame.input_width == frame.width;
  // A part of the rows of one mask.
  const auto some = [&](int64_t index, int64_t first, int64_t last) {
    Counts counts;
    std::vector<uint8_t> unwanted(masks == nullptr ? static_cast<size_t>(frame.width) : 0);
    const auto target = [&](int64_t y) {
      return masks == nullptr ? unwanted.data() : masks + (index * frame.height + y) * frame.width;
    };
    Rows input([&](int64_t row) { return data + (index * low + row) * low; }, columns);
    const auto blend = [](auto& source, const Axis& axis, int64_t y, auto&& then) {
      const auto i = static_cast<size_t>(y);
      then(source.at(axis.from[i]), source.at(axis.to[i]), axis.left[i], axis.right[i]);
    };
    if (same) {
      for (int64_t y = first; y < last; ++y) {
        blend(input, rows, y, [&](const float* a, const float* b, float left, float right) {
          cut(a, b, left, right, frame.width, target(y), &counts);
        });
      }
    } else {
      std::vector<float> row(static_cast<size_t>(frame.input_width));
      Rows own(
          [&](int64_t y) {
            blend(input, rows, y, [&](const float* a, const float* b, float left, float right) {
              between(a, b, left, right, frame.input_width, row.data());
            });
            return static_cast<const float*>(row.data());
          },
          own_columns);
      for (int64_t y = first; y < last; ++y) {
        blend(own, own_rows, y, [&](const float* a, const float* b, float left, float right) {
          cut(a, b, left, right, frame.width, target(y), &counts);
        });
      }
    }
    return counts;
  };
  // Few masks are cut up, so that every thread has something to do.
  const int64_t bands = std::clamp<int64_t>((at::get_num_threads() + count - 1) / count, 1, frame.height);
  std::vector<Counts> counts(static_cast<size_t>(count * bands));
  at::parallel_for(0, count * bands, 1, [&](int64_t begin, int64_t end) {
    for (int64_t job = begin; job < end; ++job) {
      const int64_t band = job % bands;
      counts[static_cast<size_t>(job)] =
          some(job / bands, frame.height * band / bands, frame.height * (band + 1) / bands);
    }
  });
  if (stability == nullptr) return;
  for (int64_t index = 0; index < count; ++index) {
    Counts sum;
    for (int64_t band = 0; band < bands; ++band) {
      const auto& part = counts[static_cast<size_t>(index * bands + band)];
      sum.inside += part.inside;
      sum.around += part.around;
    }
    stability[index] = sum.around == 0 ? 0 : static_cast<float>(sum.inside) / static_cast<float>(sum.around);
  }
}

}  // namespace gmiseg::sam
