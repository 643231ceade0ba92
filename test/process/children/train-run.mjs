// Trains as the options in argv[2] (JSON) say, on a small model, to the end.
import { gmiseg, TINY } from './common.mjs';

const { data, model, ...options } = JSON.parse(process.argv[2] ?? '');
const segmenter = await gmiseg.Segmenter.load({
  config: { ...TINY, ...model },
  device: 'cpu',
  threads: 2,
  seed: 5,
});
await segmenter.train(data, options);
await segmenter.close();
