import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FIXTURES, inspect, inspectError, readTensors, writeTensors } from '../helpers/checkpoints.js';

const TINY = join(FIXTURES, 'sam-tiny');
const HF = join(FIXTURES, 'hf-sam-tiny');
const MADE = join(FIXTURES, 'checkpoints');

/** The keys of config.json that describe the model. */
function sizesOf(config: Record<string, unknown>): Record<string, unknown> {
  const { parameters: _, encoder_parameters: __, ...sizes } = config;
  return sizes;
}

t.test('the same weights are found in every wrapping', async (t) => {
  const config = JSON.parse(readFileSync(join(TINY, 'config.json'), 'utf8'));
  const names = Object.keys(readTensors(join(TINY, 'weights.safetensors'))).sort();
  for (const [file, format, prefix] of [
    ['weights.safetensors', 'safetensors', ''],
    ['weights.pth', 'pth', ''],
    ['weights-training.pth', 'pth', 'model.'],
    ['weights-ddp.pth', 'pth', 'module.'],
  ] as const) {
    const found = await inspect(join(TINY, file));
    t.equal(found.format, format, file);
    t.equal(found.flavour, 'sam', file);
    t.equal(found.preprocessing, 'sam', file);
    t.equal(found.weights, 202, file);
    t.match(found.config, { ...sizesOf(config), mlp_dim: 256, preprocessing: 'sam' }, file);
    t.same(found.tensors.map((x) => x.name).sort(), names.map((name) => prefix + name).sort(), file);
    t.ok(
      found.tensors.every((x) => x.dtype === 'F32'),
      file,
    );
  }
});

t.test('a training checkpoint keeps its scalars as metadata', async (t) => {
  t.equal((await inspect(join(TINY, 'weights-training.pth'))).metadata.epoch, '3');
  t.match((await inspect(join(MADE, 'views.pth'))).metadata, { epoch: '7', note: 'seven' });
});

t.test('the content decides about the format, not the name', async (t) => {
  const folder = t.testdir();
  copyFileSync(join(TINY, 'weights.pth'), join(folder, 'a.safetensors'));
  copyFileSync(join(TINY, 'weights.safetensors'), join(folder, 'b.pth'));
  t.equal((await inspect(join(folder, 'a.safetensors'))).format, 'pth');
  t.equal((await inspect(join(folder, 'b.pth'))).format, 'safetensors');
});

t.test('prefixes come off in any combination', async (t) => {
  const found = await inspect(join(MADE, 'module-sam-prefix.pth'));
  t.equal(found.tensors[0]?.name, 'model.module.sam.image_encoder.pos_embed');
  t.equal(found.weights, 2);
  t.equal((await inspect(join(MADE, 'renamed.pth'))).weights, 2, 'the folder inside the zip has any name');

  const folder = t.testdir();
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  for (const prefix of [
    'sam.',
    'module.sam.',
    'state_dict.',
    'model_state.',
    'state_dict.module.',
    'model.sam.',
  ]) {
    const renamed = Object.fromEntries(Object.entries(tensors).map(([k, v]) => [prefix + k, v]));
    const path = writeTensors(join(folder, 'x.safetensors'), renamed);
    t.equal((await inspect(path)).weights, 202, prefix);
  }
});

t.test('weights under a foreign prefix are not taken for the model', async (t) => {
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const teacher = Object.fromEntries(Object.entries(tensors).map(([k, v]) => [`teacher.${k}`, v]));
  const folder = t.testdir();
  const alone = await inspect(writeTensors(join(folder, 'a.safetensors'), teacher));
  t.equal(alone.weights, 0);
  t.equal(alone.flavour, 'unknown');
  t.match(alone.configReason, /"teacher\."/);
  const both = await inspect(writeTensors(join(folder, 'b.safetensors'), { ...teacher, ...tensors }));
  t.equal(both.weights, 202);
});

t.test(
  'tensors of every kind are read: views, empty ones, scalars, parameters, half precision',
  async (t) => {
    const found = await inspect(join(MADE, 'views.pth'));
    const byName = Object.fromEntries(
      found.tensors.map(({ name, ...rest }) => [name.split('.').at(-1), rest]),
    );
    t.same(byName, {
      base: { dtype: 'F32', shape: [4, 6] },
      transposed: { dtype: 'F32', shape: [6, 4] },
      row: { dtype: 'F32', shape: [6] },
      none: { dtype: 'F32', shape: [0, 3] },
      scalar: { dtype: 'F32', shape: [] },
      parameter: { dtype: 'F32', shape: [3] },
      float64: { dtype: 'F64', shape: [4] },
      float16: { dtype: 'F16', shape: [4] },
      bfloat16: { dtype: 'BF16', shape: [4] },
    });
    t.equal((await inspect(join(MADE, 'float8.pth'))).tensors[0]?.dtype, 'F8_E4M3');
  },
);

t.test('foreign objects beside the weights stay closed', async (t) => {
  for (const [file, ignored] of [
    ['optimizer-object.pth', 'torch.optim.adam.Adam'],
    ['training-namespace.pth', 'argparse.Namespace'],
    ['training-os-system.pth', 'posix.system'],
  ] as const) {
    const found = await inspect(join(MADE, file));
    t.equal(found.weights, 2, file);
    t.equal(found.metadata['pickle.ignored'], ignored, file);
  }
  t.notOk(existsSync('gmiseg-pickle-was-run'), 'nothing was run');

  const state = await inspect(join(MADE, 'optimizer-state.pth'));
  t.equal(state.weights, 2);
  t.ok(
    state.tensors.some((x) => x.name === 'optimizer.state.0.exp_avg'),
    "an optimizer's tensors are listed but are no weights",
  );
});

t.test('a Hugging Face folder', async (t) => {
  const expected = {
    image_size: 64,
    patch_size: 8,
    embed_dim: 48,
    depth: 3,
    num_heads: 4,
    mlp_dim: 112,
    global_attn_indexes: [1],
    window_size: 3,
    prompt_embed_dim: 32,
    decoder_mlp_dim: 72,
    decoder_num_heads: 4,
    iou_head_hidden_dim: 40,
    decoder_norm_eps: 1e-6,
    preprocessing: 'sam',
  };
  const found = await inspect(HF);
  t.equal(found.path, join(HF, 'model.safetensors'));
  t.equal(found.flavour, 'huggingface');
  t.equal(found.weights, 188);
  t.same(found.config, expected);
  t.same((await inspect(`${HF}/`)).config, expected, 'with a slash at its end');
  t.same((await inspect(join(HF, 'model.safetensors'))).config, expected, 'by its file');

  const folder = t.testdir();
  copyFileSync(join(HF, 'config.json'), join(folder, 'config.json'));
  copyFileSync(join(HF, 'pytorch_model.bin'), join(folder, 'pytorch_model.bin'));
  const bin = await inspect(folder);
  t.equal(bin.format, 'pth');
  t.equal(bin.weights, 188, 'both copies of the positional embedding make one');
  t.same(bin.config, expected);
});

t.test('copies of the positional embedding that differ are refused', async (t) => {
  const tensors = readTensors(join(HF, 'model.safetensors'));
  const name = 'shared_image_embedding.positional_embedding';
  const copy = { ...tensors[name]!, data: Buffer.from(tensors[name]!.data) };
  const path = join(t.testdir(), 'x.safetensors');
  const other = 'prompt_encoder.shared_embedding.positional_embedding';
  t.equal((await inspect(writeTensors(path, { ...tensors, [other]: copy }))).weights, 188);
  copy.data[0]! ^= 1;
  const error = await inspectError(writeTensors(path, { ...tensors, [other]: copy }));
  t.equal(error.code, 'ERR_CHECKPOINT_FORMAT');
  t.match(error.message, /two copies .* differ/);
});

t.test('shards', async (t) => {
  const folder = t.testdir();
  copyFileSync(join(HF, 'config.json'), join(folder, 'config.json'));
  const all = Object.entries(readTensors(join(HF, 'model.safetensors')));
  const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  const half = Math.floor(all.length / 2);
  writeTensors(join(folder, files[0]), Object.fromEntries(all.slice(0, half)));
  writeTensors(join(folder, files[1]), Object.fromEntries(all.slice(half)));
  const map = Object.fromEntries(all.map(([name], i) => [name, files[i < half ? 0 : 1]]));
  const index = join(folder, 'model.safetensors.index.json');
  const write = (weights: object) =>
    writeFileSync(index, JSON.stringify({ metadata: { total_size: 1 }, weight_map: weights }));

  write(map);
  for (const path of [folder, index]) {
    const found = await inspect(path);
    t.equal(found.weights, 188);
    t.equal(found.format, 'safetensors');
    t.equal(found.path, index);
  }
  const first = all[0]![0];
  for (const [file, code, text] of [
    ['../model.safetensors', 'ERR_CHECKPOINT_FORMAT', /outside its folder/],
    ['/etc/passwd', 'ERR_CHECKPOINT_FORMAT', /outside its folder/],
    ['..', 'ERR_CHECKPOINT_FORMAT', /outside its folder/],
    ['', 'ERR_CHECKPOINT_FORMAT', /outside its folder/],
    [files[1], 'ERR_CHECKPOINT_FORMAT', /its index/],
  ] as const) {
    write({ ...map, [first]: file });
    const error = await inspectError(folder);
    t.equal(error.code, code, file);
    t.match(error.message, text, file);
  }
  write(Object.fromEntries(all.map(([name]) => [name, 'none.safetensors'])));
  const missing = await inspectError(folder);
  t.equal(missing.code, 'ERR_CHECKPOINT_NOT_FOUND');
  t.match(missing.message, /none\.safetensors/);
  write({ ...map, extra: files[0] });
  t.match((await inspectError(folder)).message, /lacks weights that its index promises/);
  writeFileSync(index, '{"weight_map": 3}');
  t.match((await inspectError(folder)).message, /no "weight_map"/);
  writeFileSync(index, '{"weight_map": {}, "weight_map": {}}');
  t.match((await inspectError(folder)).message, /appears twice/);
});

t.test('MedSAM is told by its name, by metadata or by a config', async (t) => {
  const folder = t.testdir({ MedSAM: {} });
  const weights = join(TINY, 'weights.pth');
  copyFileSync(join(TINY, 'config.json'), join(folder, 'config.json'));

  const named = join(folder, 'MedSAM_vit_b.pth');
  copyFileSync(weights, named);
  t.match(await inspect(named), {
    flavour: 'medsam',
    preprocessing: 'medsam',
    config: { preprocessing: 'medsam' },
  });

  const inside = join(folder, 'MedSAM', 'sam_vit_b.pth');
  copyFileSync(weights, inside);
  t.match(
    await inspect(inside),
    { flavour: 'sam', preprocessing: 'sam' },
    'the folder of a file does not count',
  );

  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const told = writeTensors(join(folder, 'x.safetensors'), tensors, { preprocessing: 'medsam' });
  t.match(await inspect(told), { flavour: 'medsam', preprocessing: 'medsam' });
  const denied = writeTensors(join(folder, 'medsam.safetensors'), tensors, { preprocessing: 'sam' });
  t.match(await inspect(denied), { flavour: 'sam', preprocessing: 'sam' }, 'metadata goes before the name');

  const config = JSON.parse(readFileSync(join(TINY, 'config.json'), 'utf8'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, preprocessing: 'medsam' }));
  copyFileSync(weights, join(folder, 'plain.pth'));
  t.match(await inspect(join(folder, 'plain.pth')), {
    preprocessing: 'medsam',
    config: { preprocessing: 'medsam' },
  });

  const hf = join(folder, 'medsam-vit-base');
  cpSync(HF, hf, { recursive: true });
  t.match(await inspect(hf), {
    flavour: 'huggingface',
    preprocessing: 'medsam',
    config: { preprocessing: 'medsam' },
  });
});

t.test('our own files carry their config', async (t) => {
  const tensors = readTensors(join(TINY, 'weights.safetensors'));
  const folder = t.testdir();
  const config = { variant: 'custom', embed_dim: 64, preprocessing: 'medsam', decoder_norm_eps: 1e-6 };
  const path = join(folder, 'x.safetensors');
  const found = await inspect(writeTensors(path, tensors, { 'gmiseg.config': JSON.stringify(config) }));
  t.equal(found.flavour, 'gmiseg');
  t.equal(found.preprocessing, 'medsam');
  t.same(found.config, config);
  for (const bad of ['{', '3', '{"preprocessing": 3}', '{"a":1,"a":2}']) {
    const error = await inspectError(writeTensors(path, tensors, { 'gmiseg.config': bad }));
    t.equal(error.code, 'ERR_CHECKPOINT_FORMAT', bad);
    t.ok(error.message.includes(path), bad);
  }
});

t.test('an adapter file is no model', async (t) => {
  const adapter = readTensors(join(TINY, 'adapter', 'pooled.safetensors'));
  const only = Object.fromEntries(
    Object.entries(adapter)
      .filter(([name]) => name.startsWith('after_adamw.'))
      .map(([name, tensor]) => [name.slice('after_adamw.'.length), tensor]),
  );
  t.ok(Object.keys(only).length > 0);
  const found = await inspect(writeTensors(join(t.testdir(), 'a.safetensors'), only));
  t.match(found, { flavour: 'adapter', weights: 0, config: null, preprocessing: null });
  t.match(found.configReason, /adapter/);
});

t.test('folders without weights and files that are not there', async (t) => {
  const folder = t.testdir({ empty: {}, 'f.txt': '' });
  mkdirSync(join(folder, 'x.safetensors'));
  for (const path of ['none.pth', 'empty', 'x.safetensors', 'f.txt/x.pth']) {
    const error = await inspectError(join(folder, path));
    t.equal(error.code, 'ERR_CHECKPOINT_NOT_FOUND', path);
    t.ok(error.message.includes(join(folder, path)), path);
  }
});
