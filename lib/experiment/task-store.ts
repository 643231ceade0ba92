import path from 'node:path';
import { SliceStoreWriter } from '../dataset/slice-store-writer.js';
import { packageRoot } from '../package-root.js';
import { once } from './claim.js';
import type { RunContext } from './run-context.js';
import { readSlice, type TestTask } from './test-task.js';

/**
 * A store of one task alone, for a network that learns nothing else: the slices that supports are drawn from, and those
 * of the split `val` to choose by, with the target as label 1. Queries are not in it.
 * @returns its path
 */
export async function ensureTaskStore(context: RunContext, task: TestTask): Promise<string> {
  const folder = path.join(context.out, 'task-stores', task.id);
  await context.until(`the store of ${task.id}`, () =>
    once(path.join(folder, 'index.json'), context.claim(`store-${task.id}`), () =>
      writeTaskStore(context, task, folder),
    ),
  );
  return folder;
}

async function writeTaskStore(context: RunContext, task: TestTask, folder: string): Promise<void> {
  const writer = await SliceStoreWriter.create(folder, { overwrite: true });
  try {
    writer.describe(task.dataSet, new Map([[1, task.name]]));
    for (const entry of [...task.pool, ...task.validation]) {
      context.signal.throwIfAborted();
      const { image, mask } = await readSlice(task, entry);
      await writer.add({
        dataset: task.dataSet,
        subject: entry.subject,
        ...(entry.case === undefined ? {} : { case: entry.case }),
        axis: entry.axis as 0 | 1 | 2,
        index: entry.index,
        spacing: entry.spacing,
        height: entry.height,
        width: entry.width,
        channels: entry.channels,
        modality: entry.modality,
        split: entry.split,
        labels: new Map([[1, mask.data.reduce((sum, value) => sum + value, 0)]]),
        image: image.data,
        mask: mask.data,
      });
    }
    await writer.finish({
      command: context.commandLine,
      created: new Date().toISOString(),
      gmiseg: packageRoot().version,
      source: task.store.path,
      options: { task: task.id, labels: [...task.labels] },
    });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
