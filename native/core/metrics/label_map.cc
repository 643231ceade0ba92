#include "metrics/label_map.h"

#include <algorithm>

namespace gmiseg::metrics {
namespace {

// Calls back with a test for values of T; each kind of test is a loop of its own, so that the usual ones are
// fast.
template <typename T, typename Use>
auto with_test(const Labels& labels, Use&& use) {
  if (labels.empty()) return use([](T value) { return value != 0; });
  if (labels.size() == 1)
    return use([label = labels[0]](T value) { return static_cast<int32_t>(value) == label; });
  return use([&labels](T value) {
    return std::binary_search(labels.begin(), labels.end(), static_cast<int32_t>(value));
  });
}

template <typename T, typename Test>
Box extent(const T* data, const Test& inside, const Grid& grid, const Box& within) {
  Box box;
  for (int64_t z = within.low[2]; z < within.high[2]; ++z) {
    for (int64_t y = within.low[1]; y < within.high[1]; ++y) {
      const T* const line = data + (z * grid.size[1] + y) * grid.size[0];
      const T* const end = line + within.high[0];
      const T* const first = std::find_if(line + within.low[0], end, inside);
      if (first == end) continue;
      const T* last = end - 1;
      while (!inside(*last)) --last;
      box.include({{first - line, y, z}, {last - line + 1, y + 1, z + 1}});
    }
  }
  return box;
}

}  // namespace

void Box::include(const Box& other) {
  if (other.empty()) return;
  if (empty()) {
    *this = other;
    return;
  }
  for (size_t axis = 0; axis < 3; ++axis) {
    low[axis] = std::min(low[axis], other.low[axis]);
    high[axis] = std::max(high[axis], other.high[axis]);
  }
}

Box extent_of(const LabelMap& map, const Labels& labels, const Grid& grid, const Box& within) {
  return std::visit(
      [&]<typename T>(const std::vector<T>& data) {
        return with_test<T>(labels,
                            [&](const auto& inside) { return extent<T>(data.data(), inside, grid, within); });
      },
      map);
}

std::vector<uint8_t> mask_of(const LabelMap& map, const Labels& labels, const Grid& grid, const Box& box) {
  const int64_t width = box.high[0] - box.low[0], height = box.high[1] - box.low[1];
  std::vector<uint8_t> out(static_cast<size_t>(width * height * (box.high[2] - box.low[2])));
  uint8_t* to = out.data();
  std::visit(
      [&]<typename T>(const std::vector<T>& data) {
        with_test<T>(labels, [&](const auto& inside) {
          for (int64_t z = box.low[2]; z < box.high[2]; ++z) {
            for (int64_t y = box.low[1]; y < box.high[1]; ++y, to += width) {
              const T* const from = data.data() + (z * grid.size[1] + y) * grid.size[0] + box.low[0];
              for (int64_t x = 0; x < width; ++x) to[x] = inside(from[x]) ? 1 : 0;
            }
          }
        });
      },
      map);
  return out;
}

}  // namespace gmiseg::metrics
