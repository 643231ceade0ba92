// Support -> prompts on any SAM, by a deterministic rule: prototypes of target and
// surroundings give a similarity map, the examples' masks a location prior; boxes, points and a mask prompt
// derive from both, and SAM's decoder draws the outline.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "runtime/error.h"
#include "support/engine.h"
#include "support/learned.h"
#include "support/prototypes.h"

namespace gmiseg::support {

namespace {

constexpr int64_t kPrototypes = 8, kFarPrototypes = 4;
constexpr double kWeightTemperature = 0.05;
constexpr double kMaskLogit = 10;  // of the mask prompt's extremes
constexpr int64_t kPeaks = 3, kPeakRadius = 3, kHoles = 2;
constexpr int64_t kComponents = 4;       // decoded one by one
constexpr double kComponentShare = 0.1;  // of the largest one's evidence, or it is noise
constexpr int64_t kFeedbacks = 2;
constexpr double kLowestOffset = -4, kHighestOffset = 8, kOffsetStep = 0.5;
constexpr double kTiny = 1e-3;  // of a cell: two empty masks agree

at::Tensor unit(const at::Tensor& x, int64_t dim) { return x / x.norm(2, dim, true).clamp_min(1e-6); }

// [C, g, g] of one image, unit columns, float32 on the CPU.
at::Tensor unit_embedding(const Seen& image) {
  return unit(image.features.embedding.select(0, 0).to(at::kCPU, at::kFloat), 0);
}

// Which cells of the embedding's grid are picture, bool [g, g].
at::Tensor picture_cells(const sam::Frame& frame, const sam::SamConfig& config) {
  const int64_t patch = config.patch_size, grid = frame.side / patch;
  const auto end = [&](int64_t pixels) { return std::min(grid, (pixels + patch - 1) / patch); };
  auto out = at::zeros({grid, grid}, at::kBool);
  out.slice(0, frame.top / patch, end(frame.top + frame.input_height))
      .slice(1, frame.left / patch, end(frame.left + frame.input_width))
      .fill_(true);
  return out;
}

at::Tensor dilated(const at::Tensor& mask, int64_t cells) {
  return at::max_pool2d(mask.to(at::kFloat).unsqueeze(0), {2 * cells + 1, 2 * cells + 1}, {1, 1},
                        {cells, cells})
             .squeeze(0) > 0;
}

struct Component {
  std::vector<int64_t> cells;  // y * grid + x
  int64_t x0, y0, x1, y1;
  double evidence = 0;
};

// 4-connected components of {logits > 0}, the one with most evidence first.
std::vector<Component> components(const at::Tensor& logits) {
  const int64_t grid = logits.size(0);
  const auto values = logits.contiguous();
  const auto* l = values.const_data_ptr<float>();
  std::vector<bool> seen(static_cast<size_t>(grid * grid), false);
  std::vector<Component> out;
  for (int64_t start = 0; start < grid * grid; ++start) {
    if (l[start] <= 0 || seen[static_cast<size_t>(start)]) continue;
    Component c{{start}, grid, grid, -1, -1};
    seen[static_cast<size_t>(start)] = true;
    for (size_t next = 0; next < c.cells.size(); ++next) {
      const int64_t cell = c.cells[next], x = cell % grid, y = cell / grid;
      c.x0 = std::min(c.x0, x), c.x1 = std::max(c.x1, x);
      c.y0 = std::min(c.y0, y), c.y1 = std::max(c.y1, y);
      c.evidence += 1 / (1 + std::exp(-static_cast<double>(l[cell])));
      const auto visit = [&](int64_t nx, int64_t ny) {
        if (nx < 0 || ny < 0 || nx >= grid || ny >= grid) return;
        const int64_t neighbour = ny * grid + nx;
        if (l[neighbour] <= 0 || seen[static_cast<size_t>(neighbour)]) return;
        seen[static_cast<size_t>(neighbour)] = true;
        c.cells.push_back(neighbour);
      };
      visit(x - 1, y), visit(x + 1, y), visit(x, y - 1), visit(x, y + 1);
    }
    out.push_back(std::move(c));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Component& a, const Component& b) { return a.evidence > b.evidence; });
  return out;
}

class TrainingFree : public Engine {
 public:
  struct State {
    at::Tensor target, around;    // prototypes [k, C]
    at::Tensor summaries, masks;  // of the examples: mean embeddings [N, C] and masks [N, g, g]
    at::Tensor offset;            // [1], added to the logits
  };

  TrainingFree(model::Model& model, State state, FitOptions options)
      : model_(model), state_(std::move(state)), options_(std::move(options)) {}

  // The offset with which the logits agree best with the examples' own masks: how similar is similar enough
  // differs between models and targets.
  void calibrate(const std::vector<Example>& examples) {
    std::vector<at::Tensor> maps;
    for (const auto& example : examples) maps.push_back(evidence(*example.image));
    const auto logits = at::stack(maps);
    double best = -1;
    for (double offset = kLowestOffset; offset <= kHighestOffset; offset += kOffsetStep) {
      const auto p = (logits + offset).gt(0).to(at::kFloat);
      const auto dice =
          (2 * (p * state_.masks).sum({1, 2}) + kTiny) / (p.sum({1, 2}) + state_.masks.sum({1, 2}) + kTiny);
      const double mean = dice.mean().item<double>();
      if (mean <= best) continue;
      best = mean;
      state_.offset = at::full({1}, offset, at::kFloat);
    }
  }

  at::Tensor probability(const Seen& query, const sam::Prompts& prompts, const Progress&) const override {
    const auto logits = evidence(query);
    const int64_t side = sam::low_res_of(query.frame, model_.sam->config);
    const auto low = at::upsample_bilinear2d(logits.unsqueeze(0).unsqueeze(0), {side, side}, false);
    const auto dense = at_pixels(low, query.frame);
    const bool prompted = prompts.points.defined() || prompts.boxes.defined();
    if (options_.output == "dense" && !prompted) return dense.sigmoid();
    const auto found = components(logits);
    // Nothing like the target in sight: what little there is stands.
    if (!prompted && found.empty()) return dense.sigmoid();
    const auto refined = prompted ? decode_prompted(query, prompts, low) : decode(query, found, logits, low);
    if (options_.output == "mean" && !prompted) return (0.5 * (dense + refined)).sigmoid();
    return refined.sigmoid();
  }

  io::NamedTensors tensors() const override {
    return {{"target", state_.target},
            {"around", state_.around},
            {"summaries", state_.summaries},
            {"masks", state_.masks},
            {"offset", state_.offset}};
  }
  io::Json describe() const override {
    io::Json json;
    json.set("targetPrototypes", state_.target.size(0));
    json.set("surroundingPrototypes", state_.around.size(0));
    json.set("offset", state_.offset.item<double>());
    return json;
  }

 private:
  at::Tensor at_pixels(const at::Tensor& low_res, const sam::Frame& frame) const {
    return sam::postprocess(low_res, frame, model_.sam->config).select(0, 0).select(0, 0).cpu();
  }

  // Logits of similarity and location on the embedding's grid, [g, g] on the CPU.
  at::Tensor evidence(const Seen& query) const {
    const auto e = unit_embedding(query);
    const int64_t dim = e.size(0), grid = e.size(1);
    const auto flat = e.view({dim, grid * grid});
    const auto best = [&](const at::Tensor& p) { return std::get<0>(at::matmul(p, flat).max(0)); };
    const auto similarity = (best(state_.target) - best(state_.around)).view({grid, grid});
    auto logits = similarity / options_.temperature + state_.offset;
    const auto inside = picture_cells(query.frame, model_.sam->config);
    if (options_.location > 0) {
      const auto summary = unit((e * inside).sum({1, 2}) / inside.sum(), 0);
      const auto weights = at::softmax(at::matmul(state_.summaries, summary) / kWeightTemperature, 0);
      const auto prior = (weights.view({-1, 1, 1}) * state_.masks).sum(0).clamp(0.02, 0.98);
      logits = logits + options_.location * at::logit(prior);
    }
    return at::where(inside, logits, at::full_like(logits, -kMaskLogit));
  }

  // The best of SAM's three masks by its own score and by agreement with the evidence: (logits, box of it).
  at::Tensor best_mask(const Seen& query, const sam::Prompts& prompts, const at::Tensor& evidence) const {
    auto& sam = *model_.sam;
    const auto masks = sam.mask_decoder->forward(query.features, sam.prompt_encoder->dense_pe(grid_of(query)),
                                                 sam.prompt_encoder->forward(prompts, 1, grid_of(query)),
                                                 sam::MaskChoice::kMulti);
    const auto logits = masks.logits.to(at::kCPU, at::kFloat), iou = masks.iou.to(at::kCPU, at::kFloat);
    const auto p = logits.sigmoid(), q = evidence.sigmoid();
    const auto agreement = 2 * (p * q).sum({2, 3}) / (p.sum({2, 3}) + q.sum({2, 3}) + 1);
    const auto pick = (iou.clamp_min(0.01) * agreement).argmax(1).item<int64_t>();
    return logits.slice(1, pick, pick + 1);
  }

  at::Tensor decode(const Seen& query, const std::vector<Component>& found, const at::Tensor& logits,
                    const at::Tensor& low) const {
    const auto& config = model_.sam->config;
    const double cell = static_cast<double>(config.patch_size);
    at::Tensor merged;
    for (size_t i = 0; i < found.size() && i < kComponents; ++i) {
      const auto& c = found[i];
      if (c.evidence < kComponentShare * found[0].evidence) break;
      sam::Prompts prompts;
      point_prompts(c, logits, prompts);
      const auto edge = static_cast<double>(query.frame.side - 1);
      const auto side = [&](int64_t at_cell) {
        return static_cast<float>(std::clamp(static_cast<double>(at_cell) * cell, 0.0, edge));
      };
      prompts.boxes =
          at::tensor({side(c.x0 - 1), side(c.y0 - 1), side(c.x1 + 2), side(c.y1 + 2)}).view({1, 4});
      // Other parts of the target are not this object.
      auto own = at::zeros_like(logits).view({-1});
      own.index_fill_(0, at::tensor(c.cells), 1);
      const auto grown = dilated(own.view_as(logits) > 0, 1);
      const auto part = at::where(grown, logits, logits.clamp_max(-1));
      auto mask = at::upsample_bilinear2d(part.unsqueeze(0).unsqueeze(0), low.sizes().slice(2), false);
      mask = mask * (kMaskLogit / mask.abs().max().clamp_min(1e-3));
      prompts.masks = mask;
      to_device(prompts);
      auto answer = best_mask(query, prompts, mask);
      for (int64_t again = 0; again < kFeedbacks; ++again) {
        if (!answer.gt(0).any().item<bool>()) break;
        prompts.masks = answer.clamp(-kMaskLogit, kMaskLogit).to(model_.device);
        answer = best_mask(query, prompts, mask);
      }
      merged = merged.defined() ? at::maximum(merged, answer) : answer;
    }
    return at_pixels(merged, query.frame);
  }

  at::Tensor decode_prompted(const Seen& query, const sam::Prompts& given, const at::Tensor& low) const {
    auto prompts = given;
    const auto mask = low * (kMaskLogit / low.abs().max().clamp_min(1e-3));
    prompts.masks = mask.to(model_.device);
    return at_pixels(best_mask(query, prompts, mask), query.frame);
  }

  // Peaks of the evidence inside a component, and its lowest places near by.
  void point_prompts(const Component& c, const at::Tensor& logits, sam::Prompts& prompts) const {
    const int64_t grid = logits.size(0);
    const auto values = logits.contiguous();
    const auto* l = values.const_data_ptr<float>();
    std::vector<float> points, labels;
    std::vector<std::pair<int64_t, int64_t>> taken;
    const auto take = [&](std::vector<int64_t> cells, int64_t most, float label) {
      std::stable_sort(cells.begin(), cells.end(),
                       [&](int64_t a, int64_t b) { return label > 0 ? l[a] > l[b] : l[a] < l[b]; });
      int64_t count = 0;
      for (const int64_t cell : cells) {
        if (count == most) break;
        const int64_t x = cell % grid, y = cell / grid;
        const bool near = std::any_of(taken.begin(), taken.end(), [&](const auto& t) {
          return std::max(std::abs(t.first - x), std::abs(t.second - y)) <= kPeakRadius;
        });
        if (near) continue;
        taken.emplace_back(x, y);
        const auto centre = [&](int64_t v) {
          return static_cast<float>((static_cast<double>(v) + 0.5) *
                                    static_cast<double>(model_.sam->config.patch_size));
        };
        points.insert(points.end(), {centre(x), centre(y)});
        labels.push_back(label);
        ++count;
      }
    };
    take(c.cells, kPeaks, 1);
    std::vector<int64_t> outside;
    for (int64_t y = std::max<int64_t>(0, c.y0 - 2); y <= std::min(grid - 1, c.y1 + 2); ++y) {
      for (int64_t x = std::max<int64_t>(0, c.x0 - 2); x <= std::min(grid - 1, c.x1 + 2); ++x) {
        if (l[y * grid + x] < 0) outside.push_back(y * grid + x);
      }
    }
    take(outside, kHoles, 0);
    const auto count = static_cast<int64_t>(labels.size());
    prompts.points = at::tensor(points).view({1, count, 2});
    prompts.labels = at::tensor(labels).view({1, count});
  }

  void to_device(sam::Prompts& prompts) const {
    for (auto* t : {&prompts.points, &prompts.labels, &prompts.boxes, &prompts.masks})
      *t = t->to(model_.device);
  }

  model::Model& model_;
  State state_;
  const FitOptions options_;
};

}  // namespace

std::unique_ptr<Engine> fit_training_free(model::Model& model, const std::vector<Example>& examples,
                                          const FitOptions& options) {
  const auto& config = model.sam->config;
  const int64_t grid = grid_of(*examples.front().image);
  std::vector<at::Tensor> target, ring, rest, summaries, masks;
  double cells_in = 0;
  for (const auto& example : examples) {
    const auto e = unit_embedding(*example.image);
    const auto inside = picture_cells(example.image->frame, config);
    const auto share = at::avg_pool2d(mask_cells(example, config).unsqueeze(0), {4, 4}).view({grid, grid});
    auto in = share.ge(0.5);
    // A target smaller than a cell: the cell that holds most of it.
    if (!in.any().item<bool>() && share.max().item<double>() > 0) in = share.eq(share.max());
    const auto rows = [&](const at::Tensor& where) {
      return e.flatten(1).t().index_select(0, where.logical_and(inside).flatten().nonzero().squeeze(1));
    };
    const auto near = dilated(in, 4);
    target.push_back(rows(in));
    ring.push_back(rows(near.logical_and(dilated(in, 1).logical_not())));
    rest.push_back(rows(near.logical_not()));
    cells_in += in.sum().item<double>();
    summaries.push_back(unit((e * inside).sum({1, 2}) / inside.sum(), 0));
    masks.push_back(share);
  }
  TrainingFree::State state;
  const auto count = std::clamp<int64_t>(
      static_cast<int64_t>(cells_in / static_cast<double>(examples.size()) / 4), 1, kPrototypes);
  const auto of = [&](const std::vector<at::Tensor>& rows, int64_t most) {
    const auto all = at::cat(rows);
    return all.size(0) == 0 ? at::zeros({0, all.size(1)}) : prototypes(all, most);
  };
  state.target = of(target, count);
  state.around = at::cat({of(ring, count), of(rest, kFarPrototypes)});
  // Empty masks, or masks that cover all: similarity to nothing is none.
  const auto none = at::zeros({1, config.prompt_embed_dim});
  if (state.target.size(0) == 0) state.target = none;
  if (state.around.size(0) == 0) state.around = none;
  state.summaries = at::stack(summaries);
  state.masks = at::stack(masks);
  state.offset = at::zeros({1});
  auto engine = std::make_unique<TrainingFree>(model, std::move(state), options);
  engine->calibrate(examples);
  return engine;
}

std::unique_ptr<Engine> restore_training_free(model::Model& model, const io::NamedTensors& tensors,
                                              const FitOptions& options) {
  std::unordered_map<std::string, at::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, tensor);
  TrainingFree::State state;
  for (const auto& [name, target] : {std::pair("target", &state.target), std::pair("around", &state.around),
                                     std::pair("summaries", &state.summaries),
                                     std::pair("masks", &state.masks), std::pair("offset", &state.offset)}) {
    if (by_name.count(name) == 0)
      throw Error(ErrorCode::kCheckpointFormat, "The task file lacks the tensor " + std::string(name) + ".");
    *target = by_name.at(name);
  }
  return std::make_unique<TrainingFree>(model, std::move(state), options);
}

}  // namespace gmiseg::support
