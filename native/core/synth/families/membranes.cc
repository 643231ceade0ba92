// Cells that touch: walls between them, organelles inside (electron microscopy,
// fat, muscle and plant tissue).
#include <algorithm>
#include <cmath>

#include "synth/family.h"
#include "synth/shapes.h"

namespace gmiseg::synth {

namespace {

struct Seed {
  float x, y, weight;
  int type;
  float tone;
};

class Membranes final : public Family {
 public:
  explicit Membranes(Rng rng) {
    Rng draw = rng.fork(1);
    name = "membranes";
    modality = draw.chance(0.75F) ? Modality::kElectron : Modality::kMicroscopy;
    view = unaligned_view(rng.fork(2));
    view.zoom = 1;
    view.warp = draw.uniform(0.4F, 1);
    view.aspect = draw.log_uniform(0.6F, 1.6F);
    look.channels = modality == Modality::kMicroscopy && draw.chance(0.7F) ? 3 : 1;
    look.jitter = draw.log_uniform(0.008F, 0.04F);
    look.textures = {{Texture::Kind::kSmooth, draw.log_uniform(4, 14), 2, 1, 0},
                     {Texture::Kind::kSmooth, draw.log_uniform(30, 100), 2, 1, 0}};
    look.textures.push_back({Texture::Kind::kStripes, draw.uniform(30, 60), 1, 1, draw.uniform(0, 3)});
    across_ = draw.log_uniform(4, 17);
    uneven_ = draw.uniform(0, 0.75F);
    gone_ = draw.uniform(0, 0.45F);
    wall_ = draw.log_uniform(0.008F, 0.035F);
    wobble_ = draw.uniform(0.2F, 1.1F) / across_;
    tone_ = draw.uniform(0.0F, 0.08F);
    other_ = draw.uniform(0.1F, 0.45F);

    const bool dark = draw.chance(0.75F);
    Colour body = grey(dark ? draw.uniform(0.5F, 0.8F) : draw.uniform(0.1F, 0.4F));
    Colour line = grey(dark ? draw.uniform(0.02F, 0.35F) : draw.uniform(0.6F, 0.95F));
    if (look.channels == 3) {
      const float hue = draw.uniform(0.75F, 1.0F);
      body = hue_colour(hue, draw.uniform(0, 0.4F), draw.uniform(0.75F, 0.98F));
      line =
          hue_colour(hue + draw.uniform(-0.08F, 0.05F), draw.uniform(0.3F, 0.7F), draw.uniform(0.3F, 0.8F));
    }
    const float fuzz = draw.log_uniform(0.02F, 0.09F);
    add_paint(tissue(draw, body, fuzz));
    add_paint(tissue(draw, blend(body, line, draw.uniform(-0.15F, 0.5F)), fuzz));  // the other type
    Paint wall = tissue(draw, line, fuzz * 0.6F);
    wall.soft = draw.uniform(0, 0.01F);
    add_paint(wall);
    // Organelles: a dark skin round stripes; clear or dark droplets.
    add_paint(tissue(draw, blend(body, line, draw.uniform(0.7F, 1.1F)), fuzz * 0.5F));
    Paint matrix = tissue(draw, blend(body, line, draw.uniform(0.3F, 0.7F)), fuzz * 0.5F);
    matrix.texture[1] = 2;
    matrix.amplitude[1] = draw.uniform(0, 0.12F);
    add_paint(matrix);
    add_paint(tissue(
        draw, blend(body, line, draw.chance(0.5F) ? draw.uniform(-0.4F, -0.1F) : draw.uniform(0.8F, 1.2F)),
        0.02F));
    organelles_ = draw.chance(0.75F) ? draw.between(3, 30) : 0;
    droplets_ = draw.chance(0.6F) ? draw.between(4, 60) : 0;
    organelle_size_ = draw.uniform(0.15F, 0.4F) * 2 / across_;
    droplet_size_ = draw.uniform(0.05F, 0.15F) * 2 / across_;
    add_target("walls", {kWall}, 3);
    add_target("cells of a type", {kOther}, 0.7F);
    if (organelles_ > 0) add_target("organelles", {kOrganelle}, 1.3F);
    if (droplets_ > 0) add_target("droplets", {kDroplet}, 0.7F);
    add_target("cells", {kCell, kOther}, 0.3F);
  }

  void draw(Canvas& canvas, Rng rng) const override {
    const auto size = canvas.size();
    const auto n = static_cast<size_t>(size);
    const View& view = canvas.view();
    Plane x = fractal(rng.fork(1), size, across_ * 0.8F, 2),
          y = fractal(rng.fork(2), size, across_ * 0.8F, 2);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = view.x[i] + wobble_ * 0.35F * x[i];
      y[i] = view.y[i] + wobble_ * 0.35F * y[i];
    }
    const auto seeds = scatter(rng.fork(3), x, y);
    std::vector<int> near;
    for (size_t row = 0; row < n; row += 8) {
      for (size_t column = 0; column < n; column += 8) {
        neighbours(seeds, x, y, row * n + column, n, near);
        for (size_t r = 0; r < 8; ++r) {
          for (size_t c = 0; c < 8; ++c) paint_pixel(canvas, seeds, near, (row + r) * n + column + c, x, y);
        }
      }
    }
    contents(canvas, rng.fork(4));
  }

 private:
  static constexpr int kCell = 1, kOther = 2, kWall = 3, kOrganelle = 4, kDroplet = 5;

  // A jittered grid, some of whose nodes are missing: drawn node by node, so that
  // it is the same at every resolution.
  std::vector<Seed> scatter(const Rng& rng, const Plane& x, const Plane& y) const {
    const auto [x0, x1] = std::minmax_element(x.begin(), x.end());
    const auto [y0, y1] = std::minmax_element(y.begin(), y.end());
    const float step = 2 / across_;
    std::vector<Seed> seeds;
    for (int v = static_cast<int>(std::floor(*y0 / step)) - 2; v <= static_cast<int>(*y1 / step) + 2; ++v) {
      for (int u = static_cast<int>(std::floor(*x0 / step)) - 2; u <= static_cast<int>(*x1 / step) + 2; ++u) {
        Rng own = rng.fork((static_cast<uint64_t>(v + 4096) << 16) | static_cast<uint64_t>(u + 4096));
        if (own.chance(gone_)) continue;
        const float px = (static_cast<float>(u) + own.uniform()) * step,
                    py = (static_cast<float>(v) + own.uniform()) * step;
        const float weight = uneven_ * step * step * own.uniform(-0.5F, 0.5F);
        const int type = own.chance(other_) ? 1 : 0;
        seeds.push_back({px, py, weight, type, tone_ * own.normal()});
      }
    }
    return seeds;
  }

  // The seeds that can be first or second somewhere in a block of 8 x 8 pixels.
  static void neighbours(const std::vector<Seed>& seeds, const Plane& x, const Plane& y, size_t corner,
                         size_t n, std::vector<int>& near) {
    const float cx = x[corner + 4 * n + 4], cy = y[corner + 4 * n + 4];
    float reach = 0;
    for (size_t r = 0; r < 8; ++r) {
      for (size_t c = 0; c < 8; ++c) {
        const size_t i = corner + r * n + c;
        reach = std::max(reach, (x[i] - cx) * (x[i] - cx) + (y[i] - cy) * (y[i] - cy));
      }
    }
    reach = std::sqrt(reach);
    float first = 1e9F, second = 1e9F;
    const auto away = [&](const Seed& seed) {
      return std::sqrt((seed.x - cx) * (seed.x - cx) + (seed.y - cy) * (seed.y - cy));
    };
    for (const auto& seed : seeds) {
      const float far = away(seed) + reach, most = far * far - seed.weight;
      if (most < first) {
        second = first;
        first = most;
      } else {
        second = std::min(second, most);
      }
    }
    near.clear();
    for (size_t k = 0; k < seeds.size(); ++k) {
      const float close = std::max(0.0F, away(seeds[k]) - reach);
      if (close * close - seeds[k].weight <= second) near.push_back(static_cast<int>(k));
    }
  }

  void paint_pixel(Canvas& canvas, const std::vector<Seed>& seeds, const std::vector<int>& near, size_t i,
                   const Plane& x, const Plane& y) const {
    float first = 1e9F, second = 1e9F;
    const Seed *best = nullptr, *next = nullptr;
    for (const int k : near) {
      const Seed& seed = seeds[static_cast<size_t>(k)];
      const float dx = x[i] - seed.x, dy = y[i] - seed.y, power = dx * dx + dy * dy - seed.weight;
      if (power < first) {
        second = first;
        next = best;
        first = power;
        best = &seed;
      } else if (power < second) {
        second = power;
        next = &seed;
      }
    }
    if (best == nullptr) return;
    canvas.fill(i, best->type, best->type == 0 ? kCell : kOther);
    for (int c = 0; c < canvas.channels(); ++c) canvas.values()[static_cast<size_t>(c)][i] += best->tone;
    if (next == nullptr) return;
    const float apart = std::hypot(best->x - next->x, best->y - next->y);
    const float depth = wall_ / 2 - (second - first) / (2 * apart + 1e-6F);
    const float border = canvas.view().pixel + canvas.look().paints[2].soft;
    const float cover = std::clamp(0.5F + depth / border, 0.0F, 1.0F);
    if (cover > 0) canvas.mix(i, 2, kWall, cover);
  }

  void contents(Canvas& canvas, Rng rng) const {
    const Labels inside = labels_of({kCell, kOther});
    const Labels skin = labels_of({kOrganelle});
    for (int k = 0; k < organelles_; ++k) {
      Blob blob;
      blob.x = rng.uniform(-1.2F, 1.2F);
      blob.y = rng.uniform(-1.2F, 1.2F);
      blob.rx = organelle_size_ * rng.log_uniform(0.6F, 1.8F);
      blob.ry = organelle_size_ * rng.log_uniform(0.4F, 0.9F);
      blob.turn = rng.uniform(0, 3.14F);
      blob.roughen(rng, 0.08F);
      paint_blob(canvas, blob, 3, kOrganelle, &inside);
      paint_blob(canvas, blob.shrunk(0.014F), 4, kOrganelle, &skin);
    }
    for (int k = 0; k < droplets_; ++k) {
      Blob blob;
      blob.x = rng.uniform(-1.2F, 1.2F);
      blob.y = rng.uniform(-1.2F, 1.2F);
      blob.rx = blob.ry = droplet_size_ * rng.log_uniform(0.7F, 1.4F);
      paint_blob(canvas, blob, 5, kDroplet, &inside);
    }
  }

  float across_, uneven_, gone_, wall_, wobble_, tone_, other_, organelle_size_, droplet_size_;
  int organelles_, droplets_;
};

}  // namespace

FamilyPtr make_membranes(Rng rng) { return std::make_unique<Membranes>(rng); }

}  // namespace gmiseg::synth
