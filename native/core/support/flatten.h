// A picture without its slow changes of light: what is thin or faint stands out alike everywhere.
#pragma once

#include <cstdint>
#include <vector>

namespace gmiseg::support {

// Each value's distance from the mean of its surroundings, in their standard deviations: 128 is the mean, 50
// levels a deviation. `pixels`: uint8 [height, width, channels]; `channel`: the one that is taken, -1 = grey
// by Rec. 601. Surroundings are weighted by a box of 2 radius + 1 pixels a side, applied three times (nearly
// a Gaussian); beyond the border there is nothing. Returns uint8 [height, width].
std::vector<uint8_t> flatten(const uint8_t* pixels, int64_t height, int64_t width, int64_t channels,
                             int64_t channel, int64_t radius);

}  // namespace gmiseg::support
