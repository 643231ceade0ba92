// Threads that load, work and end in the way that the first argument names.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { gmiseg, IMAGE, SLOW, say, sleep, TINY } from './common.mjs';

const { Segmenter } = gmiseg;

async function predictOnce() {
  const segmenter = await Segmenter.load({ config: TINY, seed: 1, device: 'cpu', threads: 1 });
  const { scores, masks } = await segmenter.predict(IMAGE, { points: [{ x: 20, y: 20 }] });
  await segmenter.close();
  return `${scores[0]} ${masks.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value, 0)}`;
}

/**
 * @param {string} task
 * @param {boolean} [kill] in the middle of its work
 * @returns {Promise<{ code: number; said: string[] }>}
 */
function runWorker(task, kill = false) {
  return new Promise((resolve, reject) => {
    /** @type {string[]} */
    const said = [];
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    worker.on('message', (message) => {
      said.push(message);
      if (kill) setTimeout(() => worker.terminate(), 50);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => resolve({ code, said }));
  });
}

if (!isMainThread) {
  switch (workerData) {
    case 'predict':
      parentPort?.postMessage(await predictOnce());
      break;
    case 'busy': {
      const segmenter = await Segmenter.load({ config: SLOW, device: 'cpu', threads: 1 });
      const jobs = [segmenter.encode(IMAGE), segmenter.encode(IMAGE)];
      parentPort?.postMessage('working');
      await Promise.all(jobs);
      parentPort?.postMessage('done');
      break;
    }
    case 'exit': {
      const segmenter = await Segmenter.load({ config: SLOW, device: 'cpu', threads: 1 });
      segmenter.encode(IMAGE);
      await sleep(50);
      process.exit(107);
    }
  }
} else {
  switch (process.argv[2]) {
    case 'all': {
      const answers = await Promise.all([predictOnce(), ...[1, 2, 3, 4].map(() => runWorker('predict'))]);
      say(JSON.stringify(answers));
      break;
    }
    case 'worker-only': {
      // The addon's only environment goes, and another one comes.
      for (let round = 0; round < 3; round++) say(JSON.stringify(await runWorker('predict')));
      break;
    }
    case 'terminate': {
      const ended = await Promise.all([1, 2, 3].map(() => runWorker('busy', true)));
      say(JSON.stringify(ended));
      say(await predictOnce());
      break;
    }
    case 'exit': {
      say(JSON.stringify(await Promise.all([runWorker('exit'), runWorker('exit')])));
      say(await predictOnce());
      break;
    }
  }
}
