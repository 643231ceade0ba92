/** Checkpoint files for tests: a safetensors writer that also writes what it should not, and the native reader. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { native } from '../../lib/native.js';
import { parseSafetensors, type RawTensor } from './safetensors.js';

export const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

/** What inspectCheckpoint says (native/core/engine/inspect.cc). */
export interface Inspection {
  path: string;
  format: 'safetensors' | 'pth';
  flavour: 'sam' | 'medsam' | 'huggingface' | 'gmiseg' | 'adapter' | 'unknown';
  preprocessing: 'sam' | 'medsam' | null;
  config: Record<string, unknown> | null;
  configReason: string;
  weights: number;
  metadata: Record<string, string>;
  tensors: { name: string; dtype: string; shape: number[] }[];
}

export async function inspect(path: string): Promise<Inspection> {
  return JSON.parse(await native().inspectCheckpoint(path).promise) as Inspection;
}

/** The error that inspecting `path` must end with. */
export async function inspectError(path: string): Promise<{ code: string; message: string }> {
  try {
    await inspect(path);
  } catch (error) {
    return error as { code: string; message: string };
  }
  return { code: 'none', message: `${path} was read without complaint` };
}

/** Every tensor of a safetensors file, bytes as stored. */
export function readTensors(path: string): Record<string, RawTensor> {
  return parseSafetensors(readFileSync(path));
}

/** A safetensors file of these tensors. `pad`: spaces added to the header. */
export function writeTensors(
  path: string,
  tensors: Record<string, RawTensor>,
  metadata?: Record<string, string>,
  pad = 0,
): string {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let at = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] };
    at += data.length;
  }
  return writeRaw(
    path,
    JSON.stringify(header) + ' '.repeat(pad),
    Buffer.concat(Object.values(tensors).map((t) => t.data)),
  );
}

/** A safetensors file with any text as its header and any length claimed for it. */
export function writeRaw(
  path: string,
  header: string | Buffer,
  data: Buffer = Buffer.alloc(0),
  length?: bigint,
): string {
  const text = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.length));
  writeFileSync(path, Buffer.concat([prefix, text, data]));
  return path;
}

/** A safetensors file of zeros with these shapes; its data take no space on the disk. */
export function writeShapes(path: string, shapes: Record<string, readonly number[]>): string {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const end = at + 4 * shape.reduce((a, b) => a * b, 1);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, end] };
    at = end;
  }
  // Padded: unaligned tensors would be copied, and these are large.
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, 'w');
  try {
    writeSync(file, Buffer.concat([prefix, text]));
    ftruncateSync(file, 8 + text.length + at);
  } finally {
    closeSync(file);
  }
  return path;
}

export interface SamSizes {
  dim: number;
  depth: number;
  headDim: number;
  global: readonly number[];
  grid?: number;
  window?: number;
  mlp?: number;
  width?: number;
}

/** Names and shapes that tell a SAM's config, and a few more. */
export function samShapes(sizes: SamSizes): Record<string, number[]> {
  const { dim, depth, headDim, global, grid = 64, window = 14, mlp = 4 * dim, width = 256 } = sizes;
  const shapes: Record<string, number[]> = {
    'image_encoder.pos_embed': [1, grid, grid, dim],
    'image_encoder.patch_embed.proj.weight': [dim, 3, 16, 16],
    'image_encoder.neck.0.weight': [width, dim, 1, 1],
    'mask_decoder.transformer.layers.0.mlp.lin1.weight': [2048, width],
    'mask_decoder.iou_prediction_head.layers.0.weight': [256, width],
    'prompt_encoder.no_mask_embed.weight': [1, width],
  };
  for (let i = 0; i < depth; ++i) {
    const rows = 2 * (global.includes(i) ? grid : window) - 1;
    const block = `image_encoder.blocks.${i}`;
    shapes[`${block}.norm1.weight`] = [dim];
    shapes[`${block}.attn.rel_pos_h`] = [rows, headDim];
    shapes[`${block}.attn.rel_pos_w`] = [rows, headDim];
    shapes[`${block}.attn.qkv.weight`] = [3 * dim, dim];
    shapes[`${block}.mlp.lin1.weight`] = [mlp, dim];
  }
  return shapes;
}
