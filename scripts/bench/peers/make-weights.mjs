// node make-weights.mjs SETTINGS OUT: a model that gmiseg loads (JSON: config, size, model), written with all weights.
import { join } from 'node:path';
import { ROOT } from '../../lib/project.mjs';

const [text = '{}', out = ''] = process.argv.slice(2);
const { config, size, model } = JSON.parse(text);
const { Segmenter } = await import(join(ROOT, 'dist', 'index.js'));
const segmenter = await Segmenter.load({
  ...(model ? { checkpoint: model } : { config }),
  imageSize: size,
  device: 'cpu',
});
await segmenter.save(out, { what: 'full' });
await segmenter.close();
