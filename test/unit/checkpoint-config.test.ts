import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  FIXTURES,
  inspect,
  inspectError,
  readTensors,
  samShapes,
  writeShapes,
  writeTensors,
} from '../helpers/checkpoints.js';

const TINY = join(FIXTURES, 'sam-tiny');
const HF = join(FIXTURES, 'hf-sam-tiny');

const VIT_B = { dim: 768, depth: 12, headDim: 64, global: [2, 5, 8, 11] };

t.test('the shapes tell the released variants', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  for (const [variant, sizes, heads] of [
    ['vit_b', VIT_B, 12],
    ['vit_l', { dim: 1024, depth: 24, headDim: 64, global: [5, 11, 17, 23] }, 16],
    ['vit_h', { dim: 1280, depth: 32, headDim: 80, global: [7, 15, 23, 31] }, 16],
  ] as const) {
    const found = await inspect(writeShapes(path, samShapes(sizes)));
    t.same(
      found.config,
      {
        variant,
        image_size: 1024,
        patch_size: 16,
        embed_dim: sizes.dim,
        depth: sizes.depth,
        num_heads: heads,
        mlp_dim: 4 * sizes.dim,
        global_attn_indexes: sizes.global,
        window_size: 14,
        prompt_embed_dim: 256,
        decoder_mlp_dim: 2048,
        decoder_num_heads: 8,
        iou_head_hidden_dim: 256,
        preprocessing: 'sam',
      },
      variant,
    );
    t.equal(found.configReason, '');
  }
});

t.test('the shapes tell odd widths, sizes and windows', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const slim = { dim: 168, depth: 12, headDim: 14, global: [2, 5, 8, 11], mlp: 696 };
  t.match((await inspect(writeShapes(path, samShapes(slim)))).config, {
    variant: 'custom',
    embed_dim: 168,
    num_heads: 12,
    mlp_dim: 696,
  });
  const small = { ...VIT_B, grid: 16, window: 7 };
  t.match((await inspect(writeShapes(path, samShapes(small)))).config, {
    variant: 'custom',
    image_size: 256,
    window_size: 7,
    global_attn_indexes: [2, 5, 8, 11],
  });
  const all = { ...VIT_B, depth: 3, global: [0, 1, 2] };
  t.match((await inspect(writeShapes(path, samShapes(all)))).config, { global_attn_indexes: [0, 1, 2] });
});

t.test('where the shapes do not tell, the reason names the remedy', async (t) => {
  const path = join(t.testdir(), 'x.safetensors');
  const good = samShapes({ ...VIT_B, depth: 3, global: [2] });
  const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
  for (const [shapes, reason] of [
    [
      samShapes({ ...VIT_B, depth: 2, global: [1], width: 128 }),
      /how many heads a mask decoder of width 128/,
    ],
    [without('image_encoder.pos_embed'), /lacks "image_encoder\.pos_embed"/],
    [without('image_encoder.blocks.1.attn.rel_pos_h'), /lacks "image_encoder\.blocks\.1\.attn\.rel_pos_h"/],
    [{ ...good, 'image_encoder.pos_embed': [1, 64, 32, 768] }, /contradict each other/],
    [{ ...good, 'image_encoder.pos_embed': [64, 64, 768] }, /has 3 dimensions/],
    [{ ...good, 'image_encoder.pos_embed': [1, 32, 32, 768] }, /windows of several sizes/],
    [{ ...good, 'image_encoder.blocks.0.attn.rel_pos_h': [28, 64] }, /odd shape/],
    [{ ...good, 'image_encoder.blocks.0.attn.qkv.weight': [1152, 768] }, /not as wide/],
    [{ ...good, 'image_encoder.patch_embed.seq.0.c.weight': [32, 3, 3, 3] }, /MobileSAM/],
  ] as const) {
    const found = await inspect(writeShapes(path, shapes));
    t.equal(found.config, null);
    t.match(found.configReason, reason);
    t.match(found.configReason, /--config/);
    t.equal(found.preprocessing, 'sam', 'known all the same');
  }
});

t.test('a config.json beside a file counts if it fits', async (t) => {
  const folder = t.testdir();
  const weights = join(folder, 'weights.safetensors');
  copyFileSync(join(TINY, 'weights.safetensors'), weights);
  t.equal((await inspect(weights)).config, null, 'none there');

  const config = JSON.parse(readFileSync(join(TINY, 'config.json'), 'utf8'));
  const beside = (value: unknown) =>
    writeFileSync(join(folder, 'config.json'), typeof value === 'string' ? value : JSON.stringify(value));
  beside(config);
  t.match((await inspect(weights)).config, { embed_dim: 64, decoder_num_heads: 4 });
  for (const other of [
    { ...config, embed_dim: 96 },
    { ...config, image_size: 256 },
    { ...config, depth: 3 },
    { ...config, depth: 5 },
    { ...config, prompt_embed_dim: 64 },
    { name: 'some other program' },
    'no JSON',
    [1],
  ]) {
    beside(other);
    t.equal((await inspect(weights)).config, null, JSON.stringify(other));
  }
});

t.test("a Hugging Face folder's config must fit and be one we have", async (t) => {
  const folder = join(t.testdir(), 'hf');
  cpSync(HF, folder, { recursive: true });
  const config = JSON.parse(readFileSync(join(HF, 'config.json'), 'utf8'));
  const set = (section: string, key: string, value: unknown) =>
    writeFileSync(
      join(folder, 'config.json'),
      JSON.stringify({ ...config, [section]: { ...config[section], [key]: value } }),
    );
  for (const [section, key, value, code, text] of [
    ['vision_config', 'num_hidden_layers', 4, 'ERR_CHECKPOINT_MISMATCH', /depth is 4/],
    ['vision_config', 'hidden_size', 96, 'ERR_CHECKPOINT_MISMATCH', /embed_dim is 96/],
    ['vision_config', 'use_rel_pos', false, 'ERR_CHECKPOINT_FORMAT', /use_rel_pos/],
    ['vision_config', 'hidden_act', 'quick_gelu', 'ERR_CHECKPOINT_FORMAT', /hidden_act/],
    ['vision_config', 'layer_norm_eps', 1e-5, 'ERR_CHECKPOINT_FORMAT', /layer_norm_eps/],
    ['vision_config', 'image_size', [64, 32], 'ERR_CHECKPOINT_FORMAT', /image_size is not square/],
    ['vision_config', 'image_size', 'big', 'ERR_CHECKPOINT_FORMAT', /expected an integer/],
    ['mask_decoder_config', 'num_multimask_outputs', 5, 'ERR_CHECKPOINT_FORMAT', /num_multimask_outputs/],
    [
      'mask_decoder_config',
      'attention_downsample_rate',
      4,
      'ERR_CHECKPOINT_FORMAT',
      /attention_downsample_rate/,
    ],
  ] as const) {
    set(section, key, value);
    const error = await inspectError(folder);
    t.equal(error.code, code, key);
    t.match(error.message, text, key);
    t.ok(error.message.includes(join(folder, 'config.json')), key);
  }
  set('mask_decoder_config', 'layer_norm_eps', 1e-5);
  t.match((await inspect(folder)).config, { decoder_norm_eps: 1e-5 }, 'taken from the file');
  set('vision_config', 'image_size', [64, 64]);
  t.match((await inspect(folder)).config, { image_size: 64, decoder_norm_eps: 1e-6 });
});

t.test("Hugging Face's names without a config have Hugging Face's epsilon", async (t) => {
  const shapes = samShapes({ ...VIT_B, depth: 3, global: [2] });
  const renamed = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name
        .replace('image_encoder.blocks', 'vision_encoder.layers')
        .replace('image_encoder', 'vision_encoder')
        .replace('patch_embed.proj', 'patch_embed.projection')
        .replace('neck.0', 'neck.conv1')
        .replace('norm1', 'layer_norm1')
        .replace('iou_prediction_head.layers.0', 'iou_prediction_head.proj_in'),
      shape,
    ]),
  );
  const found = await inspect(writeShapes(join(t.testdir(), 'x.safetensors'), renamed));
  t.equal(found.flavour, 'huggingface');
  t.match(found.config, { embed_dim: 768, depth: 3, decoder_norm_eps: 1e-6 });
});

t.test('quantised weights are refused', async (t) => {
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const name = 'image_encoder.blocks.0.norm1.bias';
  const path = join(t.testdir(), 'x.safetensors');
  const error = await inspectError(
    writeTensors(path, { ...tensors, [name]: { dtype: 'I8', shape: [4], data: Buffer.alloc(4) } }),
  );
  t.equal(error.code, 'ERR_CHECKPOINT_FORMAT');
  t.ok(error.message.includes(path) && error.message.includes(name));
});
