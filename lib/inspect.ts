import type { BaselineConfig, Method } from './baseline.js';
import { Cancellation } from './cancellation.js';
import { callSite } from './errors.js';
import { type ModelConfig, toPath } from './load-options.js';
import { native } from './native.js';
import { runJob } from './run-job.js';
import { invalid, requireKeys, requireSignal } from './validate.js';

/** What LibTorch offers on this machine. */
export interface RuntimeInfo {
  /** The addon's version. */
  readonly gmiseg: string;
  /** LibTorch's version as loaded, and as built against. */
  readonly torch: string;
  readonly torchBuilt: string;
  /** The compiler's version. */
  readonly compiler: string;
  /** LibTorch's own choice of threads for one operation. */
  readonly threads: number;
  /** How LibTorch spreads its work, where it tells. */
  readonly parallel?: string;
  /** The instruction set that LibTorch's kernels use. */
  readonly cpuCapability: string;
  /**
   * Whether the processor computes in bfloat16. Where it does not, a model loaded with dtype `bfloat16` keeps its
   * weights so and computes in float32, and a training in bfloat16 takes many times as long as one in float32.
   */
  readonly bfloat16: boolean;
  readonly cudaBuilt: boolean;
  readonly cudaAvailable: boolean;
  readonly devices: readonly {
    readonly id: string;
    /** Of a GPU: the most bytes that this process's tensors have taken there so far. */
    readonly peakBytes?: number;
  }[];
}

/** What a checkpoint holds. */
export interface CheckpointInfo {
  readonly format: 'safetensors' | 'pth';
  readonly flavour: 'sam' | 'medsam' | 'huggingface' | 'gmiseg' | 'adapter' | 'unknown' | Method;
  readonly preprocessing: 'sam' | 'medsam' | 'centred' | 'min-max' | null;
  /** Null where the file does not tell; `configReason` then says why. */
  readonly config: ModelConfig | BaselineConfig | null;
  readonly configReason: string;
  /** Tensors that are weights of a SAM or of a baseline. */
  readonly weights: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names as stored in the file. */
  readonly tensors: readonly {
    readonly name: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
}

/** Versions and devices; loads LibTorch. @throws GmisegError ERR_BINDING_NOT_FOUND, ERR_BINDING_INCOMPATIBLE */
export function runtimeInfo(): RuntimeInfo {
  return JSON.parse(native().runtimeInfo()) as RuntimeInfo;
}

/**
 * Reads a checkpoint's description without building a model.
 * @throws GmisegError ERR_INVALID_ARG, ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT; the signal's reason
 */
export async function inspectCheckpoint(
  path: string | URL,
  options: { readonly signal?: AbortSignal } = {},
): Promise<CheckpointInfo> {
  const site = callSite(inspectCheckpoint);
  if (!(typeof path === 'string' && path !== '') && !(path instanceof URL)) {
    throw invalid('path', 'a path or a file URL', path);
  }
  requireKeys('options', options, ['signal']);
  requireSignal('options.signal', options.signal);
  const cancellation = new Cancellation(options.signal);
  try {
    const text = await runJob(() => native().inspectCheckpoint(toPath(path)), cancellation, site);
    return JSON.parse(text) as CheckpointInfo;
  } finally {
    cancellation.dispose();
  }
}
