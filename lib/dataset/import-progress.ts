/** How far an import is. */
export interface ImportProgress {
  /** Cases done so far, of `total`. */
  readonly done: number;
  readonly total: number;
  /** The case that comes next, or came last. */
  readonly caseId: string;
  /** Slices written so far. */
  readonly slices: number;
  /** Bytes of files on disk read so far, of `totalBytes`. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Megabytes of files a second; 0 before the first case. */
  readonly rate: number;
  /** Seconds left at that rate; null before the first case. */
  readonly secondsLeft: number | null;
}

/** Measures how fast cases go by. */
export class ImportClock {
  private readonly start = performance.now();
  private bytes = 0;
  private skipped = 0;

  /** @param totalBytes of all cases' files */
  constructor(private readonly totalBytes: number) {}

  /** Bytes of a case that was done earlier: they count as done, not as speed. */
  skip(bytes: number): void {
    this.skipped += bytes;
  }

  add(bytes: number): void {
    this.bytes += bytes;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.start) / 1000;
  }

  at(done: number, total: number, caseId: string, slices: number): ImportProgress {
    const bytes = this.skipped + this.bytes;
    const speed = this.bytes / Math.max(1e-3, this.seconds);
    return {
      done,
      total,
      caseId,
      slices,
      bytes,
      totalBytes: this.totalBytes,
      rate: speed / 1e6,
      secondsLeft: speed > 0 ? Math.max(0, this.totalBytes - bytes) / speed : null,
    };
  }
}
